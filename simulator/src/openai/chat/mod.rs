//! `chat/completions`: the request.
//!
//! `request` has the fields, `messages` who says what, `parts` what a content is made of; `tools`
//! are what may be called, `turns` what was, `format` is what the answer has to look like, and
//! `strict` what schemas must keep to.

mod format;
mod messages;
mod parts;
mod request;
mod strict;
mod tools;
mod turns;

pub(crate) use self::format::ResponseFormat;
pub(crate) use self::request::ChatRequest;
pub(crate) use self::tools::{Choice, Offer};
