//! [`Policies`]: the limits of one product or one API.

use std::any::Any;
use std::sync::Arc;

use super::adaptive::Adaptive;
use super::concurrency::LimitConcurrency;
use super::counter::{Bucket, Window};
use super::quota::Quota;
use super::rate_limit::RateLimit;
use super::token_limit::TokenLimit;
use super::{Caller, Holds, Kind, Now, ORDER, Place, Policy, Scope, State};
use crate::config::{
    AdaptiveConfig, ApiConfig, ConcurrencyConfig, ConfigError, PrioritizeConfig, ProductConfig,
    QuotaConfig, RateLimitConfig, TokenLimitConfig, TokenWindow,
};
use crate::prioritize;
use crate::refusal::Refusal;

/// The limits that a product or an API has, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Policies(Vec<(Kind, Box<dyn Policy>)>);

/// All limits of one request, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Chain<'p>(Vec<&'p dyn Policy>);

/// The limits in the table of a product or an API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits<'a> {
    scope: Scope,
    /// The name of the product or API.
    owner: &'a str,
    limit_concurrency: Option<&'a ConcurrencyConfig>,
    rate_limit: Option<&'a RateLimitConfig>,
    quota: Option<&'a QuotaConfig>,
    token_limit: Option<&'a TokenLimitConfig>,
    adaptive: Option<&'a AdaptiveConfig>,
    prioritize: Option<&'a PrioritizeConfig>,
}

impl<'a> Limits<'a> {
    /// Those of the product `name`.
    pub(crate) fn of_product(name: &'a str, config: &'a ProductConfig) -> Self {
        Self {
            scope: Scope::Product,
            owner: name,
            limit_concurrency: config.limit_concurrency.as_ref(),
            rate_limit: config.rate_limit.as_ref(),
            quota: config.quota.as_ref(),
            token_limit: config.token_limit.as_ref(),
            adaptive: config.adaptive.as_ref(),
            prioritize: None,
        }
    }

    /// Those of the API `name`.
    pub(crate) fn of_api(name: &'a str, config: &'a ApiConfig) -> Self {
        Self {
            scope: Scope::Api,
            owner: name,
            limit_concurrency: config.limit_concurrency.as_ref(),
            rate_limit: config.rate_limit.as_ref(),
            quota: config.quota.as_ref(),
            token_limit: config.token_limit.as_ref(),
            adaptive: config.adaptive.as_ref(),
            prioritize: config.prioritize.as_ref(),
        }
    }

    /// Where the `policy` stands in the configuration.
    fn place(&self, policy: &'static str) -> Place<'a> {
        Place {
            scope: self.scope,
            owner: self.owner,
            policy,
            part: None,
        }
    }

    /// The policy of this `kind`, if there is one; it goes on with the `state` of the one before.
    fn build(
        &self,
        kind: Kind,
        state: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Box<dyn Policy>> {
        match kind {
            Kind::LimitConcurrency => Some(Box::new(LimitConcurrency::new(
                self.limit_concurrency?,
                state,
            ))),
            Kind::RateLimit => {
                let (config, place) = (self.rate_limit?, self.place("rate_limit"));
                Some(Box::new(RateLimit::new(config, &place, state, errors)))
            }
            Kind::Quota => {
                let (config, place) = (self.quota?, self.place("quota"));
                Some(Box::new(Quota::new(config, &place, state, errors)))
            }
            Kind::TokenLimit => {
                let (config, place) = (self.token_limit?, self.place("token_limit"));
                Some(match config.window {
                    TokenWindow::Sliding => {
                        Box::new(TokenLimit::<Window>::new(config, &place, state, errors))
                    }
                    TokenWindow::Bucket => {
                        Box::new(TokenLimit::<Bucket>::new(config, &place, state, errors))
                    }
                })
            }
            Kind::Adaptive => {
                let (config, place) = (self.adaptive?, self.place("adaptive"));
                Some(Box::new(Adaptive::new(config, &place, state, errors)))
            }
            Kind::Prioritize => {
                let place = self.place("prioritize");
                Some(prioritize::policy(self.prioritize?, place, state, errors))
            }
        }
    }
}

impl Policies {
    /// The policies that `limits` describe; each goes on with what its `previous` one of the same
    /// kind has counted.
    pub(crate) fn new(
        limits: &Limits<'_>,
        previous: Option<&Self>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let kinds = ORDER
            .into_iter()
            .filter(|(scope, _)| *scope == limits.scope);
        let build = |(_, kind)| {
            let state = previous.and_then(|previous| previous.state(kind));
            Some((kind, limits.build(kind, state, errors)?))
        };
        Self(kinds.filter_map(build).collect())
    }

    fn state(&self, kind: Kind) -> Option<State> {
        let (_, policy) = self.0.iter().find(|(own, _)| *own == kind)?;
        Some(policy.state())
    }
}

impl<'p> Chain<'p> {
    /// The policies of the `product`, if the caller has one, and then those of the `api`.
    pub(crate) fn new(product: Option<&'p Policies>, api: &'p Policies) -> Self {
        let scopes = product.into_iter().chain([api]);
        let policies = scopes.flat_map(|policies| &policies.0);
        Self(policies.map(|(_, policy)| policy.as_ref()).collect())
    }

    /// Asks each in turn.
    ///
    /// # Errors
    /// What the first says that refuses; those before it have got back what they held.
    pub(crate) fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Holds, Refusal> {
        let mut holds = Holds::default();
        for policy in &self.0 {
            holds.extend(policy.admit(caller, now)?);
        }
        Ok(holds)
    }

    /// Whether one of them looks at the body of requests.
    pub(crate) fn read_body(&self) -> bool {
        self.0.iter().any(|policy| policy.reads_body())
    }

    /// Whether one of them wants the tokens of the prompt counted.
    pub(crate) fn estimate_prompt(&self) -> bool {
        self.0.iter().any(|policy| policy.estimates_prompt())
    }

    /// Whether one of them wants the tokens that an answer took.
    pub(crate) fn count_usage(&self) -> bool {
        self.0.iter().any(|policy| policy.counts_usage())
    }

    /// Whether one of them tells the caller of these tokens in headers.
    pub(crate) fn tell_usage(&self) -> bool {
        self.0.iter().any(|policy| policy.tells_usage())
    }
}

/// What a policy of the same kind has counted before a reload; nothing, if it counted otherwise.
pub(crate) fn kept<T: Any + Default + Send + Sync>(previous: Option<State>) -> Arc<T> {
    let previous = previous.and_then(|state| state.downcast().ok());
    previous.unwrap_or_default()
}
