//! [`frame`]: one picture of the running scenario, as lines that fit the screen.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Moment;

use super::super::chart::{Chart, Row, at_second};
use super::super::number;
use super::super::style::{Ink, Style};
use super::super::table::{Cell, Table, width};
use super::super::wrap::{paragraph, room};
use super::state::{Second, State, Tally};

/// Left margin of everything below the title.
const INDENT: usize = 2;

/// Seconds that the rolling chart shows, one per column at most.
const CHART_SECONDS: u64 = 60;

/// Rows of the table that are worth more than a chart.
const LEAST_ROWS: usize = 3;

/// Actions that are shown; older ones have had their effect.
const SHOWN_ACTIONS: usize = 2;

/// Draws `state` in at most `height` lines of at most the style's width.
pub fn frame(state: &State, style: &Style, height: usize) -> Vec<String> {
    let mut lines = title(state, style);
    lines.extend(banner(state, style));
    let mut foot = actions(state, style);
    let chart = chart(state, style);
    // Title and units of the table, and the blank lines around it.
    let table_head = 4;
    let left = height.saturating_sub(lines.len() + foot.len() + table_head);
    if left >= chart.len() + 1 + LEAST_ROWS {
        foot.splice(0..0, [vec![String::new()], chart].concat());
    }
    let rows = height.saturating_sub(lines.len() + foot.len() + table_head);
    lines.push(String::new());
    lines.extend(table(state, style, rows));
    lines.extend(foot);
    let finished = style.finish(&lines.join("\n"));
    let clipped = finished.lines().map(|line| clip(line, style.width));
    clipped.take(height).collect()
}

/// The name, how far it is, and a bar.
fn title(state: &State, style: &Style) -> Vec<String> {
    let reached = number::length(floor_second(state.now));
    let end = number::length(state.end.since(Moment::ZERO));
    let speed = match state.speed {
        Some(speed) => format!("speed {speed}"),
        None => "virtual time".to_owned(),
    };
    let right = match state.requests {
        Some(requests) => format!("judging {}", number::counted(requests, "request")),
        None => format!("{reached} of {end} · {speed}"),
    };
    let gap = style
        .width
        .saturating_sub(width(&state.name) + width(&right))
        .max(2);
    let name = style.paint(Ink::Loud, &state.name);
    vec![format!("{name}{:gap$}{right}", ""), bar(state, style)]
}

/// Whole seconds only: a picture must not flicker between `1.9 s` and `2 s`.
fn floor_second(moment: Moment) -> Duration {
    Duration::from_secs(moment.as_micros() / 1_000_000)
}

fn bar(state: &State, style: &Style) -> String {
    let (now, end) = (state.now.as_micros(), state.end.as_micros().max(1));
    let columns = style.width as u64;
    let filled = usize::try_from(now.min(end) * columns / end).unwrap_or(0);
    let rest = style.width - filled;
    let tip = if rest > 0 { "╸" } else { "" };
    let done = format!("{}{tip}", "━".repeat(filled));
    style.paint(Ink::Good, &done)
}

/// The phase in capitals and what a presenter says about it, in a box of its own.
fn banner(state: &State, style: &Style) -> Vec<String> {
    let Some((phase, _)) = state.phases.last() else {
        return paragraph(&state.about, room(style, 0));
    };
    let inner = style.width.saturating_sub(6);
    let mut said = vec![(Ink::Loud, phase.to_uppercase())];
    let say = paragraph(state.say.as_deref().unwrap_or_default(), inner);
    said.extend(say.into_iter().map(|line| (Ink::Loud, line)));
    let edge = "─".repeat(inner + 4);
    let mut lines = vec![format!("┌{edge}┐")];
    for (ink, line) in said {
        let padding = inner.saturating_sub(width(&line));
        let line = style.paint(ink, &line);
        lines.push(format!("│  {line}{:padding$}  │", ""));
    }
    lines.push(format!("└{edge}┘"));
    lines
}

