//! Which sentences bound the clock's speed.

use std::time::Duration;

use super::super::narrowest_bound;
use super::gate;

fn bound(sentence: &str) -> Option<Duration> {
    narrowest_bound(&[gate(sentence)]).map(|(_, bound)| bound)
}

#[test]
fn a_range_is_as_narrow_as_it_is_wide() {
    let spill = "p50 of latency{backend=payg-1} - p50 of latency{backend=ptu-1} in 1s..1.3s";
    assert_eq!(bound(spill), Some(Duration::from_millis(300)));
}

#[test]
fn a_one_sided_bound_is_as_narrow_as_it_is_far_from_zero() {
    assert_eq!(
        bound("p99 of latency < 20ms"),
        Some(Duration::from_millis(20))
    );
    assert_eq!(
        bound("min of service_time >= 9.4s and max of … <= 12.6s"),
        Some(Duration::from_millis(9_400))
    );
    assert_eq!(
        bound("p50 of latency{class=low} <= p50 of latency{class=high} + 50ms"),
        Some(Duration::from_millis(50))
    );
}

#[test]
fn equality_of_measured_times_tolerates_nothing() {
    assert_eq!(bound("max of latency == 500ms"), Some(Duration::ZERO));
}

#[test]
fn what_no_timer_decides_bounds_nothing() {
    assert_eq!(bound("p99 of latency < 20ms wall"), None);
    assert_eq!(bound("max of retry_after <= 60s"), None);
    assert_eq!(
        bound("p50 of latency{class=low} <= 2 * p50 of latency{class=high}"),
        None
    );
    assert_eq!(bound("max in 60s of requests <= 100"), None);
    assert_eq!(bound("off: too slow"), None);
}

#[test]
fn the_narrowest_of_all_gates_is_named() {
    let mut narrow = gate("max of latency <= 10ms");
    narrow.id = "narrow".to_owned();
    let gates = [gate("max of latency <= 1s"), narrow, gate("requests <= 5")];
    assert_eq!(
        narrowest_bound(&gates),
        Some(("narrow".to_owned(), Duration::from_millis(10)))
    );
}
