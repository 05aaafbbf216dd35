//! The words of the language: every label.

/// A property of records to select by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is explained by `Label::meaning`")]
pub enum Label {
    Phase,
    By,
    Class,
    Status,
    Backend,
    Deployment,
    Operation,
    Subscription,
    Reason,
    RefusedBy,
    Ordinal,
    Attempts,
    Streamed,
    Aborted,
    Error,
}

impl Label {
    /// Every label, in the order of the reference.
    pub const ALL: [Self; 15] = [
        Self::Phase,
        Self::By,
        Self::Class,
        Self::Status,
        Self::Backend,
        Self::Deployment,
        Self::Operation,
        Self::Subscription,
        Self::Reason,
        Self::RefusedBy,
        Self::Ordinal,
        Self::Attempts,
        Self::Streamed,
        Self::Aborted,
        Self::Error,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::By => "by",
            Self::Class => "class",
            Self::Status => "status",
            Self::Backend => "backend",
            Self::Deployment => "deployment",
            Self::Operation => "operation",
            Self::Subscription => "subscription",
            Self::Reason => "reason",
            Self::RefusedBy => "refused_by",
            Self::Ordinal => "ordinal",
            Self::Attempts => "attempts",
            Self::Streamed => "streamed",
            Self::Aborted => "aborted",
            Self::Error => "error",
        }
    }

    /// What it means and which values it has.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Phase => {
                "phase that planned the request, or part of it: `spike[60s..]`; windows count by arrival instead"
            }
            Self::By => {
                "whose books count: `client`, `gateway` or a simulator; all simulators where it is left out"
            }
            Self::Class => "client class",
            Self::Status => "status; of a request, that of its last client attempt",
            Self::Backend => {
                "simulator; of a request, the one whose answer the client got, or `none`"
            }
            Self::Deployment => "deployment",
            Self::Operation => "`chat_completions`, `completions` or `embeddings`",
            Self::Subscription => "subscription whose key the client presents",
            Self::Reason => "why it was refused: `tokens`, `requests`, `missing-key`, …",
            Self::RefusedBy => {
                "who refused a 4xx answer: `gateway` or a simulator; `none` for other answers"
            }
            Self::Ordinal => "how many earlier attempts the request had: 0 is the first",
            Self::Attempts => "number of attempts at simulators that the request had",
            Self::Streamed => "`true` if a stream was asked for",
            Self::Aborted => "`true` if the client hung up before the end",
            Self::Error => {
                "transport error: `refused`, `reset`, `cut`, `timed_out`, `other` or `none`"
            }
        }
    }

    /// The label of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|label| label.name() == name)
    }
}
