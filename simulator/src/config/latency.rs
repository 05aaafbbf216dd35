//! How long answers take: as written, and as resolved.

use std::num::NonZeroU32;

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Distribution, LatencyProfile};
use crate::openai::Operation;

/// How long an answer takes, as written: per token, or once per request.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { time_to_first_token = \"500ms\", per_token = \"20ms\" } or { per_request = \"1s\" }"
)]
pub struct LatencySection {
    /// A model whose measured latencies hold where the keys beside it are absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<LatencyProfile>,
    /// From arrival to the first token; one draw of `per_token` where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_first_token: Option<Distribution>,
    /// From each token to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_token: Option<Distribution>,
    /// From arrival to the whole answer, however long it is; excludes the other two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Distribution>,
    /// Added to the time to the first token for each token of the prompt; those found in the
    /// prompt cache cost nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_prompt_token: Option<Span>,
    /// How much slower everything is the more requests are in flight at the deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<Load>,
}

/// How long an answer takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// When its tokens are due on a deployment that has nothing else to do.
    pub timing: Timing,
    /// Added before the first token for each token of the prompt that is not cached.
    pub per_prompt_token: Span,
    /// How much slower everything is under load.
    pub load: Option<Load>,
    /// The profile behind `timing` with the keys beside it, to be written as it was read.
    written: Option<Box<LatencySection>>,
}

/// When the tokens of an answer are due.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    /// Token by token: the first after `time_to_first_token`, each other `per_token` later.
    PerToken {
        /// From arrival to the first token; `None` draws it from `per_token`.
        time_to_first_token: Option<Distribution>,
        /// From each token to the next.
        per_token: Distribution,
    },
    /// The whole answer at once.
    PerRequest(Distribution),
}

/// How much slower a deployment is the more requests it has in flight.
///
/// With `n` requests in flight everything takes
/// `1 + (factor - 1) * ((n - 1) / (in_flight - 1)) ^ power` times as long: a request alone is as
/// fast as configured, beyond `in_flight` the curve goes on.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { in_flight = 20, factor = 3.0 }"
)]
pub struct Load {
    /// Requests in flight, 2 or more, at which everything takes `factor` times as long.
    pub in_flight: NonZeroU32,
    /// From 1 to 1000.
    pub factor: f64,
    /// From 0.1 to 10: 1, the default, is a straight line, 2 spares light load.
    #[serde(default = "straight")]
    pub power: f64,
}

fn straight() -> f64 {
    1.0
}

impl Load {
    fn check(self) -> Result<Self, ConfigError> {
        let wrong = |key, expected, found: &dyn std::fmt::Display| {
            let message = format!("expected `{key}` {expected}, found `{found}`");
            Err(ConfigError::new(["load", key], message))
        };
        if self.in_flight.get() < 2 {
            return wrong("in_flight", "of 2 or more", &self.in_flight);
        }
        if !(1.0..=1e3).contains(&self.factor) {
            return wrong("factor", "from 1 to 1000", &self.factor);
        }
        if !(0.1..=10.0).contains(&self.power) {
            return wrong("power", "from 0.1 to 10", &self.power);
        }
        Ok(self)
    }

    /// How many times as long everything takes with `in_flight` requests.
    pub(crate) fn factor_at(&self, in_flight: u32) -> f64 {
        let others = f64::from(in_flight.saturating_sub(1));
        let share = others / f64::from(self.in_flight.get() - 1);
        1.0 + (self.factor - 1.0) * share.powf(self.power)
    }
}

impl Latency {
    /// Answers at once.
    pub const ZERO: Self = Self {
        timing: Timing::PerRequest(Distribution::ZERO),
        per_prompt_token: Span::ZERO,
        load: None,
        written: None,
    };
}

impl Default for Latency {
    fn default() -> Self {
        Self::ZERO
    }
}

impl LatencySection {
    /// Checks that the keys fit together.
    ///
    /// # Errors
    /// If `per_request` stands beside one of the keys it excludes, nothing is given, or a number
    /// is out of its range.
    pub fn resolve(&self) -> Result<Latency, ConfigError> {
        let filled = self.clone().or_profile();
        let per_token = filled.time_to_first_token.is_some() || filled.per_token.is_some();
        let timing = match filled.per_request {
            Some(_) if per_token => return Err(self.excluded(filled.per_token.is_some())),
            Some(per_request) => Timing::PerRequest(per_request),
            None if per_token => Timing::PerToken {
                time_to_first_token: filled.time_to_first_token,
                per_token: filled.per_token.unwrap_or(Distribution::ZERO),
            },
            None => {
                let nothing = ConfigError::new(
                    Vec::<String>::new(),
                    "expected `time_to_first_token`, `per_token`, `per_request` or `profile`, found none of them",
                );
                return Err(
                    nothing.with_help("{ time_to_first_token = \"500ms\", per_token = \"20ms\" }")
                );
            }
        };
        Ok(Latency {
            timing,
            per_prompt_token: self.per_prompt_token.unwrap_or_default(),
            load: self.load.map(Load::check).transpose()?,
            written: self.profile.map(|_| Box::new(self.clone())),
        })
    }

