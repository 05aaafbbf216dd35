//! The access log of a gateway that is not ours to ask: a file of JSON lines.
//!
//! It may hold earlier runs, whose requests nobody sent in this one: its lines are counted before
//! a run, and only what follows them is read.

use std::time::Duration;

use anyhow::Context;
use clock::Clock;

use super::{AccessEntry, Profile};
use crate::evidence::Source;

/// How long a gateway may take to write down a request that it has answered.
const LOG_SETTLES: Duration = Duration::from_millis(100);

/// What the access log that a profile names says after its first `before` lines, if it names one.
pub(super) fn read(profile: &Profile, before: usize) -> Source<Vec<AccessEntry>> {
    let Some(path) = &profile.access_log else {
        return Source::Missing(format!("the gateway {} gives no access log", profile.name));
    };
    let entries = std::fs::read_to_string(path)
        .context("unreadable")
        .and_then(|text| {
            let lines = text.lines().skip(before).map(serde_json::from_str);
            lines
                .collect::<Result<Vec<AccessEntry>, _>>()
                .context("not in our format")
        });
    match entries {
        Ok(mut entries) => {
            // Lines are written when answers end, numbers are given when requests arrive.
            entries.sort_by_key(|entry| entry.number);
            let first = entries.first().map_or(0, |entry| entry.number);
            for entry in &mut entries {
                entry.number -= first;
            }
            Source::Given(entries)
        }
        Err(error) => Source::Missing(format!("the access log {}: {error:#}", path.display())),
    }
}

/// Lines of the access log that a profile names, before a run adds its own.
pub(super) async fn lines(profile: &Profile) -> usize {
    let Some(path) = &profile.access_log else {
        return 0;
    };
    // The request that asked whether it is ready may still be on its way into the log.
    let clock = Clock::system();
    clock.sleep_until(clock.now() + LOG_SETTLES).await;
    // A log that is not there yet is empty; one that stays away is told after the run.
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[cfg(test)]
mod tests {
    use clock::Moment;

    use super::*;

    /// Lines of requests with these numbers, in this order.
    fn text(numbers: &[u64]) -> String {
        let line = |number: &u64| {
            let entry = AccessEntry {
                number: *number,
                arrived: Moment::from_micros(*number),
                ..AccessEntry::default()
            };
            serde_json::to_string(&entry).unwrap() + "\n"
        };
        numbers.iter().map(line).collect()
    }

    #[tokio::test]
    async fn only_what_this_run_added_is_read_in_order_of_arrival() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let profile = Profile {
            access_log: Some(file.path().to_owned()),
            ..Profile::default()
        };
        std::fs::write(file.path(), text(&[0])).unwrap();
        let before = lines(&profile).await;
        std::fs::write(file.path(), text(&[0, 2, 1])).unwrap();

        let Source::Given(entries) = read(&profile, before) else {
            panic!("the log is there");
        };
        let arrived: Vec<_> = entries
            .iter()
            .map(|entry| (entry.number, entry.arrived.as_micros()))
            .collect();
        assert_eq!(arrived, [(0, 1), (1, 2)]);
    }
}
