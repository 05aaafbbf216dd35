//! [`ByModel`]: the model decides which backends may serve a request, and which no one may ask.
//!
//! The effective model is the deployment that the path names, else the `model` of the body.
//! Names are compared letter by letter, as the lab's policy does: `GPT-4.1` is not `gpt-4.1`.
//! What is denied is denied before it is routed, so that an `allow` for `gpt-4*` cannot let in
//! what a `deny` for `gpt-4o*` keeps out.
// Source: Azure-Samples/AI-Gateway, labs/model-routing (read 2026-07).

use std::collections::BTreeSet;

use super::round_robin::RoundRobin;
use super::{Ask, Balancer, Policy, Turn};
use crate::config::{ByModelConfig, ConfigError};
use crate::refusal::Refusal;
use crate::routing::Backends;

/// Routes in the order they are tried.
#[derive(Debug)]
pub(super) struct ByModel {
    routes: Vec<Route>,
    deny: Vec<Pattern>,
}

/// Models and who serves them in turn.
#[derive(Debug)]
struct Route {
    models: Vec<Pattern>,
    /// Positions of the backends; at least one.
    positions: Vec<usize>,
    turns: RoundRobin,
}

/// The name of a model, or the beginning of one.
#[derive(Debug, Eq, PartialEq)]
enum Pattern {
    Whole(String),
    /// Written with a trailing `*`.
    Beginning(String),
}

impl Pattern {
    /// The pattern written as `text`.
    fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(beginning) => Self::Beginning(beginning.to_owned()),
            None => Self::Whole(text.to_owned()),
        }
    }

    fn matches(&self, model: &str) -> bool {
        match self {
            Self::Whole(name) => name == model,
            Self::Beginning(beginning) => model.starts_with(beginning),
        }
    }
}

impl ByModel {
    /// The balancer of `config`, which is at `at`; what is wrong is added to `errors`.
    pub(super) fn balancer(
        at: &[&str],
        config: &ByModelConfig,
        known: &Backends,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Balancer> {
        let at = [at, &["routes"]].concat();
        let mut wrong = |path: &[&str], message: String| {
            errors.push(ConfigError::new(&[&at, path].concat(), message));
        };
        if config.routes.is_empty() {
            wrong(&[], "expected at least one route".to_owned());
        }
        let mut owners = BTreeSet::new();
        for (index, route) in config.routes.iter().enumerate() {
            let index = index.to_string();
            if route.models.is_empty() {
                wrong(
                    &[&index, "models"],
                    "expected at least one model".to_owned(),
                );
            }
            if route.backends.is_empty() {
                wrong(
                    &[&index, "backends"],
                    "expected at least one backend".to_owned(),
                );
            }
            for model in route.models.iter().filter(|model| !owners.insert(*model)) {
                let message = format!("expected each model once, found `{model}` again");
                wrong(&[&index, "models"], message);
            }
        }
        let (mut names, mut backends) = (Vec::new(), Vec::new());
        for (index, route) in config.routes.iter().enumerate() {
            let index = index.to_string();
            let path = [&at[..], &[&index, "backends"]].concat();
            let new = route.backends.iter().filter(|name| !names.contains(name));
            let new: Vec<&String> = new.collect();
            backends.extend(super::find_all(&path, known, new.iter().copied(), errors)?);
            names.extend(new);
        }
        let patterns = |names: &[String]| names.iter().map(|name| Pattern::new(name)).collect();
        let position = |name: &String| names.iter().position(|known| *known == name);
        let routes = config.routes.iter().map(|route| Route {
            models: patterns(&route.models),
            positions: route.backends.iter().filter_map(position).collect(),
            turns: RoundRobin::new(route.backends.len(), 0),
        });
        let policy = Policy::ByModel(Self::new(routes.collect(), patterns(&config.deny)));
        Some(Balancer { backends, policy })
    }

    /// Denies what `deny` matches, and sends the rest by the first of `routes` that matches.
    fn new(routes: Vec<Route>, deny: Vec<Pattern>) -> Self {
        Self { routes, deny }
    }

    /// The route of `model`, the effective model of a request.
    ///
    /// # Errors
    /// It is denied, or nobody serves it, or there is none.
    pub(super) fn route(&self, model: Option<&str>) -> Result<usize, Refusal> {
        let matches = |patterns: &[Pattern], model: &str| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| pattern.matches(model))
        };
        let Some(model) = model else {
            return Err(Refusal::ModelMissing);
        };
        if matches(&self.deny, model) {
            let model = model.to_owned();
            return Err(Refusal::ModelDenied { model });
        }
        let mut routes = self.routes.iter();
        routes
            .position(|route| matches(&route.models, model))
            .ok_or_else(|| Refusal::ModelUnknown {
                model: model.to_owned(),
            })
    }

    /// Whose turn it is on the route of the request that asks.
    pub(super) fn next(&self, ask: &Ask) -> Turn {
        let route = &self.routes[ask.wanted.route];
        let turn = route.turns.next();
        Turn {
            position: route.positions[turn.position],
            // Turns are numbered per route: as numbers of the API they would repeat.
            number: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> ByModel {
        let route = |models: &[&str], positions: Vec<usize>| Route {
            models: models.iter().map(|model| Pattern::new(model)).collect(),
            turns: RoundRobin::new(positions.len(), 0),
            positions,
        };
        let routes = vec![
            route(&["gpt-4.1"], vec![0]),
            route(&["gpt-4.1-*", "gpt-4*"], vec![1, 2]),
        ];
        ByModel::new(routes, vec![Pattern::new("gpt-4o*")])
    }

    #[test]
    fn the_first_route_that_matches_serves() {
        let policy = policy();
        let route = |model| policy.route(Some(model)).ok();
        assert_eq!(route("gpt-4.1"), Some(0));
        assert_eq!(route("gpt-4.1-mini"), Some(1));
        assert_eq!(route("gpt-4"), Some(1));
    }

    #[test]
    fn a_denial_comes_before_every_route() {
        let denied = |model: &str| {
            let model = model.to_owned();
            Err(Refusal::ModelDenied { model })
        };
        assert_eq!(policy().route(Some("gpt-4o")), denied("gpt-4o"));
        assert_eq!(policy().route(Some("gpt-4o-mini")), denied("gpt-4o-mini"));
    }

    #[test]
    fn letters_are_compared_as_they_are_and_nothing_is_guessed() {
        let unknown = |model: &str| {
            let model = model.to_owned();
            Err(Refusal::ModelUnknown { model })
        };
        for model in ["GPT-4.1", "gpt-3.5", " gpt-4.1", "", "*"] {
            assert_eq!(policy().route(Some(model)), unknown(model));
        }
        assert_eq!(policy().route(None), Err(Refusal::ModelMissing));
    }
}