/// The newest seconds, newest last: what each backend answered.
fn table(state: &State, style: &Style, rows: usize) -> Vec<String> {
    if state.seconds.is_empty() {
        return Vec::new();
    }
    let backends = state.backends();
    let newest: Vec<_> = state.seconds.iter().rev().take(rows.max(1)).collect();
    let has_others = newest
        .iter()
        .any(|(_, second)| second.answers.values().any(|tally| tally.other > 0));
    let mut table = Table::new(&["second"]);
    for backend in &backends {
        table = table.group(backend, &["2xx", "429", "other"]);
    }
    table = table.group("", &["p50", "in flight"]);
    for (at, second) in newest.into_iter().rev() {
        table.row(row(*at, second, &backends, has_others));
    }
    let block = table.unbroken(style);
    let lines = block.head.into_iter().chain(block.rows);
    lines.map(|line| format!("{:INDENT$}{line}", "")).collect()
}

fn row(at: u64, second: &Second, backends: &[&str], has_others: bool) -> Vec<Cell> {
    let mut cells = vec![Cell::from(number::stopwatch(at))];
    for backend in backends {
        let Tally {
            ok,
            throttled,
            other,
        } = second.of(backend);
        cells.push(shown(Ink::Plain, ok));
        cells.push(shown(Ink::Doubt, throttled));
        // The column of others comes and goes as a whole, so that rows stay aligned.
        cells.push(if has_others {
            shown(Ink::Bad, other)
        } else {
            Cell::from("")
        });
    }
    let p50 = second.latency_p50.map(number::micros);
    cells.push(p50.unwrap_or_else(|| "·".to_owned()).into());
    cells.push(number::count(second.in_flight).into());
    cells
}

/// A count; nothing is a dot, so that the eye finds what there is.
fn shown(ink: Ink, count: u64) -> Cell {
    if count == 0 {
        return Cell::new(Ink::Quiet, "·");
    }
    Cell::new(ink, number::count(count))
}

/// Answers per second of each backend over the last minute.
fn chart(state: &State, style: &Style) -> Vec<String> {
    let newest = state.seconds.last_key_value().map_or(0, |(at, _)| *at);
    let until = newest.max(CHART_SECONDS);
    let from = until - CHART_SECONDS;
    let backends = state.backends();
    let rows = backends.iter().map(|backend| Row {
        name: backend,
        values: rates(&state.seconds, backend, (from, until)),
        ink: Ink::Plain,
    });
    let ends = state.phases.iter().skip(1).map(|(_, start)| *start);
    let ends = ends.chain([at_second(newest.max(1))]);
    let phases = state.phases.iter().zip(ends);
    let chart = Chart {
        unit: "answers per second",
        rows: rows.collect(),
        from: at_second(from),
        until: at_second(until),
        phases: phases
            .map(|((name, start), end)| (name.as_str(), *start, end))
            .filter(|(_, _, end)| *end > at_second(from))
            .collect(),
    };
    chart.render(style, INDENT)
}

/// Answers of `backend` in each second after `from`; a second is named by its end.
#[expect(clippy::cast_precision_loss, reason = "answers of one second")]
fn rates(seconds: &BTreeMap<u64, Second>, backend: &str, (from, until): (u64, u64)) -> Vec<f64> {
    let rate = |at: u64| {
        seconds
            .get(&at)
            .map_or(0.0, |second| second.of(backend).total() as f64)
    };
    (from + 1..=until).map(rate).collect()
}

