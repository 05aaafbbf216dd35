//! [`Outbound`]: a request as it goes to backends, once or several times.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, Request};

use super::{Failure, Meter, Payload, hop_by_hop};
use crate::backend::{Backend, Credential};
use crate::headers::{API_KEY, SUBSCRIPTION_KEY, X_GW_TRACE};

/// A request without anything that is the caller's own: credentials, host, connection.
#[derive(Debug)]
pub(crate) struct Outbound {
    method: Method,
    headers: HeaderMap,
    path_and_query: Bytes,
    payload: Payload,
    meter: Arc<Meter>,
}

impl Outbound {
    /// The request with the head `parts` and the body `payload`, for the path `path` behind the
    /// prefix of its API.
    pub(crate) fn new(parts: Parts, path: &str, payload: Payload, meter: Arc<Meter>) -> Self {
        let path_and_query = match parts.uri.query() {
            Some(query) => [path, "?", query].concat(),
            None => path.to_owned(),
        };
        let mut headers = parts.headers;
        remove_what_is_the_callers(&mut headers);
        Self {
            method: parts.method,
            headers,
            path_and_query: path_and_query.into(),
            payload,
            meter,
        }
    }

    /// The request of the next attempt, addressed to `backend` and with the `credential` for it.
    ///
    /// # Errors
    /// An address that cannot be put together; no request that could be parsed has one.
    pub(super) fn request_to(
        &mut self,
        backend: &Backend,
        credential: Option<Credential>,
    ) -> Result<Request<Body>, Failure> {
        let mut request = Request::new(self.payload.next());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = backend
            .address(&self.path_and_query)
            .map_err(|_| Failure::Failed)?;
        let headers = request.headers_mut();
        *headers = match self.payload {
            Payload::Once(_) => std::mem::take(&mut self.headers),
            Payload::Replayed(_) => self.headers.clone(),
        };
        headers.insert(HOST, backend.host.clone());
        headers.extend(credential);
        Ok(request)
    }

    /// What has been read of the caller's body.
    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }
}

fn remove_what_is_the_callers(headers: &mut HeaderMap) {
    // The length beside a transfer coding is a lie at best and request smuggling at worst.
    if headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(CONTENT_LENGTH);
    }
    hop_by_hop::remove(headers);
    // The server has answered `100 Continue` itself when the body was first read.
    for name in [
        HOST,
        EXPECT,
        AUTHORIZATION,
        API_KEY,
        SUBSCRIPTION_KEY,
        X_GW_TRACE,
    ] {
        headers.remove(name);
    }
}
