//! [`Backend`]: a service behind the gateway, resolved from its configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clock::{Clock, Moment};
use http::header::AUTHORIZATION;
use http::uri::{Authority, InvalidUri, PathAndQuery, Scheme, Uri};
use http::{HeaderName, HeaderValue};

use crate::breaker::{Breaker, Pass};
use crate::config::{BackendConfig, ConfigError, IdentityConfig, Secret};
use crate::headers::API_KEY;
use crate::identity::{self, Identity, IdentityError};
use crate::upstream::Upstream;

/// A header that says who is asking.
pub(crate) type Credential = (HeaderName, HeaderValue);

/// What the toolkit appends to a backend's url when it is missing; here it is the other way
/// round, it is removed when it is there, because the path of a request brings it along.
const OPENAI: &str = "/openai";

/// A backend, with everything a request needs already in its wire form.
#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) name: String,
    /// The name as a header value.
    pub(crate) header: HeaderValue,
    /// The toolkit's name for it, for `x-apim-backend`.
    pub(crate) apim_id: Option<HeaderValue>,
    /// The credential of requests, where there is no identity.
    api_key: Option<HeaderValue>,
    /// The `Host` of requests.
    pub(crate) host: HeaderValue,
    authority: Authority,
    /// What precedes `/openai` in its url; usually nothing.
    base: String,
    /// Where it is: what was learned of a backend is learned of this.
    pub(crate) place: String,
    identity: Option<Arc<Identity>>,
    breaker: Option<Arc<Breaker>>,
}

impl Backend {
    /// The backend `name`; its breaker is that of `previous`, the backend of this name before a
    /// reload, if that has the same address and the same rule: what was learned of it still holds.
    ///
    /// What is wrong with it is added to `errors`; its place is then taken by something harmless,
    /// so that policies that name this backend are not reported as well.
    pub(crate) fn new(
        name: &str,
        config: &BackendConfig,
        previous: Option<&Self>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let (authority, base) = origin(name, config.url.as_deref()).unwrap_or_else(|error| {
            errors.push(error);
            (Authority::from_static("nowhere.invalid"), String::new())
        });
        let mut header = |path: &[&str], text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| {
                    let message = "expected visible ASCII, which fits into a header";
                    errors.push(ConfigError::new(path, message));
                })
                .ok()
        };
        let at = |key| ["backends", name, key];
        let name_header = header(&at("")[..2], name).unwrap_or(HeaderValue::from_static("-"));
        let key = config.api_key.as_ref().map(Secret::expose);
        let id = config.apim_backend.as_deref();
        let (apim_id, api_key) = (
            id.and_then(|id| header(&at("apim_backend"), id)),
            key.and_then(|key| header(&at("api_key"), key).map(sensitive)),
        );
        let place = format!("{authority}{base}");
        let of_previous = previous.and_then(|previous| previous.identity.as_ref());
        let identity = config.identity.as_ref();
        let identity = identity.and_then(|config| identity_of(name, config, &authority, errors));
        let identity = identity.map(|address| match of_previous {
            Some(identity) if *identity.address() == address => identity.clone(),
            _ => Arc::new(Identity::new(address)),
        });
        let previous = previous.filter(|previous| previous.place == place);
        let learned = previous.and_then(|previous| previous.breaker.clone());
        let breaker = config.breaker.as_ref().map(|config| {
            let learned = learned.filter(|breaker| breaker.is_of(config));
            learned.unwrap_or_else(|| Arc::new(Breaker::new(name, config, errors)))
        });
        Self {
            name: name.to_owned(),
            header: name_header,
            apim_id,
            api_key,
            identity,
            breaker,
            host: HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII"),
            authority,
            base,
            place,
        }
    }

    /// The header by which it knows the gateway; none if it does not ask.
    ///
    /// # Errors
    /// Why the gateway has no token.
    pub(crate) async fn credential(
        &self,
        upstream: &Upstream,
        clock: &Clock,
    ) -> Result<Option<Credential>, IdentityError> {
        let Some(identity) = &self.identity else {
            return Ok(self.api_key.clone().map(|key| (API_KEY, key)));
        };
        let bearer = identity.bearer(upstream, clock).await?;
        Ok(Some((AUTHORIZATION, bearer)))
    }

    /// The same backend, as if it had no breaker.
    pub(crate) fn without_breaker(&self) -> Self {
        Self {
            breaker: None,
            ..self.clone()
        }
    }

    /// How long it is to be left alone; zero: it may be asked now.
    pub(crate) fn wait(&self, now: Moment) -> Duration {
        let breaker = self.breaker.as_ref();
        breaker.map_or(Duration::ZERO, |breaker| breaker.wait(now))
    }

    /// The state of its breaker, if it has one: `closed`, `open` or `half-open`.
    pub(crate) fn breaker_state(&self, now: Moment) -> Option<&'static str> {
        self.breaker.as_ref().map(|breaker| breaker.name(now))
    }

    /// Leave to send it one request.
    ///
    /// # Errors
    /// The time for which it is to be left alone.
    pub(crate) fn admit(&self, now: Moment) -> Result<Pass, Duration> {
        let breaker = self.breaker.as_ref();
        breaker.map_or_else(|| Ok(Pass::free()), |breaker| breaker.admit(now))
    }

    /// The address of `path_and_query`, which begins with a slash, at this backend.
    ///
    /// # Errors
    /// Never for the path of a request that was itself parsed; the type cannot say so.
    pub(crate) fn address(&self, path_and_query: &Bytes) -> Result<Uri, http::Error> {
        let path_and_query: PathAndQuery = if self.base.is_empty() {
            PathAndQuery::from_maybe_shared(path_and_query.clone())?
        } else {
            [self.base.as_bytes(), path_and_query]
                .concat()
                .as_slice()
                .try_into()?
        };
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(path_and_query)
            .build()
    }
}

