//! [`Fault`]: what goes wrong, and when.
//!
//! A fault is written as it runs: there is nothing to inherit and no default to fill in, so one
//! type serves file, patch and simulator. What serde cannot say is checked by
//! [`resolve`](super::SimulatorSection::resolve).

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::time::Duration;

use clock::Span;
use http::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use crate::openai::Operation;

/// One entry of `faults`: the first whose `when` holds is played.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a fault such as { when = { first = 3 }, play = { status = { code = 503 } } }"
)]
pub struct Fault {
    /// Which requests it is for; all of them where this is absent.
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
    /// What becomes of them.
    pub play: Play,
}

/// The requests a fault is for: those for which every given part holds.
///
/// `skip`, `every` and `first` count, in this order, the requests for which all other parts hold
/// and that no earlier entry took: `{ skip = 10, every = 2, first = 3 }` are the 12th, 14th and
/// 16th.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    default,
    expecting = "a table of conditions such as { first = 3, deployment = \"gpt-4o\" }"
)]
pub struct When {
    /// How often it is played at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<NonZeroU64>,
    /// How many requests are left alone before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
    /// Only each so-manieth request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<NonZeroU64>,
    /// The share of requests, above 0 to 1, drawn by seed, request id and attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Which attempts of a request at this simulator, from 0; attempts share their request id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<u32>>,
    /// Not before this time since the list was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Span>,
    /// Not from this time on since the list was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Span>,
    /// Down and up by turns, down first, counted from `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flap: Option<Flap>,
    /// Only requests to this deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Only requests of this operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Only requests with these headers, values and all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<BTreeMap<String, String>>,
    /// Only requests with this credential: the first 16 hexadecimal digits of its SHA-256, as
    /// ledgers tell it in `credential_hashes`. Never the key itself, which would be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only requests whose body says that it is for this `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A backend that goes down and comes back, again and again.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { down = \"5s\", up = \"5s\" }"
)]
pub struct Flap {
    /// How long the fault is played.
    pub down: Span,
    /// How long it is not.
    pub up: Span,
}

/// What a request meets instead of, or on the way to, its answer.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Play {
    /// An answer with this status; nothing is charged.
    Status(StatusFault),
    /// Waits this long, then goes on as if it had arrived only now.
    Delay(Span),
    /// Is accepted and never answered: it ends when the caller leaves. Nothing is charged.
    Silence,
    /// Connections are refused; only `from`, `until` and `flap` go with it.
    Refused,
    /// The connection is reset before any byte of an answer. Nothing is charged.
    Reset,
    /// The answer's body breaks off; charged like a whole one.
    Cut(CutFault),
    /// The answer's body stands still.
    Stall(StallFault),
    /// The answer's head starts, and is complete only this much later.
    SlowHeaders(Span),
    /// The answer's body ends too early, and says that it is whole.
    Truncated(TruncatedFault),
    /// A frame that nobody can read comes in between; ahead of a body that is no stream.
    Malformed(MalformedFault),
    /// A stream ends in an event that tells of an error; a body that is no stream is that error,
    /// with status 200. Charged like a whole answer.
    Error(ErrorFault),
    /// A frame of a stream comes twice. Requests for no stream do not meet it.
    Duplicate(DuplicateFault),
    /// The usage is missing: in a stream the last chunk, where it was asked for.
    NoUsage,
    /// A stream ends without `data: [DONE]`. Requests for no stream do not meet it.
    NoDone,
    /// A success says that its content is of this type; the body is as it should be.
    ContentType(String),
    /// The answer's body trickles.
    SlowBody(SlowBodyFault),
}

/// An answer with a status of the author's choice.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { code = 429, retry_after = \"7s\" }"
)]
pub struct StatusFault {
    /// The status, from 200 to 599.
    pub code: u16,
    /// Headers beside, or instead of, those that every answer has; a number in `retry-after` or
    /// `retry-after-ms` is a promise, too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body; what the service says with this status where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The wait that is promised; none where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
    /// How the wait is written; `seconds` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_style: Option<RetryAfterStyle>,
}

