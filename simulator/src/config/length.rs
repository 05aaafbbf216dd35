//! [`Length`]: a number of tokens that is constant or drawn.

use std::fmt;

use rand::{Rng, RngExt};
use rand_distr::{Distribution, LogNormal};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of tokens.
///
/// In files `200`, `"conversation"`, or a table with one key such as
/// `{ log_normal = { median = 129, sigma = 0.86, most = 1024 } }`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Always as many.
    Exactly(u32),
    /// As a known service was measured.
    Profile(LengthProfile),
    /// From a distribution.
    Drawn(DrawnLength),
}

/// The lengths of answers that were measured.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LengthProfile {
    /// Conversations: median 129 tokens, at most 1,024.
    Conversation,
    /// Completions of code: median 13 tokens, one in a hundred above some 210.
    Code,
}

/// Distributions of numbers of tokens.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DrawnLength {
    /// What answers look like: many short ones, a few long ones; never none.
    LogNormal {
        /// Half of the draws stay below.
        median: u32,
        /// Standard deviation of the logarithm; 0.86 in conversations.
        sigma: f64,
        /// A longer draw counts as this.
        most: u32,
    },
    /// Every number from `min` to `most` alike.
    Uniform {
        /// Fewest tokens.
        min: u32,
        /// Most tokens.
        most: u32,
    },
}

/// The largest sigma accepted, as for durations.
const LARGEST_SIGMA: f64 = 3.5;

impl LengthProfile {
    /// Source: Azure's public LLM traces of 2023 (Splitwise), generated tokens. Conversations:
    /// median 129, sigma 0.86; no longer than somewhat beyond the 99th percentile of 601. Code:
    /// median 13, 90th percentile 55, 99th 252, longest 1,899; between the last two percentiles
    /// a sigma of 1.2 gives 61 and 212.
    fn drawn(self) -> DrawnLength {
        match self {
            Self::Conversation => DrawnLength::LogNormal {
                median: 129,
                sigma: 0.86,
                most: 1_024,
            },
            Self::Code => DrawnLength::LogNormal {
                median: 13,
                sigma: 1.2,
                most: 1_899,
            },
        }
    }
}

impl Length {
    /// What reasoning models think: about ten seconds at 21 ms per token, as recorded of gpt-5.
    ///
    /// Assumed: log-normal with a spread as that of answers.
    pub(crate) const REASONING: Self = Self::Drawn(DrawnLength::LogNormal {
        median: 448,
        sigma: 0.86,
        most: 8_192,
    });

    /// Draws a number.
    pub(crate) fn draw(self, rng: &mut impl Rng) -> u64 {
        match self {
            Self::Exactly(tokens) => tokens.into(),
            Self::Profile(profile) => profile.drawn().draw(rng),
            Self::Drawn(drawn) => drawn.draw(rng),
        }
    }
}

impl DrawnLength {
    fn draw(self, rng: &mut impl Rng) -> u64 {
        match self {
            Self::Uniform { min, most } => rng.random_range(min..=most).into(),
            Self::LogNormal {
                median,
                sigma,
                most,
            } => {
                let median = f64::from(median);
                let drawn = LogNormal::new(median.ln(), sigma).map_or(median, |d| d.sample(rng));
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to positive numbers of 32 bits"
                )]
                let tokens = drawn.round().clamp(1.0, f64::from(most)) as u64;
                tokens
            }
        }
    }

    /// Says what is wrong with the parameters.
    fn validate(self) -> Result<Self, String> {
        match self {
            Self::Uniform { min, most } if min > most => Err(format!(
                "expected `min` not above `most`, found `{min}` and `{most}`"
            )),
            Self::LogNormal { median, most, .. } if median == 0 || most == 0 => {
                Err("expected `median` and `most` above 0".to_owned())
            }
            Self::LogNormal { sigma, .. } if !(0.0..=LARGEST_SIGMA).contains(&sigma) => {
                Err(format!("expected `sigma` from 0 to 3.5, found `{sigma}`"))
            }
            _ => Ok(self),
        }
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(tokens) => tokens.serialize(serializer),
            Self::Profile(profile) => profile.serialize(serializer),
            Self::Drawn(drawn) => drawn.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LengthVisitor)
    }
}

