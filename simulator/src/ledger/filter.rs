//! [`Filter`]: which entries somebody wants to see.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Credential, Entry};

/// Which entries of a ledger to show; all conditions given must hold, none shows everything.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// From this number on.
    pub since: u64,
    /// Up to this number, without it.
    pub until: Option<u64>,
    /// So many at most, oldest first.
    pub limit: Option<usize>,
    /// The deployment asked for.
    pub deployment: Option<String>,
    /// The deployment that served instead, where the one asked for spilled over.
    pub served_by: Option<String>,
    /// `chat_completions`, `completions` or `embeddings`.
    pub operation: Option<String>,
    /// A status such as `429`, or a class such as `4xx`; 0 is no answer.
    pub status: Option<StatusFilter>,
    /// Why it was refused, such as `tokens`; `any` for any reason, `none` for none.
    pub refusal: Option<String>,
    /// The fault that was played, such as `status`; `any` for any fault, `none` for none.
    pub fault: Option<String>,
    /// The id in `x-request-id`, `x-ms-client-request-id` or `traceparent`.
    pub request_id: Option<String>,
    /// How the caller identified itself (`api-key`, `bearer`, `none`), or the hash of what it sent.
    pub credential: Option<String>,
    /// Whether the request is still under way.
    pub open: Option<bool>,
    /// Whether the caller left before the end.
    pub aborted_by_client: Option<bool>,
}

impl Filter {
    /// Whether `entry` is one of those wanted, apart from how many are.
    pub fn admits(&self, entry: &Entry) -> bool {
        let is =
            |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        entry.number >= self.since
            && self.until.is_none_or(|until| entry.number < until)
            && is(&self.deployment, &entry.deployment)
            && is(&self.served_by, &entry.served_by)
            && is(&self.operation, &entry.operation)
            && self.status.is_none_or(|status| status.admits(entry.status))
            && admits_word(self.refusal.as_deref(), entry.refusal.as_deref())
            && admits_word(self.fault.as_deref(), entry.fault.as_deref())
            && self
                .request_id
                .as_ref()
                .is_none_or(|id| entry.ids().any(|found| found == id))
            && self
                .credential
                .as_ref()
                .is_none_or(|wanted| admits_credential(wanted, entry))
            && self.open.is_none_or(|open| open == entry.ended.is_none())
            && self
                .aborted_by_client
                .is_none_or(|aborted| aborted == entry.aborted_by_client)
    }
}

fn admits_word(wanted: Option<&str>, found: Option<&str>) -> bool {
    match wanted {
        None => true,
        Some("any") => found.is_some(),
        Some("none") => found.is_none(),
        Some(_) => wanted == found,
    }
}

fn admits_credential(wanted: &str, entry: &Entry) -> bool {
    let kind = match entry.credential {
        Credential::ApiKey => "api-key",
        Credential::Bearer => "bearer",
        Credential::None => "none",
    };
    wanted == kind || entry.credential_hashes.iter().any(|hash| hash == wanted)
}

/// A status, or all of a class.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum StatusFilter {
    /// This status.
    Exactly(u16),
    /// Every status with this first digit.
    Class(u16),
}

/// Neither a status nor a class.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("expected a status such as `429` or a class such as `4xx`, found `{0}`")]
pub struct InvalidStatus(String);

impl StatusFilter {
    fn admits(self, status: u16) -> bool {
        match self {
            Self::Exactly(wanted) => status == wanted,
            Self::Class(class) => status / 100 == class,
        }
    }
}

impl FromStr for StatusFilter {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        let invalid = || InvalidStatus(text.to_owned());
        let (digits, filter): (_, fn(u16) -> Self) = match text.strip_suffix("xx") {
            Some(class) if class.len() == 1 => (class, Self::Class),
            Some(_) => return Err(invalid()),
            None => (text, Self::Exactly),
        };
        digits.parse().map(filter).map_err(|_| invalid())
    }
}

impl TryFrom<String> for StatusFilter {
    type Error = InvalidStatus;

    fn try_from(text: String) -> Result<Self, InvalidStatus> {
        text.parse()
    }
}

impl From<StatusFilter> for String {
    fn from(filter: StatusFilter) -> Self {
        match filter {
            StatusFilter::Exactly(status) => status.to_string(),
            StatusFilter::Class(class) => format!("{class}xx"),
        }
    }
}
