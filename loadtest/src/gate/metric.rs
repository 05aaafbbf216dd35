//! The words of the language: every metric, and which labels its records have.
//!
//! [`METRICS`] is the single source for the parser, for the judge's choice of evidence and for
//! the printed reference. A new metric is one row here and one arm in `judge/measure.rs`.

use std::fmt;

use super::label::Label;

/// What a sentence can measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is explained by its row in METRICS")]
pub enum Metric {
    Requests,
    ClientAttempts,
    GatewayRequests,
    Attempts,
    Refusals,
    ChangedRequests,
    ChangedAnswers,
    ChangedPaths,
    LeakedCredentials,
    GatewayAttempts,
    Trips,
    WastedAttempts,
    EarlyClientRetries,
    MovedRequests,
    Probes,
    TokensCharged,
    TokensEstimated,
    PromptTokens,
    CompletionTokens,
    TokensYielded,
    Latency,
    ServiceTime,
    TimeToHeaders,
    TimeToFirstToken,
    EndToEnd,
    InterTokenGap,
    Lag,
    RetryAfter,
    GatewayWait,
    Silence,
    TimeToOpen,
    TimeToRecover,
    AbortDelay,
}

/// What a metric adds up to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A number of records.
    Count,
    /// A sum over records.
    Sum,
    /// One duration per record; needs a statistic (`p50 of`, `max of`, …).
    Duration,
}

/// Whose books a metric reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The clients' observations.
    Client,
    /// The gateway's access log.
    Gateway,
    /// The ledger of the simulator of this name.
    Simulator(String),
}

/// Which records a metric is computed from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Records {
    /// One per logical request: its last client attempt.
    Requests,
    /// One per client attempt.
    ClientAttempts,
    /// One per entry of the gateway's access log.
    Gateway,
    /// One per attempt that the gateway's access log tells.
    GatewayAttempts,
    /// One per entry of the simulators' ledgers.
    Ledgers,
    /// Histograms of gaps per phase, class and claimed backend.
    Gaps,
}

/// One metric: its name and all that follows from it.
#[derive(Debug)]
pub struct MetricRow {
    /// The metric.
    pub metric: Metric,
    /// As it is written.
    pub name: &'static str,
    /// What it adds up to.
    pub kind: Kind,
    /// What one of it is called, for people: `request`, `token`.
    pub unit: &'static str,
    /// Which records it is computed from, unless `by` chooses others.
    pub records: Records,
    /// What `by` may choose, in words; empty where there is no choice.
    pub by: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

use Kind::{Count, Duration, Sum};
use Records::{ClientAttempts, Gaps, Gateway, GatewayAttempts, Ledgers, Requests};

/// Every metric, in the order of the reference.
#[rustfmt::skip]
pub const METRICS: &[MetricRow] = &[
    row(Metric::Requests, "requests", Count, "request", Requests, "", "logical client requests, by their last client attempt"),
    row(Metric::ClientAttempts, "client_attempts", Count, "client attempt", ClientAttempts, "", "attempts of clients, retries included"),
    row(Metric::GatewayRequests, "gateway_requests", Count, "gateway request", Gateway, "", "entries of the gateway's access log"),
    row(Metric::Attempts, "attempts", Count, "attempt", Ledgers, "", "requests that arrived at simulators"),
    row(Metric::Refusals, "refusals", Count, "refusal", Ledgers, GATEWAY_OR_NAME, "requests refused by the gateway itself, or by a simulator's limiter"),
    row(Metric::ChangedRequests, "changed_requests", Count, "changed request", Requests, "", "requests of which a simulator got another body than the client sent"),
    row(Metric::ChangedAnswers, "changed_answers", Count, "changed answer", Requests, "", "requests whose client got another body than the serving simulator sent"),
    row(Metric::ChangedPaths, "changed_paths", Count, "changed path", Ledgers, "", "attempts whose path or query is not the client's without the gateway's prefix"),
    row(Metric::LeakedCredentials, "leaked_credentials", Count, "leaked credential", Ledgers, "", "attempts that carried a client's own credential to a simulator"),
    row(Metric::GatewayAttempts, "gateway_attempts", Count, "gateway attempt", GatewayAttempts, "", "attempts in the gateway's access log, also those that arrived nowhere"),
    row(Metric::Trips, "trips", Count, "trip", GatewayAttempts, "", "attempts whose answer opened a breaker, by the gateway's access log"),
    row(Metric::WastedAttempts, "wasted_attempts", Count, "wasted attempt", Ledgers, "", "attempts that arrived before a wait that the same deployment had promised was over; the later promise wins, and those under way when it was given count"),
    row(Metric::EarlyClientRetries, "early_client_retries", Count, "early client attempt", ClientAttempts, "", "client attempts sent before the wait that the answer before asked for was over"),
    row(Metric::MovedRequests, "moved_requests", Count, "moved request", Requests, "", "requests served by another backend than the one that served their user before"),
    row(Metric::Probes, "probes", Count, "probe", Ledgers, "", "requests of the gateway's own prober that arrived at simulators; no other metric counts them"),
    row(Metric::TokensCharged, "tokens_charged", Sum, "token", Ledgers, GATEWAY_OR_NAME, "tokens that limiters charged"),
    row(Metric::TokensEstimated, "tokens_estimated", Sum, "token", Ledgers, GATEWAY_OR_NAME, "tokens that limiters estimated before answering"),
    row(Metric::PromptTokens, "prompt_tokens", Sum, "token", Ledgers, ANYONE, "tokens of prompts (by=client: as the answers' usage says)"),
    row(Metric::CompletionTokens, "completion_tokens", Sum, "token", Ledgers, ANYONE, "tokens of completions (by=client: as the answers' usage says)"),
    row(Metric::TokensYielded, "tokens_yielded", Sum, "token", Ledgers, ANYONE, "tokens handed to the wire (by=client: events with content received)"),
    row(Metric::Latency, "latency", Duration, "", Requests, "", "from the planned start to the end of the answer"),
    row(Metric::ServiceTime, "service_time", Duration, "", Requests, "", "from sending to the end of the answer"),
    row(Metric::TimeToHeaders, "time_to_headers", Duration, "", Requests, "", "from sending to the response headers"),
    row(Metric::TimeToFirstToken, "time_to_first_token", Duration, "", Requests, "", "from the planned start to the first event with content"),
    row(Metric::EndToEnd, "end_to_end", Duration, "", Requests, "", "from the planned start to the last event with content"),
    row(Metric::InterTokenGap, "inter_token_gap", Duration, "", Gaps, "", "between events with content; `backend` is the one that the answer claims"),
    row(Metric::Lag, "lag", Duration, "", Requests, "", "from the planned start to sending"),
    row(Metric::RetryAfter, "retry_after", Duration, "", Requests, "", "what the answer's retry-after asks for"),
    row(Metric::GatewayWait, "gateway_wait", Duration, "", Gateway, "", "sum of the waits between the attempts of a gateway request, 0 with one attempt"),
    row(Metric::Silence, "silence", Duration, "", Ledgers, "", "between consecutive arrivals at a simulator; it belongs to the later one"),
    row(Metric::TimeToOpen, "time_to_open", Duration, "", Ledgers, "", "of each outage of a simulator, from its first failing answer to the last arrival before the gateway left it alone, or of the whole outage if it never did"),
    row(Metric::TimeToRecover, "time_to_recover", Duration, "", Ledgers, "", "of each outage of a simulator, from the latest wait promised, or the last failing answer if none was, to the arrival of the first success"),
    row(Metric::AbortDelay, "abort_delay", Duration, "", Ledgers, "", "from a client's hanging up to the end of its attempt at a simulator"),
];

const GATEWAY_OR_NAME: &str = "`gateway` or a simulator";
const ANYONE: &str = "`client`, `gateway` or a simulator";

const fn row(
    metric: Metric,
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    records: Records,
    by: &'static str,
    meaning: &'static str,
) -> MetricRow {
    MetricRow {
        metric,
        name,
        kind,
        unit,
        records,
        by,
        meaning,
    }
}

impl Metric {
    /// Its row.
    ///
    /// # Panics
    /// Never: rows are looked up by the order of the variants, and a test compares the two.
    pub fn row(self) -> &'static MetricRow {
        &METRICS[self as usize]
    }

