//! One endpoint after another, and how often it is asked.

use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::join_all;
use tower::service_fn;

use super::*;
use crate::upstream;

const START: Moment = Moment::ZERO;

/// An endpoint that takes a second and answers what `reply` says to the n-th request.
struct Endpoint {
    upstream: Upstream,
    asked: Arc<AtomicU32>,
    clock: Clock,
    identity: Arc<Identity>,
}

fn endpoint(reply: impl Fn(u32) -> (u16, String) + Clone + Send + Sync + 'static) -> Endpoint {
    let clock = Clock::paused(clock::DEFAULT_ANCHOR);
    let asked = Arc::new(AtomicU32::new(0));
    let (counted, ticking) = (asked.clone(), clock.clone());
    let service = service_fn(move |request: Request<Body>| {
        let n = counted.fetch_add(1, Ordering::Relaxed);
        let (clock, reply) = (ticking.clone(), reply.clone());
        async move {
            assert_eq!(request.headers()["metadata"], "true");
            clock
                .sleep_until(clock.now() + Duration::from_secs(1))
                .await;
            let (status, body) = reply(n);
            let response = http::Response::builder().status(status);
            response.body(Body::from(body))
        }
    });
    let address = token_address("http://imds/token", "https://x").unwrap();
    Endpoint {
        upstream: upstream::boxed(service),
        asked,
        clock,
        identity: Arc::new(Identity::new(address)),
    }
}

/// The n-th token, which holds for a hundred seconds.
fn numbered(n: u32) -> (u16, String) {
    (
        200,
        format!(r#"{{"access_token":"t{n}","expires_in":"100"}}"#),
    )
}

impl Endpoint {
    async fn bearer(&self) -> Result<String, IdentityError> {
        let bearer = self.identity.bearer(&self.upstream, &self.clock).await?;
        Ok(bearer.to_str().unwrap().to_owned())
    }

    async fn bearer_at(&self, seconds: u64) -> Result<String, IdentityError> {
        self.clock
            .sleep_until(START + Duration::from_secs(seconds))
            .await;
        self.bearer().await
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_once_and_kept() {
    let endpoint = endpoint(numbered);
    let tokens = join_all((0..20).map(|_| endpoint.bearer())).await;
    assert!(
        tokens
            .iter()
            .all(|token| *token == Ok("Bearer t0".to_owned()))
    );
    assert_eq!(endpoint.bearer_at(75).await.unwrap(), "Bearer t0");
    assert_eq!(endpoint.asked(), 1);
    assert!(endpoint.clock.now() < START + Duration::from_secs(76));
}

#[tokio::test(start_paused = true)]
async fn a_stale_token_is_renewed_by_one_while_others_use_it() {
    let endpoint = endpoint(numbered);
    endpoint.bearer().await.unwrap();
    let (first, second) = futures::join!(endpoint.bearer_at(76), endpoint.bearer_at(76));
    assert_eq!(first.unwrap(), "Bearer t1");
    assert_eq!(second.unwrap(), "Bearer t0");
    assert_eq!(endpoint.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_never_used() {
    let endpoint = endpoint(numbered);
    endpoint.bearer().await.unwrap();
    let (first, second) = futures::join!(endpoint.bearer_at(101), endpoint.bearer_at(101));
    assert_eq!(first.unwrap(), "Bearer t1");
    assert_eq!(second.unwrap(), "Bearer t1");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_and_not_kept() {
    let endpoint = endpoint(|n| {
        if n == 0 {
            (503, String::new())
        } else {
            numbered(n)
        }
    });
    let failed = join_all((0..20).map(|_| endpoint.bearer())).await;
    let refused = IdentityError::Refused(StatusCode::SERVICE_UNAVAILABLE);
    assert!(failed.iter().all(|token| *token == Err(refused.clone())));
    assert_eq!(endpoint.asked(), 1);
    assert_eq!(endpoint.bearer().await.unwrap(), "Bearer t1");
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_concerns_nobody_while_the_old_token_holds() {
    let endpoint = endpoint(|n| {
        if n == 0 {
            numbered(n)
        } else {
            (500, String::new())
        }
    });
    endpoint.bearer().await.unwrap();
    assert_eq!(endpoint.bearer_at(80).await.unwrap(), "Bearer t0");
    assert!(endpoint.bearer_at(101).await.is_err());
    assert_eq!(endpoint.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_its_request_gave_up_begins_anew() {
    let endpoint = endpoint(numbered);
    let soon = START + Duration::from_millis(500);
    assert!(
        endpoint
            .clock
            .timeout_at(soon, endpoint.bearer())
            .await
            .is_err()
    );
    assert_eq!(endpoint.bearer().await.unwrap(), "Bearer t1");
}

#[tokio::test(start_paused = true)]
async fn both_shapes_of_an_expiry_are_understood_and_others_refused() {
    // The paused clock begins at 1767225600 s.
    for (answer, life) in [
        (
            r#"{"access_token":"t","expires_in":3599,"expires_on":1}"#,
            Some(3599),
        ),
        (
            r#"{"access_token":"t","expires_on":"1767225700"}"#,
            Some(100),
        ),
        (r#"{"access_token":"t"}"#, None),
        (r#"{"access_token":"\n","expires_in":1}"#, None),
        (r#"{"expires_in":1}"#, None),
        ("", None),
    ] {
        let token = token(answer.as_bytes(), &Clock::paused(clock::DEFAULT_ANCHOR));
        let expires = token.map(|token| token.expires);
        assert_eq!(
            expires,
            life.map(|s| START + Duration::from_secs(s)),
            "{answer}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_endpoint_is_given_up() {
    let silent = service_fn(
        async |_: Request<Body>| -> Result<http::Response<Body>, std::io::Error> {
            std::future::pending().await
        },
    );
    let quiet = endpoint(numbered);
    let upstream = upstream::boxed(silent);
    let given_up = quiet.identity.bearer(&upstream, &quiet.clock).await;
    assert_eq!(given_up, Err(IdentityError::Timeout));
    assert_eq!(quiet.clock.now(), START + Duration::from_secs(10));
}
