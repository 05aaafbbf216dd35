//! What `check` shows before anything runs: users over time, load against limits, samples, length.
//!
//! Whoever writes a scenario asks three things first: is the limit reached where I mean it to be,
//! are there enough samples for each gate, and how long will it take.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Moment;

use super::chart::{Chart, Row, per_second};
use super::document::Driver;
use super::number;
use super::series::{Answer, Series};
use super::style::{Ink, Style};
use super::table::{Cell, Table};
use super::wrap::{facts, hang, paragraph, room};
use crate::plan::{Crowd, Load, Phase, Plan};

/// Left margin of everything below the name.
const INDENT: usize = 2;

/// Values per row of the chart, before they are averaged into columns.
const INSTANTS: u32 = 1_024;

/// From this part of a limit on, load is shown as reaching it.
const REACHED: f64 = 1.0;

/// A plan and what was computed about it.
#[derive(Clone, Debug)]
pub struct PlanPreview<'a> {
    /// What will run.
    pub plan: &'a Plan,
    /// What would move the traffic.
    pub driver: Driver,
    /// Load on each deployment, phase by phase.
    pub offers: Vec<Offer>,
    /// Expected samples by gate id, `must_observe` included; a gate that is not listed was not computed.
    pub samples: BTreeMap<String, u64>,
    /// Expected real time; none in virtual time.
    pub wall: Option<Duration>,
    /// What the author should know, each a sentence.
    pub notices: Vec<String>,
}

/// What one phase offers to one deployment, and what that admits.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Name of the phase.
    pub phase: String,
    /// Name of the simulator.
    pub simulator: String,
    /// Name of the deployment.
    pub deployment: String,
    /// Requests per simulated minute, if all of them go there.
    pub requests_per_minute: f64,
    /// Tokens per simulated minute, as its limiter charges them.
    pub tokens_per_minute: f64,
    /// Requests per minute that it admits, if limited.
    pub request_limit: Option<f64>,
    /// Tokens per minute that it admits, if limited.
    pub token_limit: Option<f64>,
}

/// Draws `preview`.
pub fn render(preview: &PlanPreview<'_>, style: &Style) -> String {
    let sections = [
        heading(preview, style),
        users(preview.plan, style),
        arrivals(preview.plan, style),
        limits(&preview.offers, style),
        samples(preview, style),
        notices(&preview.notices, style),
    ];
    let filled: Vec<_> = sections.iter().filter(|lines| !lines.is_empty()).collect();
    let blocks: Vec<_> = filled.iter().map(|lines| lines.join("\n")).collect();
    style.finish(&blocks.join("\n\n"))
}

fn heading(preview: &PlanPreview<'_>, style: &Style) -> Vec<String> {
    let plan = preview.plan;
    let mut lines = vec![style.paint(Ink::Loud, &plan.name)];
    let about = paragraph(&plan.about, room(style, INDENT));
    lines.extend(hang("  ", &about));
    let gateway = plan.gateway.as_ref();
    let parts = [
        length(preview),
        gateway.map_or("no gateway".to_owned(), |gateway| {
            format!("gateway {}", gateway.name)
        }),
        format!("seed {}", plan.seed),
    ];
    lines.extend(hang("  ", &facts(&parts, room(style, INDENT))));
    lines
}

/// `9 min simulated, 27 s at speed 20`.
fn length(preview: &PlanPreview<'_>) -> String {
    let simulated = number::length(preview.plan.end().since(Moment::ZERO));
    match (preview.driver, preview.wall) {
        (Driver::Sockets, Some(wall)) => {
            let (wall, speed) = (number::length(wall), preview.plan.speed);
            format!("{simulated} simulated, {wall} at speed {speed}")
        }
        (Driver::Sockets, None) => format!("{simulated} simulated"),
        (Driver::Virtual, _) => format!("{simulated} in virtual time"),
    }
}

fn users(plan: &Plan, style: &Style) -> Vec<String> {
    let classes = plan.classes.iter().enumerate();
    let rows = classes.map(|(index, class)| Row {
        name: &class.name,
        values: instants(plan).map(|at| users_at(plan, index, at)).collect(),
        ink: Ink::Plain,
    });
    chart(plan, "users", rows.collect(), style)
}

fn arrivals(plan: &Plan, style: &Style) -> Vec<String> {
    let classes = plan.classes.iter().enumerate();
    let rows = classes.map(|(index, class)| Row {
        name: &class.name,
        values: rates(plan, index),
        ink: Ink::Plain,
    });
    chart(plan, "planned requests per second", rows.collect(), style)
}

