//! [`State`]: what has been heard of the running scenario so far.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use clock::Moment;

use super::super::build::rank;
use crate::progress::Event;

/// Seconds that are kept: more than any chart shows.
const KEPT_SECONDS: usize = 600;

/// What the live view shows.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) end: Moment,
    pub(super) speed: Option<f64>,
    pub(super) now: Moment,
    /// Names and starts of the phases so far.
    pub(super) phases: Vec<(String, Moment)>,
    /// What a presenter says in the phase.
    pub(super) say: Option<String>,
    /// Actions done so far.
    pub(super) actions: Vec<(Moment, String)>,
    /// The newest seconds, by the second that they end.
    pub(super) seconds: BTreeMap<u64, Second>,
    /// Requests sent, once all have ended.
    pub(super) requests: Option<u64>,
    backends: BTreeSet<String>,
}

/// What happened in one simulated second, or in several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Second {
    /// Answers by backend.
    pub(super) answers: BTreeMap<String, Tally>,
    /// Requests in flight at its end.
    pub(super) in_flight: u64,
    /// Median latency of its answers, in microseconds.
    pub(super) latency_p50: Option<u64>,
}

/// Answers of one backend.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Tally {
    /// Answered with success.
    pub(super) ok: u64,
    /// Answered 429.
    pub(super) throttled: u64,
    /// Answered otherwise, or not at all.
    pub(super) other: u64,
}

impl State {
    /// Takes news.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Started { .. } => *self = Self::started(event),
            Event::Phase { name, at, say } => {
                self.phases.push((name.clone(), *at));
                self.say.clone_from(say);
                self.now = *at;
            }
            Event::Action { name, at } => {
                self.actions.push((*at, name.clone()));
                self.now = *at;
            }
            Event::Second {
                at,
                answers,
                in_flight,
                latency_p50,
            } => {
                self.now = *at;
                self.backends.extend(answers.keys().cloned());
                let second = Second {
                    answers: tallies(answers),
                    in_flight: *in_flight,
                    latency_p50: *latency_p50,
                };
                self.keep(at.as_micros() / 1_000_000, second);
            }
            Event::Finished { at, requests } => {
                self.now = *at;
                self.requests = Some(*requests);
            }
        }
    }

    /// The state at the start of a run: nothing of an earlier one is left.
    fn started(event: &Event) -> Self {
        let mut state = Self::default();
        if let Event::Started {
            name,
            about,
            end,
            speed,
            backends,
        } = event
        {
            state.name.clone_from(name);
            state.about.clone_from(about);
            state.end = *end;
            state.speed = *speed;
            state.backends = backends.iter().cloned().collect();
        }
        state
    }

    /// Everybody who has answered or may, simulators first.
    pub(super) fn backends(&self) -> Vec<&str> {
        let mut backends: Vec<_> = self.backends.iter().map(String::as_str).collect();
        backends.sort_by_key(|name| rank(name));
        backends
    }

    fn keep(&mut self, at: u64, second: Second) {
        self.seconds.insert(at, second);
        while self.seconds.len() > KEPT_SECONDS {
            self.seconds.pop_first();
        }
    }
}

impl Second {
    /// Adds a later second: counts add up, its state at the end replaces this one's.
    pub(super) fn extend(&mut self, later: &Self) {
        for (backend, tally) in &later.answers {
            *self.answers.entry(backend.clone()).or_default() += *tally;
        }
        self.in_flight = later.in_flight;
        self.latency_p50 = later.latency_p50.or(self.latency_p50);
    }

    pub(super) fn of(&self, backend: &str) -> Tally {
        self.answers.get(backend).copied().unwrap_or_default()
    }
}

impl Tally {
    pub(super) fn total(self) -> u64 {
        self.ok + self.throttled + self.other
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.ok += other.ok;
        self.throttled += other.throttled;
        self.other += other.other;
    }
}

fn tallies(answers: &BTreeMap<String, BTreeMap<u16, u64>>) -> BTreeMap<String, Tally> {
    let tally = |statuses: &BTreeMap<u16, u64>| {
        let mut tally = Tally::default();
        for (status, count) in statuses {
            match status {
                200..300 => tally.ok += count,
                429 => tally.throttled += count,
                _ => tally.other += count,
            }
        }
        tally
    };
    answers
        .iter()
        .map(|(backend, statuses)| (backend.clone(), tally(statuses)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{second, started};
    use super::*;

    fn heard(events: impl IntoIterator<Item = Event>) -> State {
        let mut state = State::default();
        for event in events {
            state.hear(&event);
        }
        state
    }

    #[test]
    fn success_refusal_and_everything_else_are_told_apart() {
        let counts = [
            ("ptu-1", 200, 4),
            ("ptu-1", 204, 1),
            ("ptu-1", 429, 2),
            ("ptu-1", 0, 1),
            ("ptu-1", 503, 1),
        ];
        let state = heard([started(60), second(1, &counts)]);
        let tally = Tally {
            ok: 5,
            throttled: 2,
            other: 2,
        };
        assert_eq!(state.seconds[&1].of("ptu-1"), tally);
        assert_eq!(state.seconds[&1].of("payg-1"), Tally::default());
    }

    #[test]
    fn whoever_answers_unannounced_stands_behind_the_simulators() {
        let state = heard([
            started(60),
            second(1, &[("gateway", 401, 1), ("zeta", 200, 1)]),
        ]);
        assert_eq!(state.backends(), ["payg-1", "ptu-1", "zeta", "gateway"]);
    }

    #[test]
    fn only_the_newest_seconds_are_kept() {
        let news = (1..=1_000).map(|at| second(at, &[("ptu-1", 200, 1)]));
        let state = heard(news);
        assert_eq!(state.seconds.len(), 600);
        assert_eq!(
            state.seconds.first_key_value().map(|(at, _)| *at),
            Some(401)
        );
    }

    #[test]
    fn a_new_run_forgets_the_one_before() {
        let state = heard([started(60), second(1, &[("gateway", 401, 1)]), started(240)]);
        assert!(state.seconds.is_empty());
        assert_eq!(state.backends(), ["payg-1", "ptu-1"]);
        assert_eq!(state.end, Moment::from_micros(240_000_000));
    }

    #[test]
    fn seconds_add_up_and_the_last_state_stays() {
        let mut sum = Second {
            latency_p50: Some(10),
            in_flight: 9,
            ..Second::default()
        };
        let mut later = Second {
            in_flight: 2,
            ..Second::default()
        };
        let tally = Tally {
            ok: 3,
            throttled: 1,
            other: 0,
        };
        later.answers.insert("ptu-1".to_owned(), tally);
        sum.extend(&later);
        sum.extend(&later);
        assert_eq!(sum.of("ptu-1").total(), 8);
        assert_eq!((sum.in_flight, sum.latency_p50), (2, Some(10)));
    }
}
