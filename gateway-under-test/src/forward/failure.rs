//! [`Failure`]: why an attempt brought no response.

use std::error::Error;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy;
use thiserror::Error;

/// Why an attempt brought no response; its text is the word for it in headers and log.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum Failure {
    /// Nobody listens there.
    #[error("refused")]
    Refused,
    /// The connection ended before there were response headers.
    #[error("reset")]
    Reset,
    /// No response headers in time.
    #[error("timeout")]
    Timeout,
    /// No way there: the name is unknown or the network is.
    #[error("unreachable")]
    Unreachable,
    /// Something came that is no response.
    #[error("failed")]
    Failed,
    /// The caller did not finish the request's body; the backend is not to blame.
    #[error("request-body")]
    RequestBody,
}

impl Failure {
    /// What `error`, the upstream's, comes down to.
    ///
    /// The chain of causes is searched for the operating system's word on it, which a connection
    /// and a simulated transport have in common.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let causes = || std::iter::successors(Some(error), |&error| error.source());
        if let Some(cause) = causes().find_map(|e| e.downcast_ref::<io::Error>()) {
            return Self::of_io(cause.kind());
        }
        if let Some(cause) = causes().find_map(|e| e.downcast_ref::<hyper::Error>()) {
            let is_cut = cause.is_incomplete_message() || cause.is_closed() || cause.is_canceled();
            return if is_cut { Self::Reset } else { Self::Failed };
        }
        let client = causes().find_map(|e| e.downcast_ref::<legacy::Error>());
        if client.is_some_and(legacy::Error::is_connect) {
            return Self::Unreachable;
        }
        Self::Failed
    }

    fn of_io(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected
            | ErrorKind::UnexpectedEof => Self::Reset,
            ErrorKind::TimedOut => Self::Timeout,
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::AddrNotAvailable => Self::Unreachable,
            // Of the many kinds left, none says more than that it did not work.
            _ => Self::Failed,
        }
    }

    /// Whether the way to the backend is at fault.
    pub(crate) fn is_transport(self) -> bool {
        self != Self::RequestBody
    }
}

#[cfg(test)]
mod tests {
    use tower::BoxError;

    use super::*;

    #[derive(Debug, Error)]
    #[error("the transport failed")]
    struct Transport(#[source] io::Error);

    #[test]
    fn the_operating_systems_word_is_found_under_any_wrapping() {
        let failure = |kind| {
            let error: BoxError = Transport(io::Error::from(kind)).into();
            Failure::of(error.as_ref()).to_string()
        };
        assert_eq!(failure(ErrorKind::ConnectionRefused), "refused");
        assert_eq!(failure(ErrorKind::ConnectionReset), "reset");
        assert_eq!(failure(ErrorKind::TimedOut), "timeout");
        assert_eq!(failure(ErrorKind::HostUnreachable), "unreachable");
        assert_eq!(failure(ErrorKind::OutOfMemory), "failed");
    }

    #[test]
    fn an_error_without_a_cause_just_failed() {
        let error: BoxError = "garbage".into();
        assert_eq!(Failure::of(error.as_ref()), Failure::Failed);
    }
}