/// One row per class that has any; nothing where none has.
fn chart<'a>(plan: &'a Plan, unit: &'a str, rows: Vec<Row<'a>>, style: &Style) -> Vec<String> {
    let is_used = |row: &Row<'_>| row.values.iter().any(|value| *value > 0.0);
    let phases = plan.phases.iter();
    let chart = Chart {
        unit,
        rows: rows.into_iter().filter(is_used).collect(),
        from: Moment::ZERO,
        until: plan.end(),
        phases: phases
            .map(|phase| (&*phase.name, phase.start, phase.end))
            .collect(),
    };
    chart.render(style, INDENT)
}

/// Moments at equal distances over the whole plan.
fn instants(plan: &Plan) -> impl Iterator<Item = Moment> {
    let step = plan.end().since(Moment::ZERO) / INSTANTS;
    (0..INSTANTS).map(move |at| Moment::ZERO + step * at)
}

/// Active users of the class at `class`, of a mix its part of them; none outside closed phases.
fn users_at(plan: &Plan, class: usize, at: Moment) -> f64 {
    let Some(Phase { start, load, .. }) = plan.phase_at(at) else {
        return 0.0;
    };
    let (crowd, part) = match load {
        Load::Mixed { weights, .. } => {
            let weight = weights.get(class).copied().unwrap_or(0.0);
            (Crowd::Mix, weight / weights.iter().sum::<f64>())
        }
        _ => (Crowd::Class(class), 1.0),
    };
    let users = load.ramp(crowd).map_or_else(
        || load.most_users(crowd),
        |ramp| ramp.users_at(at.since(*start)),
    );
    f64::from(users) * part
}

/// Planned requests per second of the class at `class`, in the buckets of a report.
fn rates(plan: &Plan, class: usize) -> Vec<f64> {
    let planned = plan.phases.iter().filter_map(|phase| match &phase.load {
        Load::Open { arrivals, .. } => Some(arrivals.iter()),
        Load::Closed(_) | Load::Mixed { .. } | Load::Notebook { .. } | Load::Idle => None,
    });
    let ours = planned.flatten().filter(|arrival| arrival.class == class);
    let points = ours.map(|arrival| Answer {
        at: arrival.at,
        backend: "",
        status: 0,
    });
    let series = Series::count(plan.end(), points);
    per_second(&series.sum(|_| true), series.bucket_s)
}

/// Offered load against limits; what reaches its limit stands out.
fn limits(offers: &[Offer], style: &Style) -> Vec<String> {
    let mut table = Table::new(&["phase", "deployment"])
        .group("requests per min", &["offered", "limit", "load"])
        .group("tokens per min", &["offered", "limit", "load"]);
    for offer in offers {
        let place = format!("{}/{}", offer.simulator, offer.deployment);
        let mut cells = vec![Cell::from(offer.phase.as_str()), Cell::from(place)];
        cells.extend(load(offer.requests_per_minute, offer.request_limit));
        cells.extend(load(offer.tokens_per_minute, offer.token_limit));
        table.row(cells);
    }
    if offers.is_empty() {
        return Vec::new();
    }
    table.render(style, INDENT)
}

fn load(offered: f64, limit: Option<f64>) -> [Cell; 3] {
    let limited = limit.map(number::decimal).unwrap_or_default();
    let part = limit
        .filter(|limit| *limit > 0.0)
        .map(|limit| offered / limit);
    let ink = match part {
        Some(part) if part > REACHED => Ink::Doubt,
        _ => Ink::Plain,
    };
    let part = part.map(|part| format!("{:.0} %", part * 100.0));
    [
        number::decimal(offered).into(),
        limited.into(),
        Cell::new(ink, part.unwrap_or_default()),
    ]
}

/// Each gate's sentence with the samples it will be judged from.
fn samples(preview: &PlanPreview<'_>, style: &Style) -> Vec<String> {
    let plan = preview.plan;
    let mut table = Table::new(&["gate"]).group("", &["samples"]);
    for gate in plan.gates.iter().chain(&plan.must_observe) {
        let samples = preview.samples.get(&gate.id).copied().map(number::count);
        table.row(vec![
            gate.id.as_str().into(),
            samples.unwrap_or_default().into(),
        ]);
    }
    if plan.gates.is_empty() && plan.must_observe.is_empty() {
        return Vec::new();
    }
    let block = table.unbroken(style);
    let sentences = plan
        .gates
        .iter()
        .chain(&plan.must_observe)
        .map(|gate| &gate.text);
    let mut lines: Vec<_> = block.head.iter().map(|line| format!("  {line}")).collect();
    for (line, sentence) in block.rows.iter().zip(sentences) {
        let first = format!("  {line}   ");
        let columns = room(style, super::table::width(&first));
        let sentence = paragraph(sentence, columns);
        lines.extend(hang(&first, &sentence));
    }
    lines
}

