//! How long answers take: as written, and as resolved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Distribution};
use crate::openai::Operation;

/// How long an answer takes, as written: per token, or once per request.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { time_to_first_token = \"500ms\", per_token = \"20ms\" } or { per_request = \"1s\" }"
)]
pub struct LatencySection {
    /// From arrival to the first token; one draw of `per_token` where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_first_token: Option<Distribution>,
    /// From each token to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_token: Option<Distribution>,
    /// From arrival to the whole answer, however long it is; excludes the other two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_request: Option<Distribution>,
}

/// How long an answer takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
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

impl Latency {
    /// Answers at once.
    pub const ZERO: Self = Self::PerRequest(Distribution::ZERO);
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
    /// If `per_request` stands beside one of the keys it excludes, or nothing is given.
    pub fn resolve(&self) -> Result<Latency, ConfigError> {
        let per_token = self.time_to_first_token.is_some() || self.per_token.is_some();
        match self.per_request {
            Some(_) if per_token => {
                let beside = match self.per_token {
                    Some(_) => "per_token",
                    None => "time_to_first_token",
                };
                let message = format!("expected either `per_request` or `{beside}`, found both");
                Err(ConfigError::new(["per_request"], message)
                    .with_help("remove one of them; in a patch, set it to null"))
            }
            Some(per_request) => Ok(Latency::PerRequest(per_request)),
            None if per_token => Ok(Latency::PerToken {
                time_to_first_token: self.time_to_first_token,
                per_token: self.per_token.unwrap_or(Distribution::ZERO),
            }),
            None => {
                let nothing = ConfigError::new(
                    Vec::<String>::new(),
                    "expected `time_to_first_token`, `per_token` or `per_request`, found an empty table",
                );
                Err(nothing.with_help("{ time_to_first_token = \"500ms\", per_token = \"20ms\" }"))
            }
        }
    }
}

impl From<Latency> for LatencySection {
    fn from(latency: Latency) -> Self {
        match latency {
            Latency::PerToken {
                time_to_first_token,
                per_token,
            } => Self {
                time_to_first_token,
                per_token: Some(per_token),
                per_request: None,
            },
            Latency::PerRequest(per_request) => Self {
                per_request: Some(per_request),
                ..Self::default()
            },
        }
    }
}

/// Latencies of a simulator by operation, for deployments that state none, as written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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
    pub(crate) fn of(&self, operation: Operation) -> Latency {
        match operation {
            Operation::ChatCompletions => self.chat_completions,
            Operation::Completions => self.completions,
            Operation::Embeddings => self.embeddings,
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
