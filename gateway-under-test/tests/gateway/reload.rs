//! Exchanging the configuration under traffic.

use std::time::Duration;

use clock::Moment;
use futures::future::{join, join_all};
use gateway_under_test::GatewayConfig;

use crate::support::{Received, Reply, Rig, chat, preset_config};

#[tokio::test(start_paused = true)]
async fn requests_under_way_finish_by_the_old_configuration() {
    let rig = Rig::new(
        preset_config("manage-spikes-with-payg/retry"),
        |request| match request.backend.as_str() {
            "ptu-1" => Reply::Full(&[]),
            _ => Reply::Status(200),
        },
    );
    let reload = async {
        let middle = rig.clock.now() + Duration::from_millis(500);
        rig.clock.sleep_until(middle).await;
        rig.gateway
            .reload(preset_config("request-forwarding/transparent"))
    };
    let old = rig.call(chat("/retry-with-payg/openai/x"));
    let (old, reloaded) = join(old, reload).await;
    reloaded.unwrap();
    assert_eq!(old.header("x-gw-attempts"), "ptu-1:429, payg-1:200");
    assert_eq!(rig.chat("/retry-with-payg/openai/x").await.status, 404);
    assert_eq!(rig.chat("/forward/openai/x").await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_configuration_changes_nothing() {
    let rig = Rig::healthy(preset_config("request-forwarding/transparent"));
    let mut wrong = preset_config("manage-spikes-with-payg/retry");
    wrong.backends.remove("ptu-1");
    wrong.backends.get_mut("payg-1").unwrap().url = None;
    let errors = rig.gateway.reload(wrong).unwrap_err();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    backends.payg-1: backend `payg-1` has no url (help: give its address: `--backend payg-1=http://127.0.0.1:8001`, or `url` in the file)
    apis.retry-with-payg.balance.single: unknown backend `ptu-1` (help: the backends are `payg-1`)
    ");
    assert_eq!(rig.chat("/forward/openai/x").await.status, 200);
}

/// Opens the circuit lab's breaker, reloads what `change` makes of it, and returns the status of
/// the next call and how often the backend was asked.
async fn after_reload(change: fn(&mut GatewayConfig)) -> (u16, usize) {
    let mut config = preset_config("labs/backend-circuit-breaking");
    let rig = Rig::new(config.clone(), |_| Reply::Full(&[]));
    for _ in 0..3 {
        rig.chat("/openai/x").await;
    }
    change(&mut config);
    rig.gateway.reload(config).unwrap();
    let answer = rig.chat("/openai/x").await;
    (answer.status.as_u16(), rig.received().len())
}

#[tokio::test(start_paused = true)]
async fn a_breaker_stays_open_while_its_backend_stays_the_same() {
    let rekeyed = |config: &mut GatewayConfig| {
        config.backends.get_mut("openai1").unwrap().api_key = Some("new".to_owned().into());
    };
    assert_eq!(after_reload(|_| {}).await, (503, 3));
    assert_eq!(after_reload(rekeyed).await, (503, 3));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_is_new_with_its_rule_or_with_its_backends_address() {
    let another_rule = |config: &mut GatewayConfig| {
        let backend = config.backends.get_mut("openai1").unwrap();
        backend.breaker.as_mut().unwrap().count = 2;
    };
    let another_url = |config: &mut GatewayConfig| {
        config.backends.get_mut("openai1").unwrap().url = Some("http://other".to_owned());
    };
    assert_eq!(after_reload(another_rule).await, (429, 4));
    assert_eq!(after_reload(another_url).await, (429, 4));
}

#[tokio::test(start_paused = true)]
async fn who_asked_to_be_left_alone_is_after_a_reload_too() {
    let config = preset_config("labs/advanced-load-balancing-fixed");
    let rig = Rig::new(config.clone(), |request| match request.backend.as_str() {
        "openai1" => Reply::Full(&[("retry-after", "30")]),
        _ => Reply::Status(200),
    });
    rig.chat("/openai/x").await;
    rig.gateway.reload(config).unwrap();
    let answer = rig.chat("/openai/x").await;
    assert!(!answer.header("x-gw-attempts").contains("openai1"));
}

#[tokio::test(start_paused = true)]
async fn backends_are_exchanged_without_losing_a_request() {
    let streaming =
        |_: &Received| Reply::Stream(Duration::from_secs(1), &["data: a\n\n", "data: b\n\n"]);
    let rig = Rig::new(preset_config("request-forwarding/transparent"), streaming);
    let one = async |number: u64| {
        let sent = Moment::ZERO + Duration::from_millis(100 * number);
        rig.clock.sleep_until(sent).await;
        rig.chat("/forward/openai/x").await
    };
    let exchange = async {
        let middle = Moment::ZERO + Duration::from_millis(2_050);
        rig.clock.sleep_until(middle).await;
        let mut config = preset_config("request-forwarding/transparent");
        config.backends.get_mut("payg-1").unwrap().url = Some("http://elsewhere".to_owned());
        rig.gateway.reload(config).unwrap();
    };
    let (answers, ()) = join(join_all((0..40).map(one)), exchange).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.text() == "data: a\n\ndata: b\n\n")
    );
    let served = rig.received().into_iter().map(|request| request.backend);
    let served: Vec<_> = served.collect();
    assert!(served[..21].iter().all(|backend| backend == "payg-1"));
    assert!(served[21..].iter().all(|backend| backend == "elsewhere"));
}