fn notices(notices: &[String], style: &Style) -> Vec<String> {
    let lines = notices.iter().flat_map(|notice| {
        let lines = paragraph(notice, room(style, INDENT + 2));
        hang("  ! ", &lines)
    });
    lines.map(|line| style.paint(Ink::Doubt, &line)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Rig, millis, secs, spike};
    use super::*;
    use crate::plan::{Arrival, Ramp};

    fn offer(phase: &str, requests: f64, limit: Option<f64>) -> Offer {
        Offer {
            phase: phase.to_owned(),
            simulator: "ptu-1".to_owned(),
            deployment: "gpt".to_owned(),
            requests_per_minute: requests,
            tokens_per_minute: requests * 40.0,
            request_limit: limit,
            token_limit: Some(10_000.0),
        }
    }

    fn drawn(preview: &PlanPreview<'_>) -> String {
        render(preview, &Style::plain(80))
    }

    #[test]
    fn a_closed_plan_shows_users_limits_and_samples() {
        let mut plan = spike().plan;
        if let Load::Closed(ramps) = &mut plan.phases[1].load {
            ramps[1] = Ramp {
                from: 0,
                to: 8,
                over: secs(30),
            };
        }
        let preview = PlanPreview {
            plan: &plan,
            driver: Driver::Sockets,
            offers: vec![
                offer("base", 160.0, Some(300.0)),
                offer("spike", 480.0, Some(300.0)),
            ],
            samples: BTreeMap::from([("SP1-1".to_owned(), 1_140)]),
            wall: Some(secs(12)),
            notices: vec!["The spike offers more than the PTU admits; the rest spills.".to_owned()],
        };
        insta::assert_snapshot!(drawn(&preview), @r"
        manage-spikes-with-payg/retry
          A spike fills the PTU; what it refuses goes to PAYG, and no client sees an
          error.
          4 min simulated, 12 s at speed 20 · gateway manage-spikes-with-payg/retry
          seed 42

          users, full height 8
          chat   ▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄
          batch                                  ▁▂▃▄▅▆▇█████████
                 └base───────────────────────────┴spike──────────┴recovery──────┘
                 0 s                             2 min           3 min      4 min

                              ─ requests per min ──   ─── tokens per min ───
          phase  deployment   offered  limit   load   offered   limit   load
          base   ptu-1/gpt        160    300   53 %     6 400  10 000   64 %
          spike  ptu-1/gpt        480    300  160 %    19 200  10 000  192 %

          gate           samples
          SP1-1            1 140   requests{status=429} >= 1
          SP1-2                –   requests{status=429} >= 1
          SP1-3                –   requests{status=429} >= 1
          ptu_was_full         –   requests{status=429} >= 1

          ! The spike offers more than the PTU admits; the rest spills.
        ");
    }

    #[test]
    fn an_open_plan_shows_when_requests_are_due() {
        let mut rig = Rig::new("baseline/trace");
        let arrivals = (0..120).map(|n| Arrival {
            // Twice as dense in the second half.
            at: Moment::ZERO
                + millis(if n < 40 {
                    n * 750
                } else {
                    30_000 + (n - 40) * 375
                }),
            class: 1,
            prompt_tokens: None,
            max_tokens: None,
        });
        let load = Load::Open {
            arrivals: arrivals.collect(),
            workers: 8,
        };
        rig.push_phase("replay", 60, load);
        rig.plan.gateway = None;
        rig.plan.gates.clear();
        rig.plan.must_observe.clear();
        let preview = PlanPreview {
            plan: &rig.plan,
            driver: Driver::Virtual,
            offers: Vec::new(),
            samples: BTreeMap::new(),
            wall: None,
            notices: Vec::new(),
        };
        insta::assert_snapshot!(drawn(&preview), @r"
        baseline/trace
          A spike fills the PTU; what it refuses goes to PAYG, and no client sees an
          error.
          1 min in virtual time · no gateway · seed 42

          planned requests per second, full height 3
          batch  ▅▃▃▅▃▃▅▃▃▅▃▃▅▃▃▅▃▃▅▃▃▅▃▃▅▃▃▅▃▃██▅██▅██▅██▅██▅██▅██▅██▅██▅██▅
                 └replay────────────────────────────────────────────────────┘
                 0 s                                                    1 min
        ");
    }
}
