use std::collections::BTreeMap;
use std::thread;

use http::StatusCode;
use proptest::prelude::*;

use super::*;
use crate::config::GatewayConfig;
use crate::outcome::End;
use crate::routing::RoutingTable;

/// The table of one API with these keys before `a`, `b`, `c` and `d`, each with a breaker that
/// the first 429 opens for a minute or for what it asks.
fn table(keys: &str) -> RoutingTable {
    let backend = |name: &str| {
        format!(
            "[backends.{name}]\nurl = \"http://{name}\"\nbreaker = {{ on = [429], count = 1, \
             interval = \"1m\", trip = \"1m\", accept_retry_after = true }}\n"
        )
    };
    let backends: String = ["a", "b", "c", "d"].map(backend).concat();
    let api = format!("subscriptions.s.key = \"k\"\n{backends}[apis.x]\nprefix = \"/\"\n{keys}\n");
    let config = GatewayConfig::parse("test.toml", &api).unwrap();
    RoutingTable::new(&config, None).unwrap()
}

fn balancer(table: &RoutingTable) -> &Balancer {
    &table.route("/").unwrap().0.balancer
}

fn at(millis: u64) -> Moment {
    Moment::ZERO + Duration::from_millis(millis)
}

fn ask(number: u64, now: Moment) -> Ask {
    Ask {
        draws: Draws::new(42, None, number),
        now,
        attempt: 0,
        wanted: Wanted::default(),
    }
}

fn answer(status: u16, wait: Option<u64>) -> Outcome {
    Outcome {
        retry_after: wait.map(Duration::from_millis),
        ..Outcome::without_waits(End::Answered(StatusCode::from_u16(status).unwrap()))
    }
}

/// Chooses at `now` for a request that is answered so; returns the backend's name, `-` for nobody.
fn call(balancer: &Balancer, number: u64, now: Moment, outcome: &Outcome) -> String {
    let Ok(choice) = balancer.choose(&ask(number, now)) else {
        return "-".to_owned();
    };
    choice.pass.saw(outcome, now);
    balancer.saw(&choice.backend, outcome, now);
    choice.backend.name.clone()
}

/// The names chosen for `n` requests that are all answered 200.
fn chosen(balancer: &Balancer, n: u64) -> String {
    (0..n)
        .map(|i| call(balancer, i, at(0), &answer(200, None)))
        .collect()
}

/// The lab's pool: one, then two in turn, then a last one.
const LAB: &str = "balance.pool.members = { a = {}, b = { priority = 2, weight = 50 }, \
                   c = { priority = 2, weight = 50 }, d = { priority = 3 } }";

#[test]
fn a_lower_group_is_used_only_while_all_above_are_open() {
    let table = table(LAB);
    let pool = balancer(&table);
    let full = answer(429, None);
    assert_eq!(chosen(pool, 3), "aaa");
    assert_eq!(call(pool, 0, at(0), &full), "a");
    assert_eq!(chosen(pool, 4), "bcbc");
    assert_eq!(call(pool, 0, at(0), &full), "b");
    assert_eq!(chosen(pool, 3), "ccc");
    assert_eq!(call(pool, 0, at(0), &full), "c");
    assert_eq!(chosen(pool, 2), "dd");
    assert_eq!(call(pool, 0, at(60_000), &full), "a");
}

#[test]
fn when_all_are_open_the_least_wait_is_told() {
    let table = table(LAB);
    for wait in [9_000, 5_000, 7_000, 8_000] {
        call(balancer(&table), 0, at(0), &answer(429, Some(wait)));
    }
    let nobody = balancer(&table).choose(&ask(0, at(1_000))).unwrap_err();
    assert_eq!(nobody.because, Scarcity::PoolExhausted);
    assert_eq!(nobody.wait, Duration::from_secs(4));
}

#[test]
fn a_member_without_weight_is_not_there() {
    let table = table("balance.pool.members = { a = { weight = 0 }, b = { priority = 2 } }");
    let pool = balancer(&table);
    assert_eq!(chosen(pool, 2), "bb");
    call(pool, 0, at(0), &answer(429, Some(3_000)));
    assert_eq!(
        pool.choose(&ask(0, at(0))).unwrap_err().wait,
        Duration::from_secs(3)
    );
}

