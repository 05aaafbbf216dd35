//! Authentication: which subscription a request's key belongs to, and whether it may call.
//!
//! Who is refused here cannot tell why: a key that nobody has, one that is switched off, and one
//! of a product without the API get one and the same answer, as from API Management. The access
//! log tells them apart.
//!
//! The key is only checked here. That it never travels on is the business of
//! [`forward`](crate::forward), which drops every credential before it adds the backend's.

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;

use http::{HeaderMap, HeaderName};

use crate::config::{ConfigError, GatewayConfig, ProductConfig, SubscriptionConfig};
use crate::headers::{API_KEY, SUBSCRIPTION_KEY};
use crate::refusal::Refusal;

/// The headers a key may be in, the first that is there decides.
// Source: Azure-Samples/apim-genai-gateway-toolkit configures `api-key`, API Management's own
// default is `Ocp-Apim-Subscription-Key`.
const KEY_HEADERS: [HeaderName; 2] = [API_KEY, SUBSCRIPTION_KEY];

/// Everybody who may call.
#[derive(Debug)]
pub(crate) struct Subscriptions(Vec<Subscription>);

/// One of them.
pub(crate) struct Subscription {
    pub(crate) name: String,
    key: String,
    pub(crate) product: Option<String>,
    is_enabled: bool,
    /// The APIs and helpers it may call; `None`: all.
    apis: Option<Vec<String>>,
}

impl Subscriptions {
    /// The subscriptions of a configuration.
    ///
    /// Added to `errors`: a gateway nobody may call, an empty key, two subscriptions with one
    /// key, of which nobody could tell whose request it is, and names of nothing.
    pub(crate) fn new(config: &GatewayConfig, errors: &mut Vec<ConfigError>) -> Self {
        if config.subscriptions.is_empty() {
            let error = ConfigError::new(&["subscriptions"], "expected at least one subscription");
            errors.push(error.help("add `[subscriptions.one]` with its `key`"));
        }
        refuse_wrong_keys(&config.subscriptions, errors);
        for (name, product) in &config.products {
            refuse_unknown_apis(name, product, config, errors);
        }
        let resolve = |(name, subscription): (&String, &SubscriptionConfig)| {
            let product = subscription.product.as_ref().and_then(|product| {
                let path = ["subscriptions", name, "product"];
                let found = config.products.get(product);
                if found.is_none() {
                    let known = config.products.keys();
                    errors.push(ConfigError::unknown("product", product, known, &path));
                }
                found
            });
            Subscription {
                name: name.clone(),
                key: subscription.key.expose().to_owned(),
                product: subscription.product.clone(),
                is_enabled: subscription.enabled,
                apis: product.and_then(|product| product.apis.clone()),
            }
        };
        Self(config.subscriptions.iter().map(resolve).collect())
    }

    /// The subscription whose key `headers` carry, whether or not it may call.
    pub(crate) fn of_key_in(&self, headers: &HeaderMap) -> Result<&Subscription, Refusal> {
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
        matching.ok_or(Refusal::InvalidKey)
    }
}

impl Subscription {
    /// Lets it call the API or helper `api`, if it may.
    pub(crate) fn admit_to(&self, api: &str) -> Result<(), Refusal> {
        if !self.is_enabled {
            return Err(Refusal::DisabledKey);
        }
        match &self.apis {
            Some(apis) if apis.iter().all(|entitled| entitled != api) => Err(Refusal::NotEntitled),
            _ => Ok(()),
        }
    }
}

fn refuse_wrong_keys(config: &BTreeMap<String, SubscriptionConfig>, errors: &mut Vec<ConfigError>) {
    let mut owners: BTreeMap<&str, &str> = BTreeMap::new();
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
    }
}

fn refuse_unknown_apis(
    name: &str,
    product: &ProductConfig,
    config: &GatewayConfig,
    errors: &mut Vec<ConfigError>,
) {
    for (index, api) in product.apis.iter().flatten().enumerate() {
        if !config.apis.contains_key(api) && !config.helpers.contains_key(api) {
            let path = ["products", name, "apis", &index.to_string()];
            let known = config.apis.keys().chain(config.helpers.keys());
            errors.push(ConfigError::unknown("API", api, known, &path));
        }
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

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subscription({})", self.name)
    }
}

impl fmt::Display for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subscription `{}`", self.name)?;
        match &self.product {
            Some(product) => write!(f, " of product `{product}`"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn subscriptions(keys: &[(&str, &str)]) -> Result<Subscriptions, Vec<ConfigError>> {
        let entries = keys
            .iter()
            .map(|(name, key)| format!("{name} = {{ key = \"{key}\" }}\n"));
        let text = format!("[subscriptions]\n{}", entries.collect::<String>());
        let config = GatewayConfig::parse("test.toml", &text).unwrap();
        let mut errors = Vec::new();
        let subscriptions = Subscriptions::new(&config, &mut errors);
        if errors.is_empty() {
            Ok(subscriptions)
        } else {
            Err(errors)
        }
    }

    /// Whose request it is, by name.
    fn owner<'s>(known: &'s Subscriptions, headers: &HeaderMap) -> Result<&'s str, Refusal> {
        known
            .of_key_in(headers)
            .map(|subscription| subscription.name.as_str())
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
        let by = |header| owner(&known, &sent(&[(header, "key-2")]));
        assert_eq!(by("api-key"), Ok("two"));
        assert_eq!(by("ocp-apim-subscription-key"), Ok("two"));
    }

    #[test]
    fn the_api_key_header_decides_when_both_are_there() {
        let known = subscriptions(&[("one", "key-1")]).unwrap();
        let both = sent(&[("api-key", "wrong"), ("ocp-apim-subscription-key", "key-1")]);
        assert_eq!(owner(&known, &both), Err(Refusal::InvalidKey));
    }

    #[test]
    fn no_key_and_an_empty_key_are_missing_a_bearer_token_too() {
        let known = subscriptions(&[("one", "key-1")]).unwrap();
        for headers in [
            sent(&[]),
            sent(&[("api-key", "")]),
            sent(&[("authorization", "Bearer key-1")]),
        ] {
            assert_eq!(owner(&known, &headers), Err(Refusal::MissingKey));
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
