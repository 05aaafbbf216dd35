//! Truly sliding windows: every window of a length, not every bar of a chart.
//!
//! A limit of 100 per 60 s can be broken by 199 between two full minutes, none of which holds
//! more than 100. Windows are half-open, `[t, t + length)`, and t is any microsecond.

use std::time::Duration;

use clock::Moment;

/// A window and what it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) start: Moment,
    pub(crate) total: f64,
}

/// The fullest window over `arrivals`, which are in order and never negative.
///
/// It starts at an arrival: any other window can slide right to its first arrival and lose
/// nothing. None without arrivals.
pub(crate) fn fullest(arrivals: &[(Moment, f64)], length: Duration) -> Option<Window> {
    let mut best: Option<Window> = None;
    let mut after = 0;
    let mut total = 0.0;
    for (start, value) in arrivals {
        while after < arrivals.len() && arrivals[after].0 < *start + length {
            total += arrivals[after].1;
            after += 1;
        }
        if best.is_none_or(|best| total > best.total) {
            best = Some(Window {
                start: *start,
                total,
            });
        }
        total -= value;
    }
    best
}

/// The emptiest window that lies in `[from, to)`; none if no window fits.
///
/// Sliding right, a window only loses at the moment after an arrival, so those and the first
/// window are all there is to look at.
pub(crate) fn emptiest(
    arrivals: &[(Moment, f64)],
    length: Duration,
    from: Moment,
    to: Moment,
) -> Option<Window> {
    if to.since(from) < length {
        return None;
    }
    let last = to - length;
    let after_arrivals = arrivals
        .iter()
        .map(|(at, _)| *at + Duration::from_micros(1));
    let starts = std::iter::once(from).chain(after_arrivals);
    let starts = starts.filter(|start| from <= *start && *start <= last);
    let (mut first, mut after, mut total) = (0, 0, 0.0);
    let windows = starts.map(|start| {
        while after < arrivals.len() && arrivals[after].0 < start + length {
            total += arrivals[after].1;
            after += 1;
        }
        while first < after && arrivals[first].0 < start {
            total -= arrivals[first].1;
            first += 1;
        }
        Window { start, total }
    });
    windows.reduce(|best, next| if next.total < best.total { next } else { best })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: u64) -> Moment {
        Moment::from_micros(micros)
    }

    fn ones(micros: &[u64]) -> Vec<(Moment, f64)> {
        micros.iter().map(|m| (at(*m), 1.0)).collect()
    }

    #[test]
    fn two_bursts_astride_a_minute_count_together() {
        let arrivals = ones(&[59, 59, 61, 61]);
        let window = fullest(&arrivals, Duration::from_micros(60)).unwrap();
        assert_eq!((window.start, window.total), (at(59), 4.0));
    }

    #[test]
    fn a_window_does_not_hold_its_end() {
        let arrivals = ones(&[0, 60]);
        let window = fullest(&arrivals, Duration::from_micros(60)).unwrap();
        assert_eq!((window.start, window.total), (at(0), 1.0));
    }

    #[test]
    fn the_emptiest_window_lies_inside() {
        let arrivals = ones(&[0, 30]);
        let window = emptiest(&arrivals, Duration::from_micros(20), at(0), at(40)).unwrap();
        assert_eq!((window.start, window.total), (at(1), 0.0));
        assert_eq!(
            emptiest(&arrivals, Duration::from_micros(41), at(0), at(40)),
            None
        );
    }

    fn brute(arrivals: &[(Moment, f64)], length: u64, start: u64) -> f64 {
        let held = arrivals
            .iter()
            .filter(|(m, _)| at(start) <= *m && *m < at(start + length));
        held.map(|(_, value)| value).sum()
    }

    proptest! {
        #[test]
        fn sliding_windows_equal_brute_force(
            mut times in proptest::collection::vec((0u64..60, 1u32..5), 1..30),
            length in 1u64..30,
        ) {
            times.sort_unstable();
            let arrivals: Vec<_> = times.iter().map(|(m, v)| (at(*m), f64::from(*v))).collect();
            let most = (0..60).map(|start| brute(&arrivals, length, start)).fold(0.0, f64::max);
            let span = Duration::from_micros(length);
            prop_assert_eq!(fullest(&arrivals, span).map(|window| window.total), Some(most));

            let fewest = (5..=50 - length).map(|start| brute(&arrivals, length, start)).fold(f64::INFINITY, f64::min);
            let found = emptiest(&arrivals, span, at(5), at(50));
            prop_assert_eq!(found.map(|window| window.total), Some(fewest));
        }
    }
}