/// How a promised wait is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAfterStyle {
    /// `Retry-After` in whole seconds, rounded up.
    #[default]
    Seconds,
    /// `retry-after-ms`.
    Ms,
    /// Both of these, as Azure sends them today.
    SecondsAndMs,
    /// `Retry-After` as a date of HTTP, rounded up to the second.
    HttpDate,
}

/// Where a body breaks off.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { after_tokens = 5 }"
)]
pub struct CutFault {
    /// Tokens of each choice that are sent before; of a body that is no stream, half the bytes are.
    pub after_tokens: u64,
}

/// Where a body stands still.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { after_tokens = 5, time = \"60s\" }"
)]
pub struct StallFault {
    /// Tokens of each choice that are sent before; of a body that is no stream, half the bytes are.
    pub after_tokens: u64,
    /// For how long; for ever where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Span>,
}

/// Where a body ends too early.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { after_tokens = 5 }"
)]
pub struct TruncatedFault {
    /// Tokens of each choice that are sent before, and half of the frame that comes then; of a
    /// body that is no stream, half the bytes are.
    pub after_tokens: u64,
}

/// A frame that nobody can read.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { after_tokens = 5 }"
)]
pub struct MalformedFault {
    /// Tokens of each choice that are sent before.
    pub after_tokens: u64,
    /// The frame, without the empty line after it; one whose JSON breaks off where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
}

/// An error where an answer was expected.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { after_tokens = 5 }"
)]
pub struct ErrorFault {
    /// Tokens of each choice that are sent before.
    pub after_tokens: u64,
    /// What went wrong; that the server had an error where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The error's `type`; `server_error` by default.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The error's `code`; it has none by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// Which frame comes twice.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { after_tokens = 5 }"
)]
pub struct DuplicateFault {
    /// The last of so many tokens comes again, of the first choice that has as many.
    pub after_tokens: NonZeroU64,
}

/// How slowly a body comes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as { bytes = 64, every = \"100ms\" }"
)]
pub struct SlowBodyFault {
    /// Bytes of a piece, at most.
    pub bytes: NonZeroU64,
    /// The least time from one piece to the next.
    pub every: Span,
}

impl When {
    /// Whether it holds for every request.
    pub(crate) fn is_always(&self) -> bool {
        *self == Self::default()
    }

    /// The parts beside `from`, `until` and `flap`, by name: those that need a request.
    fn of_requests(&self) -> impl Iterator<Item = &'static str> {
        let parts = [
            ("first", self.first.is_some()),
            ("skip", self.skip.is_some()),
            ("every", self.every.is_some()),
            ("probability", self.probability.is_some()),
            ("attempts", self.attempts.is_some()),
            ("deployment", self.deployment.is_some()),
            ("operation", self.operation.is_some()),
            ("header", self.header.is_some()),
            ("key", self.key.is_some()),
            ("user", self.user.is_some()),
        ];
        parts
            .into_iter()
            .filter_map(|(name, is_given)| is_given.then_some(name))
    }

    fn check(&self, errors: &mut Vec<ConfigError>) {
        if let Some(probability) = self.probability
            && !(probability > 0.0 && probability <= 1.0)
        {
            let message =
                format!("expected a probability above 0 and at most 1, found `{probability}`");
            errors.push(ConfigError::new(["probability"], message));
        }
        if self.attempts.as_ref().is_some_and(Vec::is_empty) {
            let nobody =
                ConfigError::new(["attempts"], "expected at least one attempt, found none");
            errors.push(nobody.with_help("attempts = [0], the first at this simulator"));
        }
        let from = self.from.unwrap_or_default();
        if let Some(until) = self.until.filter(|until| *until <= from) {
            let message = format!("expected `until` after `from`, found `{until}` and `{from}`");
            errors.push(ConfigError::new(["until"], message));
        }
        if let Some(flap) = self.flap
            && (flap.down == Span::ZERO || flap.up == Span::ZERO)
        {
            let message = "expected `down` and `up` above zero";
            errors.push(
                ConfigError::new(["flap"], message).with_help("{ down = \"5s\", up = \"5s\" }"),
            );
        }
        for (name, value) in self.header.iter().flatten() {
            check_header(name, value, "header", errors);
        }
        errors.extend(self.key.as_deref().and_then(check_key));
    }
}