#[test]
fn a_pool_may_draw_lots_by_weight() {
    let keys = "balance.pool = { members = { a = { weight = 3 }, b = {} }, pick = \"random\" }";
    let table = table(keys);
    let first = chosen(balancer(&table), 10_000).matches('a').count();
    // 7500 ± 4·sqrt(10000·3/16) = 7500 ± 173.2.
    assert!((7_327..=7_673).contains(&first), "{first}");
}

#[test]
fn policies_other_than_pools_run_into_open_breakers() {
    let table = table("balance.round_robin.backends = [\"a\", \"b\"]");
    let turns = balancer(&table);
    call(turns, 0, at(0), &answer(429, None));
    assert_eq!(chosen(turns, 4), "b-b-");
    let nobody = turns
        .choose(&ask(0, at(0)))
        .map(|choice| choice.backend.name.clone());
    assert_eq!(nobody, Ok("b".to_owned()));
}

#[test]
fn an_api_may_ignore_breakers_and_then_counts_for_none() {
    let table = table("balance.single = \"a\"\nignores_breakers = true");
    let all = (0..5).map(|n| call(balancer(&table), n, at(0), &answer(429, None)));
    assert_eq!(all.collect::<String>(), "aaaaa");
}

/// Three members by Retry-After, without breakers, with these keys beside.
fn by_retry_after(keys: &str) -> RoutingTable {
    table(&format!(
        "ignores_breakers = true\n{keys}\n[apis.x.balance.by_retry_after.members]\n\
         a = {{}}\nb = {{ priority = 2 }}\nc = {{ priority = 2 }}"
    ))
}

#[test]
fn a_member_is_left_alone_for_as_long_as_it_asks() {
    let table = by_retry_after("");
    let balancer = balancer(&table);
    assert_eq!(call(balancer, 0, at(0), &answer(429, Some(2_500))), "a");
    assert_eq!(call(balancer, 0, at(2_499), &answer(200, None)), "b");
    assert_eq!(call(balancer, 0, at(2_500), &answer(200, None)), "a");
}

#[test]
fn who_fails_without_a_word_is_left_alone_for_ten_seconds() {
    let table = by_retry_after("");
    let balancer = balancer(&table);
    assert_eq!(call(balancer, 0, at(0), &answer(500, None)), "a");
    assert_eq!(call(balancer, 0, at(9_999), &answer(200, None)), "b");
    assert_eq!(call(balancer, 0, at(10_000), &answer(400, None)), "a");
    assert_eq!(call(balancer, 0, at(10_000), &answer(200, None)), "a");
}

#[test]
fn without_a_retry_after_the_reset_of_the_limit_counts() {
    let table = by_retry_after("");
    let balancer = balancer(&table);
    let reset = Some(Duration::from_secs(3));
    call(
        balancer,
        0,
        at(0),
        &Outcome {
            reset,
            ..answer(429, None)
        },
    );
    assert_eq!(call(balancer, 0, at(2_999), &answer(200, None)), "b");
    assert_eq!(call(balancer, 0, at(3_000), &answer(200, None)), "a");
}

#[test]
fn a_wait_without_measure_is_believed_up_to_the_longest() {
    let table = by_retry_after("balance.by_retry_after.max_wait = \"5m\"");
    let balancer = balancer(&table);
    call(balancer, 0, at(0), &answer(429, Some(86_400_000)));
    assert_eq!(call(balancer, 0, at(299_999), &answer(200, None)), "b");
    assert_eq!(call(balancer, 0, at(300_000), &answer(200, None)), "a");
}

#[test]
fn marks_may_be_forgotten_after_a_while_without_requests() {
    let table = by_retry_after("balance.by_retry_after.forgets_when_idle = \"60s\"");
    let balancer = balancer(&table);
    let (long, well) = (answer(429, Some(3_600_000)), answer(200, None));
    assert_eq!(call(balancer, 0, at(0), &long), "a");
    assert_eq!(call(balancer, 0, at(59_999), &well), "b");
    assert_eq!(call(balancer, 0, at(119_998), &well), "c");
    assert_eq!(call(balancer, 0, at(179_998), &well), "a");
}

