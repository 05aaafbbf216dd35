//! What is refused by its path and headers alone, once it is known who asks.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName};

use crate::exchange::refuse;
use crate::openai::{Dialect, Refusal};
use crate::receive::Received;

/// Custom headers that Azure lets pass.
///
/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/quotas-limits>: "up to 10".
const MOST_CUSTOM_HEADERS: usize = 10;

/// Lets requests pass whose path is of the simulator's dialect and whose headers are not too many.
pub(crate) async fn check(request: Request, next: Next) -> Response {
    let received = request.extensions().get::<Received>();
    let received = received.expect("the layer `receive` is outside of all operations");
    let spoken = Dialect::of(request.uri().path());
    let dialect = received.live.config.dialect.unwrap_or(spoken);
    if spoken != dialect {
        refuse(&request, &Refusal::NotFound)
    } else if dialect == Dialect::Azure && custom(request.headers()) > MOST_CUSTOM_HEADERS {
        refuse(&request, &Refusal::TooManyHeaders)
    } else {
        next.run(request).await
    }
}

/// How many headers are of the caller's own making, each name counted once.
///
/// Assumed: those that HTTP, proxies, tracing, the SDKs and Azure's own conventions know are not.
fn custom(headers: &HeaderMap) -> usize {
    if headers.keys_len() <= MOST_CUSTOM_HEADERS {
        return 0;
    }
    headers.keys().filter(|name| !is_known(name)).count()
}

fn is_known(name: &HeaderName) -> bool {
    let name = name.as_str();
    KNOWN.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

const FAMILIES: [&str; 9] = [
    "accept",
    "access-control-",
    "content-",
    "if-",
    "openai-",
    "sec-",
    "x-forwarded-",
    "x-ms-",
    "x-stainless-",
];

const KNOWN: [&str; 33] = [
    "api-key",
    "authorization",
    "baggage",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "dnt",
    "expect",
    "forwarded",
    "from",
    "host",
    "idempotency-key",
    "keep-alive",
    "max-forwards",
    "ocp-apim-subscription-key",
    "origin",
    "pragma",
    "priority",
    "proxy-authorization",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];
