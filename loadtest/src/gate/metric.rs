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
    HeedlessAttempts,
    EarlyClientRetries,
    MovedRequests,
    Probes,
    Events,
    DroppedEvents,
    Rises,
    TokensCharged,
    TokensEstimated,
    PromptTokens,
    CompletionTokens,
    TotalTokens,
    TokensYielded,
    Cost,
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
    HeaderValue,
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
    /// One number per record; needs a statistic too.
    Number,
}

/// Whose books a metric reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The clients' observations.
    Client,
    /// The gateway's access log.
    Gateway,
    /// The gateway's usage events.
    Events,
    /// The gateway's metrics page.
    Metrics,
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
    /// One per usage event of the gateway.
    Events,
    /// One per series of the gateway's metrics page, as it is after the run.
    Metrics,
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
    /// What `by` may choose beside simulators; empty where there is no choice.
    pub by: &'static [&'static str],
    /// What it means, in one line.
    pub meaning: &'static str,
}

use Kind::{Count, Duration, Number, Sum};
use Records::{ClientAttempts, Events, Gaps, Gateway, GatewayAttempts, Ledgers, Metrics, Requests};

/// Every metric, in the order of the reference.
#[rustfmt::skip]
pub const METRICS: &[MetricRow] = &[
    row(Metric::Requests, "requests", Count, "request", Requests, NOBODY, "logical client requests, by their last client attempt"),
    row(Metric::ClientAttempts, "client_attempts", Count, "client attempt", ClientAttempts, NOBODY, "attempts of clients, retries included"),
    row(Metric::GatewayRequests, "gateway_requests", Count, "gateway request", Gateway, NOBODY, "entries of the gateway's access log"),
    row(Metric::Attempts, "attempts", Count, "attempt", Ledgers, NOBODY, "requests that arrived at simulators"),
    row(Metric::Refusals, "refusals", Count, "refusal", Ledgers, GATEWAY_OR_NAME, "requests refused by the gateway itself, or by a simulator's limiter"),
    row(Metric::ChangedRequests, "changed_requests", Count, "changed request", Requests, NOBODY, "requests of which a simulator got another body than the client sent"),
    row(Metric::ChangedAnswers, "changed_answers", Count, "changed answer", Requests, NOBODY, "requests whose client got another body than the serving simulator sent"),
    row(Metric::ChangedPaths, "changed_paths", Count, "changed path", Ledgers, NOBODY, "attempts whose path or query is not the client's without the gateway's prefix"),
    row(Metric::LeakedCredentials, "leaked_credentials", Count, "leaked credential", Ledgers, NOBODY, "attempts that carried a client's own credential to a simulator"),
    row(Metric::GatewayAttempts, "gateway_attempts", Count, "gateway attempt", GatewayAttempts, NOBODY, "attempts in the gateway's access log, also those that arrived nowhere"),
    row(Metric::Trips, "trips", Count, "trip", GatewayAttempts, NOBODY, "attempts whose answer opened a breaker, by the gateway's access log"),
    row(Metric::WastedAttempts, "wasted_attempts", Count, "wasted attempt", Ledgers, NOBODY, "attempts that arrived before a wait that the same deployment had promised was over; the later promise wins, and those under way when it was given count"),
    row(Metric::HeedlessAttempts, "heedless_attempts", Count, "heedless attempt", Ledgers, NOBODY, "of the wasted attempts those that the gateway sent after it had been told, by its log where there is one: none was under way"),
    row(Metric::EarlyClientRetries, "early_client_retries", Count, "early client attempt", ClientAttempts, NOBODY, "client attempts sent before the wait that the answer before asked for was over"),
    row(Metric::MovedRequests, "moved_requests", Count, "moved request", Requests, NOBODY, "requests served by another backend than the one that served their user before"),
    row(Metric::Probes, "probes", Count, "probe", Ledgers, NOBODY, "requests of the gateway's own prober that arrived at simulators; no other metric counts them"),
    row(Metric::Events, "events", Count, "usage event", Events, NOBODY, "usage events of the gateway"),
    row(Metric::DroppedEvents, "dropped_events", Count, "dropped usage event", Metrics, NOBODY, "usage events that the gateway's sinks did not take, by its metrics page"),
    row(Metric::Rises, "rises", Count, "rise", Requests, NOBODY, "answers whose header `name` is a larger number than in the answer before, in the order of the answers"),
    row(Metric::TokensCharged, "tokens_charged", Sum, "token", Ledgers, GATEWAY_OR_NAME, "tokens that limiters charged"),
    row(Metric::TokensEstimated, "tokens_estimated", Sum, "token", Ledgers, GATEWAY_OR_NAME, "tokens that limiters estimated before answering"),
    row(Metric::PromptTokens, "prompt_tokens", Sum, "token", Ledgers, TRACKED, "tokens of prompts (by=client: as the answers' usage says)"),
    row(Metric::CompletionTokens, "completion_tokens", Sum, "token", Ledgers, TRACKED, "tokens of completions (by=client: as the answers' usage says)"),
    row(Metric::TotalTokens, "total_tokens", Sum, "token", Ledgers, TRACKED, "tokens of prompts and completions"),
    row(Metric::TokensYielded, "tokens_yielded", Sum, "token", Ledgers, ANYONE, "tokens handed to the wire (by=client: events with content received)"),
    row(Metric::Cost, "cost", Sum, "", Ledgers, PRICED, "what the tokens cost at the scenario's [prices], in their currency"),
    row(Metric::Latency, "latency", Duration, "", Requests, NOBODY, "from the planned start to the end of the answer"),
    row(Metric::ServiceTime, "service_time", Duration, "", Requests, NOBODY, "from sending to the end of the answer"),
    row(Metric::TimeToHeaders, "time_to_headers", Duration, "", Requests, NOBODY, "from sending to the response headers"),
    row(Metric::TimeToFirstToken, "time_to_first_token", Duration, "", Requests, NOBODY, "from the planned start to the first event with content"),
    row(Metric::EndToEnd, "end_to_end", Duration, "", Requests, NOBODY, "from the planned start to the last event with content"),
    row(Metric::InterTokenGap, "inter_token_gap", Duration, "", Gaps, NOBODY, "between events with content; `backend` is the one that the answer claims"),
    row(Metric::Lag, "lag", Duration, "", Requests, NOBODY, "from the planned start to sending"),
    row(Metric::RetryAfter, "retry_after", Duration, "", Requests, NOBODY, "what the answer's retry-after asks for"),
    row(Metric::GatewayWait, "gateway_wait", Duration, "", Gateway, NOBODY, "sum of the waits between the attempts of a gateway request, 0 with one attempt"),
    row(Metric::Silence, "silence", Duration, "", Ledgers, NOBODY, "between consecutive arrivals at a simulator; it belongs to the later one"),
    row(Metric::TimeToOpen, "time_to_open", Duration, "", Ledgers, NOBODY, "of each outage of a simulator, from its first failing answer to the last arrival before the gateway left it alone, or of the whole outage if it never did"),
    row(Metric::TimeToRecover, "time_to_recover", Duration, "", Ledgers, NOBODY, "of each outage of a simulator, from the latest wait promised, or the last failing answer if none was, to the arrival of the first success"),
    row(Metric::AbortDelay, "abort_delay", Duration, "", Ledgers, NOBODY, "from a client's hanging up to the end of its attempt at a simulator"),
    row(Metric::HeaderValue, "header_value", Number, "", Requests, NOBODY, "the number in the answer's header `name`; an answer without one is none"),
];

