//! Forwarding: one attempt on one backend.
//!
//! Method, path, query and bytes pass unchanged; credentials are exchanged and headers that
//! concern one connection only are dropped. Responses are never collected. A request's body is,
//! up to a limit, when a retry may need it again; otherwise it streams through.

mod failure;
mod hop_by_hop;
mod outbound;
mod payload;
mod silence;

use axum::body::Body;
use clock::{Clock, Moment};
use http::{Response, Version};
use tower::ServiceExt;

pub(crate) use self::failure::Failure;
pub(crate) use self::outbound::Outbound;
pub(crate) use self::payload::{Meter, Payload};
pub(crate) use self::silence::watched;

use crate::backend::{Backend, Credential};
use crate::upstream::Upstream;

/// Sends `outbound` to `backend`, with its `credential`, and awaits the response's headers, but not past `deadline`.
///
/// Dropped before it is ready, it takes the request to the backend with it.
pub(crate) async fn forward(
    upstream: &Upstream,
    clock: &Clock,
    outbound: &mut Outbound,
    backend: &Backend,
    credential: Option<Credential>,
    deadline: Moment,
) -> Result<Response<Body>, Failure> {
    let request = outbound.request_to(backend, credential)?;
    let answer = upstream.clone().oneshot(request);
    let mut response = match clock.timeout_at(deadline, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) if outbound.meter().is_broken() => return Err(Failure::RequestBody),
        Ok(Err(error)) => return Err(Failure::of(error.as_ref())),
        Err(clock::Elapsed) => return Err(Failure::Timeout),
    };
    hop_by_hop::remove(response.headers_mut());
    // What version the backend speaks is between it and us.
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}
