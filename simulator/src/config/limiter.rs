//! [`Limiter`]: which requests a deployment admits, as written and as it runs.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use clock::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::RateLimitHeader;
use crate::model::Model;

/// The rule by which a deployment admits requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterKind {
    /// Sliding windows: charged tokens in 60 s and requests in 10 s, as Azure did until 2024.
    Legacy,
    /// Buckets of tokens and requests that refill continuously, as Azure does since 2025.
    Modern,
    /// Buckets with the waits and resets that OpenAI tells.
    #[serde(rename = "openai")]
    OpenAi,
    /// Utilization of provisioned throughput.
    Provisioned,
    /// Admits everything.
    None,
}

/// Which requests a deployment admits; one variant per kind with exactly its own parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limiter {
    /// Everything.
    None,
    /// Sliding windows of 60 s of tokens and, unless said otherwise, 10 s of requests.
    Legacy(Rate),
    /// Buckets that refill continuously, told in Azure's words.
    Modern {
        /// Sizes of the buckets; 1 request per 1,000 tokens where it names no requests.
        rate: Rate,
        /// Whether a refused request counts as a request.
        refused_are_charged: bool,
    },
    /// Buckets that refill continuously, told in OpenAI's words.
    OpenAi {
        /// Sizes of the buckets; requests are not limited where it names none.
        rate: Rate,
        /// Requests that drain in a day, for the tiers that are limited so.
        requests_per_day: Option<NonZeroU64>,
    },
    /// Utilization of provisioned throughput.
    Provisioned(Provisioned),
}

/// Tokens and requests per minute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Tokens that may be charged in a minute.
    pub tokens_per_minute: NonZeroU64,
    /// Requests per minute; `None` = what comes with the tokens.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Over which requests are counted, instead of what the kind does.
    pub requests_window: Option<RequestsWindow>,
}

/// Over which requests per minute are enforced.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RequestsWindow {
    /// A sixtieth of them in a second.
    #[serde(rename = "1s")]
    Second,
    /// A sixth of them in ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// All of them in a minute.
    #[serde(rename = "60s")]
    Minute,
}

/// Provisioned throughput.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Provisioned {
    /// Units bought.
    pub ptus: NonZeroU32,
    /// What each of them processes.
    pub throughput: Throughput,
    /// What 100 % utilization are: the throughput of this time.
    pub utilization_window: Span,
    /// Tokens of the longest prompt it takes, where that is less than the context.
    pub longest_prompt: Option<u32>,
}

/// What a unit of provisioned throughput processes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Tokens of input per minute and unit.
    pub input_tokens_per_minute_per_ptu: NonZeroU64,
    /// How many tokens of input a token of output weighs.
    pub output_ratio: NonZeroU32,
}

impl Provisioned {
    /// Tokens of input that all units process in a minute.
    pub fn input_tokens_per_minute(&self) -> u64 {
        let each = self.throughput.input_tokens_per_minute_per_ptu.get();
        each.saturating_mul(self.ptus.get().into())
    }

    /// Tokens of input that cost as much as a prompt and its answer.
    pub(crate) fn input_equivalent(&self, prompt: u64, answer: u64) -> u64 {
        let answer = answer.saturating_mul(self.throughput.output_ratio.get().into());
        prompt.saturating_add(answer)
    }
}

impl Throughput {
    /// What a unit processes of `model`, where that is published.
    ///
    /// Source: "provisioned-throughput-sizing", learn.microsoft.com (read 2026-05).
    pub fn of(model: &Model) -> Option<Self> {
        let (input, ratio) = match model.name {
            "gpt-5" | "gpt-5.1" => (4_750, 8),
            "gpt-5-mini" => (23_750, 8),
            "gpt-4.1" | "o3" => (3_000, 4),
            "gpt-4.1-mini" => (14_900, 4),
            "gpt-4.1-nano" => (59_400, 4),
            "gpt-4o" | "o3-mini" => (2_500, 4),
            "gpt-4o-mini" => (37_000, 4),
            "o4-mini" => (5_400, 4),
            "o1" => (230, 4),
            _ => return None,
        };
        Some(Self {
            input_tokens_per_minute_per_ptu: NonZeroU64::new(input)?,
            output_ratio: NonZeroU32::new(ratio)?,
        })
    }

    /// The longest prompt that provisioned deployments of `model` take, in tokens.
    ///
    /// Source: as above, "prompts of more than 128 K tokens are refused" for the gpt-4.1 family.
    pub(crate) fn longest_prompt(model: &Model) -> Option<u32> {
        model.name.starts_with("gpt-4.1").then_some(128_000)
    }
}

