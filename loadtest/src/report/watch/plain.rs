//! The live view without a terminal: a line per simulated second, or per several where they fly by.

use super::super::number;
use super::state::{Second, State, Tally};

/// What happened since the last line, from second `from` to second `until`.
///
/// Reads `2:05  ptu-1 4·0·0  payg-1 2·1·0  p50 512 ms  7 in flight`: per backend the answers
/// with success, with 429 and others.
pub(super) fn line(state: &State, from: u64, until: u64, news: &Second) -> String {
    let mut when = number::stopwatch(until);
    if until > from + 1 {
        when = format!("{}–{when}", number::stopwatch(from));
    }
    let mut parts = vec![when];
    for backend in state.backends() {
        let Tally {
            ok,
            throttled,
            other,
        } = news.of(backend);
        parts.push(format!("{backend} {ok}·{throttled}·{other}"));
    }
    parts.extend(
        news.latency_p50
            .map(|p50| format!("p50 {}", number::micros(p50))),
    );
    parts.push(format!("{} in flight", number::count(news.in_flight)));
    parts.join("  ")
}

/// What explains the lines.
pub(super) fn opening(state: &State) -> [String; 2] {
    let end = number::length(state.end.since(clock::Moment::ZERO));
    [
        format!("{} · {end} simulated", state.name),
        "per backend: answers with success · 429 · others".to_owned(),
    ]
}

/// The phase that has just started.
pub(super) fn phase(state: &State) -> String {
    let Some((name, at)) = state.phases.last() else {
        return String::new();
    };
    let at = number::stopwatch(at.as_micros() / 1_000_000);
    let say = state.say.as_deref().map(|say| format!(": {say}"));
    format!("\n{at}  {}{}", name.to_uppercase(), say.unwrap_or_default())
}

/// The action that was just done.
pub(super) fn action(state: &State) -> String {
    let Some((at, name)) = state.actions.last() else {
        return String::new();
    };
    let at = number::stopwatch(at.as_micros() / 1_000_000);
    format!("{at}  ▸ {name}")
}