    /// The metric of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let row = METRICS.iter().find(|row| row.name == name)?;
        Some(row.metric)
    }
}

impl MetricRow {
    /// Labels that its records have, in the order of the reference.
    pub fn labels(&self) -> Vec<Label> {
        let has = |label: &Label| match label {
            Label::By => !self.by.is_empty(),
            label => self.records.has(label),
        };
        let all = Label::ALL.into_iter().chain([Label::any_header()]);
        all.filter(has).collect()
    }

    /// Whether `by=client` is a choice.
    pub(crate) fn is_known_to_clients(&self) -> bool {
        self.by == ANYONE
    }
}

impl Records {
    /// Whether records of this kind have `label`.
    pub fn has(self, label: &Label) -> bool {
        match label {
            Label::Phase | Label::Class => true,
            // A choice between kinds of records, not a property of one.
            Label::By => false,
            Label::Backend => self != Self::ClientAttempts,
            Label::Reason => matches!(self, Self::Requests | Self::Gateway | Self::Ledgers),
            Label::RefusedBy => matches!(self, Self::Requests | Self::Gateway),
            Label::Ordinal => matches!(
                self,
                Self::ClientAttempts | Self::GatewayAttempts | Self::Ledgers
            ),
            Label::Error => matches!(
                self,
                Self::Requests | Self::ClientAttempts | Self::GatewayAttempts
            ),
            Label::Fault => self == Self::Ledgers,
            Label::Header(_) => matches!(self, Self::Requests | Self::ClientAttempts),
            Label::Status
            | Label::User
            | Label::Deployment
            | Label::Operation
            | Label::Subscription
            | Label::Attempts
            | Label::Streamed
            | Label::Aborted => self != Self::Gaps,
        }
    }

    /// What these records are called, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Requests => "client requests",
            Self::ClientAttempts => "client attempts",
            Self::Gateway => "gateway log entries",
            Self::GatewayAttempts => "gateway attempts",
            Self::Ledgers => "ledger entries",
            Self::Gaps => "gaps between tokens",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Simulator(name) => name,
        })
    }
}
