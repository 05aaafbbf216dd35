//! [`Recorder`]: keeps what the clients saw, within bounds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clock::Moment;
use hdrhistogram::Histogram;

use crate::client::Exchange;
use crate::evidence::{GapHistogram, RigHealth};
use crate::observation::Observation;
use crate::progress::Event;

/// Observations kept of a run: about a gigabyte, an hour at 500 requests a second.
pub(super) const MOST_OBSERVATIONS: usize = 2_000_000;

/// Longest gap or lag that histograms tell apart: ten simulated minutes, in microseconds.
const LONGEST_MICROS: u64 = 600_000_000;

/// Collects from all users at once; every call holds its lock for less than a microsecond.
#[derive(Debug)]
pub(super) struct Recorder {
    records: Mutex<Records>,
    most_observations: usize,
}

/// Which load model sent a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Model {
    /// A user who waits for the answer.
    Closed,
    /// A schedule.
    Open,
    /// A prober, whose requests nobody planned.
    Prober,
}

/// What is to be known of a request besides its exchange.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    /// The model that sent it.
    pub(super) model: Model,
    /// Index of its phase.
    pub(super) phase: usize,
    /// Index of its class.
    pub(super) class: usize,
    /// Who answers where no backend is claimed: the gateway, or the simulator that was called.
    pub(super) callee: &'a str,
}

#[derive(Debug)]
struct Records {
    observations: Vec<Observation>,
    dropped: u64,
    /// By phase, class and claimed backend.
    gaps: BTreeMap<(usize, usize, Option<String>), Gaps>,
    lags: Histogram<u64>,
    rig: RigHealth,
    in_flight: u64,
    second: Second,
}

#[derive(Debug)]
struct Gaps {
    phase: Arc<str>,
    class: Arc<str>,
    micros: Histogram<u64>,
}

/// What happened since the last news.
#[derive(Debug, Default)]
struct Second {
    answers: BTreeMap<String, BTreeMap<u16, u64>>,
    latencies: Vec<u64>,
}

/// All that was recorded.
#[derive(Debug)]
pub(super) struct Recorded {
    /// Ordered by `(request, attempt)`.
    pub(super) observations: Vec<Observation>,
    /// Ordered by phase, class and backend.
    pub(super) gaps: Vec<GapHistogram>,
    /// Counts and lags; who started the run adds the rest.
    pub(super) rig: RigHealth,
}

impl Recorder {
    /// A recorder that keeps at most so many observations.
    pub(super) fn new(most_observations: usize) -> Self {
        Self {
            records: Mutex::new(Records {
                observations: Vec::new(),
                dropped: 0,
                gaps: BTreeMap::new(),
                lags: histogram(),
                rig: RigHealth::default(),
                in_flight: 0,
                second: Second::default(),
            }),
            most_observations,
        }
    }

    /// Notes that a request starts.
    pub(super) fn begin(&self) {
        self.lock().in_flight += 1;
    }

    /// Notes how a request ended.
    pub(super) fn record(&self, origin: Origin<'_>, exchange: Exchange) {
        let Exchange {
            observation, gaps, ..
        } = exchange;
        let mut records = self.lock();
        records.in_flight -= 1;
        records.count(origin.model, &observation);
        records.second.count(origin.callee, &observation);
        records.add_gaps(origin, &observation, &gaps);
        if records.observations.len() < self.most_observations {
            records.observations.push(observation);
        } else {
            records.dropped += 1;
        }
    }

    /// Notes why the evidence cannot be used, in a full sentence.
    pub(super) fn fault(&self, sentence: String) {
        self.lock().rig.faults.push(sentence);
    }

    /// The news since the last call, for the second that ends at `at`.
    pub(super) fn news(&self, at: Moment) -> Event {
        let mut records = self.lock();
        let Second {
            answers,
            mut latencies,
        } = std::mem::take(&mut records.second);
        let in_flight = records.in_flight;
        drop(records);
        let middle = latencies.len() / 2;
        let latency_p50 = (!latencies.is_empty()).then(|| *latencies.select_nth_unstable(middle).1);
        Event::Second {
            at,
            answers,
            in_flight,
            latency_p50,
        }
    }

