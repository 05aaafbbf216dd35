//! The upstream: whatever takes a request to the backend its authority names.
//!
//! The gateway is generic over it, because a router of simulators is such a service too: then
//! the whole rig runs in one thread, without sockets, on a paused clock. It is boxed inside the
//! gateway, so that the type stays out of every signature.

use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt};

/// The upstream as the gateway holds it.
pub(crate) type Upstream = BoxCloneSyncService<Request<Body>, Response<Body>, BoxError>;

/// Shorter than the half minute after which common servers close an idle connection: a request
/// written to a connection that is just being closed is lost, and may not be sent twice.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The real upstream: HTTP/1.1 over TCP, with a pool of connections per authority.
///
/// It knows no proxies by construction: nothing reads the environment, so a proxy variable that
/// is set on the machine cannot swallow requests to loopback. A request that finds its pooled
/// connection closed *before* any of it was written is sent on another one; once a byte was
/// written it is never repeated here, because only the retry policy may do that.
pub fn http() -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = BoxError,
    Future = impl Future<Output = Result<Response<Body>, BoxError>> + Send + use<>,
> + Clone
+ Send
+ Sync
+ 'static {
    let mut connector = HttpConnector::new();
    // Without it a small last segment of a streamed request waits for the peer's delayed ack.
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .build::<_, Body>(connector)
        .map_response(|response| response.map(Body::new))
        .map_err(BoxError::from)
}

/// Boxes `service`.
pub(crate) fn boxed<U>(service: U) -> Upstream
where
    U: Service<Request<Body>, Response = Response<Body>> + Clone + Send + Sync + 'static,
    U::Error: Into<BoxError>,
    U::Future: Send + 'static,
{
    Upstream::new(service.map_err(Into::into))
}
