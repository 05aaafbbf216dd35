//! What each label says of each kind of record.

use super::ClassFacts;
use super::case::{Case, Place, Record};
use super::join::Owner;
use crate::gate::{Filter, FilterValue, Label};
use crate::observation::{Observation, Outcome, TransportError};
use crate::topology::AccessEntry;

/// What a label of a record says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Found<'a> {
    Word(&'a str),
    Number(u64),
    Flag(bool),
    Nothing,
}

impl<'a> From<Option<&'a str>> for Found<'a> {
    fn from(word: Option<&'a str>) -> Self {
        word.map_or(Self::Nothing, Self::Word)
    }
}

impl std::fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Number(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Nothing => f.write_str("none"),
        }
    }
}

impl Found<'_> {
    /// Whether `filter` wants what the label says, or does not exclude it.
    pub(crate) fn passes(self, filter: &Filter) -> bool {
        filter.values.iter().any(|value| self.is(value)) != filter.is_excluding
    }

    /// What the label says, as text; none if it says nothing.
    pub(crate) fn known(self) -> Option<String> {
        (self != Self::Nothing).then(|| self.to_string())
    }

    /// Whether the label says `value`.
    pub(crate) fn is(self, value: &FilterValue) -> bool {
        match (self, value) {
            (Self::Word(found), FilterValue::Word(wanted)) => found == wanted,
            (Self::Number(found), FilterValue::Number(wanted)) => found == *wanted,
            (Self::Flag(found), FilterValue::Flag(wanted)) => found == *wanted,
            (Self::Nothing, FilterValue::None) => true,
            _ => false,
        }
    }
}

impl<'a> Case<'a> {
    /// Whether a label of `record` has, or has not, the values of `filter`.
    pub(crate) fn matches(&self, record: &Record, filter: &Filter) -> bool {
        self.label(record, &filter.label).passes(filter)
    }

