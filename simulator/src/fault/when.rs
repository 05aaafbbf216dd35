//! Whether a fault's condition holds: pure functions of the request, the time and a count.

use std::time::Duration;

use rand::RngExt;
use serde::Deserialize;

use super::Arrival;
use crate::config::When;
use crate::seed::Purpose;

/// What decides of a body. It is read again, as only faults that look at it have to pay for it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Glance {
    user: Option<String>,
    stream: Option<bool>,
}

impl Arrival<'_> {
    /// Whether the answer is to be a stream.
    pub(super) fn wants_a_stream(&self) -> bool {
        self.glance().stream == Some(true)
    }

    fn glance(&self) -> Glance {
        serde_json::from_slice(self.body).unwrap_or_default()
    }
}

impl When {
    /// Whether every part holds but those that count; `index` is the fault's place in its list.
    pub(super) fn holds(&self, arrival: &Arrival<'_>, elapsed: Duration, index: u64) -> bool {
        let is_there = |name: &String, value: &String| {
            let mut given = arrival.headers.get_all(name).iter();
            given.any(|given| given.as_bytes() == value.as_bytes())
        };
        let deployment = self.deployment.as_deref();
        deployment.is_none_or(|name| name == arrival.deployment)
            && self.operation.is_none_or(|only| only == arrival.operation)
            && self
                .attempts
                .as_ref()
                .is_none_or(|attempts| attempts.contains(&arrival.attempt))
            && self
                .header
                .iter()
                .flatten()
                .all(|(name, value)| is_there(name, value))
            && self
                .key
                .as_ref()
                .is_none_or(|key| arrival.credentials.contains(key))
            && self
                .user
                .as_ref()
                .is_none_or(|user| arrival.glance().user.as_ref() == Some(user))
            && self.is_time(elapsed)
            && self.is_drawn(arrival, index)
    }

    /// Whether it is meant for a request that `before` others came before.
    pub(super) fn counts(&self, before: u64) -> bool {
        let Some(number) = before.checked_sub(self.skip.unwrap_or(0)) else {
            return false;
        };
        let every = self.every.map_or(1, std::num::NonZero::get);
        let is_hit = (number + 1).is_multiple_of(every);
        let hits_before = number / every;
        is_hit && self.first.is_none_or(|first| hits_before < first.get())
    }

    /// Whether it is its time, `elapsed` after it was set.
    pub(super) fn is_time(&self, elapsed: Duration) -> bool {
        let Some(inside) = elapsed.checked_sub(self.from.unwrap_or_default().get()) else {
            return false;
        };
        let is_before_end = self.until.is_none_or(|until| elapsed < until.get());
        is_before_end
            && self.flap.is_none_or(|flap| {
                in_turn(inside, flap.down.get() + flap.up.get()) < flap.down.get()
            })
    }

    /// When, after it was set, [`is_time`](Self::is_time) may next say something else.
    pub(super) fn next_change(&self, elapsed: Duration) -> Option<Duration> {
        let from = self.from.unwrap_or_default().get();
        let flapped = self.flap.map(|flap| {
            let (down, both) = (flap.down.get(), flap.down.get() + flap.up.get());
            let inside = elapsed.saturating_sub(from);
            let turn = in_turn(inside, both);
            let since = elapsed.max(from).saturating_sub(turn);
            since + if turn < down { down } else { both }
        });
        let until = self.until.map(clock::Span::get);
        let changes = [Some(from), until, flapped].into_iter().flatten();
        changes.filter(|change| *change > elapsed).min()
    }

    fn is_drawn(&self, arrival: &Arrival<'_>, index: u64) -> bool {
        let Some(probability) = self.probability else {
            return true;
        };
        let mut rng = arrival.key.numbered(index).rng(Purpose::Faults);
        rng.random::<f64>() < probability
    }
}

/// How far `time` is into its turn of `length`.
fn in_turn(time: Duration, length: Duration) -> Duration {
    let micros = time.as_micros() % length.as_micros().max(1);
    // Less than a turn, which a file writes in far fewer than 64 bits.
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
