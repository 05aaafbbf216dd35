//! The headers of answers, by cloud and by the part of the service that answers.
//!
//! A refusal tells by its headers how far its request came: the front end only gives it an id, the
//! router knows the region, and what a model has seen carries the marks of its server. Limits and
//! waits are written by the limiter, not here.
//!
//! Not written are the headers of Cloudflare before OpenAI (`cf-ray`, `server`, `alt-svc`, cookies).

use http::header::VARY;
use http::{HeaderMap, HeaderName, HeaderValue};
use rand::Rng;

use super::{Dialect, headers};

/// The part of the service that answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// What looks at credentials and paths.
    FrontEnd,
    /// What finds a deployment and asks its limiter.
    Router,
    /// What serves a model.
    Model,
}

/// What decides about an answer's headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) dialect: Dialect,
    pub(crate) origin: Origin,
    /// The region of the resource.
    pub(crate) region: &'a HeaderValue,
    /// What the request brought.
    pub(crate) request: &'a HeaderMap,
}

/// What is told of a deployment that answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server<'a> {
    pub(crate) deployment: &'a HeaderValue,
    /// The process that serves the model.
    pub(crate) session: &'a HeaderValue,
    /// Whether it answers with text, which a content filter reads.
    pub(crate) is_text: bool,
}

impl Head<'_> {
    /// The headers that do not depend on a deployment; ids are drawn from `rng`.
    pub(crate) fn write(self, rng: &mut impl Rng) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(24);
        match self.dialect {
            Dialect::Azure => self.azure(&mut headers, rng),
            Dialect::OpenAi => self.openai(&mut headers, rng),
        }
        headers
    }

    /// Source: openllmetry, recordings of 2026-03: a 401 carries an id and nothing else, a 404 of
    /// a deployment that does not exist no `x-request-id`.
    fn azure(self, headers: &mut HeaderMap, rng: &mut impl Rng) {
        headers.insert(headers::APIM_REQUEST_ID, guid(rng));
        if let Some(id) = self.request.get(headers::CLIENT_REQUEST_ID) {
            headers.insert(headers::CLIENT_REQUEST_ID, id.clone());
        }
        if self.origin == Origin::FrontEnd {
            return;
        }
        headers.insert(headers::REGION, self.region.clone());
        secure(headers);
        if self.origin == Origin::Model {
            headers.insert(headers::REQUEST_ID, guid(rng));
        }
    }

    /// Source: opentelemetry-python-contrib, recordings of 2024-11 to 2026.
    fn openai(self, headers: &mut HeaderMap, rng: &mut impl Rng) {
        headers.insert(headers::REQUEST_ID, request_id(rng));
        secure(headers);
        // Assumed: without credentials nobody knows the organization.
        if self.origin != Origin::FrontEnd {
            let asked = self.request.get(headers::ORGANIZATION).cloned();
            let organization = asked.unwrap_or(ORGANIZATION);
            headers.insert(headers::ORGANIZATION, organization);
        }
        if self.origin != Origin::Model {
            headers.insert(VARY, HeaderValue::from_static("Origin"));
            return;
        }
        let project = self.request.get(headers::PROJECT).cloned();
        headers.insert(headers::PROJECT, project.unwrap_or(PROJECT));
        let fixed = [
            (headers::EXPOSE_HEADERS, "X-Request-ID"),
            (headers::OPENAI_VERSION, "2020-10-01"),
            (headers::OPENAI_PROXY, "v0.1"),
        ];
        insert(headers, fixed);
    }
}

impl Server<'_> {
    /// Writes what Azure tells of the deployment behind an answer.
    ///
    /// Source: openllmetry, chats of 2026-03 and embeddings of 2024-02. Assumed: embeddings of
    /// today name their deployment, too.
    pub(crate) fn write(self, headers: &mut HeaderMap) {
        headers.insert(headers::MODEL_SESSION, self.session.clone());
        headers.insert(headers::DEPLOYMENT_NAME, self.deployment.clone());
        insert(headers, [(headers::IS_SPILLED_OVER, "false")]);
        if self.is_text {
            let marks = [
                (headers::SKIP_ERROR_REMAPPING, "true"),
                (headers::ACCEL_BUFFERING, "no"),
                (headers::RAI_INVOKED, "true"),
            ];
            insert(headers, marks);
        }
    }
}

/// Assumed: who asks without naming an organization is in one of this name.
const ORGANIZATION: HeaderValue = HeaderValue::from_static("org-simulator");

/// Assumed: who asks without naming a project is in one of this name.
const PROJECT: HeaderValue = HeaderValue::from_static("proj_simulator");

fn secure(headers: &mut HeaderMap) {
    let fixed = [
        (
            headers::STRICT_TRANSPORT_SECURITY,
            "max-age=31536000; includeSubDomains; preload",
        ),
        (headers::CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    insert(headers, fixed);
}

fn insert<const N: usize>(headers: &mut HeaderMap, fixed: [(HeaderName, &'static str); N]) {
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// A random identifier in the form of a GUID.
fn guid(rng: &mut impl Rng) -> HeaderValue {
    let mut text = [b'-'; 36];
    let mut bits = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    for (index, character) in text.iter_mut().enumerate() {
        if !matches!(index, 8 | 13 | 18 | 23) {
            *character = HEX[(bits & 0xf) as usize];
            bits >>= 4;
        }
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits are visible")
}

/// `req_` and 32 hexadecimal digits.
fn request_id(rng: &mut impl Rng) -> HeaderValue {
    let bits = u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    HeaderValue::try_from(format!("req_{bits:032x}")).expect("hexadecimal digits are visible")
}
