//! Whose name the gateway calls backends in, as a file says it: [`IdentityConfig`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// Source: https://learn.microsoft.com/azure/ai-services/openai/how-to/managed-identity (read
// 2026-08).
const COGNITIVE_SERVICES: &str = "https://cognitiveservices.azure.com";

/// An identity of the gateway's own, for which an endpoint issues tokens.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table, such as `{ token_url = \"http://127.0.0.1:8001/metadata/identity/oauth2/token\" }`"
)]
pub struct IdentityConfig {
    /// Where tokens are issued, as to a virtual machine on Azure; absent: by the backend itself,
    /// as simulators do, below `/metadata/identity/oauth2/token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
    /// What a token is for.
    pub resource: String,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            token_url: None,
            resource: COGNITIVE_SERVICES.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;

    #[test]
    fn an_identity_needs_an_address_and_a_resource() {
        let text = r#"
backends.payg-2 = { url = "http://payg-2", identity = { token_url = "https://imds" } }
backends.payg-3 = { url = "http://payg-3", identity = { token_url = "imds/token?x=1" } }
backends.payg-4 = { url = "http://payg-4", identity = { resource = "a b" } }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected a url that begins with `http://`, found `https://imds`
         --> gateway.toml:5:69
          |
        5 | backends.payg-2 = { url = "http://payg-2", identity = { token_url = "https://imds" } }
          |                                                                     ^^^^^^^^^^^^^^
        help: write it as `http://payg-2/metadata/identity/oauth2/token`

        error: expected a url that begins with `http://`, found `imds/token?x=1`
         --> gateway.toml:6:69
          |
        6 | backends.payg-3 = { url = "http://payg-3", identity = { token_url = "imds/token?x=1" } }
          |                                                                     ^^^^^^^^^^^^^^^^
        help: write it as `http://payg-3/metadata/identity/oauth2/token`

        error: expected a resource that fits into a query, found `a b`
         --> gateway.toml:7:68
          |
        7 | backends.payg-4 = { url = "http://payg-4", identity = { resource = "a b" } }
          |                                                                    ^^^^^
        "#);
    }

    #[test]
    fn an_identity_is_a_table_of_two_keys() {
        let text = r#"
backends.payg-2 = { url = "http://payg-2", identity = true }
backends.payg-3 = { url = "http://payg-3", identity = { audience = "x" } }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: invalid type: boolean `true`, expected a table, such as `{ token_url = "http://127.0.0.1:8001/metadata/identity/oauth2/token" }`
         --> gateway.toml:5:55
          |
        5 | backends.payg-2 = { url = "http://payg-2", identity = true }
          |                                                       ^^^^

        error: unknown key `audience`, expected `token_url` or `resource`
         --> gateway.toml:6:57
          |
        6 | backends.payg-3 = { url = "http://payg-3", identity = { audience = "x" } }
          |                                                         ^^^^^^^^
        "#);
    }
}
