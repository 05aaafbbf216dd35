//! Callers and times for tests of policies.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;

use clock::{DEFAULT_ANCHOR, Moment, Timestamp};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::{Answer, Caller, Denial, Hold, Now, Place, Policy, Scope, Settlement};
use crate::refusal::Refusal;
use crate::usage::Usage;

static NO_HEADERS: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);

/// Where the policy under test stands.
pub(super) const PLACE: Place<'static> = Place {
    scope: Scope::Api,
    owner: "chat",
    policy: "policy",
    part: None,
};

/// The configuration that `text` says.
pub(super) fn config<C: DeserializeOwned>(text: &str) -> C {
    toml::from_str(text).unwrap()
}

/// Somebody with the key of `subscription`.
pub(super) fn caller(subscription: &str) -> Caller<'_> {
    Caller {
        subscription,
        product: None,
        api: "chat",
        deployment: None,
        operation: None,
        client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        headers: &NO_HEADERS,
        query: None,
        body: None,
        prompt_tokens: None,
    }
}

/// So long after the beginning of 2026, the default anchor.
pub(super) fn at(micros: u64) -> Now {
    Now {
        at: Moment::from_micros(micros),
        utc: Timestamp::from_microsecond(
            DEFAULT_ANCHOR.as_microsecond() + i64::try_from(micros).unwrap(),
        )
        .unwrap(),
    }
}

/// What a policy refuses the caller with, or `None` if it lets the caller in.
pub(super) fn refused(policy: &impl Policy, by: &str, now: Now) -> Option<Denial> {
    match policy.admit(&caller(by), now) {
        Err(Refusal::Denied(denial)) => Some(*denial),
        Err(other) => panic!("refused with {other:?}"),
        Ok(hold) => {
            settle(hold, 200, 0, now);
            None
        }
    }
}

/// Ends a request with an answer of this status that took so many tokens.
pub(super) fn settle(
    hold: Option<Box<dyn Hold>>,
    status: u16,
    total_tokens: u64,
    now: Now,
) -> HeaderMap {
    let usage = Usage {
        prompt_tokens: total_tokens,
        total_tokens,
        ..Usage::default()
    };
    let usage = Some(usage);
    let mut out = HeaderMap::new();
    if let Some(mut hold) = hold {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &NO_HEADERS,
            usage,
        };
        hold.answered(&answer, &mut out, now).unwrap();
        hold.settled(&Settlement { status, usage }, now);
    }
    out
}
