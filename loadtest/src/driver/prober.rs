//! [`probe()`]: one measurement of the backends from outside, and its report to the gateway.
//!
//! What live traffic tells of latencies cannot be compared: answers have different lengths, and a
//! backend that gets no requests tells nothing. A probe is the same request to each. A backend
//! that fails or does not answer in time sorts last; the report is sent all the same.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::DriverError;
use super::recorder::Model;
use super::stage::Stage;
use crate::client::{Attempt, Exchange, Prepared, Sizes, Template, Transport, body_hash};
use crate::observation::Outcome;
use crate::plan::{Class, Operation, Prober, Target};

/// What a prober sends.
#[derive(Debug)]
pub(super) struct Outside {
    /// By backend: its name in the report, and the request.
    probes: Vec<(String, Template)>,
    samples: u32,
    report: Template,
}

/// A prober at work in a phase, both by index in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shift {
    pub(super) prober: usize,
    pub(super) phase: usize,
}

impl Outside {
    /// What `prober` sends, each request made by `template`.
    pub(super) fn new(
        prober: &Prober,
        template: impl Fn(&Class) -> Result<Template, DriverError>,
    ) -> Result<Self, DriverError> {
        let backends = prober.probes.iter();
        let backends = backends.map(|probe| Ok((probe.id.clone(), template(&probe.class)?)));
        Ok(Self {
            probes: backends.collect::<Result<_, _>>()?,
            samples: prober.samples,
            report: template(&prober.report)?,
        })
    }

    /// All that it sends.
    pub(super) fn templates(&self) -> impl Iterator<Item = &Template> {
        let probes = self.probes.iter().map(|(_, probe)| probe);
        probes.chain([&self.report])
    }
}

/// Measures each backend in turn and reports their order, fastest first.
pub(super) async fn probe(stage: &Stage, shift: Shift, transport: &mut impl Transport) {
    let outside = stage.prober(shift.prober);
    let mut measured = Vec::new();
    for (id, probe) in &outside.probes {
        let mut times = Vec::new();
        for sample in 0..outside.samples {
            let prepared = probe.prepare(0, sample.into(), Sizes::default());
            times.push(send(stage, shift, probe, prepared, transport).await);
        }
        measured.push((median(times), id));
    }
    // Stable: what is equally fast stays in the order of the file.
    measured.sort_by_key(|(time, _)| *time);
    let ids: Vec<&String> = measured.into_iter().map(|(_, id)| id).collect();
    let body = json!({ "preferredBackends": ids }).to_string();
    let prepared = Prepared {
        hash: body_hash(body.as_bytes()),
        body: body.into(),
        mark: None,
    };
    send(stage, shift, &outside.report, prepared, transport).await;
}

/// Sends one request of the prober; gives how long its whole answer took, for ever if it failed.
async fn send(
    stage: &Stage,
    shift: Shift,
    template: &Template,
    prepared: Prepared,
    transport: &mut impl Transport,
) -> Duration {
    let attempt = Attempt {
        run: stage.run(),
        template,
        prepared: &prepared,
        request: stage.next_request(),
        attempt: 0,
        phase: &stage.plan.phases[shift.phase].name,
        worker: 0,
        planned: stage.clock_now(),
        cookie: None,
    };
    let mut exchange = stage.attempt(attempt, transport).await;
    let time = time(&exchange);
    match template.target() {
        Target::Simulator(name) => exchange.observation.direct = Some(Arc::from(name.as_str())),
        Target::Gateway { .. } => {
            exchange.observation.operation = Some(Arc::from(Operation::Helper.name()));
        }
    }
    let class = stage.plan.classes.len() + shift.prober;
    stage.record(Model::Prober, shift.phase, class, exchange, template);
    time
}

fn time(exchange: &Exchange) -> Duration {
    let seen = &exchange.observation;
    match seen.outcome {
        Outcome::Status(200..300) => seen.ended.since(seen.sent),
        _ => Duration::MAX,
    }
}

/// The middle of an odd number of times, the slower of the two in the middle of an even one.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or(Duration::MAX)
}
