//! `content_type`: an answer that says it is something else.
//!
//! Only a success does: what a proxy in between would have put there, a portal's page say, stands
//! before a body that is as it should be.

use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

/// Replaces the type of a success.
pub(super) fn replace(response: &mut Response, with: &str) {
    if response.status().is_success() {
        let value = HeaderValue::from_str(with).expect("a checked fault has a header's value");
        response.headers_mut().insert(CONTENT_TYPE, value);
    }
}
