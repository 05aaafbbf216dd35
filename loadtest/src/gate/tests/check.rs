//! Gates that can never fail, can never hold, or see too little.

use std::time::Duration;

use super::super::{ClassForecast, Forecast, PhaseForecast, Planned, check, parse};
use super::sentences::forecast;
use super::{gate, names, shown};

/// A plan whose phase `steady` is an open schedule of 2 000 requests of class high.
fn open() -> Forecast {
    Forecast {
        phases: vec![PhaseForecast {
            name: "steady".to_owned(),
            length: Duration::from_mins(3),
            classes: vec![ClassForecast {
                class: "high".to_owned(),
                requests: 2_000,
                is_exact: true,
            }],
        }],
    }
}

#[track_caller]
fn assert_refused(sentence: &str, forecast: &Forecast, message: &str) {
    let gate = parse("G", sentence, &names()).unwrap();
    match check(&gate, forecast) {
        Ok(planned) => panic!("{sentence} was accepted: {planned:?}"),
        Err(error) => assert_eq!(error.message, message, "{}", shown(sentence, &error)),
    }
}

#[test]
fn what_can_never_fail_is_refused() {
    let below = "the clause can never fail: its value is never below 0";
    assert_refused("requests >= 0", &forecast(), below);
    assert_refused("p50 of latency >= 0s", &forecast(), below);
    let share = "the clause can never fail: a share is always from 0 % to 100 %";
    assert_refused(
        "share of status=200 in requests in 0 %..100 %",
        &forecast(),
        share,
    );
    assert_refused(
        "random share of status=200 in requests <= 100 %",
        &forecast(),
        share,
    );
    let same = "the clause can never fail: its two sides are the same";
    assert_refused("requests == requests", &forecast(), same);
    assert_refused(
        "requests - requests in -1..1",
        &forecast(),
        "the clause can never fail: its value is always from 0 to 0",
    );
    let most = "the clause can never fail: its value is always from 0 to 20";
    assert_refused(
        "most status=200 among 20 consecutive requests <= 20",
        &forecast(),
        most,
    );
}

#[test]
fn what_can_never_hold_is_refused() {
    let below = "the clause can never hold: its value is never below 0";
    assert_refused("requests == -1", &forecast(), below);
    assert_refused("requests < 0", &forecast(), below);
    let same = "the clause can never hold: its two sides are the same";
    assert_refused("requests != requests", &forecast(), same);
    let share = "the clause can never hold: a share is always from 0 % to 100 %";
    assert_refused("share of status=200 in requests >= 98", &forecast(), share);
    assert_refused("requests in 5..3", &forecast(), "the range is empty");
    assert_refused(
        "requests == 0.5",
        &forecast(),
        "the clause can never hold: a count is a whole number",
    );
    let most = "the clause can never hold: its value is always from 0 to 20";
    assert_refused(
        "fewest status=200 among 20 consecutive requests >= 21",
        &forecast(),
        most,
    );
}

#[test]
fn a_schedule_bounds_requests_and_nothing_else() {
    let all = "the clause can never fail: its value is always from 0 to 2000";
    assert_refused("requests{phase=steady} <= 2_000", &open(), all);
    assert_refused("requests{status=429} <= 5_000", &open(), all);
    assert_refused("max in 60s of requests <= 2_000", &open(), all);
    assert_refused(
        "requests{class=high} == 2_001",
        &open(),
        "the clause can never hold: its value is always from 0 to 2000",
    );
    assert_refused(
        "requests{class=low} == 0",
        &open(),
        "the clause can never fail: its value is always from 0 to 0",
    );
    assert!(check(&gate("requests == 2_000"), &open()).is_ok());
    // A wrong gateway may try more often than clients ask, and answers of a closed phase decide how often they ask.
    assert!(check(&gate("attempts <= 2_000"), &open()).is_ok());
    assert!(check(&gate("requests <= 5_000_000"), &forecast()).is_ok());
}

#[test]
fn a_clause_without_samples_is_refused() {
    let none = "the clause has no samples: the plan sends none of `requests{phase=base}`";
    assert_refused(
        "share of status=200 in requests{phase=base} >= 98 %",
        &open(),
        none,
    );
    let none = "the clause has no samples: the plan sends none of `requests{class=low}`";
    assert_refused(
        "each requests{class=low} has attempts [ptu-1:200]",
        &open(),
        none,
    );
    assert_refused(
        "order of status in requests{class=low} is 200*",
        &open(),
        none,
    );
    let few = "the plan never sends 3000 such requests";
    assert_refused(
        "most status=200 among 3_000 consecutive requests <= 2_999",
        &open(),
        few,
    );
    let window = "no window of 120s fits into the selected part of the phase";
    assert_refused(
        "min in 120s of attempts{phase=steady[100s..]} >= 1",
        &open(),
        window,
    );
}

#[test]
fn a_random_clause_has_samples_enough_or_is_refused() {
    let sentence = "random share of backend=payg-1 in requests{phase=steady} in 62 %..71 %";
    let few = "2000 samples tell shares apart to 10.6 percentage points at α = 1e-6, the declared range is 9.0 wide";
    assert_refused(sentence, &open(), few);
    let error = check(&gate(sentence), &open()).unwrap_err();
    assert_eq!(
        error.help.as_deref(),
        Some("send at least 2762 requests, or widen the range")
    );
    assert!(check(&gate(sentence), &forecast()).is_ok());
    let unequal = "random share of status=200 in requests != 50 %";
    assert_refused(unequal, &open(), "a random share is said to lie in a range");
}

#[test]
fn planned_samples_are_those_of_phase_class_and_slice() {
    let sentence = "requests{phase=steady[90s..]} <= 3 and requests{phase=steady, status=429} <= 3";
    let planned = check(&gate(sentence), &open()).unwrap();
    assert_eq!(
        planned,
        [
            Planned {
                clause: 0..34,
                samples: 1_000,
                is_exact: false
            },
            Planned {
                clause: 39..78,
                samples: 2_000,
                is_exact: true
            },
        ]
    );
    assert_eq!(check(&gate("off: not here"), &open()), Ok(vec![]));
}

#[test]
fn without_a_forecast_only_what_is_always_so_is_refused() {
    let unknown = Forecast::default();
    assert!(
        check(
            &gate("share of status=200 in requests{phase=base} >= 98 %"),
            &unknown
        )
        .is_ok()
    );
    assert_refused(
        "requests >= 0",
        &unknown,
        "the clause can never fail: its value is never below 0",
    );
}