struct LengthVisitor;

impl<'de> Visitor<'de> for LengthVisitor {
    type Value = Length;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens, \"conversation\", \"code\" or a distribution such as { log_normal = { median = 129, sigma = 0.86, most = 1024 } }")
    }

    fn visit_i64<E: Error>(self, tokens: i64) -> Result<Length, E> {
        let exactly = u32::try_from(tokens).map(Length::Exactly);
        exactly.map_err(|_| {
            E::custom(format!(
                "expected a number of tokens up to {}, found `{tokens}`",
                u32::MAX
            ))
        })
    }

    fn visit_u64<E: Error>(self, tokens: u64) -> Result<Length, E> {
        self.visit_i64(i64::try_from(tokens).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Length, E> {
        LengthProfile::deserialize(StrDeserializer::new(name)).map(Length::Profile)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Length, A::Error> {
        let drawn = DrawnLength::deserialize(MapAccessDeserializer::new(map))?;
        let drawn = drawn.validate().map_err(A::Error::custom)?;
        Ok(Length::Drawn(drawn))
    }
}

impl JsonSchema for Length {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number of tokens: constant, 200; as measured, \"conversation\" or \"code\"; or drawn: { log_normal = { median, sigma, most } } or { uniform = { min, most } }.",
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": u32::MAX },
                generator.subschema_for::<LengthProfile>(),
                generator.subschema_for::<DrawnLength>(),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Key, Purpose};

    fn read(toml: &str) -> Result<Length, String> {
        #[derive(Debug, Deserialize)]
        struct Table {
            answer_tokens: Length,
        }
        let table: Result<Table, _> = toml::from_str(&format!("answer_tokens = {toml}"));
        let table = table.map_err(|error| error.message().to_owned());
        table.map(|table| table.answer_tokens)
    }

    #[test]
    fn every_form_is_read_and_written_alike() {
        for text in [
            "200",
            "\"code\"",
            "{ log_normal = { median = 9, sigma = 0.5, most = 90 } }",
            "{ uniform = { min = 0, most = 9 } }",
        ] {
            let length = read(text).unwrap();
            let json = serde_json::to_string(&length).unwrap();
            assert_eq!(serde_json::from_str::<Length>(&json).unwrap(), length);
        }
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        let told = |text| read(text).unwrap_err();
        insta::assert_snapshot!(told("-1"), @"expected a number of tokens up to 4294967295, found `-1`");
        insta::assert_snapshot!(told("\"novel\""), @"unknown variant `novel`, expected `conversation` or `code`");
        insta::assert_snapshot!(told("true"), @r#"
        invalid type: boolean `true`, expected a number of tokens, "conversation", "code" or a distribution such as { log_normal = { median = 129, sigma = 0.86, most = 1024 } }
        "#);
        insta::assert_snapshot!(told("{ uniform = { min = 9, most = 1 } }"), @"expected `min` not above `most`, found `9` and `1`");
        insta::assert_snapshot!(told("{ log_normal = { median = 9, sigma = 9.0, most = 1 } }"), @"expected `sigma` from 0 to 3.5, found `9`");
    }

    #[test]
    fn the_profiles_have_the_percentiles_of_their_distributions() {
        // Half, nine tenths and all but a hundredth are below: median · exp(sigma · 0, 1.28, 2.33).
        for (profile, expected) in [
            (LengthProfile::Conversation, [129, 388, 953]),
            (LengthProfile::Code, [13, 61, 212]),
        ] {
            let draw = |number| {
                let key = Key::new(1).numbered(number);
                Length::Profile(profile).draw(&mut key.rng(Purpose::Length))
            };
            let mut drawn: Vec<u64> = (0..4_000).map(draw).collect();
            drawn.sort_unstable();
            for (at, expected) in [2_000, 3_600, 3_960].into_iter().zip(expected) {
                assert!(
                    drawn[at].abs_diff(expected) * 8 <= expected,
                    "{}",
                    drawn[at]
                );
            }
        }
    }
}
