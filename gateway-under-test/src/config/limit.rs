//! [`TokenLimitConfig`]: how many tokens somebody may use, as a file says it.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Who shares one counter.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum KeyDimension {
    /// All requests with the key of one subscription.
    Subscription,
    /// All subscriptions of one product.
    Product,
    /// All requests to one API.
    Api,
    /// All requests for one deployment, named in the path or as the body's `model`.
    Deployment,
    /// All requests from one address.
    ClientIp,
    /// All requests.
    Everyone,
    /// All requests with the same value of this header, and all without it.
    Header(HeaderName),
}

/// A text that names nobody.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "expected one of `subscription`, `product`, `api`, `deployment`, `client-ip`, `everyone`, \
     `header NAME`, found `{0}`"
)]
pub struct UnknownKeyDimension(String);

/// How many tokens somebody may use: API Management's `llm-token-limit` policy.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `key` and `tokens_per_minute`, `token_quota` or both"
)]
pub struct TokenLimitConfig {
    /// Who shares the tokens: `subscription`, `product`, `api`, `deployment`, `client-ip`,
    /// `everyone` or `header NAME`.
    pub key: KeyDimension,
    /// Tokens within a minute; more is refused with 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<NonZeroU64>,
    /// How the minute is counted.
    #[serde(default)]
    pub window: TokenWindow,
    /// Whether the tokens of a prompt are counted before it is let in, and held until the answer
    /// tells what it took. If not, whoever has a token left is let in, whatever the prompt.
    #[serde(default)]
    pub estimate_prompt_tokens: bool,
    /// Tokens within a period of the calendar; more is refused with 403.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_quota: Option<NonZeroU64>,
    /// That period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_quota_period: Option<QuotaPeriod>,
    /// Whether a request holds all tokens it may come to until it has ended, so that requests at
    /// the same time cannot exceed the limit together; absent: they can, as with API Management.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserves: Option<ReservesConfig>,
    /// The header in which answers tell how many tokens of the minute are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_tokens_header: Option<String>,
    /// The header in which answers tell how many tokens they took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_consumed_header: Option<String>,
    /// The header in which answers tell how many tokens of the quota are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_quota_tokens_header: Option<String>,
    /// The header in which refusals tell the wait, in seconds; absent: `retry-after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_header: Option<String>,
}

/// How tokens per minute are counted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenWindow {
    /// Those of the sixty seconds just past.
    #[default]
    Sliding,
    /// Those missing from a bucket that holds a minute's tokens and refills continuously.
    Bucket,
}

/// A period of the calendar, in UTC.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuotaPeriod {
    /// From minute 0.
    Hourly,
    /// From midnight.
    Daily,
    /// From midnight before Monday.
    Weekly,
    /// From midnight before the first.
    Monthly,
    /// From midnight before 1 January.
    Yearly,
}

/// What a request holds until it has ended: its prompt, as estimated, and as many tokens as it
/// permits its answer to have.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `default_max_tokens`")]
pub struct ReservesConfig {
    /// The `max_tokens` of a request that names none; it is sent to the backend as well.
    pub default_max_tokens: NonZeroU64,
}

impl TryFrom<String> for KeyDimension {
    type Error = UnknownKeyDimension;

    fn try_from(text: String) -> Result<Self, UnknownKeyDimension> {
        text.parse()
    }
}

impl FromStr for KeyDimension {
    type Err = UnknownKeyDimension;

    fn from_str(text: &str) -> Result<Self, UnknownKeyDimension> {
        let header = || text.strip_prefix("header ")?.trim().parse().ok();
        Ok(match text {
            "subscription" => Self::Subscription,
            "product" => Self::Product,
            "api" => Self::Api,
            "deployment" => Self::Deployment,
            "client-ip" => Self::ClientIp,
            "everyone" => Self::Everyone,
            _ => Self::Header(header().ok_or_else(|| UnknownKeyDimension(text.to_owned()))?),
        })
    }
}

impl From<KeyDimension> for String {
    fn from(key: KeyDimension) -> Self {
        key.to_string()
    }
}