#[test]
fn the_first_may_be_asked_when_all_are_out() {
    let table = by_retry_after("exhausted = \"first-backend\"");
    let balancer = balancer(&table);
    let full = answer(429, Some(5_000));
    let all = (0..6).map(|n| call(balancer, n, at(n), &full));
    assert_eq!(all.collect::<String>(), "abcaaa");
    assert!(balancer.is_at_its_end(at(100)));
    assert!(!balancer.is_at_its_end(at(5_001)));
}

#[test]
fn a_member_without_weight_is_no_reason_to_ask_the_first_again() {
    let table = table(
        "exhausted = \"first-backend\"\n\
         balance.by_retry_after.members = { a = {}, b = { weight = 0 } }",
    );
    let balancer = balancer(&table);
    call(balancer, 0, at(0), &answer(500, None));
    assert!(balancer.is_at_its_end(at(1)));
}

#[test]
fn weights_may_be_ignored() {
    let members = "members = { a = { weight = 1 }, b = { weight = 9 } }";
    let keys =
        |weights| format!("balance.by_retry_after = {{ {members}, weights = \"{weights}\" }}");
    let ignored = table(&keys("ignored"));
    let first = chosen(balancer(&ignored), 10_000).matches('a').count();
    // 5000 ± 4·sqrt(10000/4) = 5000 ± 200.
    assert!((4_800..=5_200).contains(&first), "{first}");
    let honoured = table(&keys("honoured"));
    assert_eq!(chosen(balancer(&honoured), 10).matches('a').count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_pools_turns_are_in_proportion_under_any_concurrency(
        weights in proptest::collection::vec(1..6u32, 3),
        takers in proptest::collection::vec(0..120u64, 1..6),
    ) {
        let members = ["a", "b", "c"].iter().zip(&weights);
        let members: Vec<_> = members.map(|(n, w)| format!("{n} = {{ weight = {w} }}")).collect();
        let table = table(&format!("balance.pool.members = {{ {} }}", members.join(", ")));
        let taken: String = thread::scope(|scope| {
            let take = |&n: &u64| scope.spawn({
                let table = &table;
                move || chosen(balancer(table), n)
            });
            let threads: Vec<_> = takers.iter().map(take).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let total: u32 = weights.iter().sum();
        for (name, weight) in ["a", "b", "c"].iter().zip(weights) {
            let count = taken.matches(name).count();
            // Never two whole turns away from the share: count / taken = weight / total.
            let difference = (count * total as usize).abs_diff(taken.len() * weight as usize);
            prop_assert!(difference < 2 * total as usize, "{name} has {count} turns");
        }
    }

    #[test]
    fn nobody_is_asked_before_the_later_of_the_times_it_asked_for(
        weights in prop_oneof![Just("honoured"), Just("ignored")],
        calls in proptest::collection::vec((0..3_000u64, 0..2u8, 1..9_000u64, 0..2_000u64), 0..60),
    ) {
        let table = by_retry_after(&format!("balance.by_retry_after.weights = \"{weights}\""));
        let balancer = balancer(&table);
        let mut now = 0;
        let mut until: BTreeMap<String, u64> = BTreeMap::new();
        // Answers come in any order: each is reported a while after its request was sent.
        let mut late: Vec<(u64, String, u64)> = Vec::new();
        for (number, (gap, fails, wait, delay)) in calls.into_iter().enumerate() {
            now += gap;
            late.sort_unstable();
            for (due, name, wait) in late.extract_if(.., |(due, ..)| *due <= now) {
                let backend = balancer.backends.iter().find(|b| b.name == name).unwrap();
                balancer.saw(backend, &answer(429, Some(wait)), at(due));
                let promised = until.entry(name).or_default();
                *promised = (*promised).max(due + wait);
            }
            match balancer.choose(&ask(number as u64, at(now))) {
                Ok(choice) => {
                    let name = choice.backend.name.clone();
                    prop_assert!(until.get(&name).is_none_or(|&promised| promised <= now));
                    if fails == 1 {
                        late.push((now + delay, name, wait));
                    }
                }
                Err(nobody) => {
                    prop_assert_eq!(until.len(), 3);
                    let least = until.values().min().unwrap() - now;
                    prop_assert_eq!(nobody.wait, Duration::from_millis(least));
                }
            }
        }
    }
}
