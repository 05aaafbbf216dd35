//! [`BalanceConfig`]: which backend a request goes to, as a file says it.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Span;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, PreferredConfig};

/// Which backend a request goes to: one policy, named by its key.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "a policy, such as `{ single = \"payg-1\" }`"
)]
pub enum BalanceConfig {
    /// Always this one.
    Single(String),
    /// Each in turn, whatever it answers.
    RoundRobin {
        /// The turn; at least one.
        backends: Vec<String>,
        /// Which of them serves the first request after start; absent: the first listed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        first: Option<String>,
    },
    /// One drawn for each request, with probabilities proportional to the weights.
    WeightedRandom {
        /// Weight by backend; 0 takes a backend out.
        weights: BTreeMap<String, u32>,
    },
    /// Each in turn, heavier ones more often, spread as evenly as weights allow.
    SmoothWeighted {
        /// Weight by backend; 0 takes a backend out.
        weights: BTreeMap<String, u32>,
    },
    /// Those of the lowest priority number whose breakers are closed.
    Pool(PoolConfig),
    /// Those of the lowest priority number that do not ask to be left alone; never waits.
    ByRetryAfter(ByRetryAfterConfig),
    /// The one that was found best, and the second best for every retry.
    Preferred(PreferredConfig),
    /// Those that serve the model that is asked for.
    ByModel(ByModelConfig),
}

/// A pool of backends, as API Management has them.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `members`")]
pub struct PoolConfig {
    /// The members, by backend.
    pub members: BTreeMap<String, MemberConfig>,
    /// How one is picked among members of the same priority.
    #[serde(default)]
    pub pick: Pick,
    /// By what a caller stays with its member; absent: each request is picked for anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<AffinityConfig>,
}

/// By what a caller stays with the member that served it first.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table such as `{ cookie = \"APIM-Backend-Affinity\" }`"
)]
pub struct AffinityConfig {
    /// The name of the cookie.
    pub cookie: String,
}

/// Models, and who serves them.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `routes`")]
pub struct ByModelConfig {
    /// Tried in this order.
    pub routes: Vec<RouteConfig>,
    /// Models that are refused with 403 before any route is tried; a trailing `*` stands for any
    /// end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
}

/// Models, and the backends that serve them in turn.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a table with `models` and `backends`"
)]
pub struct RouteConfig {
    /// Compared letter by letter; a trailing `*` stands for any end.
    pub models: Vec<String>,
    /// In turn.
    pub backends: Vec<String>,
}

/// A backend's place in a pool.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table such as `{ priority = 1 }`"
)]
pub struct MemberConfig {
    /// Lower ones first; a higher one is used only while no lower one is available.
    pub priority: u32,
    /// Its share among members of the same priority; 0 takes it out.
    pub weight: u32,
}

impl Default for MemberConfig {
    fn default() -> Self {
        Self {
            priority: 1,
            weight: 1,
        }
    }
}

/// How one member is picked among those of the same priority.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pick {
    /// In turn, heavier ones more often, spread evenly; equal weights make a round robin.
    #[default]
    Smooth,
    /// By lot, with probabilities proportional to the weights.
    Random,
}

/// Backends that are left alone for as long as they ask.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `members`")]
pub struct ByRetryAfterConfig {
    /// The members, by backend.
    pub members: BTreeMap<String, MemberConfig>,
    /// What counts as a failure: statuses, ranges of them, or `"transport"`.
    #[serde(default = "throttled_or_broken")]
    pub on: Vec<Condition>,
    /// How long a member is left alone that failed and asks for nothing.
    #[serde(default = "default_wait")]
    pub default_wait: Span,
    /// The longest wait that is believed.
    #[serde(default = "default_max_wait")]
    pub max_wait: Span,
    /// Whether weights count.
    #[serde(default)]
    pub weights: Weights,
    /// After how long without any request all waits are forgotten; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgets_when_idle: Option<Span>,
}

/// Whether weights count among members of the same priority.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weights {
    /// Each in turn, in proportion to the weights.
    #[default]
    Honoured,
    /// One by lot, all alike: the reference reads its weights and never uses them.
    Ignored,
}

impl BalanceConfig {
    /// The names of the backends it chooses among.
    pub fn backends(&self) -> Vec<&str> {
        match self {
            Self::Single(name) => vec![name],
            Self::RoundRobin { backends, .. } => backends.iter().map(String::as_str).collect(),
            Self::WeightedRandom { weights } | Self::SmoothWeighted { weights } => {
                weights.keys().map(String::as_str).collect()
            }
            Self::Pool(PoolConfig { members, .. })
            | Self::ByRetryAfter(ByRetryAfterConfig { members, .. }) => {
                members.keys().map(String::as_str).collect()
            }
            Self::Preferred(preferred) => {
                let others = preferred
                    .backends
                    .iter()
                    .filter(|name| **name != preferred.default);
                let all = std::iter::once(&preferred.default).chain(others);
                all.map(String::as_str).collect()
            }
            Self::ByModel(by_model) => {
                let names = by_model.routes.iter().flat_map(|route| &route.backends);
                names.map(String::as_str).collect()
            }
        }
    }
}

