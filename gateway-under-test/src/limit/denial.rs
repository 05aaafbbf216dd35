//! [`Denial`]: the refusal of a policy, which says everything of it itself.

use std::time::Duration;

use axum::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::ext::ReasonPhrase;

use crate::refusal::whole_seconds;

/// What a policy refuses a request with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Denial {
    pub(crate) status: StatusCode,
    /// The word for it in the access log.
    pub(crate) word: &'static str,
    pub(crate) message: String,
    pub(crate) voice: Voice,
    /// What stands behind the status on the wire; `None`: what usually does.
    pub(crate) phrase: Option<&'static str>,
    /// After which wait it is worth coming back, and the header that tells it in seconds.
    pub(crate) wait: Option<(HeaderName, Duration)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Who speaks in the body of a refusal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Voice {
    /// API Management: JSON with `statusCode` and `message`.
    #[default]
    ApiManagement,
    /// The author of a policy: the message and nothing else.
    Plain,
}

impl Denial {
    /// A refusal in the words of API Management.
    pub(crate) fn new(status: StatusCode, word: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            word,
            message: message.into(),
            voice: Voice::ApiManagement,
            phrase: None,
            wait: None,
            headers: Vec::new(),
        }
    }

    /// A refusal in the words of a policy's author, with this reason phrase.
    pub(crate) fn plain(word: &'static str, phrase: &'static str, message: &str) -> Self {
        Self {
            voice: Voice::Plain,
            phrase: Some(phrase),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, word, message)
        }
    }

    /// The same, with the wait it asks for in `header`, by default `retry-after`.
    pub(crate) fn wait(mut self, wait: Duration, header: Option<&HeaderName>) -> Self {
        let header = header.unwrap_or(&RETRY_AFTER);
        self.wait = Some((header.clone(), wait));
        self
    }

    /// The same, with one header more.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
    /// Adds to `response` what is not in its status and its body.
    pub(crate) fn dress(self, response: &mut Response) {
        if let Some(phrase) = self.phrase {
            let phrase = ReasonPhrase::from_static(phrase.as_bytes());
            response.extensions_mut().insert(phrase);
        }
        let headers = response.headers_mut();
        if self.voice == Voice::Plain {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        }
        if let Some((name, wait)) = self.wait {
            headers.insert(name, whole_seconds(wait).into());
        }
        headers.extend(self.headers);
    }
}
