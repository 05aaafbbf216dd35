//! What tests of drivers and workloads share: small plans, in the words of the domain.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use clock::{Clock, Moment, Speed};

use super::{Act, CancellationToken, Endpoint, Endpoints, EventSink, Run};
use crate::observation::{Observation, Outcome};
use crate::plan::{
    Api, Arrival, BooksPlan, Class, Load, Operation, Phase, Plan, Prompt, Quantity, Ramp, Target,
    TimedAction,
};

/// A plan without phases, with one class of small chats through the gateway.
pub(crate) fn plan() -> Plan {
    Plan {
        name: "test/plan".to_owned(),
        about: "Does it run?".to_owned(),
        source: String::new(),
        tags: Vec::new(),
        seed: 42,
        speed: Speed::REAL_TIME,
        starts_at: None,
        simulators: BTreeMap::new(),
        gateway: None,
        classes: vec![class("chat")],
        phases: Vec::new(),
        probers: Vec::new(),
        actions: Vec::new(),
        books: BooksPlan {
            allowed_statuses: vec![200],
            opted_out: BTreeMap::new(),
        },
        prices: BTreeMap::new(),
        gates: Vec::new(),
        must_observe: Vec::new(),
        overrides: Vec::new(),
    }
}

/// A class of small chats through the gateway, thinking one second.
pub(crate) fn class(name: &str) -> Class {
    Class {
        name: Arc::from(name),
        operation: Operation::ChatCompletions,
        target: Target::Gateway {
            prefix: "/api".to_owned(),
        },
        api: Api::AzureDated {
            api_version: Some("2024-10-21".to_owned()),
        },
        deployment: "gpt".to_owned(),
        prompt: Prompt::Tokens(Quantity::Constant(20.0)),
        max_tokens: Some(Quantity::Constant(10.0)),
        streams: false,
        includes_usage: false,
        base64_embeddings: false,
        headers: Vec::new(),
        query: Vec::new(),
        credential: None,
        subscription: None,
        think_time_s: Quantity::Constant(1.0),
        is_paced: false,
        timeout: Duration::from_secs(30),
        marks_prompts: true,
        retries: None,
        hangs_up: None,
        keeps_cookies: false,
        watched_headers: Vec::new(),
        backend_header: "x-gw-backend".to_owned(),
    }
}

/// A phase of `plan` between two moments in seconds.
pub(crate) fn phase(name: &str, start: f64, end: f64, load: Load) -> Phase {
    Phase {
        name: Arc::from(name),
        start: at(start),
        end: at(end),
        say: None,
        load,
    }
}

/// So many users of the plan's only class, all the time.
pub(crate) fn users(number: u32) -> Load {
    Load::Closed(vec![Ramp {
        from: number,
        to: number,
        over: Duration::ZERO,
    }])
}

/// Requests of the plan's only class at these seconds.
pub(crate) fn requests(workers: u32, seconds: &[f64]) -> Load {
    let arrival = |second: &f64| Arrival {
        at: at(*second),
        class: 0,
        prompt_tokens: None,
        max_tokens: None,
    };
    Load::Open {
        arrivals: seconds.iter().map(arrival).collect(),
        workers,
    }
}

/// A moment in seconds.
pub(crate) fn at(seconds: f64) -> Moment {
    Moment::ZERO + Duration::from_secs_f64(seconds)
}

/// A gateway that answers every chat with 200 after `latency`.
pub(crate) fn slow_gateway(clock: &Clock, latency: Duration) -> Router {
    let clock = clock.clone();
    Router::new().fallback(move || async move {
        clock.sleep_until(clock.now() + latency).await;
        r#"{"choices":[{}],"usage":{"prompt_tokens":27,"completion_tokens":10}}"#
    })
}

/// A run of `plan` through `gateway`, without actions that do anything.
pub(crate) fn run(plan: Plan, clock: &Clock, gateway: Endpoint) -> Run {
    Run {
        plan: Arc::new(plan),
        run_id: Arc::from("k3"),
        clock: clock.clone(),
        endpoints: Endpoints {
            gateway: Some(gateway),
            simulators: BTreeMap::new(),
        },
        actor: Arc::new(Nothing),
        events: EventSink::none(),
        cancel: CancellationToken::new(),
    }
}

/// An answer of 200 to a request of the plan's class, sent and ended at zero.
pub(crate) fn observation(request: u64) -> Observation {
    Observation {
        request,
        attempt: 0,
        class: Arc::from("chat"),
        phase: Arc::from("only"),
        worker: 0,
        planned: Moment::ZERO,
        sent: Moment::ZERO,
        headers_at: None,
        first_token_at: None,
        last_token_at: None,
        ended: Moment::ZERO,
        outcome: Outcome::Status(200),
        request_id: String::new(),
        prompt_mark: None,
        path_and_query: String::new(),
        expected_path_and_query: String::new(),
        request_hash: String::new(),
        response_hash: None,
        response_bytes: 0,
        streamed: false,
        aborted: false,
        claimed_backend: None,
        claimed_attempts: None,
        region: None,
        direct: None,
        operation: None,
        headers: BTreeMap::new(),
        retry_after_ms: None,
        prompt_tokens: None,
        completion_tokens: None,
        content_events: 0,
        malformed: None,
    }
}

/// Does no action.
struct Nothing;

#[async_trait]
impl Act for Nothing {
    async fn act(&self, _: &TimedAction) -> Result<(), String> {
        Ok(())
    }
}
