//! Tokens of a managed identity: who issues them, and who accepts them.
//!
//! `GET /metadata/identity/oauth2/token?resource=…` answers as the instance metadata service of
//! Azure does, with the header `Metadata: true`, and as the endpoint of App Service does, with
//! `X-IDENTITY-HEADER`. Token requests are neither booked nor limited: they are no requests to
//! the service under test.
//!
//! A token carries its claims and a digest of them, in the form of a JSON web token. So every
//! simulator accepts what any other issued, without a word between them, and none accepts a
//! claim that was changed by accident. That keeps no secret: there is none.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::simulator::Shared;

/// Resources whose tokens the service accepts, with or without a slash at the end.
/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity>.
const AUDIENCES: [&str; 2] = [
    "https://cognitiveservices.azure.com",
    "https://ai.azure.com",
];

/// The head of every token: nobody signs.
const HEADER: &str = r#"{"typ":"JWT","alg":"none"}"#;

/// What a token says.
#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    /// The resource it is for.
    aud: String,
    iss: String,
    /// When it was issued, in seconds since 1970.
    iat: i64,
    /// From when it is not valid any more, in seconds since 1970.
    exp: i64,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    resource: Option<String>,
}

/// What is to be thought of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// No simulator issued it.
    Foreign,
    /// It is valid.
    Valid,
    /// It has expired, or is for another service.
    Invalid,
}

/// `GET /metadata/identity/oauth2/token`: a token for the resource that is asked for.
pub(crate) async fn token(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let is_metadata = headers.get("metadata").is_some_and(|value| value == "true");
    if !is_metadata && !headers.contains_key("x-identity-header") {
        // Source: the error table of the instance metadata service's documentation.
        return refused("bad_request_102", "Required metadata header not specified");
    }
    let Some(resource) = wanted.resource.filter(|resource| !resource.is_empty()) else {
        // Assumed: the documentation names no error for it.
        return refused(
            "bad_request_102",
            "Required query variable 'resource' is missing",
        );
    };
    let lifetime = shared.live().config.identity.token_lifetime;
    // Rounded up: whoever counts the lifetime from now on must not be early.
    let now = shared.clock.now() + Duration::from_micros(999_999);
    let now = shared.clock.utc(now).as_second();
    Json(issued(&resource, now, lifetime)).into_response()
}

fn refused(error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

/// The answer, with its numbers as strings, as Azure writes them.
fn issued(resource: &str, now: i64, lifetime: Duration) -> Value {
    let seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let claims = Claims {
        aud: resource.to_owned(),
        iss: "aoai-simulator".to_owned(),
        iat: now,
        exp: now.saturating_add(seconds),
    };
    json!({
        "access_token": write(&claims),
        "client_id": "00000000-0000-0000-0000-000000000001",
        "expires_in": seconds.to_string(),
        "expires_on": claims.exp.to_string(),
        "ext_expires_in": seconds.to_string(),
        "not_before": now.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    })
}

/// Looks at a token at `now`, in seconds since 1970.
pub(crate) fn verify(token: &[u8], now: i64) -> Verdict {
    let Some(claims) = read(token) else {
        return Verdict::Foreign;
    };
    let audience = claims.aud.trim_end_matches('/');
    if now < claims.exp && AUDIENCES.contains(&audience) {
        Verdict::Valid
    } else {
        Verdict::Invalid
    }
}

fn write(claims: &Claims) -> String {
    let claims = json!(claims).to_string();
    let signed = [HEADER, &claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(&signed));
    format!("{signed}.{digest}")
}

fn read(token: &[u8]) -> Option<Claims> {
    let (signed, digest) = std::str::from_utf8(token).ok()?.rsplit_once('.')?;
    let (_, claims) = signed.split_once('.')?;
    let is_ours = URL_SAFE_NO_PAD.decode(digest).ok()? == Sha256::digest(signed)[..];
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    is_ours.then(|| serde_json::from_slice(&claims).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn token(resource: &str) -> String {
        let issued = issued(resource, 1_000, HOUR);
        issued["access_token"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_token_is_valid_until_the_second_it_names() {
        let token = token("https://cognitiveservices.azure.com/");
        assert_eq!(verify(token.as_bytes(), 4_599), Verdict::Valid);
        assert_eq!(verify(token.as_bytes(), 4_600), Verdict::Invalid);
    }

    #[test]
    fn a_token_for_another_service_is_not_accepted() {
        let token = token("https://vault.azure.net");
        assert_eq!(verify(token.as_bytes(), 1_000), Verdict::Invalid);
    }

    #[test]
    fn what_no_simulator_issued_is_foreign() {
        let token = token("https://ai.azure.com");
        let mut changed = token.clone().into_bytes();
        changed[50] ^= 1;
        for token in [&changed[..], b"key", b"a.b.c", b"", b"\xff"] {
            assert_eq!(verify(token, 1_000), Verdict::Foreign);
        }
    }
}
