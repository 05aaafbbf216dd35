//! The language of gates: what it says, what it refuses, and what it needs.

mod check;
mod errors;
mod grammar;
pub(crate) mod sentences;
mod timing;
mod usage;

use std::time::Duration;

use super::{Gate, Label, Names, SentenceError, Tracking, parse};

/// Names of a plan with the phases and classes that the references use.
pub(crate) fn names() -> Names {
    let seconds = Duration::from_secs;
    let phases = [
        ("base", 180),
        ("spike", 180),
        ("recovery", 180),
        ("sequential", 60),
        ("steady", 180),
        ("arbitrary", 180),
        ("low-1", 120),
        ("mixed", 120),
        ("mixed-1", 120),
    ];
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Names {
        phases: phases
            .map(|(name, length)| (name.to_owned(), seconds(length)))
            .to_vec(),
        classes: words(&["high", "low"]),
        simulators: words(&["payg-1", "payg-2", "ptu-1"]),
        deployments: words(&["gpt-4.1-mini", "embedding100k"]),
        has_gateway: true,
        subscriptions: words(&["one", "two"]),
        headers: Some(words(&[
            "x-ms-region",
            "consumed-tokens",
            "remaining-tokens",
        ])),
        tracking: Tracking::By(vec![Label::Subscription, Label::Model]),
        ..Names::default()
    }
}

fn gate(sentence: &str) -> Gate {
    parse("G", sentence, &names()).unwrap_or_else(|errors| panic!("{sentence}: {errors:?}"))
}

/// An error as it would be printed below its sentence.
fn shown(sentence: &str, error: &SentenceError) -> String {
    let start = sentence[..error.range.start].chars().count();
    let carets = sentence[error.range.clone()].chars().count().max(1);
    let help = error
        .help
        .as_ref()
        .map_or(String::new(), |help| format!("\nhelp: {help}"));
    format!(
        "{sentence}\n{}{}\n{}{help}",
        " ".repeat(start),
        "^".repeat(carets),
        error.message
    )
}
