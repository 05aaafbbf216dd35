//! [`Identity`]: the gateway's own name, as a token that an endpoint issues and renews.
//!
//! API Management's `authentication-managed-identity`. A token is kept and asked for again
//! before it expires, by one request at a time: while that one waits, others use the old token
//! if it still holds, and otherwise wait for the same answer. An endpoint that fails is asked by
//! the next request again, and concerns nobody while the old token holds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, Moment};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use thiserror::Error;
use tower::ServiceExt;

use crate::upstream::Upstream;

/// Where a virtual machine on Azure asks.
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/
// how-to-use-vm-token (read 2026-08), which also has the query, the header and the fields.
pub(crate) const TOKEN_PATH: &str = "/metadata/identity/oauth2/token";

/// Keeps the endpoint from being tricked by forwarded requests.
const METADATA: HeaderName = HeaderName::from_static("metadata");

/// How long before its end a token is renewed, at most.
// Source: azure-identity's `ManagedIdentityCredential` renews five minutes ahead (read 2026-08).
const MARGIN: Duration = Duration::from_mins(5);

/// The part of a short life that is margin.
const MARGIN_PART: u32 = 4;

/// How long the endpoint may take. Assumed: it is near, and somebody is waiting.
const TIMEOUT: Duration = Duration::from_secs(10);

/// More than any token.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// One identity; all who need its token share it.
#[derive(Debug)]
pub(crate) struct Identity {
    /// With what is asked for: two identities with one address are one.
    address: Uri,
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    token: Option<Token>,
    /// The request that is under way. Weak, so that it ends when nobody waits for it any more.
    renewal: Option<WeakShared<Renewal>>,
}

type Renewal = BoxFuture<'static, Result<Token, IdentityError>>;

#[derive(Clone, Debug)]
struct Token {
    /// The value of `Authorization`.
    bearer: HeaderValue,
    /// From then on it is renewed.
    stale: Moment,
    expires: Moment,
}

/// Why there is no token.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum IdentityError {
    #[error("the token endpoint cannot be reached: {0}")]
    Unreachable(String),
    #[error("the token endpoint did not answer in {} s", TIMEOUT.as_secs())]
    Timeout,
    #[error("the token endpoint answered {0}")]
    Refused(StatusCode),
    #[error("expected an `access_token` and `expires_in` or `expires_on` of the token endpoint")]
    NoToken,
}

/// What to do for a request.
enum Plan {
    Use(HeaderValue),
    Await(Shared<Renewal>),
}

impl Identity {
    /// The identity whose tokens are issued at `address`, see [`token_address`].
    pub(crate) fn new(address: Uri) -> Self {
        Self {
            address,
            cache: Mutex::default(),
        }
    }

    /// Where its tokens are issued.
    pub(crate) fn address(&self) -> &Uri {
        &self.address
    }

    /// The value of `Authorization` for a request that goes out now.
    ///
    /// # Errors
    /// Why there is no token.
    pub(crate) async fn bearer(
        self: &Arc<Self>,
        upstream: &Upstream,
        clock: &Clock,
    ) -> Result<HeaderValue, IdentityError> {
        let renewal = match self.plan(clock.now(), || self.clone().renew(upstream, clock)) {
            Plan::Use(bearer) => return Ok(bearer),
            Plan::Await(renewal) => renewal,
        };
        match renewal.await {
            Ok(token) => Ok(token.bearer),
            Err(error) => {
                let now = clock.now();
                let old = self.cache().token.clone().filter(|old| now < old.expires);
                old.map(|old| old.bearer).ok_or(error)
            }
        }
    }

    /// Decides under the lock, so that one request renews and all others know.
    fn plan(&self, now: Moment, renew: impl FnOnce() -> Renewal) -> Plan {
        let mut cache = self.cache();
        let renewal = cache.renewal.as_ref().and_then(WeakShared::upgrade);
        let token = cache.token.as_ref().filter(|token| now < token.expires);
        match (token, renewal) {
            (Some(token), Some(_)) => Plan::Use(token.bearer.clone()),
            (Some(token), None) if now < token.stale => Plan::Use(token.bearer.clone()),
            (None, Some(renewal)) => Plan::Await(renewal),
            (Some(_) | None, None) => {
                let renewal = renew().shared();
                cache.renewal = renewal.downgrade();
                Plan::Await(renewal)
            }
        }
    }

    fn renew(self: Arc<Self>, upstream: &Upstream, clock: &Clock) -> Renewal {
        let (upstream, clock) = (upstream.clone(), clock.clone());
        let renewal = async move {
            let deadline = clock.now() + TIMEOUT;
            let answer = clock.timeout_at(deadline, ask(upstream, self.address.clone()));
            let answer = answer
                .await
                .map_err(|clock::Elapsed| IdentityError::Timeout)??;
            let token = token(&answer, &clock).ok_or(IdentityError::NoToken)?;
            self.cache().token = Some(token.clone());
            Ok(token)
        };
        renewal.boxed()
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address with what is asked for, or `None` if `resource` does not fit into a query.
pub(crate) fn token_address(url: &str, resource: &str) -> Option<Uri> {
    // The version is the one all documentation shows.
    let address = format!("{url}?api-version=2018-02-01&resource={resource}");
    address.parse().ok()
}

async fn ask(upstream: Upstream, address: Uri) -> Result<Bytes, IdentityError> {
    let unreachable = |error: tower::BoxError| IdentityError::Unreachable(error.to_string());
    let request = Request::get(address)
        .header(METADATA, "true")
        .body(Body::empty())
        .map_err(|error| unreachable(error.into()))?;
    let response = upstream.oneshot(request).await.map_err(unreachable)?;
    if response.status() != StatusCode::OK {
        return Err(IdentityError::Refused(response.status()));
    }
    let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect();
    Ok(body.await.map_err(unreachable)?.to_bytes())
}

/// The token in `answer`, whose numbers are text on virtual machines.
fn token(answer: &[u8], clock: &Clock) -> Option<Token> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let seconds = |key| {
        let value: &serde_json::Value = answer.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let now = clock.now();
    let life = seconds("expires_in").or_else(|| {
        let utc = u64::try_from(clock.utc(now).as_second()).ok()?;
        Some(seconds("expires_on")?.saturating_sub(utc))
    })?;
    let life = Duration::from_secs(life);
    let bearer = format!("Bearer {}", answer.get("access_token")?.as_str()?);
    let mut bearer = HeaderValue::try_from(bearer).ok()?;
    bearer.set_sensitive(true);
    Some(Token {
        bearer,
        stale: now + life.saturating_sub(MARGIN.min(life / MARGIN_PART)),
        expires: now + life,
    })
}

#[cfg(test)]
mod tests;