// Source: Azure-Samples/AI-Gateway, labs/advanced-load-balancing, policy (read 2026-07): marks a
// backend on 429 or ≥ 500, for 10 s where no header says how long.
fn throttled_or_broken() -> Vec<Condition> {
    vec![
        Condition::status(StatusCode::TOO_MANY_REQUESTS),
        Condition::SERVER_ERRORS,
    ]
}

fn default_wait() -> Span {
    Span::new(Duration::from_secs(10))
}

/// As a breaker's: `Retry-After: 86400` has been seen on the wire.
fn default_max_wait() -> Span {
    Span::new(Duration::from_hours(1))
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;

    #[test]
    fn routes_without_sense_are_shown_where_they_are_written() {
        let text = r#"
[apis.b]
prefix = "/b"
balance.by_model.routes = []
[apis.c]
prefix = "/c"
balance.by_model.routes = [
    { models = [], backends = ["payg-1"] },
    { models = ["a"], backends = [] },
    { models = ["a", "b"], backends = ["payg-9"] },
]
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected at least one route
         --> gateway.toml:7:27
          |
        7 | balance.by_model.routes = []
          |                           ^^

        error: expected at least one model
          --> gateway.toml:11:16
           |
        11 |     { models = [], backends = ["payg-1"] },
           |                ^^

        error: expected at least one backend
          --> gateway.toml:12:34
           |
        12 |     { models = ["a"], backends = [] },
           |                                  ^^

        error: expected each model once, found `a` again
          --> gateway.toml:13:16
           |
        13 |     { models = ["a", "b"], backends = ["payg-9"] },
           |                ^^^^^^^^^^

        error: unknown backend `payg-9`
          --> gateway.toml:13:39
           |
        13 |     { models = ["a", "b"], backends = ["payg-9"] },
           |                                       ^^^^^^^^^^
        help: the backends are `payg-1`
        "#);
    }

    #[test]
    fn a_cookie_has_a_name() {
        let text = r#"
[apis.b]
prefix = "/b"
balance.pool = { members = { payg-1 = {} }, affinity = { cookie = "a b" } }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected the name of a cookie, found `a b`
         --> gateway.toml:7:67
          |
        7 | balance.pool = { members = { payg-1 = {} }, affinity = { cookie = "a b" } }
          |                                                                   ^^^^^
        help: write letters, digits and hyphens: `APIM-Backend-Affinity`
        "#);
    }

    #[test]
    fn routes_and_affinities_of_the_wrong_type_are_shown_all_at_once() {
        let text = r#"
[apis.b]
prefix = "/b"
balance.by_model = { routes = [{ model = "a", backends = ["payg-1"] }] }
[apis.c]
prefix = "/c"
balance.by_model = { allow = ["gpt-4*"] }
[apis.d]
prefix = "/d"
balance.by_model = { routes = [], deny = "gpt-4o*" }
[apis.e]
prefix = "/e"
balance.pool = { members = { payg-1 = {} }, affinity = "cookie" }
[apis.f]
prefix = "/f"
balance.pool = { members = { payg-1 = {} }, affinity = {} }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: unknown key `model`, expected `models` or `backends`
         --> gateway.toml:7:34
          |
        7 | balance.by_model = { routes = [{ model = "a", backends = ["payg-1"] }] }
          |                                  ^^^^^

        error: unknown key `allow`, expected `routes` or `deny`
          --> gateway.toml:10:22
           |
        10 | balance.by_model = { allow = ["gpt-4*"] }
           |                      ^^^^^

        error: invalid type: string "gpt-4o*", expected a list
          --> gateway.toml:13:42
           |
        13 | balance.by_model = { routes = [], deny = "gpt-4o*" }
           |                                          ^^^^^^^^^

        error: invalid type: string "cookie", expected a table such as `{ cookie = "APIM-Backend-Affinity" }`
          --> gateway.toml:16:56
           |
        16 | balance.pool = { members = { payg-1 = {} }, affinity = "cookie" }
           |                                                        ^^^^^^^^

        error: missing key `cookie`
          --> gateway.toml:19:56
           |
        19 | balance.pool = { members = { payg-1 = {} }, affinity = {} }
           |                                                        ^^
        "#);
    }
}
