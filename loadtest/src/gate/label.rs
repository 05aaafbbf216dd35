//! The words of the language: every label.

use std::sync::Arc;

/// What a label of a watched header starts with.
const HEADER: &str = "header.";

/// A property of records to select by.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is explained by `Label::meaning`")]
pub enum Label {
    Phase,
    By,
    Name,
    Class,
    Status,
    Backend,
    Deployment,
    Model,
    Operation,
    Subscription,
    Product,
    Reason,
    RefusedBy,
    Ordinal,
    Attempts,
    Streamed,
    Aborted,
    Estimated,
    Error,
    Fault,
    User,
    /// A watched header of the answer, by its whole label: `header.x-ms-region`.
    Header(Arc<str>),
}

impl Label {
    /// Every label but those of headers, in the order of the reference.
    pub const ALL: [Self; 21] = [
        Self::Phase,
        Self::By,
        Self::Name,
        Self::Class,
        Self::Status,
        Self::Backend,
        Self::Deployment,
        Self::Model,
        Self::Operation,
        Self::Subscription,
        Self::Product,
        Self::Reason,
        Self::RefusedBy,
        Self::Ordinal,
        Self::Attempts,
        Self::Streamed,
        Self::Aborted,
        Self::Estimated,
        Self::Error,
        Self::Fault,
        Self::User,
    ];

    /// As it is written.
    pub fn name(&self) -> &str {
        match self {
            Self::Phase => "phase",
            Self::By => "by",
            Self::Name => "name",
            Self::Class => "class",
            Self::Status => "status",
            Self::Backend => "backend",
            Self::Deployment => "deployment",
            Self::Model => "model",
            Self::Operation => "operation",
            Self::Subscription => "subscription",
            Self::Product => "product",
            Self::Reason => "reason",
            Self::RefusedBy => "refused_by",
            Self::Ordinal => "ordinal",
            Self::Attempts => "attempts",
            Self::Streamed => "streamed",
            Self::Aborted => "aborted",
            Self::Estimated => "estimated",
            Self::Error => "error",
            Self::Fault => "fault",
            Self::User => "user",
            Self::Header(name) => name,
        }
    }

    /// What it means and which values it has.
    pub fn meaning(&self) -> &'static str {
        match self {
            Self::Phase => {
                "phase that planned the request, or part of it: `spike[60s..]`; windows count by arrival instead, tokens of the gateway and of its events by the end of the answer"
            }
            Self::By => {
                "whose books count: `client`, `gateway`, its usage `events`, its `metrics` page or a simulator; all simulators where it is left out"
            }
            Self::Name => "header whose number is measured",
            Self::Class => "client class",
            Self::Status => "status; of a request, that of its last client attempt",
            Self::Backend => {
                "simulator; of a request, the one whose answer the client got, or `none`"
            }
            Self::Deployment => {
                "deployment; of an attempt, the one that served it where the one asked for spilled over"
            }
            Self::Model => "model; of gateway records, as the answer names it",
            Self::Operation => "`chat_completions`, `completions`, `embeddings` or `helper`",
            Self::Subscription => "subscription whose key the client presents",
            Self::Product => {
                "product of the subscription, as the gateway's log or event names it, or `none`"
            }
            Self::Reason => "why it was refused: `tokens`, `requests`, `missing-key`, …",
            Self::RefusedBy => {
                "who refused a 4xx answer: `gateway` or a simulator; `none` for other answers"
            }
            Self::Ordinal => "how many earlier attempts the request had: 0 is the first",
            Self::Attempts => "number of attempts at simulators that the request had",
            Self::Streamed => "`true` if a stream was asked for",
            Self::Aborted => "`true` if the client hung up before the end",
            Self::Estimated => "`true` if the gateway estimated the tokens, no usage being told",
            Self::Error => {
                "what was wrong beside the status: `refused`, `reset`, `cut`, `timed_out`, `other`, `malformed` (a 200 whose body its client could not make sense of), or `none`"
            }
            Self::Fault => "fault that the simulator played: `status`, `cut`, …, or `none`",
            Self::User => "number of the user that sent the request",
            Self::Header(_) => {
                "value of a response header that the class watches, or `none`; one with spaces in single quotes; of the metrics page, the dimension of that request header"
            }
        }
    }

    /// The label of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let is_header = name.len() > HEADER.len() && name.starts_with(HEADER);
        if is_header {
            return Some(Self::Header(name.to_ascii_lowercase().into()));
        }
        Self::ALL.into_iter().find(|label| label.name() == name)
    }

    /// How the reference writes the label of any header.
    pub(crate) fn any_header() -> Self {
        Self::Header("header.NAME".into())
    }

    /// The header's name, of the label of a header.
    pub fn header(&self) -> Option<&str> {
        match self {
            Self::Header(label) => label.strip_prefix(HEADER),
            _ => None,
        }
    }
}
