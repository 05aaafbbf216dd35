//! Every sentence of the references and of the design must be said in this language.

use super::super::{ClassForecast, Forecast, PhaseForecast, check, parse};
use super::names;

/// Sentences by gate id.
pub(crate) const SENTENCES: &[(&str, &str)] = &[
    (
        "RR-1",
        "requests{status!=200} == 0 and attempts{backend=ptu-1} == 0",
    ),
    (
        "RR-2",
        "requests{backend=payg-1} - requests{backend=payg-2} in -1..1",
    ),
    (
        "RR-3",
        "order of backend in requests{phase=sequential} is (payg-2 payg-1)* payg-2?",
    ),
    (
        "RR-4",
        "most backend=payg-1 among 20 consecutive requests{phase=steady} <= 12 and fewest … >= 8",
    ),
    (
        "W-1",
        "random share of backend=payg-1 in requests{phase=steady} in 62 %..71 %",
    ),
    (
        "W-2",
        "most backend=payg-1 among 3 consecutive requests{phase=steady} == 2 and fewest backend=payg-1 among 3 consecutive requests{…} == 2",
    ),
    (
        "W-3",
        "fit of backend to payg-1=5, payg-2=3, ptu-1=2 in requests{phase=arbitrary} > 0.001",
    ),
    (
        "SP1-1",
        "share of backend=ptu-1 in requests{phase=base} >= 98 % and refusals{by=ptu-1, phase=base} == 0",
    ),
    (
        "SP1-2",
        "max in 60s of attempts{backend=ptu-1, status=200} <= 100 and min in 60s of attempts{backend=ptu-1, status=200, phase=spike[60s..]} >= 95",
    ),
    (
        "SP1-3",
        "share of status=200 in requests{phase=spike} >= 99.5 % and requests{status=429} == 0 and share of backend=payg-1 in requests{phase=spike} in 35 %..60 %",
    ),
    (
        "SP1-4",
        "each requests{backend=payg-1} has attempts [ptu-1:429 payg-1:200] and attempts{backend=payg-1, status=200} == attempts{backend=ptu-1, status=429}",
    ),
    (
        "SP1-5",
        "p50 of latency{backend=payg-1, phase=spike} - p50 of latency{backend=ptu-1, phase=spike} in 1s..1.3s",
    ),
    (
        "SP1-6",
        "each requests{status=429} has attempts [ptu-1:429 payg-1:429{3}] and min of service_time{status=429} >= 9.4s and max of … <= 12.6s",
    ),
    ("SP1-8", "changed_requests == 0"),
    (
        "SP1-9",
        "share of backend=ptu-1 in requests{phase=recovery[60s..]} >= 98 %",
    ),
    (
        "PR-1",
        "max in 60s of tokens_charged{backend=ptu-1, phase=low-1} in 66_500..72_500",
    ),
    (
        "PR-4a",
        "requests{phase=mixed-1[60s..], class=low, status=200} <= 5",
    ),
    ("PR-6", "refusals{by=gateway, class=high} == 0"),
    ("PC-1", "p99 of latency{refused_by=gateway} < 20ms wall"),
    (
        "PC-4",
        "tokens_charged{by=gateway, status=200} == tokens_charged{by=ptu-1}",
    ),
    (
        "PC-4-off",
        "off: the tracking policy keeps no count of its own",
    ),
    (
        "token_reserve_bit",
        "refusals{by=gateway, reason=tokens-below-low-priority-threshold} >= 1",
    ),
    ("ptu_was_full", "refusals{by=ptu-1, class=high} >= 1"),
    (
        "F-1",
        "changed_answers == 0 and changed_paths == 0 and leaked_credentials == 0 and refusals{by=gateway, status=401} == requests{status=401}",
    ),
    (
        "CB-1",
        "order of status in requests{class=low} is 429{3} 503{7} (200|429)*",
    ),
    (
        "SP2-3",
        "min of silence{backend=ptu-1, phase=spike} >= 0.5s and max of … in 60s..63s",
    ),
    (
        "SP2-5",
        "max of time_to_open{backend=ptu-1} <= 1s and max of time_to_recover{backend=ptu-1} <= 1s",
    ),
    (
        "SP2-6",
        "trips{backend=ptu-1} in 1..4 and wasted_attempts{backend=ptu-1} <= 6",
    ),
    (
        "SP1-6-wait",
        "min of gateway_wait{status=429} >= 9.4s and max of … <= 12.6s",
    ),
    (
        "R5",
        "longest stretch of status=503 in requests{phase=spike} <= 60s",
    ),
    (
        "pool",
        "order of backend in requests{user=0} is ptu-1{10} (payg-1 payg-2){5} none?",
    ),
    (
        "GG-4",
        "share of header.x-ms-region='East US' in requests in 45 %..55 % and requests{header.x-ms-region=none} == 0",
    ),
    (
        "amplification",
        "attempts{phase=spike} / requests{phase=spike} <= 1.2 and early_client_retries == 0 and moved_requests == 0",
    ),
    (
        "field-8",
        "max of abort_delay < 100ms and attempts{fault=cut|stall} >= 1 and gateway_attempts{backend=ptu-1, error=refused} >= 1 and probes >= 5",
    ),
    (
        "LR-1",
        "longest run of error!=none in requests{streamed=true} <= 3",
    ),
    (
        "TL-1",
        "order of header.consumed-tokens in requests{class=low} is 59 55 none none 1_055 -3",
    ),
    (
        "TL-2",
        "rises{name=remaining-tokens, class=low} <= 1 and min of header_value{name=remaining-tokens} >= 0 and sum of header_value{name=consumed-tokens} == total_tokens{by=gateway, subscription=one}",
    ),
    (
        "TL-3",
        "max in 60s of total_tokens{by=gateway, subscription=one} <= 100 and max in 60s of total_tokens{by=events, product=gold} <= 100",
    ),
    (
        "PR-5",
        "time to first status=200 in requests{phase=low-1, class=low} <= 60s and longest gap of status=200 in requests{class=high} < 5s",
    ),
    (
        "PR-7",
        "inversions of class=high over class=low within 1s in requests{phase=mixed} == 0",
    ),
    (
        "MT-1",
        "fairness of subscription in requests{status=200} >= 0.95 and fairness of class in total_tokens{by=client} >= 95 %",
    ),
    (
        "UT-1",
        "total_tokens{by=client, subscription=one} == total_tokens{by=metrics, subscription=one} and total_tokens{by=events, subscription=one} == total_tokens{subscription=one}",
    ),
    (
        "UT-2",
        "events{estimated=true, aborted=false, model=gpt-4o} == 0 and events == gateway_requests{status=200} and dropped_events == 0",
    ),
    (
        "FO-1",
        "cost{by=events, product=gold} == 0.0125 and cost{by=client} == cost{by=gateway} and cost{by=payg-1} > 0",
    ),
    (
        "ITL",
        "p99.9 of inter_token_gap{class=high} <= 1.5 * p50 of inter_token_gap{class=high}",
    ),
];

/// A plan that sends 4 000 requests of either class in every phase, as a dry run expects.
pub(crate) fn forecast() -> Forecast {
    let phases = names()
        .phases
        .into_iter()
        .map(|(name, length)| PhaseForecast {
            name,
            length,
            classes: ["high", "low"]
                .map(|class| ClassForecast {
                    class: class.to_owned(),
                    requests: 2_000,
                    is_exact: false,
                })
                .to_vec(),
        });
    Forecast {
        phases: phases.collect(),
    }
}

#[test]
fn every_sentence_parses_and_can_fail_and_can_hold() {
    for (id, sentence) in SENTENCES {
        let gate = parse(id, sentence, &names());
        let gate = gate.unwrap_or_else(|errors| panic!("{id}: {errors:?}"));
        let planned = check(&gate, &forecast());
        let planned = planned.unwrap_or_else(|error| panic!("{id}: {error:?}"));
        assert_eq!(planned.len(), gate.clauses().len(), "{id}");
    }
}
