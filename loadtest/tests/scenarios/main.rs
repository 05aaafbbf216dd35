//! Scenario files: what is said about wrong ones, what right ones yield, and the schema of both.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its own files has failed"
)]

mod plans;
mod schema;
mod support;
mod wrong;
