//! Latency routing as a file says it: who is preferred, who may say so, and who finds out.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use clock::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The backend that was found best; for every retry the second best.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `default`, `key` and `backends`"
)]
pub struct PreferredConfig {
    /// Who serves where no order says otherwise.
    pub default: String,
    /// Under which key the order is kept.
    pub key: String,
    /// How long an order holds.
    #[serde(default = "default_ttl")]
    pub ttl: Span,
    /// Who may be in the order.
    pub backends: Vec<String>,
    /// What becomes of an order that names somebody else.
    #[serde(default)]
    pub unknown_ids: UnknownIds,
}

/// What becomes of an order that names an unknown backend.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownIds {
    /// 400; the old order stays.
    #[default]
    Refuse,
    /// It is kept, as by the reference; requests that then fall to nobody fail with 500.
    Accept,
}

/// An address at which an order is set: `{"preferredBackends": ["payg-backend-2", …]}`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `path` and `key`")]
pub struct HelperConfig {
    /// Where it is posted, such as `/helpers/set-preferred-backends`.
    pub path: String,
    /// The key of the order.
    pub key: String,
}

/// A prober of the gateway's own: measures backends and sets their order.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `key`, `backends` and `deployment`"
)]
pub struct ProberConfig {
    /// The key of the order.
    pub key: String,
    /// Whom it measures.
    pub backends: Vec<String>,
    /// How often.
    #[serde(default = "default_every")]
    pub every: Span,
    /// How many requests each measurement takes; their median counts.
    #[serde(default = "default_samples")]
    pub samples: NonZeroU32,
    /// How long one may take, up to its last byte; one that takes longer sorts last.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// By what part of a better one's time another must be faster to overtake it.
    #[serde(default)]
    pub hysteresis: Hysteresis,
    /// What it asks for.
    #[serde(default)]
    pub operation: ProbeOperation,
    /// The deployment it asks.
    pub deployment: String,
    /// How long an answer it asks for.
    #[serde(default = "default_max_tokens")]
    pub max_tokens: NonZeroU32,
    /// The version of the API.
    #[serde(default = "default_api_version")]
    pub api_version: String,
}

/// What a prober asks for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeOperation {
    /// A completion, as the reference's prober does.
    #[default]
    Completions,
    /// A chat.
    ChatCompletions,
    /// An embedding, whose latency tells least of a model that writes.
    Embeddings,
}

/// A part, from 0 up to but not including 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hysteresis {
    /// Whole, so that configurations can be compared.
    millionths: u32,
}

impl Hysteresis {
    /// The time below which somebody overtakes one who needs `time`.
    pub fn bound(self, time: Duration) -> Duration {
        time.saturating_mul(MILLION - self.millionths) / MILLION
    }
}

const MILLION: u32 = 1_000_000;

impl Default for Hysteresis {
    // Assumed: twice the noise of a median of three, at the 10 % by which single answers differ.
    fn default() -> Self {
        Self {
            millionths: MILLION / 5,
        }
    }
}

impl Serialize for Hysteresis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.millionths) / f64::from(MILLION))
    }
}

impl<'de> Deserialize<'de> for Hysteresis {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to a million"
    )]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let part = f64::deserialize(deserializer)?;
        if !(0.0..1.0).contains(&part) {
            let expected = &"a part from 0 to 1, such as 0.2";
            return Err(D::Error::invalid_value(Unexpected::Float(part), expected));
        }
        Ok(Self {
            millionths: (part * f64::from(MILLION)) as u32,
        })
    }
}

impl JsonSchema for Hysteresis {
    fn schema_name() -> Cow<'static, str> {
        "Hysteresis".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A part, from 0 up to but not including 1.",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
        })
    }
}

// Source: Azure-Samples/apim-genai-gateway-toolkit, capability `latency-routing`, the helper's
// `cache-store-value duration="12000"` (read 2026-07).
fn default_ttl() -> Span {
    Span::new(Duration::from_mins(200))
}

fn default_every() -> Span {
    Span::new(Duration::from_secs(10))
}

/// The least number of which one may be an outlier.
fn default_samples() -> NonZeroU32 {
    NonZeroU32::new(3).expect("three is not zero")
}

fn default_timeout() -> Span {
    Span::new(Duration::from_secs(2))
}

// Source: Azure-Samples/apim-genai-gateway-toolkit, `latency.py` (read 2026-07).
fn default_max_tokens() -> NonZeroU32 {
    NonZeroU32::new(10).expect("ten is not zero")
}

