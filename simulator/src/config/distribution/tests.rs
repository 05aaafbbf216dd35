//! How distributions are written, and that draws follow them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::seed::{Key, Purpose};

fn read(value: &serde_json::Value) -> Distribution {
    Distribution::deserialize(value).unwrap()
}

/// Ten thousand draws in milliseconds, shortest first.
fn draws(value: &serde_json::Value) -> Vec<f64> {
    let sampler = read(value).sampler();
    let mut rng = Key::new(7).rng(Purpose::Latency);
    let mut draws: Vec<_> = (0..10_000)
        .map(|_| sampler.draw(&mut rng).as_secs_f64() * 1e3)
        .collect();
    draws.sort_by(f64::total_cmp);
    draws
}

fn mean(draws: &[f64]) -> f64 {
    let count = u32::try_from(draws.len()).unwrap();
    draws.iter().sum::<f64>() / f64::from(count)
}

#[track_caller]
fn near(found: f64, expected: f64) {
    // Five standard errors of the widest distribution below.
    assert!((found - expected).abs() < expected * 0.06, "{found}");
}

#[test]
fn a_constant_is_always_the_same() {
    assert_eq!(
        read(&json!("10ms")).sampler().constant(),
        Some(Duration::from_millis(10))
    );
    assert!(read(&json!("0s")).is_zero());
}

#[test]
fn means_are_those_that_were_asked_for() {
    near(
        mean(&draws(
            &json!({ "normal": { "mean": "100ms", "std_dev": "20ms" } }),
        )),
        100.0,
    );
    near(
        mean(&draws(&json!({ "exponential": { "mean": "100ms" } }))),
        100.0,
    );
    near(
        mean(&draws(
            &json!({ "gamma": { "mean": "100ms", "shape": 2.0 } }),
        )),
        100.0,
    );
    near(
        mean(&draws(
            &json!({ "uniform": { "min": "50ms", "max": "150ms" } }),
        )),
        100.0,
    );
}

#[test]
fn the_median_of_a_log_normal_is_that_which_was_asked_for() {
    let draws = draws(&json!({ "log_normal": { "median": "500ms", "sigma": 0.3 } }));
    near(draws[5_000], 500.0);
    // One in six lies beyond one sigma: 500 × e^0.3 = 675.
    near(draws[8_413], 675.0);
}

#[test]
fn draws_stay_within_their_bounds() {
    let uniform = draws(&json!({ "uniform": { "min": "5ms", "max": "6ms" } }));
    assert!(uniform[0] >= 5.0 && uniform[9_999] <= 6.0);
    let normal = draws(&json!({ "normal": { "mean": "1ms", "std_dev": "10ms" } }));
    assert!(normal[0] >= 0.0 && normal[0] < f64::EPSILON);
}

