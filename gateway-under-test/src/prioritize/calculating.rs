//! [`Calculating`]: the policy around [`Counts`].

use std::sync::{Arc, Mutex};

use clock::Moment;
use http::{HeaderMap, HeaderName, StatusCode};

use super::counts::{Counts, Left};
use super::deployments::{Deployments, lock};
use super::refused::{Because, Refused, Telling};
use super::{Priority, cost};
use crate::config::{CalculatedDeployment, ConfigError, Counting, TokenCalculatingConfig};
use crate::headers::{
    X_APIM_REMAINING_REQUESTS, X_APIM_REMAINING_TOKENS, X_APIM_REQUESTS_RETRY_AFTER,
    X_APIM_TOKENS_RETRY_AFTER, X_APIM_TOTAL_REQUESTS, X_APIM_TOTAL_TOKENS, X_GW_CONSUMED_TOKENS,
    X_GW_PRIORITY, X_GW_REMAINING_REQUESTS, X_GW_REMAINING_TOKENS,
};
use crate::limit::{Answer, Caller, Denial, Hold, Now, Place, Policy, State};
use crate::refusal::{Refusal, whole_seconds};

/// Reserves by what the gateway counts.
#[derive(Debug)]
pub(super) struct Calculating {
    config: TokenCalculatingConfig,
    deployments: Deployments<CalculatedDeployment, Counts>,
}

impl Calculating {
    pub(super) fn new(
        config: &TokenCalculatingConfig,
        place: Place<'_>,
        previous: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        for (name, rules) in &config.deployments {
            let (tokens, requests) = (rules.tokens_per_minute, rules.requests_per_10s);
            let thresholds = [
                (
                    rules.low_priority_tokens_threshold,
                    tokens,
                    "tokens_per_minute",
                ),
                (
                    rules.low_priority_requests_threshold,
                    requests,
                    "requests_per_10s",
                ),
            ];
            for (threshold, limit, key) in thresholds {
                if threshold > limit.get() {
                    let message = format!(
                        "expected a threshold of `{name}` of at most its `{key}`, found `{threshold}` above `{limit}`"
                    );
                    errors.push(place.error("deployments", message));
                }
            }
        }
        Self {
            deployments: Deployments::new(&config.deployments, previous, place, errors),
            config: config.clone(),
        }
    }

    fn denial(&self, refused: Refused, priority: Priority) -> Refusal {
        let denial = match refused.because {
            Because::NoTokens => of_limit(refused, X_APIM_TOKENS_RETRY_AFTER),
            Because::NoRequests => of_limit(refused, X_APIM_REQUESTS_RETRY_AFTER),
            Because::LowTokens => refused.low_priority("Too Many Tokens"),
            Because::LowRequests => refused.low_priority("Too Many Requests"),
            Because::UnknownDeployment | Because::MissingReset => refused.otherwise(),
        };
        let telling = Telling {
            priority,
            retry_after: self.config.tells_retry_after,
            labels_every_refusal: self.config.labels_every_refusal,
        };
        telling.told(denial, refused)
    }
}

/// The refusal of a limit that holds for both priorities, in the words of API Management's
/// `rate-limit-by-key`, with its wait in the header that the reference renames it to.
fn of_limit(refused: Refused, retry_after: HeaderName) -> Denial {
    let limit = |message: String| {
        let status = StatusCode::TOO_MANY_REQUESTS;
        Denial::new(status, refused.because.as_str(), message)
    };
    match refused.wait {
        Some(wait) => {
            let seconds = whole_seconds(wait);
            let message = format!("Rate limit is exceeded. Try again in {seconds} seconds.");
            limit(message).header(retry_after, seconds.into())
        }
        None => limit("The request asks for more tokens than the limit.".to_owned()),
    }
}

impl Policy for Calculating {
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let priority = Priority::of(caller.headers, caller.query);
        let admitted = self
            .deployments
            .find(caller.deployment.as_deref())
            .and_then(|deployment| {
                let body = caller.body.map_or(&[][..], AsRef::as_ref);
                let cost = cost::consumed(caller.operation, body, caller.prompt_tokens);
                let (rules, counting) = (deployment.rules, self.config.counting);
                let left = lock(deployment.kept).admit(rules, counting, priority, cost, now.at)?;
                Ok(Calculated {
                    priority,
                    cost,
                    left,
                    rules: *rules,
                    is_held: counting == Counting::WhenAdmitted,
                    counts: deployment.kept.clone(),
                })
            });
        let hold = admitted.map_err(|refused| self.denial(refused, priority))?;
        Ok(Some(Box::new(hold)))
    }

    fn state(&self) -> State {
        self.deployments.state()
    }

    fn reads_body(&self) -> bool {
        true
    }

    fn estimates_prompt(&self) -> bool {
        self.config.counts_prompts
    }
}

/// A call under way.
#[derive(Debug)]
struct Calculated {
    priority: Priority,
    cost: u64,
    left: Left,
    rules: CalculatedDeployment,
    /// Whether it is to be released.
    is_held: bool,
    counts: Arc<Mutex<Counts>>,
}

impl Calculated {
    /// Holds it no longer, and counts it where it had an answer that counts.
    fn close(&mut self, counted_at: Option<Moment>) {
        let mut counts = lock(&self.counts);
        if std::mem::take(&mut self.is_held) {
            counts.release(self.cost);
        }
        if let Some(now) = counted_at {
            counts.count(self.cost, now);
        }
    }
}

impl Hold for Calculated {
    fn answered(
        &mut self,
        answer: &Answer<'_>,
        out: &mut HeaderMap,
        now: Now,
    ) -> Result<(), Refusal> {
        let counts = answer.status != StatusCode::TOO_MANY_REQUESTS;
        self.close(counts.then_some(now.at));
        let Left { tokens, requests } = self.left;
        for (name, value) in [
            (X_GW_REMAINING_TOKENS, tokens),
            (X_GW_REMAINING_REQUESTS, requests),
            (X_GW_CONSUMED_TOKENS, self.cost),
            (X_APIM_REMAINING_TOKENS, tokens),
            (X_APIM_TOTAL_TOKENS, self.rules.tokens_per_minute.get()),
            (X_APIM_REMAINING_REQUESTS, requests),
            (X_APIM_TOTAL_REQUESTS, self.rules.requests_per_10s.get()),
        ] {
            out.insert(name, value.into());
        }
        out.insert(X_GW_PRIORITY, self.priority.header());
        Ok(())
    }
}

impl Drop for Calculated {
    fn drop(&mut self) {
        self.close(None);
    }
}
