//! Who may call what, as a file says it: [`SubscriptionConfig`] and [`ProductConfig`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AdaptiveConfig, ConcurrencyConfig, QuotaConfig, RateLimitConfig, Secret, TokenLimitConfig,
};

/// One caller.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with a `key`")]
pub struct SubscriptionConfig {
    /// What the caller sends in `api-key` or `Ocp-Apim-Subscription-Key`.
    pub key: Secret,
    /// The product it is a subscription of; absent: of none, and it may call every API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Whether its key is taken; if not, it is refused like one that nobody has.
    #[serde(default = "enabled", skip_serializing_if = "Clone::clone")]
    pub enabled: bool,
}

/// What several subscriptions have in common: which APIs they may call.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table, such as `{ apis = [\"chat\"] }`"
)]
pub struct ProductConfig {
    /// The APIs and helpers its subscriptions may call; absent: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apis: Option<Vec<String>>,
    /// How many requests of its subscriptions may be under way at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_concurrency: Option<ConcurrencyConfig>,
    /// How often its subscriptions may call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitConfig>,
    /// How often they may in each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaConfig>,
    /// How many tokens its subscriptions may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_limit: Option<TokenLimitConfig>,
    /// How many tokens they may use by what all of them leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveConfig>,
}

fn enabled() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;

    #[test]
    fn products_are_of_apis_and_subscriptions_of_products_that_exist() {
        let text = r#"
client_ip_header = "x forwarded for"
products.gold = { apis = ["a", "chat"] }
subscriptions.two = { key = "2", product = "golden" }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected the name of a header, found `x forwarded for`
         --> gateway.toml:5:20
          |
        5 | client_ip_header = "x forwarded for"
          |                    ^^^^^^^^^^^^^^^^^
        help: write it as `x-forwarded-for`

        error: unknown API `chat`
         --> gateway.toml:6:32
          |
        6 | products.gold = { apis = ["a", "chat"] }
          |                                ^^^^^^
        help: the APIs are `a`

        error: unknown product `golden`
         --> gateway.toml:7:44
          |
        7 | subscriptions.two = { key = "2", product = "golden" }
          |                                            ^^^^^^^^
        help: the products are `gold`
        "#);
    }

    #[test]
    fn a_product_and_a_switch_are_written_in_one_way_only() {
        let text = r#"
products.silver = { api = "a" }
products.bronze = ["a"]
subscriptions.two = { key = "2", enabled = "no" }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: unknown key `api`, expected one of `apis`, `limit_concurrency`, `rate_limit`, `quota`, `token_limit`, `adaptive`
         --> gateway.toml:5:21
          |
        5 | products.silver = { api = "a" }
          |                     ^^^

        error: invalid type: string "a", expected a list
         --> gateway.toml:6:20
          |
        6 | products.bronze = ["a"]
          |                    ^^^

        error: invalid type: string "no", expected a boolean
         --> gateway.toml:7:44
          |
        7 | subscriptions.two = { key = "2", enabled = "no" }
          |                                            ^^^^
        "#);
    }
}
