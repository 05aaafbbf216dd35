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
