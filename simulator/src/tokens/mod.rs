//! Tokens.
/// A tokenizer.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// gpt-3.5, gpt-4 and the embedding models.
    Cl100k,
    /// gpt-4o and later.
    O200k,
}
