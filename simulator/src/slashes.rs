//! Collapses runs of slashes in a path, as Azure does.
//!
//! Gateways that join a prefix with a path that begins with a slash send `//openai/…`. Source:
//! openllmetry, `test_prompt_content_filtering`. OpenAI knows no such path: `//v1/…` stays as it is.

use std::task::{Context, Poll};

use axum::extract::Request;
use http::Uri;
use http::uri::PathAndQuery;
use tower::Service;

use crate::openai::Dialect;

/// The service within, seen through a path without doubled slashes.
#[derive(Clone, Debug)]
pub(crate) struct Collapse<S>(S);

impl<S> Collapse<S> {
    pub(crate) fn new(service: S) -> Self {
        Self(service)
    }
}

/// The path and query as they were received, where they were changed.
#[derive(Clone, Debug)]
pub(crate) struct AsReceived(pub(crate) PathAndQuery);

impl<S: Service<Request>> Service<Request> for Collapse<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        if let Some(received) = request.uri().path_and_query().cloned()
            && Dialect::of(received.path()) == Dialect::Azure
            && let Some(collapsed) = collapse(&received)
        {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(collapsed);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
                request.extensions_mut().insert(AsReceived(received));
            }
        }
        self.0.call(request)
    }
}

/// The path with single slashes and the same query, or `None` where nothing changes.
fn collapse(received: &PathAndQuery) -> Option<PathAndQuery> {
    let path = received.path();
    if !path.contains("//") {
        return None;
    }
    let mut single = String::with_capacity(received.as_str().len());
    for character in path.chars() {
        if character != '/' || !single.ends_with('/') {
            single.push(character);
        }
    }
    if let Some(query) = received.query() {
        single.push('?');
        single.push_str(query);
    }
    single.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collapsed(path: &str) -> Option<String> {
        collapse(&path.parse().unwrap()).map(|path| path.to_string())
    }

    #[test]
    fn runs_of_slashes_become_one_and_the_query_stays() {
        assert_eq!(
            collapsed("//openai///v1//x?a=//b").unwrap(),
            "/openai/v1/x?a=//b"
        );
        assert_eq!(collapsed("/openai/v1/x?a=//b"), None);
    }
}