#[test]
fn a_distribution_around_nothing_is_nothing() {
    for value in [
        json!({ "exponential": { "mean": "0s" } }),
        json!({ "gamma": { "mean": "0s", "shape": 1.0 } }),
        json!({ "log_normal": { "median": "0s", "sigma": 1.0 } }),
        json!({ "uniform": { "min": "0s", "max": "0s" } }),
        json!({ "normal": { "mean": "0s", "std_dev": "0s" } }),
    ] {
        assert_eq!(draws(&value).last(), Some(&0.0), "{value}");
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    let wrong =
        |value: serde_json::Value| Distribution::deserialize(value).unwrap_err().to_string();
    let error = wrong(json!({ "log_normal": { "median": "1s", "sigma": -1.0 } }));
    insta::assert_snapshot!(error, @"expected `sigma` from 0 to 3.5, found `-1`");
    let error = wrong(json!({ "gamma": { "mean": "1s", "shape": 0.0 } }));
    insta::assert_snapshot!(error, @"expected `shape` from 0.001 to 1000000, found `0`");
    let error = wrong(json!({ "normal": { "mean": "1s", "std_dev": "1s" }, "gamma": {} }));
    insta::assert_snapshot!(error, @"expected a single distribution, found another beside `normal`");
    insta::assert_snapshot!(wrong(json!({})), @"expected one of `normal`, `log_normal`, `uniform`, `exponential`, `gamma`, `percentiles`, `tail`");
}

#[test]
fn draws_meet_every_entry_of_a_table_of_percentiles() {
    let draws = draws(&json!({ "percentiles": {
        "p50": "639ms", "p90": "900ms", "p95": "1144ms", "p99": "4517ms", "max": "7s",
    } }));
    near(draws[5_000], 639.0);
    near(draws[9_000], 900.0);
    near(draws[9_500], 1_144.0);
    // A hundred draws lie beyond it, where the curve is steep.
    let beyond = draws.partition_point(|&draw| draw <= 4_517.0);
    assert!((9_870..=9_930).contains(&beyond), "{beyond}");
    assert!(draws[9_999] <= 7_000.0);
    // 639 ms / 900 ms × 639 ms: below the median it is the mirror image of what is above.
    near(draws[1_000], 453.7);
}

#[test]
fn a_table_of_two_percentiles_is_log_normal() {
    // Sigma is ln(2) / 2.3263 = 0.298; a sigma below the median is 500 × e^-0.298 = 371.
    let draws = draws(&json!({ "percentiles": { "p50": "500ms", "p99": "1s" } }));
    near(draws[1_587], 371.0);
    near(draws[8_413], 673.6);
}

#[test]
fn a_tail_multiplies_as_many_draws_as_it_says() {
    let draws = draws(&json!({ "tail": {
        "of": "100ms", "probability": 0.02, "min_factor": 4.0, "max_factor": 10.0, "shape": 1.5,
    } }));
    let long: Vec<_> = draws.iter().filter(|&&draw| draw > 100.0).collect();
    // Five standard errors around 200.
    assert!((130..=270).contains(&long.len()), "{}", long.len());
    assert!(*long[0] >= 400.0 && *long[long.len() - 1] <= 1_000.0);
    // The median of a Pareto distribution from 4 to 10 of shape 1.5: 4 × (1 - 0.747 / 2)^(-1/1.5).
    let median = long[long.len() / 2];
    assert!((500.0..=600.0).contains(median), "{median}");
}

#[test]
fn tables_that_are_no_distribution_say_why() {
    let wrong =
        |value: serde_json::Value| Distribution::deserialize(value).unwrap_err().to_string();
    let table = |value: serde_json::Value| wrong(json!({ "percentiles": value }));
    insta::assert_snapshot!(table(json!({ "p95": "1s" })), @"missing field `p50`");
    insta::assert_snapshot!(table(json!({ "p50": "1s", "max": "2s" })), @"expected `p50` and at least one more percentile, found `p50` alone");
    insta::assert_snapshot!(table(json!({ "p50": "0s", "p99": "2s" })), @"expected `p50` above zero, found `0s`");
    insta::assert_snapshot!(table(json!({ "p50": "2s", "p95": "3s", "p99.9": "1s" })), @"expected ascending percentiles, found `p95` = `3s` and `p99.9` = `1s`");
    let tail = json!({ "tail": {
        "of": "1s", "probability": 0.1, "min_factor": 4.0, "max_factor": 2.0, "shape": 1.0,
    } });
    insta::assert_snapshot!(wrong(tail), @"expected `max_factor` from `min_factor` to 1000, found `2`");
}

/// Any distribution a file can hold.
fn any_distribution() -> impl Strategy<Value = Distribution> {
    let span = || (0..10_000_000u64).prop_map(|micros| Span::new(Duration::from_micros(micros)));
    prop_oneof![
        span().prop_map(Distribution::Constant),
        (span(), span()).prop_map(|(mean, std_dev)| Distribution::Normal { mean, std_dev }),
        (span(), 0.0..3.5).prop_map(|(median, sigma)| Distribution::LogNormal { median, sigma }),
        (span(), span()).prop_map(|(a, b)| Distribution::Uniform {
            min: a.min(b),
            max: a.max(b)
        }),
        span().prop_map(|mean| Distribution::Exponential { mean }),
        (span(), 0.001..100.0).prop_map(|(mean, shape)| Distribution::Gamma { mean, shape }),
        (1..10_000u64, 1..1_000u32, 1..1_000u32).prop_map(|(p50, p95, max)| {
            let p50 = Duration::from_micros(p50);
            Distribution::Percentiles(Percentiles {
                p50: p50.into(),
                p95: Some((p50 * p95).into()),
                max: Some((p50 * p95 * max).into()),
                ..Percentiles::default()
            })
        }),
        (span(), 0.0..=1.0, 1.0..1_000.0, 0.01..100.0).prop_map(
            |(constant, probability, factor, shape)| {
                Distribution::Tail(Box::new(Tail {
                    of: Distribution::Constant(constant),
                    probability,
                    min_factor: factor,
                    max_factor: factor.max(100.0),
                    shape,
                }))
            }
        ),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back_unchanged(distribution in any_distribution()) {
        let written = serde_json::to_value(&distribution).unwrap();
        prop_assert_eq!(read(&written), distribution);
    }

    #[test]
    fn every_distribution_can_be_drawn_from(distribution in any_distribution(), seed: u64) {
        let mut rng = Key::new(seed).rng(Purpose::Latency);
        let sampler = distribution.sampler();
        for _ in 0..20 {
            prop_assert!(sampler.draw(&mut rng) < Duration::from_hours(24 * 365));
        }
    }
}