    /// Takes everything out.
    pub(super) fn finish(&self) -> Recorded {
        let mut records = self.lock();
        let mut observations = std::mem::take(&mut records.observations);
        observations.sort_unstable_by_key(|seen| (seen.request, seen.attempt));
        let gaps = std::mem::take(&mut records.gaps);
        Recorded {
            observations,
            gaps: gaps.into_iter().map(gap_histogram).collect(),
            rig: records.health(self.most_observations),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        // A user that panicked makes the rig invalid; what the others saw is still worth reading.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn count(&mut self, model: Model, observation: &Observation) {
        match (model, observation.attempt) {
            (Model::Prober, _) => {}
            (Model::Closed | Model::Open, 1..) => self.rig.sent_again += 1,
            (Model::Closed, 0) => self.rig.sent_closed += 1,
            (Model::Open, 0) => {
                self.rig.sent_open += 1;
                let lag = observation.sent.since(observation.planned);
                self.lags.saturating_record(micros(lag));
            }
        }
    }

    fn add_gaps(&mut self, origin: Origin<'_>, observation: &Observation, gaps: &[u64]) {
        if gaps.is_empty() {
            return;
        }
        let backend = observation.claimed_backend.clone();
        let key = (origin.phase, origin.class, backend);
        let found = self.gaps.entry(key).or_insert_with(|| Gaps {
            phase: observation.phase.clone(),
            class: observation.class.clone(),
            micros: histogram(),
        });
        for gap in gaps {
            found.micros.saturating_record(*gap);
        }
    }

    fn health(&mut self, most_observations: usize) -> RigHealth {
        let mut rig = std::mem::take(&mut self.rig);
        let lag = |quantile| Duration::from_micros(self.lags.value_at_quantile(quantile));
        rig.lag_p50 = lag(0.5);
        rig.lag_p99 = lag(0.99);
        rig.lag_max = Duration::from_micros(self.lags.max());
        if self.dropped > 0 {
            rig.faults.push(format!(
                "More than {most_observations} requests were sent; {} observations were not kept.",
                self.dropped
            ));
        }
        rig
    }
}

impl Second {
    fn count(&mut self, callee: &str, observation: &Observation) {
        let answered_by = observation.claimed_backend.as_deref().unwrap_or(callee);
        // Looked up before it is inserted: the names repeat, and a copy of each would cost.
        if !self.answers.contains_key(answered_by) {
            self.answers.insert(answered_by.to_owned(), BTreeMap::new());
        }
        if let Some(answers) = self.answers.get_mut(answered_by) {
            *answers
                .entry(observation.status().unwrap_or(0))
                .or_default() += 1;
        }
        let latency = observation.ended.since(observation.planned);
        self.latencies.push(micros(latency));
    }
}

fn gap_histogram(((_, _, backend), gaps): ((usize, usize, Option<String>), Gaps)) -> GapHistogram {
    GapHistogram {
        phase: gaps.phase,
        class: gaps.class,
        backend,
        micros: gaps.micros,
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_MICROS, 3).expect("bounds and digits are valid")
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Advice;
    use crate::driver::support::{at, observation};

    const FROM_GATEWAY: Origin<'static> = Origin {
        model: Model::Open,
        phase: 0,
        class: 0,
        callee: "gateway",
    };

    /// Records a request that took a second, with these gaps, by the backend it claims.
    fn record(recorder: &Recorder, request: u64, backend: Option<&str>, gaps: &[u64]) {
        recorder.begin();
        let observation = Observation {
            claimed_backend: backend.map(str::to_owned),
            ended: at(1.0),
            ..observation(request)
        };
        let gaps = gaps.to_vec();
        let advice = Advice::default();
        let exchange = Exchange {
            observation,
            gaps,
            advice,
        };
        recorder.record(FROM_GATEWAY, exchange);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_makes_the_rig_invalid() {
        let recorder = Recorder::new(2);
        for request in [2, 0, 1] {
            record(&recorder, request, None, &[]);
        }
        let left = recorder.finish();
        let kept: Vec<_> = left.observations.iter().map(|seen| seen.request).collect();
        assert_eq!(kept, [0, 2]);
        assert_eq!(left.rig.sent_open, 3);
        assert_eq!(
            left.rig.faults,
            ["More than 2 requests were sent; 1 observations were not kept."]
        );
    }

    #[test]
    fn gaps_are_kept_by_the_backend_that_was_claimed() {
        let recorder = Recorder::new(10);
        record(&recorder, 0, Some("ptu-1"), &[1_000, 2_000]);
        record(&recorder, 1, None, &[3_000]);
        record(&recorder, 2, Some("ptu-1"), &[4_000]);
        let gaps = recorder.finish().gaps;
        let counts: Vec<_> = gaps
            .iter()
            .map(|gap| (gap.backend.as_deref(), gap.micros.len()))
            .collect();
        assert_eq!(counts, [(None, 1), (Some("ptu-1"), 3)]);
    }

    #[test]
    fn news_hold_what_happened_since_the_last() {
        let recorder = Recorder::new(10);
        record(&recorder, 0, Some("ptu-1"), &[]);
        recorder.begin();
        let news = |answers: &[(&str, u64)], in_flight, latency_p50| Event::Second {
            at: at(1.0),
            answers: answers
                .iter()
                .map(|(backend, count)| ((*backend).to_owned(), [(200, *count)].into()))
                .collect(),
            in_flight,
            latency_p50,
        };
        assert_eq!(
            recorder.news(at(1.0)),
            news(&[("ptu-1", 1)], 1, Some(1_000_000))
        );
        assert_eq!(recorder.news(at(1.0)), news(&[], 1, None));
    }
}