    /// The keys given, and for the others those of the profile.
    fn or_profile(self) -> Self {
        let Some(profile) = self.profile else {
            return self;
        };
        let base = profile.section();
        Self {
            time_to_first_token: self.time_to_first_token.or(base.time_to_first_token),
            per_token: self.per_token.or(base.per_token),
            per_request: self.per_request.or(base.per_request),
            ..self
        }
    }

    fn excluded(&self, by_per_token: bool) -> ConfigError {
        let beside = if by_per_token {
            "per_token"
        } else {
            "time_to_first_token"
        };
        let message = format!("expected either `per_request` or `{beside}`, found both");
        let (at, help) = match self.profile {
            // Which of the two it brings is decided by the kind of its model.
            Some(_) => ("profile", "remove the profile, or the key it excludes"),
            None => (
                "per_request",
                "remove one of them; in a patch, set it to null",
            ),
        };
        ConfigError::new([at], message).with_help(help)
    }
}

impl From<Latency> for LatencySection {
    fn from(latency: Latency) -> Self {
        if let Some(written) = latency.written {
            return *written;
        }
        let per_prompt_token = latency.per_prompt_token;
        let rest = Self {
            per_prompt_token: (per_prompt_token != Span::ZERO).then_some(per_prompt_token),
            load: latency.load,
            ..Self::default()
        };
        match latency.timing {
            Timing::PerToken {
                time_to_first_token,
                per_token,
            } => Self {
                time_to_first_token,
                per_token: Some(per_token),
                ..rest
            },
            Timing::PerRequest(per_request) => Self {
                per_request: Some(per_request),
                ..rest
            },
        }
    }
}

/// Latencies of a simulator by operation, for deployments that state none, as written.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table of latencies by operation")]
pub struct OperationLatencySections {
    /// Of chat completions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_completions: Option<LatencySection>,
    /// Of completions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<LatencySection>,
    /// Of embeddings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<LatencySection>,
}

/// Latencies of a simulator by operation, for deployments that state none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationLatencies {
    /// Of chat completions.
    pub chat_completions: Latency,
    /// Of completions.
    pub completions: Latency,
    /// Of embeddings.
    pub embeddings: Latency,
}

impl OperationLatencies {
    /// That of `operation`.
    pub(crate) fn of(&self, operation: Operation) -> &Latency {
        match operation {
            Operation::ChatCompletions => &self.chat_completions,
            Operation::Completions => &self.completions,
            Operation::Embeddings => &self.embeddings,
        }
    }
}

impl From<OperationLatencies> for OperationLatencySections {
    fn from(latencies: OperationLatencies) -> Self {
        Self {
            chat_completions: Some(latencies.chat_completions.into()),
            completions: Some(latencies.completions.into()),
            embeddings: Some(latencies.embeddings.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resolved(value: Value) -> Result<Latency, String> {
        let section: LatencySection = serde_json::from_value(value).unwrap();
        section.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn keys_beside_a_profile_replace_its_own() {
        let latency = resolved(json!({ "profile": "gpt-4o", "per_token": "5ms" })).unwrap();
        let Timing::PerToken {
            time_to_first_token: Some(Distribution::Percentiles(first)),
            per_token,
        } = &latency.timing
        else {
            panic!("{latency:?}");
        };
        assert_eq!(first.p50.to_string(), "639ms");
        assert_eq!(*per_token, Distribution::Constant("5ms".parse().unwrap()));
        let written = LatencySection::from(latency);
        let written = serde_json::to_value(written).unwrap();
        assert_eq!(written, json!({ "profile": "gpt-4o", "per_token": "5ms" }));
    }

    #[test]
    fn every_profile_can_be_used() {
        for profile in schemars::schema_for!(LatencyProfile).as_value()["oneOf"]
            .as_array()
            .unwrap()
        {
            resolved(json!({ "profile": profile["const"] })).unwrap();
        }
    }

    #[test]
    fn what_is_written_back_is_read_as_the_same_latency() {
        let load = json!({ "in_flight": 20, "factor": 3.0, "power": 1.0 });
        for section in [
            json!({ "per_request": "1s", "per_prompt_token": "50us" }),
            json!({ "per_token": "20ms", "load": load }),
            json!({ "profile": "text-embedding-3-small", "load": load }),
        ] {
            let latency = resolved(section).unwrap();
            let written = LatencySection::from(latency.clone());
            assert_eq!(written.resolve().unwrap(), latency);
        }
    }

    #[test]
    fn keys_that_do_not_fit_together_are_told() {
        let wrong = |value| resolved(value).unwrap_err();
        insta::assert_snapshot!(wrong(json!({ "profile": "gpt-4o", "per_request": "1s" })), @"profile: expected either `per_request` or `per_token`, found both; help: remove the profile, or the key it excludes");
        insta::assert_snapshot!(wrong(json!({ "per_prompt_token": "1ms" })), @"expected `time_to_first_token`, `per_token`, `per_request` or `profile`, found none of them; help: { time_to_first_token = \"500ms\", per_token = \"20ms\" }");
        let load = |in_flight: u32, factor: f64| {
            let load = json!({ "in_flight": in_flight, "factor": factor });
            wrong(json!({ "per_token": "1ms", "load": load }))
        };
        insta::assert_snapshot!(load(1, 2.0), @"load.in_flight: expected `in_flight` of 2 or more, found `1`");
        insta::assert_snapshot!(load(2, 0.5), @"load.factor: expected `factor` from 1 to 1000, found `0.5`");
    }
}
