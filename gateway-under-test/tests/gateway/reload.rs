//! Exchanging the configuration under traffic.

use std::time::Duration;

use futures::future::join;

use crate::support::{Reply, Rig, chat, preset_config};

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
