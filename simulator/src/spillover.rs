//! Spillover: a standard deployment serves what a provisioned one refuses or fails to answer.
//!
//! Source: "spillover-traffic-management", learn.microsoft.com: the provisioned deployment's 429,
//! 500 and 503, and its 400 for a prompt that is too long, go to the deployment that the property
//! names, else to the one in the request's header. If that fails too, the caller gets the original
//! answer with the status of the other.
//!
//! A layer around the operations, because the second attempt is a whole request: it is routed,
//! may meet faults, and is admitted and charged by the standard deployment. It is booked in the
//! same entry, since the caller has asked once.

use std::io;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::config::Limiter;
use crate::openai::headers;
use crate::receive::Received;

/// Names the standard deployment, where the provisioned one does not itself.
const WANTED: HeaderName = HeaderName::from_static("x-ms-spillover-deployment");
/// The provisioned deployment that did not answer; spelt as by several clients.
const FROM: HeaderName = HeaderName::from_static("x-ms-spillover-from-deployment");
/// The status of the standard deployment that did not answer either.
const ERROR: HeaderName = HeaderName::from_static("x-ms-spillover-error");

/// The deployment that serves a request instead of the one it names.
#[derive(Clone, Debug)]
pub(crate) struct ServedBy(pub(crate) String);

/// Lets a request try again on the deployment that its own spills over to.
pub(crate) async fn spill(request: Request, next: Next) -> Response {
    let received = request.extensions().get::<Received>();
    let received = received.expect("the layer `receive` is outside of all operations");
    if !received.live.has_provisioned {
        return next.run(request).await;
    }
    let received = received.clone();
    let (parts, _) = request.into_parts();
    let wanted = parts.headers.get(WANTED).cloned();
    let first = next.clone().run(again(parts.clone())).await;
    let Some(Spill { from, to }) = Spill::of(&received, wanted.as_ref(), &first) else {
        return first;
    };
    let booked = received.booking.write(|entry| {
        let booked = entry.clone();
        (entry.refusal, entry.retry_after_ms, entry.fault) = (None, None, None);
        booked
    });
    let mut parts = parts;
    parts.extensions.insert(ServedBy(to));
    let mut second = next.run(again(parts)).await;
    if second.status().is_success() {
        let name = HeaderValue::try_from(from).unwrap_or_else(|_| HeaderValue::from_static(""));
        tell(
            second.headers_mut(),
            headers::IS_SPILLED_OVER,
            HeaderValue::from_static("true"),
        );
        tell(second.headers_mut(), FROM, name);
        return second;
    }
    received.booking.write(|entry| *entry = booked);
    let mut first = first;
    tell(first.headers_mut(), ERROR, second.status().as_u16().into());
    first
}

/// The same request once more; its body has been read.
fn again(parts: Parts) -> Request {
    Request::from_parts(parts, Body::empty())
}

fn tell(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.insert(name, value);
}

/// A request that goes from one deployment to another.
struct Spill {
    from: String,
    to: String,
}

impl Spill {
    /// Where a request with the answer `first` goes on, if it does.
    fn of(received: &Received, wanted: Option<&HeaderValue>, first: &Response) -> Option<Self> {
        let (deployment, refusal) = received
            .booking
            .write(|entry| (entry.deployment.clone(), entry.refusal.clone()));
        let is_eligible = match first.status() {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::SERVICE_UNAVAILABLE => true,
            StatusCode::BAD_REQUEST => refusal.as_deref() == Some("context-length"),
            _ => false,
        };
        // A connection that breaks is no answer.
        if !is_eligible || first.extensions().get::<io::ErrorKind>().is_some() {
            return None;
        }
        let from = deployment?;
        let deployments = &received.live.config.deployments;
        let provisioned = deployments.get(&from)?;
        if !matches!(provisioned.limiter, Limiter::Provisioned(_)) {
            return None;
        }
        let wanted = || wanted.and_then(|name| name.to_str().ok());
        let to = provisioned.spillover.as_deref().or_else(wanted)?.to_owned();
        // Assumed: a header that names a provisioned deployment is read over.
        let target = deployments.get(&to).map(|target| target.limiter);
        let is_provisioned = matches!(target, Some(Limiter::Provisioned(_)));
        (!is_provisioned).then_some(Self { from, to })
    }
}