/// How the cost of a request is estimated when it arrives.
///
/// Embeddings cost the characters of each input by themselves, four a token where the rule does
/// not say otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Estimate {
    /// `max_tokens`, or 16 without it, whatever prompt and `n` are.
    Flat16,
    /// What the rule says.
    Rule(EstimateRule),
}

/// A rule that adds up the parts of a request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct EstimateRule {
    /// Characters of the prompt that cost a token, rounded up; absent: the prompt costs nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub characters_per_token: Option<NonZeroU64>,
    /// Whether the prompt costs the tokens it has, instead; false by default.
    pub prompt_tokens: bool,
    /// What each message of a chat costs beside its text; 0 by default.
    pub per_message: u64,
    /// What a chat costs beside its messages; 0 by default.
    pub overhead: u64,
    /// Whether each answer asked for costs `max_tokens`; false by default.
    pub max_tokens: bool,
    /// What an answer costs without `max_tokens`; 0 by default.
    pub without_max_tokens: u64,
}

const FLAT_16: &str = "flat-16";
const PROMPT_AND_MAX_TOKENS: &str = "prompt-and-max-tokens";

impl Estimate {
    /// The prompt's tokens and `max_tokens`, or 16 without it.
    const PROMPT_AND_MAX_TOKENS: Self = Self::Rule(EstimateRule {
        characters_per_token: None,
        prompt_tokens: true,
        per_message: 0,
        overhead: 0,
        max_tokens: true,
        without_max_tokens: 16,
    });

    /// What a kind of limiter goes by where nothing is configured.
    pub(crate) fn default_of(kind: LimiterKind) -> Self {
        let characters = EstimateRule {
            characters_per_token: NonZeroU64::new(4),
            ..EstimateRule::default()
        };
        match kind {
            LimiterKind::Legacy | LimiterKind::None => Self::Flat16,
            // Documented is that max_tokens and best_of count; recorded in 2025 are characters
            // divided by four, of a call without max_tokens.
            LimiterKind::Modern => Self::Rule(EstimateRule {
                max_tokens: true,
                ..characters
            }),
            // Recorded from 2025 on, within one token: characters / 4 + messages + 1.
            LimiterKind::OpenAi => Self::Rule(EstimateRule {
                per_message: 1,
                overhead: 1,
                ..characters
            }),
            // Assumed: 1,000 tokens without max_tokens. Documented is only that the service guesses,
            // and that the guess may admit less than expected where answers are short.
            LimiterKind::Provisioned => Self::Rule(EstimateRule {
                prompt_tokens: true,
                max_tokens: true,
                without_max_tokens: 1_000,
                ..EstimateRule::default()
            }),
        }
    }
}

impl Serialize for Estimate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flat16 => serializer.serialize_str(FLAT_16),
            &Self::PROMPT_AND_MAX_TOKENS => serializer.serialize_str(PROMPT_AND_MAX_TOKENS),
            Self::Rule(rule) => rule.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Estimate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EstimateVisitor)
    }
}

struct EstimateVisitor;

impl<'de> Visitor<'de> for EstimateVisitor {
    type Value = Estimate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"flat-16\", \"prompt-and-max-tokens\" or a rule such as { characters_per_token = 4, max_tokens = true }")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Estimate, E> {
        match name {
            FLAT_16 => Ok(Estimate::Flat16),
            PROMPT_AND_MAX_TOKENS => Ok(Estimate::PROMPT_AND_MAX_TOKENS),
            _ => Err(E::custom(format!(
                "expected `{FLAT_16}`, `{PROMPT_AND_MAX_TOKENS}` or a rule, found `{name}`"
            ))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, rule: A) -> Result<Estimate, A::Error> {
        let rule = EstimateRule::deserialize(MapAccessDeserializer::new(rule))?;
        if rule.prompt_tokens && rule.characters_per_token.is_some() {
            let both = "expected either `prompt_tokens` or `characters_per_token`, found both";
            return Err(A::Error::custom(both));
        }
        Ok(Estimate::Rule(rule))
    }
}

impl JsonSchema for Estimate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Estimate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How the cost of a request is estimated when it arrives.",
            "oneOf": [
                { "type": "string", "enum": [FLAT_16, PROMPT_AND_MAX_TOKENS] },
                generator.subschema_for::<EstimateRule>(),
            ],
        })
    }
}

