//! What is answered: how many tokens, which words, which numbers.
//!
//! Everything follows from the request's key, so the same request gets the same answer,
//! streamed or not; embeddings follow from the text alone, so equal texts are equal vectors.

mod embedding;
mod lorem;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "only random words are said so far")
)]
mod reply;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "no answer follows a schema yet")
)]
mod schema;

pub(crate) use self::embedding::embedding;
pub(crate) use self::lorem::Lorem;
pub(crate) use self::reply::{Call, Delta, Part, Reply, Said};