const NOBODY: &[&str] = &[];
const GATEWAY_OR_NAME: &[&str] = &["gateway"];
const ANYONE: &[&str] = &["client", "gateway"];
const PRICED: &[&str] = &["client", "gateway", "events"];
const TRACKED: &[&str] = &["client", "gateway", "events", "metrics"];

const fn row(
    metric: Metric,
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    records: Records,
    by: &'static [&'static str],
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

    /// Whether it is of a header, which `name=` chooses.
    pub(crate) fn is_of_header(self) -> bool {
        matches!(self, Self::HeaderValue | Self::Rises)
    }

    /// The metric of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let row = METRICS.iter().find(|row| row.name == name)?;
        Some(row.metric)
    }
}

impl Kind {
    /// What one of it is, for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Count => "a count",
            Self::Sum => "a sum",
            Self::Duration => "a duration",
            Self::Number => "a number",
        }
    }
}

impl MetricRow {
    /// Labels that its records have, in the order of the reference.
    pub fn labels(&self) -> Vec<Label> {
        let has = |label: &Label| match label {
            Label::By => !self.by.is_empty(),
            Label::Name => self.metric.is_of_header(),
            label => self.records.has(label),
        };
        let all = Label::ALL.into_iter().chain([Label::any_header()]);
        all.filter(has).collect()
    }

    /// Whether a number of it is one of records or tokens, so that it can be counted up.
    pub(crate) fn is_counted(&self) -> bool {
        matches!(self.kind, Kind::Count | Kind::Sum)
    }
}

impl Records {
    /// Whether records of this kind have `label`.
    pub fn has(self, label: &Label) -> bool {
        match label {
            Label::Phase | Label::Class => self != Self::Metrics,
            // Choices of what is measured, not properties of a record.
            Label::By | Label::Name => false,
            Label::Backend => self != Self::ClientAttempts,
            Label::Reason => matches!(self, Self::Requests | Self::Gateway | Self::Ledgers),
            Label::Product | Label::Deployment | Label::Operation | Label::Subscription => {
                self != Self::Gaps
            }
            Label::Model => matches!(
                self,
                Self::Requests | Self::Gateway | Self::Ledgers | Self::Events | Self::Metrics
            ),
            Label::Estimated => matches!(self, Self::Gateway | Self::Events),
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
            Label::Header(_) => {
                matches!(self, Self::Requests | Self::ClientAttempts | Self::Metrics)
            }
            Label::Status | Label::User | Label::Attempts | Label::Streamed | Label::Aborted => {
                !matches!(self, Self::Gaps | Self::Metrics)
            }
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
            Self::Events => "usage events",
            Self::Metrics => "series of the metrics page",
        }
    }
}

impl Origin {
    /// What `by=name` chooses.
    pub(crate) fn named(name: String) -> Self {
        match name.as_str() {
            "client" => Self::Client,
            "gateway" => Self::Gateway,
            "events" => Self::Events,
            "metrics" => Self::Metrics,
            _ => Self::Simulator(name),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Gateway => "gateway",
            Self::Events => "events",
            Self::Metrics => "metrics",
            Self::Simulator(name) => name,
        })
    }
}
