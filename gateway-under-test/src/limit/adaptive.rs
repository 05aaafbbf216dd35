//! [`Adaptive`]: a limit for all, and one for each of two classes that grows with what all leave.
//!
//! A share of what the limit of all leaves is lent to that of the caller's class: a class that
//! is alone may use more than one that is not, and both together stay within the limit of all.
//! Each of the three is a [`TokenLimit`]; this file only chooses which, and how large it is at
//! the moment. What the caller's own request holds is no longer left, and so not lent to it.
// Source: Azure/apim-landing-zone-accelerator, adaptive-rate-limiting (read 2026-07): three
// `azure-openai-token-limit` in a row, the second or third with `tokens-per-minute` from
// `Math.Floor(0.1 * remaining)`.

use std::sync::Arc;

use http::HeaderName;

use super::counter::Window;
use super::token_limit::TokenLimit;
use super::{Caller, Hold, Holds, Now, Place, Policy, State};
use crate::config::{AdaptiveConfig, ConfigError, TokenLimitConfig, TokenWindow};
use crate::refusal::Refusal;

/// The landing zone's adaptive rate limiting.
#[derive(Debug)]
pub(super) struct Adaptive {
    is_high: Distinction,
    spare_percent: u64,
    global: TokenLimit<Window>,
    high: Class,
    low: Class,
}

/// How callers of the high class are told from others.
#[derive(Debug)]
enum Distinction {
    Header(HeaderName),
    Product(String),
}

/// The limit of a class.
#[derive(Debug)]
struct Class {
    /// The tokens per minute it has in any case.
    base: u64,
    limit: TokenLimit<Window>,
}

impl Adaptive {
    /// The policy that `config`, at `place`, describes; it goes on with the accounts of `previous`.
    pub(super) fn new(
        config: &AdaptiveConfig,
        place: &Place<'_>,
        previous: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let accounts = previous.and_then(|state| state.downcast::<[State; 3]>().ok());
        let mut limit = |part, config: &TokenLimitConfig, index: usize| {
            let place = place.within(part);
            if config.window != TokenWindow::Sliding || config.tokens_per_minute.is_none() {
                let message = "expected `tokens_per_minute` in a sliding window";
                errors.push(place.error("", message));
            }
            let previous = accounts.as_ref().map(|accounts| accounts[index].clone());
            Class {
                base: config.tokens_per_minute.map_or(0, Into::into),
                limit: TokenLimit::new(config, &place, previous, errors),
            }
        };
        let global = limit("global", &config.global, 0).limit;
        let [high, low] = [("high", &config.high, 1), ("low", &config.low, 2)]
            .map(|(part, config, index)| limit(part, config, index));
        Self {
            is_high: Distinction::new(config, place, errors),
            spare_percent: config.spare_percent.into(),
            global,
            high,
            low,
        }
    }
}

impl Distinction {
    fn new(config: &AdaptiveConfig, place: &Place<'_>, errors: &mut Vec<ConfigError>) -> Self {
        if config.header.is_some() == config.product.is_some() {
            let error = place.error("", "expected either `header` or `product`");
            errors.push(error.help("add `header = \"x-higher-limit\"`"));
        }
        match place.header("header", config.header.as_ref(), errors) {
            Some(name) => Self::Header(name),
            None => Self::Product(config.product.clone().unwrap_or_default()),
        }
    }

    fn applies_to(&self, caller: &Caller<'_>) -> bool {
        match self {
            Self::Header(name) => caller.headers.contains_key(name),
            Self::Product(product) => caller.product == Some(product.as_str()),
        }
    }
}

impl Policy for Adaptive {
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let all = self.global.admit(caller, now).map_err(renamed)?;
        let spare = self.global.left_in_minute(caller, now);
        let class = if self.is_high.applies_to(caller) {
            &self.high
        } else {
            &self.low
        };
        let tokens_per_minute = class.base + spare * self.spare_percent / 100;
        let limit = class.limit.with_tokens_per_minute(tokens_per_minute);
        let own = limit.admit(caller, now).map_err(renamed)?;
        let mut both = Holds::default();
        both.extend(all);
        both.extend(own);
        Ok(Some(Box::new(both)))
    }

    fn state(&self) -> State {
        Arc::new([&self.global, &self.high.limit, &self.low.limit].map(Policy::state))
    }

    fn reads_body(&self) -> bool {
        self.any(Policy::reads_body)
    }

    fn estimates_prompt(&self) -> bool {
        self.any(Policy::estimates_prompt)
    }

    fn counts_usage(&self) -> bool {
        true
    }

    fn tells_usage(&self) -> bool {
        self.any(Policy::tells_usage)
    }
}

impl Adaptive {
    fn any(&self, says: impl Fn(&TokenLimit<Window>) -> bool) -> bool {
        [&self.global, &self.high.limit, &self.low.limit]
            .into_iter()
            .any(says)
    }
}

/// The same refusal, under a word of its own: whose limit it was can be seen in the log.
fn renamed(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Denied(mut denial) => {
            denial.word = "adaptive-limit";
            Refusal::Denied(denial)
        }
        other => other,
    }
}
