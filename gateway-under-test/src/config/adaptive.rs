//! Tokens by what all leave, as a file says it: [`AdaptiveConfig`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::TokenLimitConfig;

/// One limit for all callers, and one for each of two classes that grows with what all leave.
///
/// Who is high is told by `header` or by `product`, one of them.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `global`, `high`, `low`, and `header` or `product`"
)]
pub struct AdaptiveConfig {
    /// Requests with this header are high, whatever it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Subscriptions of this product are high.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// How much of what `global` leaves is added to the limit of the class, in percent.
    pub spare_percent: u8,
    /// The limit of all.
    pub global: TokenLimitConfig,
    /// The limit of those who are high, which has so many tokens per minute at least.
    pub high: TokenLimitConfig,
    /// The limit of the others.
    pub low: TokenLimitConfig,
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;

    #[test]
    fn classes_have_limits_per_minute_and_are_told_apart_in_one_way() {
        let text = r#"
[products.a.adaptive]
spare_percent = 10
global = { key = "everyone", token_quota = 500, token_quota_period = "daily" }
high   = { key = "everyone", tokens_per_minute = 300, remaining_tokens_header = "left over" }
low    = { key = "everyone", tokens_per_minute = 100, window = "bucket" }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected either `header` or `product`
         --> gateway.toml:5:13
          |
        5 | [products.a.adaptive]
          |             ^^^^^^^^
        help: add `header = "x-higher-limit"`

        error: expected `tokens_per_minute` in a sliding window
         --> gateway.toml:7:1
          |
        7 | global = { key = "everyone", token_quota = 500, token_quota_period = "daily" }
          | ^^^^^^

        error: expected the name of a header, found `left over`
         --> gateway.toml:8:81
          |
        8 | high   = { key = "everyone", tokens_per_minute = 300, remaining_tokens_header = "left over" }
          |                                                                                 ^^^^^^^^^^^

        error: expected `tokens_per_minute` in a sliding window
         --> gateway.toml:9:1
          |
        9 | low    = { key = "everyone", tokens_per_minute = 100, window = "bucket" }
          | ^^^
        "#);
    }

    #[test]
    fn the_product_of_a_class_is_one_that_there_is() {
        let text = r#"
[products.gold]
[apis.b]
prefix  = "/b"
balance = { single = "payg-1" }
[apis.b.adaptive]
product       = "golden"
spare_percent = 10
global = { key = "everyone", tokens_per_minute = 500 }
high   = { key = "everyone", tokens_per_minute = 300 }
low    = { key = "everyone", tokens_per_minute = 100 }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: unknown product `golden`
          --> gateway.toml:10:17
           |
        10 | product       = "golden"
           |                 ^^^^^^^^
        help: the products are `gold`
        "#);
    }
}