impl Fault {
    /// Whether it refuses every connection until somebody takes it back.
    pub fn refuses_for_good(&self) -> bool {
        self.play == Play::Refused && self.when.until.is_none() && self.when.flap.is_none()
    }

    /// Checks what the types leave open; `knows` tells the simulator's deployments.
    pub(super) fn check(
        &self,
        knows: impl FnOnce(&str) -> Result<(), ConfigError>,
    ) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        self.when.check(&mut errors);
        if let Some(Err(unknown)) = self.when.deployment.as_deref().map(knows) {
            errors.push(unknown);
        }
        if self.play == Play::Refused {
            errors.extend(self.when.of_requests().map(|part| {
                let message = format!("`{part}` cannot be known of a connection that is refused");
                ConfigError::new([part], message).with_help(
                    "use `from`, `until` or `flap`, or play \"reset\", which knows its request",
                )
            }));
        }
        let mut errors: Vec<_> = errors
            .into_iter()
            .map(|error| error.under(["when"]))
            .collect();
        let found = self.play.check().into_iter();
        errors.extend(found.map(|error| error.under(["play"])));
        errors
    }
}

impl Play {
    /// Whether only a stream can meet it.
    pub(crate) fn needs_a_stream(&self) -> bool {
        matches!(self, Self::Duplicate(_) | Self::NoDone)
    }

    /// Checks what the types leave open.
    pub(crate) fn check(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        match self {
            Self::Status(status) => {
                let found = status.check().into_iter();
                errors.extend(found.map(|error| error.under(["status"])));
            }
            Self::Malformed(malformed) if malformed.frame.as_deref() == Some("") => {
                let message = "expected a frame, found ``";
                errors.push(ConfigError::new(["malformed", "frame"], message));
            }
            Self::ContentType(with) if HeaderValue::from_str(with).is_err() => {
                let found = with.escape_debug();
                let message = format!("expected the value of a header, found `{found}`");
                errors.push(ConfigError::new(["content_type"], message));
            }
            // Whatever their types allow.
            _ => {}
        }
        errors
    }
}

impl StatusFault {
    /// The wait that its answer promises: what headers of its own say, else `retry_after`.
    pub(crate) fn promise(&self) -> Option<Duration> {
        let own = |header: &str, unit: f64| {
            let mut headers = self.headers.iter();
            let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(header))?;
            let number: f64 = value.trim().parse().ok()?;
            Duration::try_from_secs_f64(number * unit).ok()
        };
        own("retry-after-ms", 0.001)
            .or_else(|| own("retry-after", 1.0))
            .or(self.retry_after.map(Span::get))
    }

    fn check(&self) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        if !(200..=599).contains(&self.code) {
            let message = format!("expected a status from 200 to 599, found `{}`", self.code);
            errors.push(ConfigError::new(["code"], message));
        }
        for (name, value) in &self.headers {
            check_header(name, value, "headers", &mut errors);
        }
        if self.retry_after_style.is_some() && self.retry_after.is_none() {
            let message = "expected `retry_after` beside `retry_after_style`";
            let missing = ConfigError::new(["retry_after_style"], message);
            errors.push(missing.with_help("retry_after = \"7s\""));
        }
        errors
    }
}

/// A key itself is not quoted: whoever wrote it here took it for its hash.
fn check_key(key: &str) -> Option<ConfigError> {
    let is_digit = |character: char| matches!(character, '0'..='9' | 'a'..='f');
    let is_hash = key.len() == 16 && key.chars().all(is_digit);
    (!is_hash).then(|| {
        let message = "expected 16 hexadecimal digits, the start of the key's SHA-256";
        ConfigError::new(["key"], message).with_help("printf %s \"$KEY\" | sha256sum | cut -c1-16")
    })
}

fn check_header(name: &str, value: &str, key: &str, errors: &mut Vec<ConfigError>) {
    if HeaderName::try_from(name).is_err() {
        let message = format!("expected the name of a header, found `{name}`");
        errors.push(ConfigError::new([key, name], message));
    }
    if HeaderValue::from_str(value).is_err() {
        let message = format!(
            "expected the value of a header, found `{}`",
            value.escape_debug()
        );
        errors.push(ConfigError::new([key, name], message));
    }
}
