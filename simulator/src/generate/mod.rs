//! What is answered: how many tokens, which words, which numbers.
//!
//! Everything follows from the request's key, so the same request gets the same answer,
//! streamed or not; embeddings follow from the text alone, so equal texts are equal vectors.

mod answer;
mod calls;
mod embedding;
mod lorem;
mod reply;
mod schema;
mod scores;

pub(crate) use self::answer::Wish;
pub(crate) use self::calls::Structure;
pub(crate) use self::embedding::embedding;
pub(crate) use self::lorem::Lorem;
pub(crate) use self::reply::{Call, Delta, Part, Reply, Said};
pub(crate) use self::scores::Scores;
