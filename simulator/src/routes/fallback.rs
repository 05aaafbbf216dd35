//! What answers where there is no operation.

use axum::response::Response;

use crate::exchange::Exchange;
use crate::openai::Refusal;

/// Nothing is at this path.
pub(crate) async fn not_found(exchange: Exchange) -> Response {
    exchange.refuse(&Refusal::NotFound, None)
}

/// An operation is at this path, but takes other methods.
pub(crate) async fn wrong_method(exchange: Exchange) -> Response {
    exchange.refuse(&Refusal::WrongMethod, None)
}
