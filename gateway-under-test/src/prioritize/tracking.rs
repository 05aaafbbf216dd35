//! [`Tracking`]: the policy around [`Memory`].

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Priority;
use super::deployments::{Deployments, lock};
use super::memory::{Memory, Pass, Told};
use super::refused::{Because, Refused, Telling};
use crate::config::{ConfigError, MissingReset, TokenTrackingConfig, TrackedDeployment};
use crate::headers::{
    RATELIMIT_REMAINING_REQUESTS, RATELIMIT_REMAINING_TOKENS, RATELIMIT_RESET_REQUESTS,
    RATELIMIT_RESET_TOKENS, X_GW_PRIORITY, X_GW_REMAINING_REQUESTS, X_GW_REMAINING_TOKENS, X_TEST,
};
use crate::limit::{Answer, Caller, Hold, Now, Place, Policy, State};
use crate::refusal::Refusal;
use crate::retry_after;

/// Marks a call of low priority that passes as a probe.
const PROBE: HeaderValue = HeaderValue::from_static("allowing-extra-low-pri-request");

/// What stands for an unknown number in headers.
const UNKNOWN: HeaderValue = HeaderValue::from_static("-1");

/// Reserves by what backends say is left.
#[derive(Debug)]
pub(super) struct Tracking {
    config: Arc<TokenTrackingConfig>,
    deployments: Deployments<TrackedDeployment, Memory>,
}

impl Tracking {
    pub(super) fn new(
        config: &TokenTrackingConfig,
        place: Place<'_>,
        previous: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        Self {
            deployments: Deployments::new(&config.deployments, previous, place, errors),
            config: Arc::new(config.clone()),
        }
    }
}

impl Policy for Tracking {
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let priority = Priority::of(caller.headers, caller.query);
        let tracked = |memory, pass| Tracked {
            config: self.config.clone(),
            priority,
            memory,
            pass,
        };
        let admitted = match (
            self.deployments.find(caller.deployment.as_deref()),
            priority,
        ) {
            (Ok(deployment), _) => lock(deployment.kept)
                .admit(deployment.rules, self.config.probe, priority, now.at)
                .map(|pass| tracked(deployment.kept.clone(), pass)),
            // Nobody of low priority will ask what is known of it.
            (Err(_), Priority::High) => {
                let mut memory = Memory::default();
                let pass = memory.admit_high(now.at);
                Ok(tracked(Arc::new(Mutex::new(memory)), pass))
            }
            (Err(unknown), Priority::Low) => Err(unknown),
        };
        let hold = admitted.map_err(|refused| denial(&self.config, refused, priority))?;
        Ok(Some(Box::new(hold)))
    }

    fn state(&self) -> State {
        self.deployments.state()
    }
}

fn denial(config: &TokenTrackingConfig, refused: Refused, priority: Priority) -> Refusal {
    let denial = match refused.because {
        Because::LowTokens => {
            refused.low_priority("Tokens below low-priority threshold for deployment")
        }
        Because::LowRequests => {
            refused.low_priority("Requests below low-priority threshold for deployment")
        }
        _ => refused.otherwise(), // It has no limits of its own.
    };
    let telling = Telling {
        priority,
        retry_after: config.tells_retry_after,
        labels_every_refusal: config.labels_every_refusal,
    };
    telling.told(denial, refused)
}

/// A call under way.
#[derive(Debug)]
struct Tracked {
    config: Arc<TokenTrackingConfig>,
    priority: Priority,
    memory: Arc<Mutex<Memory>>,
    pass: Pass,
}

impl Hold for Tracked {
    fn answered(
        &mut self,
        answer: &Answer<'_>,
        out: &mut HeaderMap,
        now: Now,
    ) -> Result<(), Refusal> {
        let told = Told::of(answer.headers, self.config.missing_reset);
        let (tokens, requests) = {
            let mut memory = lock(&self.memory);
            memory
                .learn(&self.config, self.pass, answer.status, &told, now.at)
                .map_err(|refused| denial(&self.config, refused, self.priority))?;
            memory.known(now.at)
        };
        let number = |known: Option<u64>| known.map_or(UNKNOWN, HeaderValue::from);
        out.insert(X_GW_REMAINING_TOKENS, number(tokens));
        out.insert(X_GW_REMAINING_REQUESTS, number(requests));
        out.insert(X_GW_PRIORITY, self.priority.header());
        if self.pass.is_probe {
            out.insert(X_TEST, PROBE);
        }
        Ok(())
    }
}

impl Told {
    /// What `headers` say; the reference reads whole seconds only.
    fn of(headers: &HeaderMap, missing_reset: MissingReset) -> Self {
        let number = |name: HeaderName| headers.get(name)?.to_str().ok()?.trim().parse().ok();
        let reset = |name: HeaderName| {
            let wait = match missing_reset {
                MissingReset::Error => number(name).map(Duration::from_secs),
                MissingReset::Pass => retry_after::reset_in(headers, &name),
            };
            wait.filter(|wait| !wait.is_zero())
        };
        Self {
            remaining_tokens: number(RATELIMIT_REMAINING_TOKENS),
            remaining_requests: number(RATELIMIT_REMAINING_REQUESTS),
            reset_tokens: reset(RATELIMIT_RESET_TOKENS),
            reset_requests: reset(RATELIMIT_RESET_REQUESTS),
        }
    }
}
