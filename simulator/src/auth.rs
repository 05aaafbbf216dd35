//! Who may ask.
//!
//! A key comes in `api-key` or, as plain OpenAI clients send it, as a Bearer token. Without
//! configured keys any key that is not empty is accepted, which spares a test its secrets. A
//! token that a simulator issued is judged by what it says, not by the keys.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use crate::admin;
use crate::exchange::refuse;
use crate::identity::{self, Verdict};
use crate::ledger::bearer;
use crate::openai::{Refusal, headers};
use crate::receive::Received;
use crate::simulator::Shared;

/// Lets requests to the operations pass that carry an accepted key or token.
pub(crate) async fn operations(request: Request, next: Next) -> Response {
    let received = request.extensions().get::<Received>();
    let received = received.expect("the layer `receive` is outside of all operations");
    let config = &received.live.config;
    let policy = Policy {
        keys: &config.api_keys,
        requires_token: config.identity.required,
        now: received.shared.clock.utc(received.arrived).as_second(),
    };
    match policy.authorize(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(&request, &refusal),
    }
}

/// Lets requests to the admin API pass that carry an accepted key, if there are any.
pub(crate) async fn admin(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let live = shared.live();
    let policy = Policy {
        keys: &live.config.api_keys,
        requires_token: false,
        now: shared.clock.utc(shared.clock.now()).as_second(),
    };
    if policy.keys.is_empty() || policy.authorize(request.headers()).is_ok() {
        next.run(request).await
    } else {
        admin::unauthorized()
    }
}

/// What is accepted.
#[derive(Clone, Copy, Debug)]
struct Policy<'a> {
    /// Keys; without one any that is not empty is.
    keys: &'a [String],
    /// Whether keys are not.
    requires_token: bool,
    /// Seconds since 1970.
    now: i64,
}

impl Policy<'_> {
    /// Decides by the headers; a key goes before a token.
    fn authorize(self, headers: &HeaderMap) -> Result<(), Refusal> {
        match (headers.get(headers::API_KEY), bearer(headers)) {
            (Some(_), _) if self.requires_token => Err(Refusal::KeysDisabled),
            (Some(key), _) if self.accepts(key.as_bytes()) => Ok(()),
            (Some(_), _) => Err(Refusal::WrongKey),
            (None, Some(token)) => match identity::verify(token, self.now) {
                Verdict::Valid => Ok(()),
                Verdict::Foreign if !self.requires_token && self.accepts(token) => Ok(()),
                Verdict::Foreign | Verdict::Invalid => Err(Refusal::WrongToken),
            },
            (None, None) => Err(Refusal::NoCredential),
        }
    }

    fn accepts(self, key: &[u8]) -> bool {
        match self.keys {
            [] => !key.is_empty(),
            keys => keys.iter().any(|accepted| accepted.as_bytes() == key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        pairs.collect()
    }

    fn authorize(headers: &HeaderMap, keys: &[String]) -> Result<(), Refusal> {
        let policy = Policy {
            keys,
            requires_token: false,
            now: 0,
        };
        policy.authorize(headers)
    }

    #[test]
    fn a_configured_key_is_accepted_in_either_header() {
        let keys = ["one".to_owned(), "two".to_owned()];
        assert_eq!(authorize(&headers(&[("api-key", "two")]), &keys), Ok(()));
        assert_eq!(
            authorize(&headers(&[("authorization", "Bearer one")]), &keys),
            Ok(())
        );
        assert_eq!(
            authorize(&headers(&[("authorization", "bearer one")]), &keys),
            Ok(())
        );
    }

    #[test]
    fn a_wrong_key_is_told_from_a_wrong_token_and_from_none() {
        let keys = ["one".to_owned()];
        assert_eq!(
            authorize(&headers(&[("api-key", "three")]), &keys),
            Err(Refusal::WrongKey)
        );
        let token = headers(&[("authorization", "Bearer three")]);
        assert_eq!(authorize(&token, &keys), Err(Refusal::WrongToken));
        assert_eq!(authorize(&headers(&[]), &keys), Err(Refusal::NoCredential));
        let basic = headers(&[("authorization", "Basic b25l")]);
        assert_eq!(authorize(&basic, &keys), Err(Refusal::NoCredential));
    }

    #[test]
    fn without_configured_keys_any_key_but_an_empty_one_is_accepted() {
        assert_eq!(authorize(&headers(&[("api-key", "x")]), &[]), Ok(()));
        assert_eq!(
            authorize(&headers(&[("api-key", "")]), &[]),
            Err(Refusal::WrongKey)
        );
    }
}
