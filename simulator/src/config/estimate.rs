//! [`Estimate`]: what a request is charged when it arrives, as a rule.

use std::fmt;
use std::num::NonZeroU64;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::LimiterKind;

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
}
