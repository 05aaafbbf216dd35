//! The attempts of one request: choose, forward, report, decide, wait, again.

use std::sync::Arc;

use axum::body::Body;
use clock::{Clock, Moment};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use tracing::{debug, warn};

use super::{Target, trace};
use crate::access_log::OpenEntry;
use crate::backend::Backend;
use crate::balance::{Ask, Choice, Nobody, Wanted};
use crate::config::TrippingAnswer;
use crate::draw::Draws;
use crate::forward::{Failure, Outbound, forward, watched};
use crate::gateway::Gateway;
use crate::identity::IdentityError;
use crate::outcome::{End, Outcome};
use crate::refusal::{ActivityId, Refusal};
use crate::routing::Api;

/// What is read of a response that nobody will see: enough for any refusal.
const DISCARDED_BYTES: usize = 64 * 1024;

/// Tries `outbound` on the backend the API's balancer chooses, and again while its retry policy
/// says so; returns the last answer and the backend it came from.
///
/// # Errors
/// What the gateway says itself if the last attempt brought no answer, or none may pass.
pub(crate) async fn attempt(
    gateway: &Gateway,
    api: &Api,
    outbound: Outbound,
    draws: Draws,
    wanted: Wanted,
    entry: &OpenEntry,
) -> Result<(Response<Body>, Arc<Backend>), Refusal> {
    let clock = gateway.clock();
    let mut series = Series {
        gateway,
        api,
        entry,
        draws,
        wanted,
        outbound,
        began: clock.now(),
        made: 0,
        bound_to: None,
    };
    if let Some(retry) = &api.retry {
        retry.begins(series.began);
    }
    loop {
        let tried = series.once().await;
        let now = clock.now();
        let due = series.due(&tried, now);
        if api.retry.is_some() {
            trace::retry(entry, due.map(|due| due.since(now)));
        }
        let Some(due) = due else {
            return tried.into_answer(api, draws);
        };
        debug!(end = ?tried.outcome.end, %due, "attempt is retried");
        discard(tried.answer.ok(), clock, due).await;
        clock.sleep_until(due).await;
        series.made += 1;
    }
}

/// The attempts of one request.
struct Series<'a> {
    gateway: &'a Gateway,
    api: &'a Api,
    entry: &'a OpenEntry,
    draws: Draws,
    wanted: Wanted,
    outbound: Outbound,
    began: Moment,
    /// Attempts made before this one.
    made: u32,
    /// The backend of this and all further attempts; `None`: the balancer is asked.
    bound_to: Option<Arc<Backend>>,
}

/// What one attempt brought.
struct Tried {
    outcome: Outcome,
    answer: Result<(Response<Body>, Arc<Backend>), NoAnswer>,
}

/// Why there is nothing to pass on.
#[derive(Clone, Copy)]
enum NoAnswer {
    /// Nobody was asked.
    Nobody(Nobody),
    /// The answer opened its backend's breaker and is not told.
    Masked,
    Failed(Failure),
    /// The gateway could not say who it is.
    Unidentified,
}

