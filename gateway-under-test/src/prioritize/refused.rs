//! [`Refused`]: a call that may not pass for its priority or its deployment, and why.

use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::Priority;
use crate::headers::{X_GW_PRIORITY, X_GW_RATELIMIT_REASON, X_GW_RATELIMIT_VALUE};
use crate::limit::Denial;
use crate::refusal::Refusal;

/// Why a call may not pass, by what was observed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Refused {
    pub(super) because: Because,
    /// What was left, where that is the reason.
    pub(super) left: Option<u64>,
    /// After which time it may pass, if nothing else happens; `None`: coming back is no use.
    pub(super) wait: Option<Duration>,
}

/// The reason of a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Because {
    UnknownDeployment,
    /// Too few tokens are left for low priority.
    LowTokens,
    /// Too few calls are left for low priority.
    LowRequests,
    /// The deployment's tokens are used up, for everybody.
    NoTokens,
    /// The deployment's calls are used up, for everybody.
    NoRequests,
    /// A backend's 429 does not say how long it holds.
    MissingReset,
}

impl Refused {
    /// A refusal that no time will turn.
    pub(super) const fn for_good(because: Because) -> Self {
        Self {
            because,
            left: None,
            wait: None,
        }
    }

    /// What low priority is told, under the reason phrase `phrase`.
    pub(super) fn low_priority(self, phrase: &'static str) -> Denial {
        let usage = match self.because {
            Because::LowTokens => "token",
            _ => "requests", // Calls are the only other thing that low priority can lack.
        };
        let message = format!("Low priority rate-limiting triggered by {usage} usage");
        Denial::plain(self.because.as_str(), phrase, &message)
    }

    /// What a caller is told whom no limit stops.
    pub(super) fn otherwise(self) -> Denial {
        let (status, phrase) = match self.because {
            Because::UnknownDeployment => (StatusCode::NOT_FOUND, "Deployment not found"),
            // Assumed: the reference names the headers it has not found.
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Unexpected response headers",
            ),
        };
        let denial = Denial::plain(self.because.as_str(), phrase, phrase);
        Denial { status, ..denial }
    }
}

/// What refusals of a policy tell beside their reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    pub(super) priority: Priority,
    pub(super) retry_after: bool,
    /// Whether the labels of low priority are on every refusal.
    pub(super) labels_every_refusal: bool,
}

impl Telling {
    /// `denial`, which says why a call was `refused`, with all that is told beside it.
    pub(super) fn told(self, denial: Denial, refused: Refused) -> Refusal {
        let mut denial = denial;
        if refused.because.is_of_low_priority() || self.labels_every_refusal {
            let reason = HeaderValue::from_static(refused.because.as_str());
            denial = denial
                .header(X_GW_RATELIMIT_REASON, reason)
                .header(X_GW_PRIORITY, self.priority.header());
            if let Some(left) = refused.left {
                denial = denial.header(X_GW_RATELIMIT_VALUE, left.into());
            }
        }
        if let Some(wait) = refused.wait.filter(|_| self.retry_after) {
            denial = denial.wait(wait, None);
        }
        Refusal::Denied(Box::new(denial))
    }
}

impl Because {
    /// The word for it in the access log and in `x-gw-ratelimit-reason`.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownDeployment => "unknown-deployment",
            Self::LowTokens => "tokens-below-low-priority-threshold",
            Self::LowRequests => "requests-below-low-priority-threshold",
            Self::NoTokens => "tokens-limit-of-deployment",
            Self::NoRequests => "requests-limit-of-deployment",
            Self::MissingReset => "missing-reset",
        }
    }

    /// Whether a call of high priority would have passed.
    pub(super) const fn is_of_low_priority(self) -> bool {
        matches!(self, Self::LowTokens | Self::LowRequests)
    }
}