/// Where tokens for `config` are issued; by the backend itself, at `authority`, if it says nothing.
fn identity_of(
    name: &str,
    config: &IdentityConfig,
    authority: &Authority,
    errors: &mut Vec<ConfigError>,
) -> Option<Uri> {
    let at = |key| ["backends", name, "identity", key];
    let own = || format!("http://{authority}{}", identity::TOKEN_PATH);
    let url = config.token_url.clone().unwrap_or_else(own);
    let is_url = |uri: &Uri| uri.scheme() == Some(&Scheme::HTTP) && uri.query().is_none();
    if !url.parse().is_ok_and(|uri| is_url(&uri)) {
        let message = format!("expected a url that begins with `http://`, found `{url}`");
        let help = format!("write it as `{}`", own());
        errors.push(ConfigError::new(&at("token_url"), message).help(help));
        return None;
    }
    let address = identity::token_address(&url, &config.resource);
    if address.is_none() {
        let resource = &config.resource;
        let message = format!("expected a resource that fits into a query, found `{resource}`");
        errors.push(ConfigError::new(&at("resource"), message));
    }
    address
}

/// Keeps the key out of debug output and out of header compression tables.
fn sensitive(mut key: HeaderValue) -> HeaderValue {
    key.set_sensitive(true);
    key
}

/// The authority and base path that `url` names.
fn origin(name: &str, url: Option<&str>) -> Result<(Authority, String), ConfigError> {
    let Some(url) = url else {
        let message = format!("backend `{name}` has no url");
        return Err(ConfigError::new(&["backends", name], message).help(format!(
            "give its address: `--backend {name}=http://127.0.0.1:8001`, or `url` in the file"
        )));
    };
    let wrong = |why: &str| {
        let message = format!("{why}, found `{url}`");
        ConfigError::new(&["backends", name, "url"], message)
            .help("write it as `http://127.0.0.1:8001`")
    };
    let uri: Uri = url
        .parse()
        .map_err(|error: InvalidUri| wrong(&format!("expected a url ({error})")))?;
    if uri.scheme() != Some(&Scheme::HTTP) {
        return Err(wrong("expected a url that begins with `http://`"));
    }
    let authority = uri.authority().filter(|a| !a.as_str().contains('@'));
    let authority = authority.ok_or_else(|| wrong("expected a host without credentials"))?;
    if uri.query().is_some() {
        return Err(wrong("expected a url without a query"));
    }
    let path = uri.path().trim_end_matches('/');
    let base = path.strip_suffix(OPENAI).unwrap_or(path);
    Ok((authority.clone(), base.to_owned()))
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backend({} at {})", self.name, self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(url: &str) -> Result<Backend, Vec<ConfigError>> {
        let config = BackendConfig {
            url: Some(url.to_owned()),
            ..BackendConfig::default()
        };
        let mut errors = Vec::new();
        let backend = Backend::new("payg-1", &config, None, &mut errors);
        if errors.is_empty() {
            Ok(backend)
        } else {
            Err(errors)
        }
    }

    #[test]
    fn a_url_may_end_in_openai_or_not() {
        for url in [
            "http://payg",
            "http://payg/",
            "http://payg/openai",
            "http://payg/openai/",
        ] {
            let address = backend(url)
                .unwrap()
                .address(&"/openai/deployments/d?a=b".into());
            assert_eq!(address.unwrap(), "http://payg/openai/deployments/d?a=b");
        }
    }

    #[test]
    fn a_path_in_the_url_precedes_that_of_the_request() {
        let address = backend("http://host:81/eu/openai")
            .unwrap()
            .address(&"/openai/x".into());
        assert_eq!(address.unwrap(), "http://host:81/eu/openai/x");
    }

    #[test]
    fn a_path_is_carried_over_byte_for_byte() {
        let path = "/openai/a//b/%2e%2E/c%20?q=%zz&&x=[1]|";
        let address = backend("http://payg")
            .unwrap()
            .address(&path.into())
            .unwrap();
        assert_eq!(address.path_and_query().unwrap(), path);
    }

    #[test]
    fn an_unusable_url_is_refused_with_what_was_expected() {
        let message = |url: &str| backend(url).unwrap_err()[0].message.clone();
        assert_eq!(
            message("https://payg"),
            "expected a url that begins with `http://`, found `https://payg`"
        );
        assert_eq!(
            message("payg:80"),
            "expected a url that begins with `http://`, found `payg:80`"
        );
        assert_eq!(
            message("http://me:secret@payg"),
            "expected a host without credentials, found `http://me:secret@payg`"
        );
        assert_eq!(
            message("http://payg?x=1"),
            "expected a url without a query, found `http://payg?x=1`"
        );
        assert!(message("http:// x").starts_with("expected a url (invalid"));
    }
}