    /// The client attempt that `record` belongs to.
    pub(super) fn observation_of(&self, record: &Record) -> Option<&'a Observation> {
        let observation = |owner: Owner| match owner {
            Owner::Request { observation, .. } => Some(&self.evidence.observations[observation]),
            Owner::Nobody | Owner::AnotherRun | Owner::Prober => None,
        };
        match &record.place {
            Place::Request(index) => Some(self.result(self.request(*index))),
            Place::ClientAttempt(index) => Some(&self.evidence.observations[*index]),
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => {
                observation(self.joined.gateway[*index])
            }
            Place::Ledger(name, index) => observation(self.joined.ledgers[name][*index]),
            Place::Event(index) => observation(self.joined.events[*index]),
            Place::Series(_) => None,
        }
    }

    /// The client class that `record` belongs to.
    pub(crate) fn class_of(&self, record: &Record) -> Option<&'a ClassFacts> {
        self.facts.class(&self.observation_of(record)?.class)
    }

    /// How many attempts its request had before the one of `record`.
    pub(super) fn ordinal(&self, record: &Record) -> Option<usize> {
        match &record.place {
            Place::ClientAttempt(index) => {
                usize::try_from(self.evidence.observations[*index].attempt).ok()
            }
            Place::Ledger(name, entry) => {
                let attempts = &self.request(record.request?).attempts;
                attempts
                    .iter()
                    .position(|a| a.simulator == *name && a.entry == *entry)
            }
            Place::GatewayAttempt(entry, nth) => {
                let entries = &self.request(record.request?).gateway;
                let before = entries.iter().take_while(|other| *other != entry);
                let before = before.map(|other| self.log()[*other].attempts.len());
                Some(before.sum::<usize>() + nth)
            }
            Place::Request(_) | Place::Gateway(_) | Place::Event(_) | Place::Series(_) => None,
        }
    }

    /// What `label` says of `record`.
    pub(crate) fn label<'s>(&'s self, record: &'s Record, label: &Label) -> Found<'s> {
        let number = |n: Option<usize>| n.map_or(Found::Nothing, |n| Found::Number(n as u64));
        let own = match &record.place {
            Place::Series(index) => Some(self.label_of_series(*index, label)),
            Place::Event(index) => self.label_of_event(*index, label),
            _ => None,
        };
        if let Some(found) = own {
            return found;
        }
        match label {
            Label::Phase => self.observation_of(record).map(|o| &*o.phase).into(),
            Label::Class => self.class_of(record).map(|class| &*class.name).into(),
            Label::Subscription => self.subscription(record).into(),
            Label::Product => self
                .entry_of(record)
                .and_then(|e| e.product.as_deref())
                .into(),
            Label::Model => self.model_at(&record.place).into(),
            Label::Status => self
                .status(record)
                .map_or(Found::Nothing, |status| Found::Number(status.into())),
            Label::Backend => self.backend(record).into(),
            Label::Deployment => self.deployment(record).into(),
            Label::Operation => self.operation(record).into(),
            Label::Reason => self.reason(record).into(),
            Label::RefusedBy => self.refused_by(record).into(),
            Label::Ordinal => number(self.ordinal(record)),
            Label::Attempts => number(record.request.map(|r| self.request(r).attempts.len())),
            Label::Streamed => Found::Flag(self.streamed(record)),
            Label::Aborted => Found::Flag(self.aborted(record)),
            Label::Error => self.error(record).into(),
            Label::Fault => match &record.place {
                Place::Ledger(name, index) => {
                    self.ledger_entry(name, *index).fault.as_deref().into()
                }
                _ => Found::Nothing,
            },
            Label::User => {
                let user = self.observation_of(record).map(|o| o.worker);
                user.map_or(Found::Nothing, |user| Found::Number(user.into()))
            }
            Label::Header(_) => self.header(record, label).into(),
            Label::Estimated => match &record.place {
                Place::Gateway(index) => {
                    let usage = self.log()[*index].usage;
                    usage.map_or(Found::Nothing, |usage| Found::Flag(usage.estimated))
                }
                _ => Found::Nothing,
            },
            // Answered by the selection, before records are looked at.
            Label::By | Label::Name => Found::Nothing,
        }
    }

    /// The entry of the gateway's log about `record` or its request.
    fn entry_of(&self, record: &Record) -> Option<&'a AccessEntry> {
        let index = match &record.place {
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => *index,
            _ => *self.request(record.request?).gateway.last()?,
        };
        self.log().get(index)
    }

    fn header(&self, record: &Record, label: &Label) -> Option<&'a str> {
        let headers = &self.observation_of(record)?.headers;
        headers.get(label.header()?).map(String::as_str)
    }

    /// The status that `record` says.
    pub(crate) fn status(&self, record: &Record) -> Option<u16> {
        match &record.place {
            Place::Request(_) | Place::ClientAttempt(_) => self.observation_of(record)?.status(),
            Place::Gateway(index) => Some(self.log()[*index].status),
            Place::GatewayAttempt(index, nth) => self.gateway_attempt(*index, *nth).status,
            Place::Ledger(name, index) => Some(self.ledger_entry(name, *index).status),
            Place::Event(index) => Some(self.events()[*index].status),
            Place::Series(_) => None,
        }
    }

    fn backend<'s>(&'s self, record: &'s Record) -> Option<&'s str> {
        match &record.place {
            Place::Request(index) => self.request(*index).backend.as_deref(),
            Place::ClientAttempt(_) | Place::Event(_) | Place::Series(_) => None,
            Place::Gateway(index) => self.log()[*index].backend.as_deref(),
            Place::GatewayAttempt(index, nth) => Some(&self.gateway_attempt(*index, *nth).backend),
            Place::Ledger(name, _) => Some(name),
        }
    }

    fn subscription(&self, record: &Record) -> Option<&'a str> {
        let logged = match &record.place {
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => {
                self.log()[*index].subscription.as_deref()
            }
            _ => None,
        };
        logged.or_else(|| self.class_of(record)?.subscription.as_deref())
    }

    fn deployment(&self, record: &Record) -> Option<&'a str> {
        let booked = match &record.place {
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => {
                self.log()[*index].deployment.as_deref()
            }
            Place::Ledger(name, index) => {
                let entry = self.ledger_entry(name, *index);
                entry.served_by.as_deref().or(entry.deployment.as_deref())
            }
            _ => None,
        };
        booked.or_else(|| Some(self.class_of(record)?.deployment.as_str()))
    }

    fn operation(&self, record: &Record) -> Option<&'a str> {
        let booked = match &record.place {
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => {
                self.log()[*index].operation.as_deref()
            }
            Place::Ledger(name, index) => self.ledger_entry(name, *index).operation.as_deref(),
            _ => None,
        };
        let sent = || self.observation_of(record)?.operation.as_deref();
        booked
            .or_else(sent)
            .or_else(|| Some(self.class_of(record)?.operation.as_str()))
    }

    fn reason(&self, record: &Record) -> Option<&'a str> {
        match &record.place {
            Place::Request(index) => {
                let request = self.request(*index);
                let logged = request.gateway.last().map(|entry| &self.log()[*entry]);
                let by_gateway = logged.and_then(|entry| entry.refusal.as_deref());
                by_gateway.or_else(|| self.serving(request)?.refusal.as_deref())
            }
            Place::ClientAttempt(_)
            | Place::GatewayAttempt(..)
            | Place::Event(_)
            | Place::Series(_) => None,
            Place::Gateway(index) => self.log()[*index].refusal.as_deref(),
            Place::Ledger(name, index) => self.ledger_entry(name, *index).refusal.as_deref(),
        }
    }

    /// Who gave a 4xx answer: a simulator, or the gateway if no simulator did.
    fn refused_by<'s>(&'s self, record: &'s Record) -> Option<&'s str> {
        let status = self.status(record)?;
        if !(400..500).contains(&status) {
            return None;
        }
        let has_refused = match &record.place {
            Place::Gateway(index) => self.log()[*index].refusal.is_some(),
            _ => false,
        };
        let backend = self.backend(record).filter(|_| !has_refused);
        let observation = self.observation_of(record);
        let is_direct = observation.is_some_and(|o| self.facts.direct(o).is_some());
        backend.or((!is_direct).then_some("gateway"))
    }

    /// The word for how an attempt failed without a whole answer.
    fn error(&self, record: &Record) -> Option<&'static str> {
        match &record.place {
            Place::GatewayAttempt(index, nth) => {
                let error = self.gateway_attempt(*index, *nth).error.as_deref()?;
                Some(match error {
                    "refused" => "refused",
                    "reset" => "reset",
                    "cut" => "cut",
                    "timeout" => "timed_out",
                    _ => "other",
                })
            }
            _ => client_error(self.observation_of(record)?),
        }
    }

    fn streamed(&self, record: &Record) -> bool {
        match &record.place {
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => self.log()[*index].streamed,
            Place::Ledger(name, index) => self.ledger_entry(name, *index).streamed,
            _ => self.observation_of(record).is_some_and(|o| o.streamed),
        }
    }

    fn aborted(&self, record: &Record) -> bool {
        match &record.place {
            Place::Gateway(index) | Place::GatewayAttempt(index, _) => {
                self.log()[*index].aborted_by_client
            }
            Place::Ledger(name, index) => self.ledger_entry(name, *index).aborted_by_client,
            _ => self.observation_of(record).is_some_and(|o| o.aborted),
        }
    }
}

/// The word for what kept a client from an answer it can read; who hung up has not read it.
fn client_error(observation: &Observation) -> Option<&'static str> {
    match &observation.outcome {
        Outcome::Status(_) => {
            let is_malformed = observation.malformed.is_some() && !observation.aborted;
            is_malformed.then_some("malformed")
        }
        Outcome::TransportError(error) => Some(match error {
            TransportError::Refused => "refused",
            TransportError::Reset => "reset",
            TransportError::Cut { .. } => "cut",
            TransportError::TimedOut => "timed_out",
            TransportError::Other(_) => "other",
        }),
    }
}