impl Series<'_> {
    /// Makes one attempt, and tells all who learn from it.
    async fn once(&mut self) -> Tried {
        let (upstream, clock) = (self.gateway.upstream(), self.gateway.clock());
        let Choice {
            backend,
            pass,
            turn,
        } = match self.choose_aloud(clock.now()) {
            Ok(choice) => choice,
            Err(nobody) => {
                self.bind(None);
                return Tried::nobody(nobody);
            }
        };
        self.entry.chosen(turn);
        let credential = match backend.credential(upstream, clock).await {
            Ok(credential) => credential,
            Err(error) => {
                trace::no_token(self.entry, &backend, &error);
                return Tried::unidentified(&backend, &error);
            }
        };
        let started = clock.now();
        let deadline = started + self.api.forward_timeout;
        self.entry.attempt_started(&backend.name, started);
        let outbound = &mut self.outbound;
        let answer = forward(upstream, clock, outbound, &backend, credential, deadline).await;
        let answer = answer.map(|answer| watched(answer, clock, self.api.silence_timeout));
        let ended = clock.now();
        let outcome = Outcome::of(&answer, clock.utc(ended));
        let tripped = pass.saw(&outcome, ended);
        self.api.balancer.saw(&backend, &outcome, ended);
        let status = answer.as_ref().map(Response::status).map_err(|&f| f);
        self.entry.attempt_ended(status, tripped.is_some(), ended);
        trace::outcome(self.entry, &backend, &outcome, tripped.is_some(), ended);
        if let Err(failure) = status {
            warn!(backend = backend.name, %failure, "backend gave no answer");
        }
        self.bind(Some(&backend));
        let answer = answer
            .map(|answer| (answer, backend))
            .map_err(NoAnswer::Failed);
        if tripped == Some(TrippingAnswer::Unavailable) {
            discard(answer.ok(), clock, deadline).await;
            return Tried::masked();
        }
        Tried { outcome, answer }
    }

    /// Chooses, and tells a trace among whom.
    fn choose_aloud(&self, now: Moment) -> Result<Choice, Nobody> {
        if !self.entry.is_traced() {
            return self.choose(now);
        }
        // Looked at before: to be chosen may change how somebody stands.
        let candidates = match &self.bound_to {
            Some(backend) => vec![(backend.clone(), backend.wait(now))],
            None => self.api.balancer.candidates(now),
        };
        let choice = self.choose(now);
        trace::choice(self.entry, &candidates, &choice, now);
        choice
    }

    fn choose(&self, now: Moment) -> Result<Choice, Nobody> {
        let Some(backend) = &self.bound_to else {
            return self.api.balancer.choose(&Ask {
                draws: self.draws,
                now,
                attempt: self.made,
                wanted: self.wanted,
            });
        };
        let pass = backend.admit(now).map_err(Nobody::behind_a_breaker)?;
        Ok(Choice {
            backend: backend.clone(),
            pass,
            turn: None,
        })
    }

    /// Says where further attempts go, now that one went to `backend`, or to nobody.
    fn bind(&mut self, backend: Option<&Arc<Backend>>) {
        self.bound_to = match self.api.retry.as_ref().map(|retry| &retry.target) {
            Some(Target::Same) => backend.cloned(),
            Some(Target::Other(other)) => Some(other.clone()),
            Some(Target::Repick) | None => None,
        };
    }

    /// When the next attempt is due, if there is to be one after what was `tried`.
    ///
    /// A retry that could go nowhere is not made: the answer that is there says more than a
    /// refusal would.
    fn due(&self, tried: &Tried, now: Moment) -> Option<Moment> {
        let retry = self.api.retry.as_ref()?;
        let due = now + retry.wait(self.made, &tried.outcome, self.draws)?;
        let leads_nowhere = match &self.bound_to {
            Some(backend) => tried.answer.is_ok() && !backend.wait(due).is_zero(),
            None => self.api.balancer.is_at_its_end(now),
        };
        (!leads_nowhere && retry.permits(self.began, due, now)).then_some(due)
    }
}

impl Tried {
    fn nobody(nobody: Nobody) -> Self {
        Self {
            outcome: Outcome {
                retry_after: Some(nobody.wait),
                ..Outcome::without_waits(End::Exhausted)
            },
            answer: Err(NoAnswer::Nobody(nobody)),
        }
    }

    /// No policy repeats it: the same endpoint would be asked again.
    fn unidentified(backend: &Backend, error: &IdentityError) -> Self {
        warn!(backend = backend.name, %error, "the gateway has no token");
        Self {
            outcome: Outcome::without_waits(End::Unidentified),
            answer: Err(NoAnswer::Unidentified),
        }
    }

    fn masked() -> Self {
        let unavailable = End::Answered(StatusCode::SERVICE_UNAVAILABLE);
        Self {
            outcome: Outcome::without_waits(unavailable),
            answer: Err(NoAnswer::Masked),
        }
    }

    fn into_answer(
        self,
        api: &Api,
        draws: Draws,
    ) -> Result<(Response<Body>, Arc<Backend>), Refusal> {
        self.answer.map_err(|none| match none {
            NoAnswer::Nobody(nobody) => Refusal::of_nobody(nobody, api.exhausted, draws),
            NoAnswer::Masked => Refusal::BreakerOpen { wait: None },
            NoAnswer::Failed(failure) => Refusal::of_failure(failure, draws),
            NoAnswer::Unidentified => Refusal::Unidentified {
                activity_id: ActivityId::new(draws),
            },
        })
    }
}

/// Reads the rest of a refusal, so that its connection can be used again and its backend sees
/// nobody hang up; at most a little, and not past `deadline`, when the next attempt is due.
async fn discard(answer: Option<(Response<Body>, Arc<Backend>)>, clock: &Clock, deadline: Moment) {
    let Some((response, _)) = answer else { return };
    let mut body = response.into_body();
    let read = async {
        let mut bytes = 0;
        while let Some(Ok(frame)) = body.frame().await {
            bytes += frame.data_ref().map_or(0, bytes::Bytes::len);
            if bytes > DISCARDED_BYTES {
                break;
            }
        }
    };
    // A body that takes longer is dropped, which is all that is lost.
    clock.timeout_at(deadline, read).await.unwrap_or_default();
}
