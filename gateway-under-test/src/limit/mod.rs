//! Limits: who may still call, how often, and for how many tokens.
//!
//! These are API Management's policies, each a file with a pure heart: it is told who calls and
//! what time it is, and lets the request in or says why not. What it must know of the end of a
//! request it leaves behind as a [`Hold`], and holds are settled exactly once, when the answer has
//! ended one way or another; retries are one request with one set of holds. A hold that is
//! dropped unsettled, because a later policy refused or no backend answered, gives back what it
//! took.
//!
//! Policies of the caller's product come before those of the API, as in API Management's scopes:
//! what a product counts is counted, even if the API then refuses. [`ORDER`] is the whole list,
//! and what policies are built from.

mod adaptive;
mod concurrency;
mod counter;
mod denial;
mod holds;
mod key;
mod place;
mod policies;
mod policy;
mod quota;
mod rate_limit;
mod reservation;
#[cfg(test)]
mod support;
mod token_limit;
mod whole;

pub(crate) use self::counter::Window;
pub(crate) use self::denial::{Denial, Voice};
pub(crate) use self::holds::Holds;
pub(crate) use self::place::Place;
pub(crate) use self::policies::{Chain, Limits, Policies, kept};
pub(crate) use self::policy::{Answer, Caller, Hold, Now, Policy, Settlement, State};
pub(crate) use self::whole::read_whole;

/// Whose limit it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// That of everybody who has subscribed to the product: `[products.NAME]`.
    Product,
    /// That of everybody who calls the API: `[apis.NAME]`.
    Api,
}

/// What is limited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Requests at the same time.
    LimitConcurrency,
    /// Calls, or tokens, within a sliding time.
    RateLimit,
    /// Calls within a fixed time.
    Quota,
    /// Tokens per minute, or within a calendar period.
    TokenLimit,
    /// Tokens of a class of callers, by what all of them leave.
    Adaptive,
    /// What is left for those who can wait.
    Prioritize,
}

/// What a request passes between its authentication and the choice of a backend, in this order.
///
/// What costs nothing to ask comes first, what costs the caller most to be refused comes last;
/// prioritisation sees only what is within everybody's limits.
// Source: https://learn.microsoft.com/azure/api-management/set-edit-policies (read 2026-08): the
// product's policies run before the API's, whose `<base />` stands first.
pub(crate) const ORDER: [(Scope, Kind); 11] = [
    (Scope::Product, Kind::LimitConcurrency),
    (Scope::Product, Kind::RateLimit),
    (Scope::Product, Kind::Quota),
    (Scope::Product, Kind::TokenLimit),
    (Scope::Product, Kind::Adaptive),
    (Scope::Api, Kind::LimitConcurrency),
    (Scope::Api, Kind::RateLimit),
    (Scope::Api, Kind::Quota),
    (Scope::Api, Kind::TokenLimit),
    (Scope::Api, Kind::Adaptive),
    (Scope::Api, Kind::Prioritize),
];
