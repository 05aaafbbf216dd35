//! `reset`: a connection that breaks before any byte of an answer.

use std::io::ErrorKind;

use axum::response::Response;

/// What stands for it.
pub(super) fn answer() -> Response {
    super::failed(ErrorKind::ConnectionReset)
}
