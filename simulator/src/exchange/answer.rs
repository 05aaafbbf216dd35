//! What an exchange answers: the headers of whoever answers, and refusals whole.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue};

use super::Exchange;
use crate::deployment::Target;
use crate::limit::{self, Admission, Promise, Wait};
use crate::openai::{self, Dialect, Head, Origin, Refusal, headers};
use crate::seed::{Key, Purpose};

impl Exchange {
    /// The headers of an answer, without its content type.
    pub(crate) fn headers(&self, target: &Target, key: Key, admission: Admission) -> HeaderMap {
        let mut headers = self.head(key, Origin::Model);
        self.write_server(&mut headers, target);
        target.write_limits(&mut headers, &admission.standing, None);
        headers
    }

    /// The headers of an answer that no deployment gives.
    pub(crate) fn headers_of_lists(&self) -> HeaderMap {
        let number = self.book(|entry| entry.number);
        let origin = match self.dialect {
            Dialect::Azure => Origin::Router,
            Dialect::OpenAi => Origin::Model,
        };
        self.head(self.received.live.key.numbered(number), origin)
    }

    /// Answers with a refusal, and books it.
    pub(crate) fn refuse(&self, refusal: &Refusal, target: Option<&Target>) -> Response {
        let wait = match refusal {
            Refusal::Limited(limited) => Some(limited.refusal.wait),
            Refusal::Fault { wait, .. } => *wait,
            _ => None,
        };
        let (number, deployment) = self.book(|entry| {
            entry.refusal = Some(refusal.reason().to_owned());
            entry.retry_after_ms = wait.map(Wait::millis);
            (entry.number, entry.deployment.clone())
        });
        let origin = refusal.origin(self.dialect);
        let mut headers = self.head(self.received.live.key.numbered(number), origin);
        let asked = deployment
            .as_deref()
            .and_then(|name| self.received.live.find(name));
        if let Some(asked) = target.or(asked).filter(|_| origin == Origin::Model) {
            self.write_server(&mut headers, asked);
        }
        refusal.write_headers(self.dialect, &mut headers);
        if let (Refusal::Limited(limited), Some(target)) = (refusal, target) {
            let limit::Refusal {
                reason,
                wait,
                ref standing,
                ..
            } = limited.refusal;
            let date = &|wait| self.date_after(wait);
            let promise = Promise { reason, wait, date };
            target.write_limits(&mut headers, standing, Some(&promise));
        }
        let body = refusal.body(openai::Request {
            dialect: self.dialect,
            method: &self.method,
            path: self.uri.path(),
            api_version: self.api_version(),
            deployment: deployment.as_deref(),
            id: headers.get(headers::REQUEST_ID),
        });
        let mut response = (
            refusal.status(),
            headers,
            refusal.framed(self.dialect, body),
        )
            .into_response();
        if let Some(phrase) = refusal.phrase(self.dialect) {
            response.extensions_mut().insert(phrase);
        }
        response
    }

    fn write_server(&self, headers: &mut HeaderMap, target: &Target) {
        if self.dialect == Dialect::Azure {
            target.server().write(headers);
        }
    }

    /// The date of HTTP after which `wait` is over: the next whole second.
    pub(crate) fn date_after(&self, wait: Wait) -> HeaderValue {
        let clock = &self.received.shared.clock;
        let over = clock.now() + wait.told();
        let whole = clock.utc(over + Duration::from_micros(999_999));
        // Source: <https://www.rfc-editor.org/rfc/rfc9110#name-date-time-formats>.
        let date = whole.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        HeaderValue::try_from(date).expect("a date is visible ASCII")
    }

    fn head(&self, key: Key, origin: Origin) -> HeaderMap {
        let head = Head {
            dialect: self.dialect,
            origin,
            region: &self.received.live.region,
            request: &self.headers,
        };
        head.write(&mut key.rng(Purpose::Headers))
    }
}
