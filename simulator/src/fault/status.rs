//! `status`: an answer with a status of the author's choice, before anything is charged.

use axum::body::Body;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderName, HeaderValue, StatusCode};

use crate::config::{RetryAfterStyle, StatusFault};
use crate::exchange::Exchange;
use crate::limit::Wait;
use crate::openai::{Refusal, headers};

/// The answer, booked as a refusal for the reason `fault`.
pub(super) fn answer(exchange: &Exchange, fault: &StatusFault) -> Response {
    let status = StatusCode::from_u16(fault.code).expect("a checked fault has a status");
    let wait = fault.promise().map(Wait::For);
    let mut response = exchange.refuse(&Refusal::Fault { status, wait }, None);
    if let Some(wait) = fault.retry_after.map(|wait| Wait::For(wait.get())) {
        let (seconds, ms) = (wait.seconds().into(), wait.millis().into());
        let headers = response.headers_mut();
        match fault.retry_after_style.unwrap_or_default() {
            RetryAfterStyle::Seconds => drop(headers.insert(RETRY_AFTER, seconds)),
            RetryAfterStyle::Ms => drop(headers.insert(headers::RETRY_AFTER_MS, ms)),
            RetryAfterStyle::SecondsAndMs => {
                headers.insert(RETRY_AFTER, seconds);
                headers.insert(headers::RETRY_AFTER_MS, ms);
            }
            RetryAfterStyle::HttpDate => {
                headers.insert(RETRY_AFTER, exchange.date_after(wait));
            }
        }
    }
    for (name, value) in &fault.headers {
        let name = HeaderName::try_from(name).expect("a checked fault has headers' names");
        let value = HeaderValue::from_str(value).expect("a checked fault has headers' values");
        response.headers_mut().insert(name, value);
    }
    match &fault.body {
        Some(body) => response.map(|_| Body::from(body.clone())),
        None => response,
    }
}
