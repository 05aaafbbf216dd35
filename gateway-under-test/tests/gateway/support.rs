//! A gateway between a caller and backends that keep what they are sent.

use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use clock::{Clock, DEFAULT_ANCHOR, Moment};
use futures::stream;
use gateway_under_test::access_log::Entry;
use gateway_under_test::{Gateway, GatewayConfig, preset};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use tower::{Service, ServiceExt, service_fn};

/// A request as a backend received it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) at: Moment,
    /// The backend's name, from the authority.
    pub(crate) backend: String,
    pub(crate) method: Method,
    pub(crate) path_and_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What a backend does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers with this status and a body that says so.
    Status(u16),
    /// Answers with this status and body.
    Says(u16, &'static str),
    /// Answers 429 with these headers.
    Full(&'static [(&'static str, &'static str)]),
    /// Answers 200 with these headers.
    Headed(&'static [(&'static str, &'static str)]),
    /// Answers 200, headers first, then each chunk after this wait.
    Stream(Duration, &'static [&'static str]),
    /// Answers 200, the first chunk, and breaks off.
    Cut(&'static str),
    /// Answers with this status after a while.
    Late(Duration, u16),
    /// The connection fails in this way.
    Fails(ErrorKind),
    /// Never answers.
    Silent,
}

/// A gateway and the books of the backends behind it.
pub(crate) struct Rig {
    pub(crate) gateway: Gateway,
    pub(crate) clock: Clock,
    received: Arc<Mutex<Vec<Received>>>,
}

/// The answer to a caller, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The preset `name`, its backends at `http://<name>` with the keys `<name>-key`.
pub(crate) fn preset_config(name: &str) -> GatewayConfig {
    at_their_names(preset::table(name).unwrap().try_into().unwrap())
}

/// A gateway of one API called `api` at `/api` before `payg-1` and `ptu-1`, with these keys.
pub(crate) fn api_config(keys: &str) -> GatewayConfig {
    let text = format!(
        "subscriptions.one = {{ key = \"subscription-key-one\" }}\n\
         backends.payg-1 = {{ apim_backend = \"payg-backend-1\" }}\n\
         backends.ptu-1 = {{ apim_backend = \"ptu-backend-1\" }}\n\
         [apis.api]\nprefix = \"/api\"\n{keys}\n"
    );
    at_their_names(GatewayConfig::parse("test.toml", &text).unwrap())
}

fn at_their_names(mut config: GatewayConfig) -> GatewayConfig {
    for (name, backend) in &mut config.backends {
        backend.url = Some(format!("http://{name}"));
        backend.api_key = Some(format!("{name}-key").into());
        // Tokens have tests of their own.
        backend.identity = None;
    }
    config
}

impl Rig {
    /// A gateway whose backends reply as `decide` says of each request.
    pub(crate) fn new(
        config: GatewayConfig,
        decide: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let clock = Clock::paused(DEFAULT_ANCHOR);
        let received = Arc::default();
        let backends = backends(clock.clone(), Arc::clone(&received), Arc::new(decide));
        let gateway = Gateway::new(config, clock.clone(), backends).unwrap();
        Self {
            gateway,
            clock,
            received,
        }
    }

    /// A gateway whose backends always answer 200.
    pub(crate) fn healthy(config: GatewayConfig) -> Self {
        Self::new(config, |_| Reply::Status(200))
    }

    /// What backends have received so far, in order.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The access log.
    pub(crate) fn log(&self) -> Vec<Entry> {
        self.gateway.access_log().entries()
    }

    /// Sends `request` and returns what has come by the time the headers are there.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Body> {
        let Ok::<_, Infallible>(response) = self.gateway.router().oneshot(request).await;
        response
    }

    /// Sends `request` and reads the answer to its end.
    pub(crate) async fn call(&self, request: Request<Body>) -> Answer {
        let (head, body) = self.send(request).await.into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// Sends `request` and reads the answer as far as it goes.
    pub(crate) async fn read(&self, request: Request<Body>) {
        let mut body = self.send(request).await.into_body();
        while let Some(Ok(_)) = body.frame().await {}
    }

    /// Sends a chat to `path` with a valid key.
    pub(crate) async fn chat(&self, path: &str) -> Answer {
        self.call(chat(path)).await
    }
}

impl Answer {
    /// The header `name`, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// A request to `path` with a valid key and a small body.
pub(crate) fn chat(path: &str) -> Request<Body> {
    Request::post(path)
        .header("api-key", "subscription-key-one")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"messages":[]}"#))
        .unwrap()
}

type Decide = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

fn backends(
    clock: Clock,
    received: Arc<Mutex<Vec<Received>>>,
    decide: Decide,
) -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = io::Error,
    Future = impl Future<Output = io::Result<Response<Body>>> + Send,
> + Clone
+ Send
+ Sync
+ 'static {
    service_fn(move |request: Request<Body>| {
        let (clock, received, decide) = (clock.clone(), received.clone(), decide.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(io::Error::other)?;
            let request = Received {
                at: clock.now(),
                backend: head.uri.authority().unwrap().to_string(),
                method: head.method,
                path_and_query: head.uri.path_and_query().unwrap().to_string(),
                headers: head.headers,
                body: body.to_bytes(),
            };
            let reply = decide(&request);
            received.lock().unwrap().push(request.clone());
            answer(reply, &request, &clock).await
        }
    })
}

async fn answer(reply: Reply, request: &Received, clock: &Clock) -> io::Result<Response<Body>> {
    let response = Response::builder().header("x-ms-region", "East US");
    let says = |status: u16| format!("{} says {status}", request.backend);
    let response = match reply {
        Reply::Status(status) => response.status(status).body(says(status).into()),
        Reply::Says(status, body) => response.status(status).body(body.into()),
        Reply::Full(headers) => headed(response.status(429), headers).body(says(429).into()),
        Reply::Headed(headers) => headed(response, headers).body(says(200).into()),
        Reply::Stream(wait, chunks) => {
            let response = response.header("content-type", "text/event-stream");
            response.body(chunked(wait, chunks, clock.clone()))
        }
        Reply::Cut(chunk) => {
            let chunks = [Ok(Bytes::from(chunk)), Err(ErrorKind::ConnectionReset)];
            let chunks = chunks.map(|chunk| chunk.map_err(io::Error::from));
            response.body(Body::from_stream(stream::iter(chunks)))
        }
        Reply::Late(wait, status) => {
            clock.sleep_until(clock.now() + wait).await;
            response.status(status).body(says(status).into())
        }
        Reply::Fails(kind) => return Err(kind.into()),
        Reply::Silent => std::future::pending().await,
    };
    Ok(response.unwrap())
}

fn headed(
    response: http::response::Builder,
    headers: &[(&'static str, &'static str)],
) -> http::response::Builder {
    let add = |response: http::response::Builder, &(name, value)| {
        response.header::<&str, &str>(name, value)
    };
    headers.iter().fold(response, add)
}

/// Chunks that come one by one, each `wait` after the one before.
fn chunked(wait: Duration, chunks: &'static [&'static str], clock: Clock) -> Body {
    let next = move |mut left: std::slice::Iter<'static, &'static str>| {
        let clock = clock.clone();
        async move {
            let chunk = left.next()?;
            clock.sleep_until(clock.now() + wait).await;
            Some((Ok::<_, Infallible>(Bytes::from(*chunk)), left))
        }
    };
    Body::from_stream(stream::unfold(chunks.iter(), next))
}
