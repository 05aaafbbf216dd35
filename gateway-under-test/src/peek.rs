//! The few things the access log wants to know of a request or a response, read in passing.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName};
use serde::Deserialize;

/// Deployment and operation, where `path` names them:
/// `…/openai/deployments/{deployment}/chat/completions`, `…/v1/embeddings`.
///
/// The v1 paths name the deployment in the body, which is passed on unread.
pub(crate) fn target(path: &str) -> (Option<&str>, Option<&'static str>) {
    let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
    let last = segments.next();
    let before = segments.next();
    let (operation, deployment) = match (before, last) {
        (Some("chat"), Some("completions")) => ("chat_completions", segments.next()),
        (before, Some("completions")) => ("completions", before),
        (before, Some("embeddings")) => ("embeddings", before),
        _ => return (None, None),
    };
    let is_deployment = path.contains("/deployments/");
    (deployment.filter(|_| is_deployment), Some(operation))
}

/// The deployment that `path` names, whatever it is asked to do.
pub(crate) fn deployment(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once("/deployments/")?;
    let name = rest.split('/').next()?;
    (!name.is_empty()).then_some(name)
}

/// The `model` that the JSON object `body` names; all else in it is skipped over.
pub(crate) fn model(body: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Request<'a> {
        #[serde(borrow)]
        model: Cow<'a, str>,
    }
    let request: Request<'_> = serde_json::from_slice(body).ok()?;
    Some(request.model)
}

/// The text of the header `name`, if it is text.
pub(crate) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Whether a response with these headers is a stream of server-sent events.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_and_deployment_are_read_from_the_path() {
        for (path, expected) in [
            (
                "/x/openai/deployments/gpt/chat/completions",
                (Some("gpt"), Some("chat_completions")),
            ),
            (
                "/openai//deployments/gpt/completions",
                (Some("gpt"), Some("completions")),
            ),
            (
                "/openai/deployments/ada/embeddings",
                (Some("ada"), Some("embeddings")),
            ),
            (
                "/openai/v1/chat/completions",
                (None, Some("chat_completions")),
            ),
            ("/v1/embeddings", (None, Some("embeddings"))),
            ("/openai/models", (None, None)),
            ("/", (None, None)),
        ] {
            assert_eq!(target(path), expected, "{path}");
        }
    }
}
