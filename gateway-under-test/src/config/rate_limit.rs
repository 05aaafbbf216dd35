//! How often somebody may call, as a file says it: [`RateLimitConfig`], [`QuotaConfig`] and
//! [`ConcurrencyConfig`].

use std::fmt;
use std::num::NonZeroU32;

use clock::{Span, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::KeyDimension;

/// So many calls, or tokens, within a sliding time: API Management's `rate-limit-by-key`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `key`, `calls` and `renewal_period`"
)]
pub struct RateLimitConfig {
    /// Who is counted together.
    pub key: KeyDimension,
    /// How many in `renewal_period`.
    pub calls: NonZeroU32,
    /// The sliding time they are counted in, up to five minutes.
    pub renewal_period: Span,
    /// What is counted.
    #[serde(default)]
    pub counts: Counts,
    /// Statuses of answers that count, such as `"200-399"`; absent: all.
    ///
    /// With it, as with tokens, a request is counted when its answer has ended. Until then
    /// nobody knows of it, and the limit is noticed one call late.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<StatusRange>,
    /// The header of answers that tells how many are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_calls_header: Option<String>,
    /// The header of answers that tells `calls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_calls_header: Option<String>,
    /// The header of refusals that tells the wait in seconds, in place of `retry-after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_header: Option<String>,
}

/// What a rate limit counts.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// Each call as one.
    #[default]
    Calls,
    /// The tokens that its answer took, prompt and completion.
    TotalTokens,
}

/// So many calls in each period of the calendar: API Management's `quota-by-key`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `key`, `calls` and `renewal_period`"
)]
pub struct QuotaConfig {
    /// Who is counted together.
    pub key: KeyDimension,
    /// How many in each period.
    pub calls: NonZeroU32,
    /// The length of a period, five minutes at least.
    pub renewal_period: Span,
    /// When a period began, and with it all others; absent: 0001-01-01T00:00:00Z, so that five
    /// minutes begin at the marks of the clock, and a day at midnight in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub first_period_start: Option<Timestamp>,
}

/// So many requests at the same time: API Management's `limit-concurrency`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table, such as `{ key = \"subscription\", max_count = 2 }`"
)]
pub struct ConcurrencyConfig {
    /// Who is counted together.
    pub key: KeyDimension,
    /// How many at the same time, from admission to the end of the answer.
    pub max_count: NonZeroU32,
}

/// Statuses in a row; written `"200"` or `"200-399"`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$"))]
pub struct StatusRange {
    first: u16,
    last: u16,
}

impl StatusRange {
    /// Whether `status` is one of them.
    pub(crate) fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl TryFrom<String> for StatusRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.parse(), last.parse()) {
            (Ok(first), Ok(last)) if 100 <= first && first <= last && last <= 599 => {
                Ok(Self { first, last })
            }
            _ => Err(format!(
                "expected a status from 100 to 599 or a range such as `200-399`, found `{text}`"
            )),
        }
    }
}

impl From<StatusRange> for String {
    fn from(range: StatusRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;
    use super::*;

    #[test]
    fn limits_of_calls_have_a_number_a_time_and_somebody_to_count() {
        let text = r#"
products.f.rate_limit = { key = "caller", calls = 5, renewal_period = "30s" }
products.a.rate_limit = { key = "api", calls = -5, renewal_period = "30s" }
products.b.quota = { key = "api", calls = 5_000_000_000, renewal_period = "300s" }
products.c.quota = { key = "api", calls = 5, renewal_period = "300s", first_period_start = "Monday" }
products.d.rate_limit = { key = "api", calls = 5, renewal_period = "30s", when = ["ok"] }
products.e.limit_concurrency = { key = "header x y", max_count = 0 }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected one of `subscription`, `product`, `api`, `deployment`, `client-ip`, `everyone`, `header NAME`, found `caller`
         --> gateway.toml:5:33
          |
        5 | products.f.rate_limit = { key = "caller", calls = 5, renewal_period = "30s" }
          |                                 ^^^^^^^^

        error: invalid value: integer `-5`, expected a whole number above 0
         --> gateway.toml:6:48
          |
        6 | products.a.rate_limit = { key = "api", calls = -5, renewal_period = "30s" }
          |                                                ^^

        error: invalid value: integer `5000000000`, expected a whole number above 0
         --> gateway.toml:7:43
          |
        7 | products.b.quota = { key = "api", calls = 5_000_000_000, renewal_period = "300s" }
          |                                           ^^^^^^^^^^^^^

        error: failed to parse four digit integer as year: invalid digit, expected 0-9 but got M
         --> gateway.toml:8:92
          |
        8 | products.c.quota = { key = "api", calls = 5, renewal_period = "300s", first_period_start = "Monday" }
          |                                                                                            ^^^^^^^^

        error: expected a status from 100 to 599 or a range such as `200-399`, found `ok`
         --> gateway.toml:9:82
          |
        9 | products.d.rate_limit = { key = "api", calls = 5, renewal_period = "30s", when = ["ok"] }
          |                                                                                  ^^^^^^

        error: expected one of `subscription`, `product`, `api`, `deployment`, `client-ip`, `everyone`, `header NAME`, found `header x y`
          --> gateway.toml:10:40
           |
        10 | products.e.limit_concurrency = { key = "header x y", max_count = 0 }
           |                                        ^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn times_are_those_that_api_management_takes() {
        let text = r#"
products.b.rate_limit = { key = "api", calls = 5, renewal_period = "301s", total_calls_header = "a b" }
products.b.quota = { key = "api", calls = 5, renewal_period = "299s" }
products.a.rate_limit = { key = "api", calls = 5, renewal_period = "0s" }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected more than 0s and at most 300s, found `301s`
         --> gateway.toml:5:68
          |
        5 | products.b.rate_limit = { key = "api", calls = 5, renewal_period = "301s", total_calls_header = "a b" }
          |                                                                    ^^^^^^
        help: for a longer time there is `quota`

        error: expected the name of a header, found `a b`
         --> gateway.toml:5:97
          |
        5 | products.b.rate_limit = { key = "api", calls = 5, renewal_period = "301s", total_calls_header = "a b" }
          |                                                                                                 ^^^^^

        error: expected 300s or more, found `299s`
         --> gateway.toml:6:63
          |
        6 | products.b.quota = { key = "api", calls = 5, renewal_period = "299s" }
          |                                                               ^^^^^^

        error: expected more than 0s and at most 300s, found `0s`
         --> gateway.toml:7:68
          |
        7 | products.a.rate_limit = { key = "api", calls = 5, renewal_period = "0s" }
          |                                                                    ^^^^
        help: for a longer time there is `quota`
        "#);
    }

    #[test]
    fn a_range_of_statuses_is_written_as_it_is_read() {
        for text in ["200-399", "429-429"] {
            let range = StatusRange::try_from(text.to_owned()).unwrap();
            assert_eq!(range.to_string(), text);
        }
        let one = StatusRange::try_from("429".to_owned()).unwrap();
        assert!(one.contains(429) && !one.contains(428) && !one.contains(430));
        for wrong in ["", "99", "600", "399-200", "2xx", "-200", "200-"] {
            assert!(StatusRange::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
