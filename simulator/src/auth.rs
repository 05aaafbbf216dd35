//! Who may ask.
//!
//! A key comes in `api-key` or, as plain OpenAI clients send it, as a Bearer token. Without
//! configured keys any key that is not empty is accepted, which spares a test its secrets.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;

use crate::admin;
use crate::exchange::refuse;
use crate::ledger::bearer;
use crate::openai::{Refusal, headers};
use crate::receive::Received;
use crate::simulator::Shared;

/// Lets requests to the operations pass that carry an accepted key or token.
pub(crate) async fn operations(request: Request, next: Next) -> Response {
    let received = request.extensions().get::<Received>();
    let accepted = received.map_or(&[][..], |received| &received.live.config.api_keys);
    match authorize(request.headers(), accepted) {
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
    let accepted = &live.config.api_keys;
    if accepted.is_empty() || authorize(request.headers(), accepted).is_ok() {
        next.run(request).await
    } else {
        admin::unauthorized()
    }
}

/// Decides by the headers; a key goes before a token.
fn authorize(headers: &HeaderMap, accepted: &[String]) -> Result<(), Refusal> {
    let (given, refusal) = match (headers.get(headers::API_KEY), bearer(headers)) {
        (Some(key), _) => (key.as_bytes(), Refusal::WrongKey),
        (None, Some(token)) => (token, Refusal::WrongToken),
        (None, None) => return Err(Refusal::NoCredential),
    };
    let is_accepted = match accepted {
        [] => !given.is_empty(),
        keys => keys.iter().any(|key| key.as_bytes() == given),
    };
    if is_accepted { Ok(()) } else { Err(refusal) }
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
