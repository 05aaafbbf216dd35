//! `error`: a success that turns out to be none.
//!
//! The status has been sent when a model fails in the middle of a stream, so that the failure
//! comes as an event, and the stream ends without its marker. A body that is no stream is the
//! same object: an answer with status 200 that says what went wrong.

use serde_json::json;

use super::{Interruption, Turn};
use crate::config::ErrorFault;

/// Source: error guide of OpenAI's documentation; what it says of a server that failed.
const MESSAGE: &str = "The server had an error processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if you keep seeing this error.";

impl From<ErrorFault> for Interruption {
    fn from(error: ErrorFault) -> Self {
        let object = json!({
            "error": {
                "message": error.message.as_deref().unwrap_or(MESSAGE),
                "type": error.kind.as_deref().unwrap_or("server_error"),
                "param": null,
                "code": error.code,
            }
        });
        Self::After {
            tokens: error.after_tokens,
            turn: Turn::Fail(format!("data: {object}\n\n")),
        }
    }
}

/// The object of `event` by itself.
pub(super) fn whole(event: &str) -> String {
    let object = event.trim_end();
    object.strip_prefix("data: ").unwrap_or(object).to_owned()
}
