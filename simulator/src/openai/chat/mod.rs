//! `chat/completions`: the request.
//!
//! `request` has the fields and `messages` who says what.

mod messages;
mod request;

pub(crate) use self::request::ChatRequest;
