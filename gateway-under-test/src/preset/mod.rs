//! Presets: one shipped configuration per reference capability, with the reference's numbers.
//!
//! They are data, printed by `aoai-gateway preset show NAME` and complete but for the backends'
//! urls, which only whoever starts the gateway knows. Where the reference has a quirk, the
//! preset keeps it and says so in a comment.

/// Name and text of each file named.
macro_rules! texts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!($name, ".toml")))),*]
    };
}

/// Name and text of every preset, in the order they are listed.
const PRESETS: &[(&str, &str)] = texts![
    "genai-gateway-apim/round-robin",
    "genai-gateway-apim/round-robin-fixed",
    "genai-gateway-apim/token-limit",
    "labs/advanced-load-balancing",
    "labs/advanced-load-balancing-fixed",
    "labs/backend-circuit-breaking",
    "labs/backend-pool-load-balancing",
    "labs/backend-pool-load-balancing-fixed",
    "labs/backend-pool-load-balancing-no-repick",
    "labs/backend-pool-load-balancing-seed",
    "labs/finops",
    "labs/model-routing",
    "labs/session-awareness",
    "labs/session-awareness-without-affinity",
    "labs/token-rate-limiting",
    "labs/zero-to-production",
    "landing-zone/adaptive-rate-limiting",
    "landing-zone/adaptive-rate-limiting-fixed",
    "landing-zone/multi-tenancy",
    "landing-zone/priority-weighted",
    "landing-zone/rate-limiting-by-tokens",
    "landing-zone/rate-limiting-workaround",
    "landing-zone/rate-limiting-workaround-fixed",
    "latency-routing/preferred",
    "latency-routing/preferred-fixed",
    "latency-routing/probing",
    "load-balancing/simple",
    "load-balancing/simple-v2",
    "load-balancing/weighted",
    "load-balancing/weighted-smooth",
    "load-balancing/weighted-v2",
    "manage-spikes-with-payg/breaker",
    "manage-spikes-with-payg/breaker-with-retry",
    "manage-spikes-with-payg/landing-zone",
    "manage-spikes-with-payg/retry",
    "pool-failover/lazauk",
    "pool-failover/lazauk-documented",
    "prioritization/token-calculating",
    "prioritization/token-calculating-fixed",
    "prioritization/token-tracking",
    "prioritization/token-tracking-fixed",
    "prioritization/token-tracking-without-probe",
    "request-forwarding/transparent",
    "resilience/pool",
    "smart-load-balancing/priority",
    "token-limit/lazauk",
    "token-limit/reserving",
    "toolkit",
    "usage-tracking/customers",
    "usage-tracking/token-metrics",
    "usage-tracking/toolkit",
];

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The preset `name` as shipped, comments included.
pub fn text(name: &str) -> Option<&'static str> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(text)
}

/// The preset `name` as a table, for whoever lays their own keys over it.
///
/// # Panics
/// Never for a shipped preset: a test parses each of them.
pub fn table(name: &str) -> Option<toml::Table> {
    let table = text(name)?.parse();
    Some(table.expect("shipped presets are valid TOML"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GatewayConfig;

    /// The presets of one toolkit's capabilities, all of them and no variants of ours.
    const OF_THE_TOOLKIT: [&str; 12] = [
        "latency-routing/preferred",
        "load-balancing/simple",
        "load-balancing/simple-v2",
        "load-balancing/weighted",
        "load-balancing/weighted-smooth",
        "load-balancing/weighted-v2",
        "manage-spikes-with-payg/breaker",
        "manage-spikes-with-payg/retry",
        "prioritization/token-calculating",
        "prioritization/token-tracking",
        "request-forwarding/transparent",
        "usage-tracking/toolkit",
    ];

    fn complete(name: &str) -> GatewayConfig {
        let mut config: GatewayConfig = table(name).unwrap().try_into().unwrap();
        for (name, backend) in &mut config.backends {
            backend.url = Some(format!("http://{name}"));
        }
        config
    }

    #[test]
    fn every_preset_runs_once_its_backends_have_urls() {
        for name in names() {
            assert_eq!(complete(name).validate(), [], "{name}");
        }
    }

    #[test]
    fn all_that_a_preset_lacks_is_urls() {
        for name in names() {
            let config = GatewayConfig::parse(name, text(name).unwrap()).unwrap();
            let lacking = config.validate();
            assert_eq!(lacking.len(), config.backends.len(), "{name}");
            assert!(
                lacking
                    .iter()
                    .all(|error| error.message.ends_with("has no url"))
            );
        }
    }

    #[test]
    fn the_toolkit_has_each_api_as_its_own_preset_has_it() {
        let toolkit = complete("toolkit");
        let mut apis = 0;
        for name in OF_THE_TOOLKIT {
            for (api, config) in complete(name).apis {
                // Its backends are shared, and only some of its APIs know of their breakers.
                let mut shared = toolkit.apis[&api].clone();
                shared.ignores_breakers = config.ignores_breakers;
                assert_eq!(shared, config, "{name}");
                apis += 1;
            }
        }
        assert_eq!(toolkit.apis.len(), apis);
        assert_eq!(toolkit.usage, complete("usage-tracking/toolkit").usage);
    }

    #[test]
    fn apis_are_named_as_their_prefixes() {
        for (name, api) in complete("toolkit").apis {
            assert_eq!(api.prefix, format!("/{name}"));
        }
    }

    #[test]
    fn the_readme_says_what_each_preset_is_of() {
        let readme = include_str!("../../README.md");
        for name in names() {
            assert!(readme.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn an_unknown_name_has_no_preset() {
        assert_eq!(text("load-balancing"), None);
        assert_eq!(table("load-balancing"), None);
    }
}
