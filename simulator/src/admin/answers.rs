//! What the admin API answers besides configuration, entries and counters.

use clock::{Moment, Speed};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::simulator::Memory;

/// Simulated time.
#[derive(JsonSchema, Serialize)]
pub(super) struct Clock {
    /// Simulated microseconds since the simulator's zero.
    pub(super) now: Moment,
    /// The date of `now`.
    pub(super) utc: String,
    /// Simulated seconds per second; meaningless where time is paused.
    pub(super) speed: Speed,
    /// Whether nothing takes real time.
    pub(super) is_paused: bool,
}

/// What was done.
#[derive(JsonSchema, Serialize)]
pub(super) struct Message {
    /// In words.
    pub(super) message: String,
}

/// What to reset.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Selection {
    /// Only this; everything by default.
    pub(super) only: Option<Memory>,
}

/// A request that was refused.
#[derive(JsonSchema, Serialize)]
pub(super) struct Problem {
    /// What is wrong.
    error: Details,
}

/// What is wrong with a request.
#[derive(JsonSchema, Serialize)]
struct Details {
    /// The status.
    code: String,
    /// In words.
    message: String,
    /// Every mistake in a change of the configuration.
    reasons: Vec<Reason>,
}

/// One mistake in a change of the configuration.
#[derive(JsonSchema, Serialize)]
struct Reason {
    /// Keys from the root to the value that is wrong, joined by dots.
    path: String,
    /// What is wrong and what was expected.
    message: String,
    /// How to write it instead.
    help: Option<String>,
}

/// A request without an accepted key, as microsoft/aoai-api-simulator tells it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only described; written where it is refused")]
pub(super) struct Unauthorized {
    /// In words.
    detail: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, message: &str, reasons: &[ConfigError]) -> Self {
        let reasons = reasons.iter().map(|reason| Reason {
            path: reason.path.join("."),
            message: reason.message.clone(),
            help: reason.help.clone(),
        });
        Self {
            error: Details {
                code: status.as_str().to_owned(),
                message: message.to_owned(),
                reasons: reasons.collect(),
            },
        }
    }
}
