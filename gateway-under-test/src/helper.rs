//! [`Helper`]: the address at which somebody outside sets the order of backends.
//!
//! The reference's: any subscription's key opens it, and whoever has one reroutes everybody.
//! Where it can, it refuses an order before it does harm: the old one then stays.
// Source: Azure-Samples/apim-genai-gateway-toolkit, `POST /helpers/set-preferred-backends` (read
// 2026-07).

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clock::Moment;
use serde::Deserialize;
use serde_json::json;

use crate::balance::Preferences;
use crate::config::{BackendConfig, ConfigError, GatewayConfig, HelperConfig, UnknownIds};
use crate::refusal::Refusal;

/// More than any list of names.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// One such address.
#[derive(Debug)]
pub(crate) struct Helper {
    pub(crate) name: String,
    path: String,
    key: String,
    /// The backend of each name it may be called by: its own, and the toolkit's.
    backends: BTreeMap<String, String>,
    /// The backends of each API that uses the order and takes no others.
    allowed: Vec<BTreeSet<String>>,
}

#[derive(Deserialize)]
struct Order {
    #[serde(rename = "preferredBackends")]
    preferred_backends: Vec<String>,
}

impl Helper {
    /// The helper `name`; what is wrong with it is added to `errors`.
    pub(crate) fn new(
        name: &str,
        config: &HelperConfig,
        gateway: &GatewayConfig,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let at = |key| ["helpers", name, key];
        if !config.path.starts_with('/') {
            let message = format!(
                "expected a path that begins with `/`, found `{}`",
                config.path
            );
            let help = format!("write it as `/helpers/{name}`");
            errors.push(ConfigError::new(&at("path"), message).help(help));
        }
        if gateway.preferring(&config.key).next().is_none() {
            errors.push(nobody_prefers(&at("key"), &config.key));
        }
        let strict = gateway.preferring(&config.key);
        let strict = strict.filter(|user| user.unknown_ids == UnknownIds::Refuse);
        let allowed = strict.map(|user| user.backends.iter().cloned().collect());
        Self {
            name: name.to_owned(),
            path: config.path.clone(),
            key: config.key.clone(),
            allowed: allowed.collect(),
            backends: names(gateway),
        }
    }

    /// Whether it is at `path`.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        path == self.path
    }

    /// Sets the order that `body` brings.
    ///
    /// # Errors
    /// It brings none that could be used; the old one stays.
    pub(crate) fn answer(
        &self,
        body: &Bytes,
        preferences: &Preferences,
        now: Moment,
    ) -> Result<Response, Refusal> {
        preferences.set(&self.key, self.order(body)?, now);
        let done = json!({ "message": "preferred backends are set successfully" });
        Ok(Json(done).into_response())
    }

    /// The names of backends that `body` lists.
    fn order(&self, body: &Bytes) -> Result<Vec<String>, Refusal> {
        let order: Order = serde_json::from_slice(body).map_err(|error| {
            let message = format!("expected `{{\"preferredBackends\": [\"…\"]}}` ({error})");
            Refusal::InvalidHelperRequest { message }
        })?;
        let resolve = |id: String| {
            let name = self.backends.get(&id).cloned().unwrap_or(id);
            if self.allowed.iter().all(|allowed| allowed.contains(&name)) {
                return Ok(name);
            }
            let message = format!("unknown backend `{name}`; the old order stays");
            Err(Refusal::InvalidHelperRequest { message })
        };
        order.preferred_backends.into_iter().map(resolve).collect()
    }
}

/// A key that nobody uses is a mistake: what is set by it has no effect.
pub(crate) fn nobody_prefers(at: &[&str], key: &str) -> ConfigError {
    let message = format!("no API prefers backends by the key `{key}`");
    ConfigError::new(at, message).help("write the `key` of a `balance.preferred`")
}

/// The names of backends by all the names they may be called by.
fn names(gateway: &GatewayConfig) -> BTreeMap<String, String> {
    let ids = |(name, backend): (&String, &BackendConfig)| {
        let of = |id: &String| (id.clone(), name.clone());
        [Some(of(name)), backend.apim_backend.as_ref().map(of)]
    };
    gateway.backends.iter().flat_map(ids).flatten().collect()
}