impl fmt::Display for KeyDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subscription => "subscription",
            Self::Product => "product",
            Self::Api => "api",
            Self::Deployment => "deployment",
            Self::ClientIp => "client-ip",
            Self::Everyone => "everyone",
            Self::Header(name) => return write!(f, "header {name}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;
    use super::*;

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for text in ["subscription", "client-ip", "everyone", "header x-user-id"] {
            assert_eq!(text.parse::<KeyDimension>().unwrap().to_string(), text);
        }
        for wrong in [
            "",
            "user",
            "header",
            "header ",
            "header x user",
            "Subscription",
        ] {
            assert!(
                wrong.parse::<KeyDimension>().is_err(),
                "`{wrong}` was accepted"
            );
        }
    }

    /// A file with a product that has this token limit.
    fn with_limit(limit: &str) -> String {
        beside_what_is_right(&format!("products.gold.token_limit = {{ {limit} }}\n"))
    }

    #[test]
    fn a_limit_is_a_number_of_tokens_above_none() {
        let limit = |tokens| with_limit(&format!("key = \"api\", tokens_per_minute = {tokens}"));
        insta::assert_snapshot!([limit("-5"), limit("0"), limit("10.5")].join("\n"), @r#"
        error: invalid value: integer `-5`, expected a whole number above 0
         --> gateway.toml:4:64
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = -5 }
          |                                                                ^^

        error: invalid value: integer `0`, expected a whole number above 0
         --> gateway.toml:4:64
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 0 }
          |                                                                ^

        error: invalid type: floating point `10.5`, expected a whole number above 0
         --> gateway.toml:4:64
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 10.5 }
          |                                                                ^^^^
        "#);
        insta::assert_snapshot!(limit("5_000_000_000_000"), @r#"
        error: expected at most `1000000000000` tokens, found `5000000000000`
         --> gateway.toml:4:64
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 5_000_000_000_000 }
          |                                                                ^^^^^^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn who_shares_a_counter_is_one_of_a_few() {
        insta::assert_snapshot!(with_limit("key = \"user\", tokens_per_minute = 10"), @r#"
        error: expected one of `subscription`, `product`, `api`, `deployment`, `client-ip`, `everyone`, `header NAME`, found `user`
         --> gateway.toml:4:37
          |
        4 | products.gold.token_limit = { key = "user", tokens_per_minute = 10 }
          |                                     ^^^^^^
        "#);
    }

    #[test]
    fn parts_of_a_limit_that_belong_together_come_together() {
        let limits = [
            "key = \"api\"",
            "key = \"api\", token_quota = 10",
            "key = \"api\", tokens_per_minute = 10, token_quota_period = \"fortnightly\"",
            "key = \"api\", tokens_per_minute = 10, token_quota_period = \"daily\"",
            "key = \"api\", token_quota = 10, token_quota_period = \"daily\", reserves = { default_max_tokens = 5 }",
            "key = \"api\", tokens_per_minute = 10, reserves = { default_max_tokens = 11 }",
            "key = \"api\", tokens_per_minute = 10, retry_after_header = \"come back\"",
        ];
        insta::assert_snapshot!(limits.map(with_limit).join("\n"), @r#"
        error: expected `tokens_per_minute`, `token_quota` or both
         --> gateway.toml:4:15
          |
        4 | products.gold.token_limit = { key = "api" }
          |               ^^^^^^^^^^^
        help: add `tokens_per_minute = 1_000`

        error: expected `token_quota_period` beside it
         --> gateway.toml:4:58
          |
        4 | products.gold.token_limit = { key = "api", token_quota = 10 }
          |                                                          ^^
        help: add `token_quota_period = "monthly"`

        error: unknown choice `fortnightly`, expected one of `hourly`, `daily`, `weekly`, `monthly`, `yearly`
         --> gateway.toml:4:89
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 10, token_quota_period = "fortnightly" }
          |                                                                                         ^^^^^^^^^^^^^

        error: expected `token_quota` beside it
         --> gateway.toml:4:89
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 10, token_quota_period = "daily" }
          |                                                                                         ^^^^^^^
        help: add `token_quota = 1_000_000`

        error: expected `tokens_per_minute` beside it, of which tokens are reserved
         --> gateway.toml:4:92
          |
        4 | products.gold.token_limit = { key = "api", token_quota = 10, token_quota_period = "daily", reserves = { default_max_tokens = 5 } }
          |                                                                                            ^^^^^^^^

        error: expected a `default_max_tokens` of at most the limit, `10`: more never fits
         --> gateway.toml:4:68
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 10, reserves = { default_max_tokens = 11 } }
          |                                                                    ^^^^^^^^

        error: expected the name of a header, found `come back`
         --> gateway.toml:4:89
          |
        4 | products.gold.token_limit = { key = "api", tokens_per_minute = 10, retry_after_header = "come back" }
          |                                                                                         ^^^^^^^^^^^
        "#);
    }
}
