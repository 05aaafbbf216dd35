//! Authentication: which subscription a request's key belongs to.
//!
//! The key is only checked here. That it never travels on is the business of
//! [`forward`](crate::forward), which drops every credential before it adds the backend's.

use std::collections::BTreeMap;
use std::hint::black_box;

use http::{HeaderMap, HeaderName};

use crate::config::{ConfigError, SubscriptionConfig};
use crate::headers::{API_KEY, SUBSCRIPTION_KEY};
use crate::refusal::Refusal;

/// The headers a key may be in, the first that is there decides.
// Source: Azure-Samples/apim-genai-gateway-toolkit configures `api-key`, API Management's own
// default is `Ocp-Apim-Subscription-Key`.
const KEY_HEADERS: [HeaderName; 2] = [API_KEY, SUBSCRIPTION_KEY];

/// Everybody who may call.
#[derive(Debug)]
pub(crate) struct Subscriptions(Vec<Subscription>);

struct Subscription {
    name: String,
    key: String,
}

impl Subscriptions {
    /// The subscriptions of a configuration.
    ///
    /// Added to `errors`: a gateway nobody may call, an empty key, and two subscriptions with one
    /// key, of which nobody could tell whose request it is.
    pub(crate) fn new(
        config: &BTreeMap<String, SubscriptionConfig>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        if config.is_empty() {
            let error = ConfigError::new(&["subscriptions"], "expected at least one subscription");
            errors.push(error.help("add `[subscriptions.one]` with its `key`"));
        }
        let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
        let mut subscriptions = Vec::with_capacity(config.len());
        for (name, subscription) in config {
            let key = subscription.key.expose();
            let mistake = match owners.insert(key, name) {
                _ if key.is_empty() => Some("expected a key, found an empty text".to_owned()),
                Some(owner) => Some(format!(
                    "expected a key of its own, found that of `{owner}`"
                )),
                None => None,
            };
            let error = |message| ConfigError::new(&["subscriptions", name, "key"], message);
            errors.extend(mistake.map(error));
            subscriptions.push(Subscription {
                name: name.clone(),
                key: key.to_owned(),
            });
        }
        Self(subscriptions)
    }

    /// The name of the subscription whose key `headers` carry.
    pub(crate) fn authenticate(&self, headers: &HeaderMap) -> Result<&str, Refusal> {
        let sent = KEY_HEADERS
            .iter()
            .filter_map(|name| headers.get(name))
            .find(|key| !key.is_empty())
            .ok_or(Refusal::MissingKey)?;
        // All keys are looked at, found or not, so that time tells nothing of their order.
        let matching = self.0.iter().fold(None, |found, subscription| {
            let is_equal = equal(subscription.key.as_bytes(), sent.as_bytes());
            if is_equal { Some(subscription) } else { found }
        });
        matching.map(|s| s.name.as_str()).ok_or(Refusal::InvalidKey)
    }
}

/// Compares in a time that depends on the lengths only.
fn equal(known: &[u8], sent: &[u8]) -> bool {
    let differences = known
        .iter()
        .zip(sent)
        .fold(0, |bits, (a, b)| black_box(bits | (a ^ b)));
    known.len() == sent.len() && differences == 0
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subscription({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn subscriptions(keys: &[(&str, &str)]) -> Result<Subscriptions, Vec<ConfigError>> {
        let config = keys.iter().map(|&(name, key)| {
            let key = key.into();
            (name.to_owned(), SubscriptionConfig { key })
        });
        let mut errors = Vec::new();
        let subscriptions = Subscriptions::new(&config.collect(), &mut errors);
        if errors.is_empty() {
            Ok(subscriptions)
        } else {
            Err(errors)
        }
    }

    fn sent(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers
            .iter()
            .map(|&(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_key_in_either_header_names_its_subscription() {
        let known = subscriptions(&[("one", "key-1"), ("two", "key-2")]).unwrap();
        let by = |header| known.authenticate(&sent(&[(header, "key-2")]));
        assert_eq!(by("api-key"), Ok("two"));
        assert_eq!(by("ocp-apim-subscription-key"), Ok("two"));
    }

    #[test]
    fn the_api_key_header_decides_when_both_are_there() {
        let known = subscriptions(&[("one", "key-1")]).unwrap();
        let both = sent(&[("api-key", "wrong"), ("ocp-apim-subscription-key", "key-1")]);
        assert_eq!(known.authenticate(&both), Err(Refusal::InvalidKey));
    }

    #[test]
    fn no_key_and_an_empty_key_are_missing_a_bearer_token_too() {
        let known = subscriptions(&[("one", "key-1")]).unwrap();
        for headers in [
            sent(&[]),
            sent(&[("api-key", "")]),
            sent(&[("authorization", "Bearer key-1")]),
        ] {
            assert_eq!(known.authenticate(&headers), Err(Refusal::MissingKey));
        }
    }

    #[test]
    fn a_gateway_knows_whose_request_it_is() {
        let message = |keys: &[(&str, &str)]| subscriptions(keys).unwrap_err()[0].to_string();
        assert_eq!(
            message(&[("one", "k"), ("two", "k")]),
            "subscriptions.two.key: expected a key of its own, found that of `one`"
        );
        assert_eq!(
            message(&[("one", "")]),
            "subscriptions.one.key: expected a key, found an empty text"
        );
        assert!(message(&[]).starts_with("subscriptions: expected at least one subscription"));
    }

    proptest! {
        #[test]
        fn keys_are_equal_when_their_bytes_are(a in "[ab]{0,4}", b in "[ab]{0,4}") {
            prop_assert_eq!(equal(a.as_bytes(), b.as_bytes()), a == b);
        }
    }
}
