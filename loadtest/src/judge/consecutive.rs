//! Consecutive records: how many of k match, and how long they match without a break.

use std::time::Duration;

use clock::Moment;

use crate::gate::Extreme;

/// A stretch of consecutive records and how many of them match.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Stretch {
    /// Index of its first record.
    pub(crate) start: usize,
    /// Records in it.
    pub(crate) length: usize,
    /// Those of them that match.
    pub(crate) matching: usize,
}

/// The first stretch of `length` records with the most or the fewest matches.
///
/// None if there are fewer records than that.
pub(crate) fn among(matches: &[bool], length: usize, extreme: Extreme) -> Option<Stretch> {
    let first = matches.get(..length)?;
    let mut matching = first.iter().filter(|m| **m).count();
    let mut best = (0, matching);
    for start in 1..=matches.len() - length {
        matching += usize::from(matches[start + length - 1]);
        matching -= usize::from(matches[start - 1]);
        let is_better = match extreme {
            Extreme::Most => matching > best.1,
            Extreme::Fewest => matching < best.1,
        };
        if is_better {
            best = (start, matching);
        }
    }
    Some(Stretch {
        start: best.0,
        length,
        matching: best.1,
    })
}

/// The first of the runs of matches that last longest, from the moment of its first record to
/// that of its last, and how long; of length 0 if nothing matches.
pub(crate) fn longest_stretch(matches: &[bool], at: &[Moment]) -> (Stretch, Duration) {
    let mut best = (Stretch::default(), Duration::ZERO);
    let mut start = None;
    for (index, is_match) in matches.iter().enumerate() {
        if !is_match {
            start = None;
            continue;
        }
        let start = *start.get_or_insert(index);
        let lasted = at[index].since(at[start]);
        if best.0.length == 0 || lasted > best.1 {
            let length = index + 1 - start;
            let run = Stretch {
                start,
                length,
                matching: length,
            };
            best = (run, lasted);
        }
    }
    best
}

/// The first of the longest runs of matches; of length 0 if nothing matches.
pub(crate) fn longest_run(matches: &[bool]) -> Stretch {
    let mut best = (0, 0);
    let mut run = 0;
    for (index, is_match) in matches.iter().enumerate() {
        run = if *is_match { run + 1 } else { 0 };
        if run > best.1 {
            best = (index + 1 - run, run);
        }
    }
    Stretch {
        start: best.0,
        length: best.1,
        matching: best.1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALTERNATING: [bool; 6] = [true, false, true, false, true, true];

    #[test]
    fn the_most_and_the_fewest_of_three() {
        let most = among(&ALTERNATING, 3, Extreme::Most).unwrap();
        assert_eq!((most.start, most.matching), (0, 2));
        let fewest = among(&ALTERNATING, 3, Extreme::Fewest).unwrap();
        assert_eq!((fewest.start, fewest.matching), (1, 1));
    }

    #[test]
    fn fewer_records_than_asked_for_are_no_stretch() {
        assert_eq!(among(&ALTERNATING, 7, Extreme::Most), None);
    }

    #[test]
    fn the_longest_stretch_is_the_one_that_lasts() {
        let at = [0, 10, 20, 70, 71, 72].map(Moment::from_micros);
        let matches = [true, false, true, true, false, true];
        let (run, lasted) = longest_stretch(&matches, &at);
        assert_eq!((run.start, run.length), (2, 2));
        assert_eq!(lasted, Duration::from_micros(50));
        let (one, none) = longest_stretch(&[false, true], &at);
        assert_eq!((one.start, one.length, none), (1, 1, Duration::ZERO));
        assert_eq!(
            longest_stretch(&[], &[]),
            (Stretch::default(), Duration::ZERO)
        );
    }

    #[test]
    fn the_longest_run_is_found_at_the_end() {
        let run = longest_run(&ALTERNATING);
        assert_eq!((run.start, run.length), (4, 2));
        assert_eq!(longest_run(&[false]).length, 0);
    }
}
