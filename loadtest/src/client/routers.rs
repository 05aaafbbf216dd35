//! [`Routers`]: a transport without sockets.
//!
//! A request is a call of the target's service in the user's own task, so nothing but timers
//! moves paused time. A response that carries an [`ErrorKind`] stands for a connection that fails.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use axum::Router;
use clock::Clock;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Request};
use tower::ServiceExt;

use super::transport::{Body, Incoming, Outgoing, Transport};
use crate::observation::TransportError;
use crate::plan::Target;

/// Services in this process by target; cheap to clone.
#[derive(Clone, Debug)]
pub struct Routers {
    services: Arc<Services>,
    clock: Clock,
}

#[derive(Debug)]
struct Services {
    gateway: Option<Router>,
    simulators: BTreeMap<String, Router>,
}

impl Routers {
    /// A transport to a gateway, if there is one, and to simulators by name.
    pub fn new(
        gateway: Option<Router>,
        simulators: BTreeMap<String, Router>,
        clock: Clock,
    ) -> Self {
        Self {
            services: Arc::new(Services {
                gateway,
                simulators,
            }),
            clock,
        }
    }

    fn service(&self, target: &Target) -> Option<Router> {
        match target {
            Target::Gateway { .. } => self.services.gateway.clone(),
            Target::Simulator(name) => self.services.simulators.get(name).cloned(),
        }
    }
}

impl Transport for Routers {
    async fn send(&mut self, outgoing: Outgoing<'_>) -> Result<Incoming, TransportError> {
        // As on a socket where nobody listens.
        let service = self
            .service(outgoing.target)
            .ok_or(TransportError::Refused)?;
        let deadline = outgoing.deadline;
        let answer = service.oneshot(request(outgoing)?);
        let Ok(answer) = self.clock.timeout_at(deadline, answer).await else {
            return Err(TransportError::TimedOut);
        };
        let (parts, body) = answer.unwrap_or_else(|never| match never {}).into_parts();
        match parts.extensions.get::<ErrorKind>() {
            None => {}
            Some(ErrorKind::ConnectionRefused) => return Err(TransportError::Refused),
            Some(_) => return Err(TransportError::Reset),
        }
        Ok(Incoming {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: Body::Service {
                chunks: body.into_data_stream(),
                deadline,
                clock: self.clock.clone(),
            },
        })
    }
}

/// The request with the headers that an HTTP client adds by itself.
fn request(outgoing: Outgoing<'_>) -> Result<Request<axum::body::Body>, TransportError> {
    let length = HeaderValue::from(outgoing.body.len());
    let mut request = Request::builder()
        .method(outgoing.method)
        .uri(outgoing.path_and_query)
        .body(axum::body::Body::from(outgoing.body))
        .map_err(|error| TransportError::Other(error.to_string()))?;
    *request.headers_mut() = outgoing.headers;
    let headers = request.headers_mut();
    headers.insert(CONTENT_LENGTH, length);
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::Extension;
    use axum::body::Bytes;
    use axum::routing::post;
    use clock::{DEFAULT_ANCHOR, Moment};
    use futures::stream;
    use http::{HeaderMap, Method};

    use super::*;

    fn outgoing(target: &Target) -> Outgoing<'_> {
        Outgoing {
            target,
            method: Method::POST,
            path_and_query: "/x?y=1",
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"hi"),
            deadline: Moment::ZERO + Duration::from_secs(1),
        }
    }

    fn gateway(router: Router, clock: &Clock) -> Routers {
        Routers::new(Some(router), BTreeMap::new(), clock.clone())
    }

    const GATEWAY: Target = Target::Gateway {
        prefix: String::new(),
    };

    #[tokio::test(start_paused = true)]
    async fn a_request_arrives_with_its_path_its_body_and_its_length() {
        let echo = |request: axum::extract::Request| async move {
            let path = request.uri().to_string();
            let length = request.headers()[CONTENT_LENGTH]
                .to_str()
                .unwrap()
                .to_owned();
            format!("{path} {length}")
        };
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let mut routers = gateway(Router::new().route("/x", post(echo)), &clock);
        let mut incoming = routers.send(outgoing(&GATEWAY)).await.unwrap();
        assert_eq!(incoming.status, 200);
        assert_eq!(incoming.next_chunk().await.unwrap().unwrap(), "/x?y=1 2");
        assert_eq!(incoming.next_chunk().await, Ok(None));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_there_is_a_refused_connection() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let mut routers = Routers::new(None, BTreeMap::new(), clock);
        let nowhere = Target::Simulator("ptu-1".to_owned());
        let error = routers.send(outgoing(&nowhere)).await.unwrap_err();
        assert_eq!(error, TransportError::Refused);
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_stands_for_a_broken_connection_is_that_error() {
        let broken = |kind: ErrorKind| {
            let answer = move || async move { Extension(kind) };
            Router::new().route("/x", post(answer))
        };
        let clock = Clock::paused(DEFAULT_ANCHOR);
        for (kind, expected) in [
            (ErrorKind::ConnectionRefused, TransportError::Refused),
            (ErrorKind::ConnectionReset, TransportError::Reset),
        ] {
            let mut routers = gateway(broken(kind), &clock);
            let error = routers.send(outgoing(&GATEWAY)).await.unwrap_err();
            assert_eq!(error, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn headers_that_never_come_time_out_at_the_deadline() {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let silent = Router::new().route("/x", post(std::future::pending::<()>));
        let error = gateway(silent, &clock)
            .send(outgoing(&GATEWAY))
            .await
            .unwrap_err();
        assert_eq!(error, TransportError::TimedOut);
        assert_eq!(clock.now(), Moment::ZERO + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_is_cut_after_its_status() {
        let broken = || async {
            let chunks = [Ok(Bytes::from_static(b"half")), Err("gone")];
            axum::body::Body::from_stream(stream::iter(chunks))
        };
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let mut routers = gateway(Router::new().route("/x", post(broken)), &clock);
        let mut incoming = routers.send(outgoing(&GATEWAY)).await.unwrap();
        assert_eq!(incoming.next_chunk().await.unwrap().unwrap(), "half");
        let error = incoming.next_chunk().await.unwrap_err();
        assert_eq!(error, TransportError::Cut { status: 200 });
    }
}
