//! [`Retries`] and [`HangUp`]: what a client does that does not simply wait for its answer.

use std::time::Duration;

/// How a client tries again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retries {
    /// When, and after which wait.
    pub style: RetryStyle,
    /// How many times more at most.
    pub most: u32,
}

/// Whose retries a client has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RetryStyle {
    /// As the official SDK for Python.
    OpenAiPython,
    /// As the official SDK for JavaScript.
    OpenAiNode,
    /// Only where the answer says when, and then exactly.
    RetryAfter,
}

/// When an impatient client hangs up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HangUp {
    /// After so many events with content of a stream.
    AfterTokens(u64),
    /// So long after the request was sent.
    After(Duration),
}
