//! How a refusal travels: who says it, its headers, its reason phrase, and the shape of its body.

use std::convert::Infallible;

use axum::body::Body;
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::ext::ReasonPhrase;

use super::{Dialect, Origin, Refusal, faulted};

impl Refusal {
    /// The part of the service that says so.
    ///
    /// Assumed for Azure: what is wrong with a credential, a path or the headers is seen before
    /// the deployment, what is wrong with a prompt behind it.
    pub(crate) fn origin(&self, dialect: Dialect) -> Origin {
        match self {
            Self::NoCredential
            | Self::WrongKey
            | Self::WrongToken
            | Self::KeysDisabled
            | Self::NotFound
            | Self::WrongVersion
            | Self::WrongMethod
            | Self::TooManyHeaders => Origin::FrontEnd,
            Self::Invalid(_) | Self::TooLong { .. } => Origin::Model,
            // Source: opentelemetry-python-contrib; OpenAI counts where it answers.
            Self::Limited(..) if dialect == Dialect::OpenAi => Origin::Model,
            Self::UnknownModel(_)
            | Self::UnknownDeployment(_)
            | Self::WrongOperation(..)
            | Self::TooLarge { .. }
            | Self::Unreadable
            | Self::Limited(..)
            | Self::QueueFull(_) => Origin::Router,
            Self::Fault { status, .. } => faulted::origin(dialect, *status),
        }
    }

    /// Writes the headers that come with this refusal, the type of its body among them.
    pub(crate) fn write_headers(&self, dialect: Dialect, headers: &mut HeaderMap) {
        let json = match dialect {
            Dialect::Azure => "application/json",
            Dialect::OpenAi if self.origin(dialect) == Origin::Model => "application/json",
            // Source: opentelemetry-python-contrib, test_chat_completion_404.
            Dialect::OpenAi => "application/json; charset=utf-8",
        };
        if !self.is_bare(dialect) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(json));
        }
        if let (Self::Fault { status, .. }, Dialect::Azure) = (self, dialect) {
            faulted::write_headers(*status, headers);
        }
    }

    /// The reason phrase, where it is not the status's own.
    pub(crate) fn phrase(&self, dialect: Dialect) -> Option<ReasonPhrase> {
        let is_wrong_key = match self {
            Self::WrongKey => true,
            Self::Fault { status, .. } => *status == StatusCode::UNAUTHORIZED,
            _ => false,
        };
        // Source: openllmetry, test_azure_openai_embeddings.
        (is_wrong_key && dialect == Dialect::Azure)
            .then_some(const { ReasonPhrase::from_static(b"PermissionDenied") })
    }

    /// The body as it travels: in chunks where the service does not say how long it is.
    pub(crate) fn framed(&self, dialect: Dialect, body: String) -> Body {
        if self.is_bare(dialect) {
            Body::from_stream(stream::iter([Ok::<_, Infallible>(body)]))
        } else {
            body.into()
        }
    }

    /// Whether neither type nor length of the body are told.
    ///
    /// Source: openllmetry, `test_chat_reasoning` of 2026-03.
    fn is_bare(&self, dialect: Dialect) -> bool {
        let is_unknown = match self {
            Self::UnknownDeployment(_) => true,
            Self::Fault { status, .. } => *status == StatusCode::NOT_FOUND,
            _ => false,
        };
        is_unknown && dialect == Dialect::Azure
    }
}
