//! Random shares and fits.

use crate::judge::support::{Run, request};
use crate::verdict::{Outcome, State};

/// So many requests per backend, a hundredth of a second apart, the backends mixed.
fn mixed(counts: &[(&'static str, u32)]) -> Run {
    let total: u32 = counts.iter().map(|(_, count)| count).sum();
    let mut left = counts.to_vec();
    Run::of((0..total).map(|n| {
        let most = left.iter_mut().max_by_key(|(_, count)| *count).unwrap();
        most.1 -= 1;
        request(f64::from(n) / 100.0).over(&[(most.0, 200)])
    }))
}

const DECLARED: &str = "random share of backend=payg-1 in requests in 62 %..71 %";

#[test]
fn a_share_near_its_range_is_believed() {
    // 1 680 of 2 800 is 60 %: outside the range, but by chance within one in a million.
    let run = mixed(&[("payg-1", 1_680), ("payg-2", 1_120)]);
    let result = run.judge(DECLARED);
    assert_eq!(result.state, State::Passed);
    assert_eq!(
        result.observed,
        "60 % (true share in 55.4 %..64.43 %, n = 2800)"
    );
    assert_eq!(result.samples, 2_800);
}

#[test]
fn a_share_that_no_chance_explains_fails() {
    let run = mixed(&[("payg-1", 1_400), ("payg-2", 1_400)]);
    let result = run.judge(DECLARED);
    assert_eq!(result.state, State::Failed);
    assert_eq!(result.offenders.len(), 3);
    assert_eq!(result.offenders[0].attempts.len(), 1);
}

#[test]
fn too_few_samples_make_the_rig_invalid_not_the_gateway() {
    let mut run = mixed(&[("payg-1", 20), ("payg-2", 10)]);
    run.facts.gates = vec![run.gate(DECLARED), run.gate("requests == 30")];
    let verdict = run.verdict();
    assert_eq!(verdict.outcome, Outcome::Invalid);
    assert_eq!(
        verdict.invalid,
        ["Gate G: 30 samples are too few for the declared range."]
    );
}

#[test]
fn few_samples_still_convict_a_stuck_gateway() {
    let run = mixed(&[("payg-2", 30)]);
    assert_eq!(run.judge(DECLARED).state, State::Failed);
}

#[test]
fn a_fit_is_judged_by_its_p_value() {
    let sentence = "fit of backend to payg-1=5, payg-2=3, ptu-1=2 in requests > 0.001";
    let run = mixed(&[("payg-1", 505), ("payg-2", 290), ("ptu-1", 205)]);
    let result = run.judge(sentence);
    // χ² = 25/500 + 100/300 + 25/200 = 0.508; with two degrees of freedom p = exp(-0.254).
    assert_eq!(
        (result.state, result.observed.as_str()),
        (State::Passed, "p = 0.776")
    );
    assert_eq!(
        result.detail.as_deref(),
        Some("payg-1 505, payg-2 290, ptu-1 205")
    );

    let swapped = mixed(&[("payg-1", 300), ("payg-2", 500), ("ptu-1", 200)]);
    assert_eq!(swapped.judge(sentence).state, State::Failed);
}

#[test]
fn a_member_of_weight_zero_gets_nothing() {
    let sentence = "fit of backend to payg-1=5, payg-2=3, ptu-1=0 in requests > 0.001";
    let run = mixed(&[("payg-1", 500), ("payg-2", 299), ("ptu-1", 1)]);
    let result = run.judge(sentence);
    assert_eq!(
        (result.state, result.observed.as_str()),
        (State::Failed, "p = 0")
    );
    let stranger = "fit of backend to payg-1=5, payg-2=3 in requests > 0.001";
    assert_eq!(run.judge(stranger).state, State::Failed);
}
