//! [`Affinity`]: a caller stays with the backend that served it first, by a cookie.
//!
//! What a conversation needs whose state is kept by one backend: the next turn finds it there.
//! A cookie's value is drawn from the gateway's seed and the backend's name: it tells nobody
//! what stands behind the gateway, every instance with this seed understands it, and one that
//! is made up is very unlikely to mean anything (who knows seed and names can choose a backend,
//! which is all there is to gain). A caller whose backend is out goes where others
//! go, and stays there.
// Source: https://learn.microsoft.com/azure/api-management/backends, "session affinity" (read
// 2026-08).

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::pool::Pool;
use crate::config::{ApiConfig, ConfigError, PoolConfig};
use crate::draw::Draws;

/// The cookies of a pool's members.
#[derive(Debug)]
pub(super) struct Affinity {
    cookie: String,
    /// Of each member, by position.
    values: Vec<String>,
    /// Behind name and value.
    attributes: String,
}

impl Affinity {
    /// The affinity of the API `api`, if its `pool` has any; what is wrong is added to `errors`.
    pub(super) fn of(
        api: &str,
        config: &ApiConfig,
        pool: &PoolConfig,
        seed: u64,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Self> {
        let cookie = &pool.affinity.as_ref()?.cookie;
        if !is_cookie_name(cookie) {
            let message = format!("expected the name of a cookie, found `{cookie}`");
            let path = ["apis", api, "balance", "pool", "affinity", "cookie"];
            let help = "write letters, digits and hyphens: `APIM-Backend-Affinity`";
            errors.push(ConfigError::new(&path, message).help(help));
        }
        let names = Pool::order(&pool.members).into_iter();
        Some(Self::new(seed, cookie, &config.prefix, names))
    }

    /// The cookie called `cookie`, for the path `prefix`, for members of these `names`.
    fn new<'n>(
        seed: u64,
        cookie: &str,
        prefix: &str,
        names: impl Iterator<Item = &'n String>,
    ) -> Self {
        Self {
            cookie: cookie.to_owned(),
            values: names.map(|name| value(seed, name)).collect(),
            attributes: format!("; Path=/{}; HttpOnly", prefix.trim_matches('/')),
        }
    }

    /// The position of the member that a request with these `headers` belongs to, if any.
    pub(super) fn held(&self, headers: &HeaderMap) -> Option<usize> {
        let cookies = headers.get_all(COOKIE).iter();
        let mut pairs = cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let (_, sent) = pairs.find(|(name, _)| *name == self.cookie)?;
        self.values.iter().position(|value| value == sent)
    }

    /// What to set so that a caller stays with the member at `position`.
    pub(super) fn cookie(&self, position: usize) -> Option<HeaderValue> {
        let value = self.values.get(position)?;
        let cookie = format!("{}={value}{}", self.cookie, self.attributes);
        HeaderValue::try_from(cookie).ok()
    }
}

/// Whether `name` may name a cookie.
// Source: RFC 6265, section 4.1.1: a token, which RFC 9110 makes of these characters.
fn is_cookie_name(name: &str) -> bool {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_token)
}

fn value(seed: u64, name: &str) -> String {
    let draws = Draws::new(seed, Some(name.as_bytes()), 0);
    let word = |index| draws.below(u64::MAX, "affinity", index);
    format!("{:016x}{:016x}", word(0), word(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affinity(seed: u64) -> Affinity {
        let names = ["payg-1".to_owned(), "payg-2".to_owned()];
        Affinity::new(seed, "Backend", "/x/", names.iter())
    }

    fn sent(cookies: &[String]) -> HeaderMap {
        let value = |cookie: &String| HeaderValue::try_from(cookie).unwrap();
        let pair = |cookie| (COOKIE, value(cookie));
        cookies.iter().map(pair).collect()
    }

    #[test]
    fn a_cookie_that_was_set_is_understood_and_names_nobody() {
        let affinity = affinity(42);
        let set = affinity.cookie(1).unwrap().to_str().unwrap().to_owned();
        insta::assert_snapshot!(set, @"Backend=6a961d9beaf2275dca66fa70f59cd352; Path=/x; HttpOnly");
        assert!(!set.contains("payg"));
        let pair = set.split(';').next().unwrap();
        assert_eq!(
            affinity.held(&sent(&[format!("a=b; {pair}; c=d")])),
            Some(1)
        );
        assert_eq!(
            affinity.held(&sent(&["a=b".to_owned(), pair.to_owned()])),
            Some(1)
        );
    }

    #[test]
    fn what_was_made_up_holds_nobody() {
        let affinity = affinity(42);
        let strange = super::value(43, "payg-1");
        for cookie in [
            "Backend=".to_owned(),
            "Backend".to_owned(),
            "Backend=payg-1".to_owned(),
            format!("Backend={strange}"),
            format!("backend={}", super::value(42, "payg-1")),
        ] {
            assert_eq!(
                affinity.held(&sent(std::slice::from_ref(&cookie))),
                None,
                "{cookie}"
            );
        }
        assert_eq!(affinity.held(&HeaderMap::new()), None);
    }

    #[test]
    fn a_cookie_is_named_by_a_token() {
        assert!(is_cookie_name("APIM-Backend-Affinity"));
        for wrong in ["", "a b", "a=b", "a;b", "é"] {
            assert!(!is_cookie_name(wrong), "{wrong}");
        }
    }
}