fn default_api_version() -> String {
    "2024-02-01".to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;
    use super::*;

    #[test]
    fn orders_without_sense_are_shown_where_they_are_written() {
        let text = r#"
[apis.b]
prefix = "/b"
balance.preferred = { default = "payg-9", key = "k", backends = ["payg-1"] }
[apis.c]
prefix = "/c"
balance.preferred = { default = "payg-1", key = "k", backends = ["payg-1", "payg-8"], ttl = "0s" }
[helpers.set]
path = "helpers/set"
key = "other"
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected one of its own `backends`, found `payg-9`
         --> gateway.toml:7:33
          |
        7 | balance.preferred = { default = "payg-9", key = "k", backends = ["payg-1"] }
          |                                 ^^^^^^^^

        error: unknown backend `payg-8`
          --> gateway.toml:10:65
           |
        10 | balance.preferred = { default = "payg-1", key = "k", backends = ["payg-1", "payg-8"], ttl = "0s" }
           |                                                                 ^^^^^^^^^^^^^^^^^^^^
        help: the backends are `payg-1`

        error: expected a time above 0, found `0s`
          --> gateway.toml:10:93
           |
        10 | balance.preferred = { default = "payg-1", key = "k", backends = ["payg-1", "payg-8"], ttl = "0s" }
           |                                                                                             ^^^^

        error: expected a path that begins with `/`, found `helpers/set`
          --> gateway.toml:12:8
           |
        12 | path = "helpers/set"
           |        ^^^^^^^^^^^^^
        help: write it as `/helpers/set`

        error: no API prefers backends by the key `other`
          --> gateway.toml:13:7
           |
        13 | key = "other"
           |       ^^^^^^^
        help: write the `key` of a `balance.preferred`
        "#);
    }

    #[test]
    fn probers_without_sense_are_shown_where_they_are_written() {
        let text = r#"
backends.payg-2 = { url = "http://payg-2" }
[apis.b]
prefix = "/b"
balance.preferred = { default = "payg-1", key = "k", backends = ["payg-1"] }
[probers.latency]
key = "k"
backends = ["payg-2", "payg-7"]
deployment = "gpt"
every = "0s"
timeout = "0s"
[probers.idle]
key = "nobody's"
backends = []
deployment = "gpt"
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected one of those that are preferred, found `payg-2`
          --> gateway.toml:11:12
           |
        11 | backends = ["payg-2", "payg-7"]
           |            ^^^^^^^^^^^^^^^^^^^^

        error: unknown backend `payg-7`
          --> gateway.toml:11:12
           |
        11 | backends = ["payg-2", "payg-7"]
           |            ^^^^^^^^^^^^^^^^^^^^
        help: the backends are `payg-1`, `payg-2`

        error: expected a time above 0, found `0s`
          --> gateway.toml:13:9
           |
        13 | every = "0s"
           |         ^^^^

        error: expected a time above 0, found `0s`
          --> gateway.toml:14:11
           |
        14 | timeout = "0s"
           |           ^^^^

        error: no API prefers backends by the key `nobody's`
          --> gateway.toml:16:7
           |
        16 | key = "nobody's"
           |       ^^^^^^^^^^
        help: write the `key` of a `balance.preferred`

        error: expected at least one backend
          --> gateway.toml:17:12
           |
        17 | backends = []
           |            ^^
        "#);
    }

    #[test]
    fn orders_of_the_wrong_type_are_shown_all_at_once() {
        let text = r#"
[apis.b]
prefix = "/b"
balance.preferred = { default = "payg-1", key = "k", backends = ["payg-1"], unknown_ids = "ignore" }
[apis.c]
prefix = "/c"
balance.preferred = { default = "payg-1", backends = ["payg-1"] }
[helpers]
set = "/helpers/set"
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: unknown choice `ignore`, expected `refuse` or `accept`
         --> gateway.toml:7:91
          |
        7 | balance.preferred = { default = "payg-1", key = "k", backends = ["payg-1"], unknown_ids = "ignore" }
          |                                                                                           ^^^^^^^^

        error: missing key `key`
          --> gateway.toml:10:21
           |
        10 | balance.preferred = { default = "payg-1", backends = ["payg-1"] }
           |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        error: invalid type: string "/helpers/set", expected a table with `path` and `key`
          --> gateway.toml:12:7
           |
        12 | set = "/helpers/set"
           |       ^^^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn probers_of_the_wrong_type_are_shown_all_at_once() {
        let prober = |name: &str, key: &str| {
            let rest = "key = \"k\"\nbackends = [\"payg-1\"]\ndeployment = \"gpt\"\n";
            format!("[probers.{name}]\n{rest}{key}\n")
        };
        let text = [
            prober("a", "samples = 0"),
            prober("b", "hysteresis = 1.0"),
            prober("c", "operation = \"chat\""),
            prober("d", "timeout = 2"),
            "[probers.e]\n".to_owned(),
        ];
        insta::assert_snapshot!(beside_what_is_right(&text.concat()), @r#"
        error: invalid value: integer `0`, expected a whole number above 0
         --> gateway.toml:8:11
          |
        8 | samples = 0
          |           ^

        error: invalid value: floating point `1.0`, expected a part from 0 to 1, such as 0.2
          --> gateway.toml:13:14
           |
        13 | hysteresis = 1.0
           |              ^^^

        error: unknown choice `chat`, expected one of `completions`, `chat_completions`, `embeddings`
          --> gateway.toml:18:13
           |
        18 | operation = "chat"
           |             ^^^^^^

        error: invalid type: integer `2`, expected a string
          --> gateway.toml:23:11
           |
        23 | timeout = 2
           |           ^

        error: missing key `key`
          --> gateway.toml:24:1
           |
        24 | [probers.e]
           | ^^^^^^^^^^^
        "#);
    }

    #[test]
    fn a_hysteresis_is_written_as_it_is_read() {
        let read: Hysteresis = serde_json::from_str("0.2").unwrap();
        assert_eq!(read, Hysteresis::default());
        assert_eq!(serde_json::to_string(&read).unwrap(), "0.2");
        let bound = |part: &str| {
            let hysteresis: Hysteresis = serde_json::from_str(part).unwrap();
            hysteresis.bound(Duration::from_millis(100))
        };
        assert_eq!(bound("0.0"), Duration::from_millis(100));
        assert_eq!(bound("0.25"), Duration::from_millis(75));
    }
}