/// What a refusal says on Azure's paths.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalText {
    /// "Requests to the … Operation under Azure OpenAI API version … have exceeded …": until 2025.
    Classic,
    /// "Rate limit is exceeded. Try again in 4 seconds.": the newer gateway.
    Gateway,
    /// "Your requests to … for … in … have exceeded …": since November 2025.
    Deployment,
    /// "The system is currently experiencing high demand …": shared capacity is short.
    Capacity,
}

impl Limiter {
    /// The name of its kind.
    pub fn kind(&self) -> LimiterKind {
        match self {
            Self::None => LimiterKind::None,
            Self::Legacy(_) => LimiterKind::Legacy,
            Self::Modern { .. } => LimiterKind::Modern,
            Self::OpenAi { .. } => LimiterKind::OpenAi,
            Self::Provisioned(_) => LimiterKind::Provisioned,
        }
    }

    /// Tokens and requests per minute, where it limits these.
    pub fn rate(&self) -> Option<Rate> {
        match *self {
            Self::Legacy(rate) | Self::Modern { rate, .. } | Self::OpenAi { rate, .. } => {
                Some(rate)
            }
            Self::None | Self::Provisioned(_) => None,
        }
    }
}

impl LimiterKind {
    /// Its name in files.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
            Self::OpenAi => "openai",
            Self::Provisioned => "provisioned",
            Self::None => "none",
        }
    }

    /// What a refusal of it says where nothing is configured.
    ///
    /// Assumed for provisioned throughput, of which no refusal is published.
    pub(crate) const fn refusal_text(self) -> RefusalText {
        match self {
            Self::Legacy | Self::OpenAi | Self::None => RefusalText::Classic,
            Self::Modern | Self::Provisioned => RefusalText::Gateway,
        }
    }

    /// The headers of its time: of legacy what microsoft/aoai-api-simulator sends, of the others
    /// what was recorded in 2025 and 2026.
    pub(crate) const fn rate_limit_headers(self) -> &'static [RateLimitHeader] {
        use RateLimitHeader::{
            Limit, PolicyId, Remaining, RenewalPeriod, Reset, RetryAfter, RetryAfterMs, Utilization,
        };
        match self {
            Self::Legacy | Self::None => &[Remaining, RetryAfter, Reset],
            Self::Modern => &[
                Limit,
                Remaining,
                Reset,
                RenewalPeriod,
                RetryAfter,
                RetryAfterMs,
                PolicyId,
            ],
            Self::OpenAi => &[Limit, Remaining, Reset, RetryAfter, RetryAfterMs],
            Self::Provisioned => &[Utilization, RetryAfter, RetryAfterMs],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_a_name_or_a_rule() {
        let rule = r#"{"characters_per_token":4,"prompt_tokens":false,"per_message":0,"overhead":7,"max_tokens":true,"without_max_tokens":0}"#;
        for written in [r#""flat-16""#, r#""prompt-and-max-tokens""#, rule] {
            let estimate: Estimate = serde_json::from_str(written).unwrap();
            assert_eq!(serde_json::to_string(&estimate).unwrap(), written);
        }
    }

    #[test]
    fn an_estimate_that_is_neither_is_refused() {
        let refused = |json: &str| {
            let error = serde_json::from_str::<Estimate>(json).unwrap_err();
            error.to_string()
        };
        insta::assert_snapshot!(refused(r#""flat""#), @"expected `flat-16`, `prompt-and-max-tokens` or a rule, found `flat` at line 1 column 6");
        insta::assert_snapshot!(refused(r#"{ "prompt_tokens": true, "characters_per_token": 4 }"#), @"expected either `prompt_tokens` or `characters_per_token`, found both at line 1 column 52");
        insta::assert_snapshot!(refused("16"), @r#"invalid type: integer `16`, expected "flat-16", "prompt-and-max-tokens" or a rule such as { characters_per_token = 4, max_tokens = true } at line 1 column 2"#);
    }

    #[test]
    fn most_chat_models_have_a_published_throughput() {
        let throughput = |name| Throughput::of(Model::find(name).unwrap());
        let gpt_4o = throughput("gpt-4o").unwrap();
        assert_eq!(gpt_4o.input_tokens_per_minute_per_ptu.get(), 2_500);
        assert_eq!(gpt_4o.output_ratio.get(), 4);
        assert_eq!(throughput("text-embedding-ada-002"), None);
    }
}
