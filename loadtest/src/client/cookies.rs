//! [`Cookies`]: what one user has been given to send again.
//!
//! As much of a browser as session affinity needs: names and values, and `Max-Age=0` as the end of
//! a cookie. There is one host and one API, so domain and path say nothing; a run is short, so
//! nothing else expires.

use std::collections::BTreeMap;

use http::HeaderValue;

/// The cookies of one user of one class.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cookies(BTreeMap<String, String>);

impl Cookies {
    /// Takes in a `set-cookie`; what is none changes nothing.
    pub fn take(&mut self, set_cookie: &HeaderValue) {
        let mut parts = set_cookie.to_str().unwrap_or_default().split(';');
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
            return;
        };
        let ends = parts.any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
        if ends {
            self.0.remove(name.trim());
        } else {
            self.0
                .insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }

    /// What to send as `cookie`; none without any.
    pub fn header(&self) -> Option<HeaderValue> {
        let pairs = self.0.iter().map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<String> = pairs.collect();
        HeaderValue::try_from(pairs.join("; "))
            .ok()
            .filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(set_cookies: &[&'static str]) -> Option<HeaderValue> {
        let mut cookies = Cookies::default();
        for set_cookie in set_cookies {
            cookies.take(&HeaderValue::from_static(set_cookie));
        }
        cookies.header()
    }

    #[test]
    fn cookies_are_sent_back_by_name_and_the_newest_value_counts() {
        let sent = after(&["b=2; Path=/; HttpOnly", "a=1", "b=3=; SameSite=Lax"]);
        assert_eq!(sent.unwrap(), "a=1; b=3=");
    }

    #[test]
    fn a_cookie_without_age_is_gone() {
        assert_eq!(after(&["a=1", "a=; Path=/; Max-Age=0"]), None);
        assert_eq!(after(&["nonsense"]), None);
    }
}
