//! [`Policy`] and [`Hold`]: what a limit is asked before a request and told after it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use clock::{Clock, Moment, Timestamp};
use http::{HeaderMap, StatusCode};

use crate::refusal::Refusal;
use crate::usage::Usage;

/// The time at which something is decided, and its date, because some limits follow the calendar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) at: Moment,
    pub(crate) utc: Timestamp,
}

impl Now {
    /// What `clock` says now.
    pub(crate) fn of(clock: &Clock) -> Self {
        Self::at(clock, clock.now())
    }

    /// The moment `at`, as `clock` dates it.
    pub(crate) fn at(clock: &Clock, at: Moment) -> Self {
        Self {
            at,
            utc: clock.utc(at),
        }
    }
}

/// Who calls and for what, as far as a policy may know.
#[derive(Clone, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) subscription: &'a str,
    pub(crate) product: Option<&'a str>,
    pub(crate) api: &'a str,
    /// In the path, else in a body that was read.
    pub(crate) deployment: Option<Cow<'a, str>>,
    /// `chat_completions`, `completions` or `embeddings`.
    pub(crate) operation: Option<&'a str>,
    pub(crate) client_ip: IpAddr,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) query: Option<&'a str>,
    /// Only if a policy [reads](Policy::reads_body) it, or the API keeps it for retries.
    pub(crate) body: Option<&'a Bytes>,
    /// Only if a policy [wants](Policy::estimates_prompt) it.
    pub(crate) prompt_tokens: Option<u64>,
}

/// What a policy has counted, kept over a reload of the configuration.
pub(crate) type State = Arc<dyn Any + Send + Sync>;

/// A limit.
pub(crate) trait Policy: Debug + Send + Sync {
    /// Lets a request in, and leaves behind what it must know of its end.
    ///
    /// It is called for requests that the policies before have let in.
    ///
    /// # Errors
    /// What the caller is told instead.
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal>;

    /// What its successor after a reload gets.
    fn state(&self) -> State;

    /// Whether it looks at the body of requests.
    fn reads_body(&self) -> bool {
        self.estimates_prompt()
    }

    /// Whether it wants the tokens of the prompt counted.
    fn estimates_prompt(&self) -> bool {
        false
    }

    /// Whether it wants the tokens that an answer took.
    fn counts_usage(&self) -> bool {
        false
    }

    /// Whether it tells the caller of these tokens in headers, so that an answer which is not a
    /// stream is read to its end before it is passed on.
    fn tells_usage(&self) -> bool {
        false
    }
}

/// What a policy keeps of a request under way; dropped unsettled, it gives back what it took.
pub(crate) trait Hold: Debug + Send + Sync {
    /// What is sent to backends as `max_tokens` of a request that names no such number.
    fn default_max_tokens(&self) -> Option<u64> {
        None
    }

    /// Sees the head of the answer that is passed on, and adds to its headers `out`.
    ///
    /// # Errors
    /// What the caller is told in place of the backend's answer.
    fn answered(
        &mut self,
        _answer: &Answer<'_>,
        _out: &mut HeaderMap,
        _now: Now,
    ) -> Result<(), Refusal> {
        Ok(())
    }

    /// Sees the end of the answer: its last byte, or where backend or caller broke off.
    fn settled(self: Box<Self>, _end: &Settlement, _now: Now) {}
}

/// The head of a backend's answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: StatusCode,
    /// As the backend sent them.
    pub(crate) headers: &'a HeaderMap,
    /// The tokens it took, if it has been read to its end.
    pub(crate) usage: Option<Usage>,
}

/// The end of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settlement {
    /// The status that the caller was told.
    pub(crate) status: u16,
    /// The tokens it took; `None` for errors, which take none, and where no policy counts them.
    pub(crate) usage: Option<Usage>,
}