/// The newest actions, newest last.
fn actions(state: &State, style: &Style) -> Vec<String> {
    let older = state.actions.len().saturating_sub(SHOWN_ACTIONS);
    let newest = state.actions[older..].iter();
    let mut lines: Vec<_> = newest
        .map(|(at, name)| {
            let at = number::stopwatch(at.as_micros() / 1_000_000);
            style.paint(Ink::Doubt, &format!("  ▸ {at}  {name}"))
        })
        .collect();
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// The first `columns` characters of `line`; escape sequences take no column and are all kept.
fn clip(line: &str, columns: usize) -> String {
    let mut clipped = String::with_capacity(line.len());
    let mut taken = 0;
    let mut escaped = false;
    for c in line.chars() {
        escaped |= c == '\u{1b}';
        if escaped || taken < columns {
            clipped.push(c);
        }
        taken += usize::from(!escaped);
        escaped &= c != 'm';
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{second, started};
    use super::*;
    use crate::progress::Event;

    fn spike() -> State {
        let mut state = State::default();
        state.hear(&started(240));
        let phase = |name: &str, at, say: &str| Event::Phase {
            name: name.to_owned(),
            at: at_second(at),
            say: Some(say.to_owned()),
        };
        state.hear(&phase("base", 0, "The PTU carries it all."));
        for at in 1..=120 {
            state.hear(&second(at, &[("ptu-1", 200, 4)]));
        }
        state.hear(&phase(
            "spike",
            120,
            "A crowd arrives. What the PTU refuses goes to PAYG, and nobody sees an error.",
        ));
        state.hear(&Event::Action {
            name: "slow-payg".to_owned(),
            at: at_second(121),
        });
        for at in 121..=125 {
            state.hear(&second(
                at,
                &[("ptu-1", 200, 4), ("payg-1", 200, 2), ("payg-1", 429, 1)],
            ));
        }
        state
    }

    #[test]
    fn a_picture_shows_where_the_run_is_and_what_is_said_about_it() {
        let lines = frame(&spike(), &Style::plain(80), 24);
        insta::assert_snapshot!(lines.join("\n"), @r"
        manage-spikes-with-payg/retry                      2 min 5 s of 4 min · speed 20
        ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸
        ┌──────────────────────────────────────────────────────────────────────────────┐
        │  SPIKE                                                                       │
        │  A crowd arrives. What the PTU refuses goes to PAYG, and nobody sees an      │
        │  error.                                                                      │
        └──────────────────────────────────────────────────────────────────────────────┘

                   ─ payg-1 ─   ─ ptu-1 ─
          second     2xx  429    2xx  429      p50  in flight
          2:01         2    1      4    ·   512 ms          3
          2:02         2    1      4    ·   512 ms          3
          2:03         2    1      4    ·   512 ms          3
          2:04         2    1      4    ·   512 ms          3
          2:05         2    1      4    ·   512 ms          3

          answers per second, full height 4
          payg-1                                                         ▆▆▆▆▆
          ptu-1   ████████████████████████████████████████████████████████████
                  └base──────────────────────────────────────────────────┴spi┘
                  1 min 5 s                                          2 min 5 s

          ▸ 2:01  slow-payg
        ");
    }

    #[test]
    fn on_a_small_screen_the_chart_gives_way_to_the_numbers() {
        let lines = frame(&spike(), &Style::plain(60), 14);
        insta::assert_snapshot!(lines.join("\n"), @r"
        manage-spikes-with-payg/retry  2 min 5 s of 4 min · speed 20
        ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╸
        ┌──────────────────────────────────────────────────────────┐
        │  SPIKE                                                   │
        │  A crowd arrives. What the PTU refuses goes to PAYG,     │
        │  and nobody sees an error.                               │
        └──────────────────────────────────────────────────────────┘

                   ─ payg-1 ─   ─ ptu-1 ─
          second     2xx  429    2xx  429      p50  in flight
          2:05         2    1      4    ·   512 ms          3

          ▸ 2:01  slow-payg
        ");
    }

    #[test]
    fn before_the_first_phase_the_question_is_shown() {
        let mut state = State::default();
        state.hear(&started(240));
        let lines = frame(&state, &Style::plain(60), 14);
        insta::assert_snapshot!(lines.join("\n"), @r"
        manage-spikes-with-payg/retry        0 s of 4 min · speed 20
        ╸
        A spike fills the PTU; what it refuses goes to PAYG.
        ");
    }

    #[test]
    fn no_picture_is_larger_than_its_screen() {
        for (columns, height) in [(40, 5), (50, 10), (80, 24), (140, 60)] {
            let style = Style {
                colour: true,
                ..Style::plain(columns)
            };
            let lines = frame(&spike(), &style, height);
            assert!(lines.len() <= height);
            let plain = frame(&spike(), &Style::plain(columns), height);
            assert!(
                plain.iter().all(|line| width(line) <= columns),
                "{plain:#?}"
            );
        }
    }

    #[test]
    fn clipping_keeps_colours_closed() {
        assert_eq!(clip("\u{1b}[31mlong\u{1b}[0m", 2), "\u{1b}[31mlo\u{1b}[0m");
    }
}
