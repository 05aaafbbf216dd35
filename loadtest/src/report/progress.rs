//! How far running scenarios are, on stderr: bars on a terminal, a line every few seconds elsewhere.
//!
//! Reports go to stdout and news to stderr, so that a pipe gets reports only. Where both are the
//! same terminal, [`Progress::suspend`] takes the bars away while a report is printed.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use clock::{Moment, Stopwatch};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::number;
use super::style::Style;
use crate::progress::Event;

/// Real time between two lines of one scenario: often enough to see that it lives, rarely enough
/// that the log of an hour can be read.
const EVERY: Duration = Duration::from_secs(5);

/// Draws the news of running scenarios on stderr.
#[derive(Debug)]
pub struct Progress(Drawing);

#[derive(Debug)]
enum Drawing {
    Bars(Bars),
    Lines(Lines<std::io::Stderr>),
}

impl Progress {
    /// Bars if stderr is a terminal, lines otherwise.
    pub fn to_stderr(is_terminal: bool, style: &Style) -> Self {
        if is_terminal {
            return Self(Drawing::Bars(Bars::new(style.unicode)));
        }
        Self(Drawing::Lines(Lines::new(std::io::stderr(), EVERY)))
    }

    /// Takes news of the scenario called `name`.
    pub fn hear(&mut self, name: &str, event: &Event) {
        match &mut self.0 {
            Drawing::Bars(bars) => bars.hear(name, event),
            Drawing::Lines(lines) => lines.hear(name, event),
        }
    }

    /// Forgets the scenario called `name`: it is over, or will send no more news.
    pub fn remove(&mut self, name: &str) {
        match &mut self.0 {
            Drawing::Bars(bars) => bars.remove(name),
            Drawing::Lines(lines) => lines.remove(name),
        }
    }

    /// Runs `print` while nothing is drawn, so that reports and bars do not mix on one terminal.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Drawing::Bars(bars) => bars.all.suspend(print),
            Drawing::Lines(_) => print(),
        }
    }
}

/// What is known of a running scenario.
#[derive(Clone, Debug, Default)]
struct Course {
    end: Moment,
    at: Moment,
    speed: Option<f64>,
    phase: String,
    last_second: BTreeMap<u16, u64>,
    requests: Option<u64>,
}

impl Course {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::Started { end, speed, .. } => {
                *self = Self {
                    end: *end,
                    speed: *speed,
                    ..Self::default()
                };
            }
            Event::Phase { name, at, .. } => {
                self.phase.clone_from(name);
                self.at = *at;
            }
            Event::Action { at, .. } => self.at = *at,
            Event::Second { at, answers, .. } => {
                self.at = *at;
                self.last_second = by_status(answers);
            }
            Event::Finished { at, requests } => {
                self.at = *at;
                self.requests = Some(*requests);
            }
        }
    }

    /// `2 min 5 s of 4 min · spike · 12/s: 10 × 200, 2 × 429`.
    fn line(&self) -> String {
        if let Some(requests) = self.requests {
            return format!("judging {}", number::counted(requests, "request"));
        }
        let reached = number::length(self.at.since(Moment::ZERO));
        let end = number::length(self.end.since(Moment::ZERO));
        let mut parts = vec![format!("{reached} of {end}")];
        parts.extend((!self.phase.is_empty()).then(|| self.phase.clone()));
        let answers: u64 = self.last_second.values().sum();
        if answers > 0 {
            parts.push(format!("{answers}/s: {}", statuses(&self.last_second)));
        }
        parts.join(" · ")
    }

    /// `4 min simulated at speed 20, about 12 s`.
    fn opening(&self) -> Option<String> {
        let speed = self.speed?;
        let end = self.end.since(Moment::ZERO);
        let wall = number::length(end.div_f64(speed));
        Some(format!(
            "{} simulated at speed {speed}, about {wall}",
            number::length(end)
        ))
    }
}

fn by_status(answers: &BTreeMap<String, BTreeMap<u16, u64>>) -> BTreeMap<u16, u64> {
    let mut sums = BTreeMap::new();
    for (status, count) in answers.values().flatten() {
        *sums.entry(*status).or_default() += count;
    }
    sums
}

fn statuses(counts: &BTreeMap<u16, u64>) -> String {
    let parts = counts.iter().map(|(status, count)| match status {
        0 => format!("{count} without an answer"),
        status => format!("{count} × {status}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A bar per running scenario.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    unicode: bool,
    running: BTreeMap<String, (Course, ProgressBar)>,
}

impl Bars {
    fn new(unicode: bool) -> Self {
        Self {
            all: MultiProgress::new(),
            unicode,
            running: BTreeMap::new(),
        }
    }

    fn bar(&self, name: &str) -> ProgressBar {
        let template = ProgressStyle::with_template("{bar:16} {prefix} · {wide_msg}");
        let style = template.expect("a template that a test renders");
        let chars = if self.unicode { "━╸ " } else { "=> " };
        let bar = self.all.add(ProgressBar::new(0));
        bar.set_style(style.progress_chars(chars));
        bar.set_prefix(name.to_owned());
        bar
    }

    fn hear(&mut self, name: &str, event: &Event) {
        if !self.running.contains_key(name) {
            let bar = self.bar(name);
            self.running
                .insert(name.to_owned(), (Course::default(), bar));
        }
        let Some((course, bar)) = self.running.get_mut(name) else {
            return;
        };
        course.hear(event);
        bar.set_length(course.end.as_micros());
        bar.set_position(course.at.as_micros().min(course.end.as_micros()));
        bar.set_message(course.line());
    }

    fn remove(&mut self, name: &str) {
        if let Some((_, bar)) = self.running.remove(name) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }
}

/// A line per scenario every few seconds.
#[derive(Debug)]
struct Lines<W> {
    out: W,
    every: Duration,
    running: BTreeMap<String, (Course, Stopwatch)>,
}

impl<W: Write> Lines<W> {
    fn new(out: W, every: Duration) -> Self {
        Self {
            out,
            every,
            running: BTreeMap::new(),
        }
    }

    fn hear(&mut self, name: &str, event: &Event) {
        let fresh = || (Course::default(), Stopwatch::start());
        let (course, since) = self.running.entry(name.to_owned()).or_insert_with(fresh);
        course.hear(event);
        let line = match event {
            Event::Started { .. } => course.opening(),
            Event::Second { .. } if since.elapsed() >= self.every => Some(course.line()),
            _ => None,
        };
        if let Some(line) = line {
            *since = Stopwatch::start();
            // Whoever closed stderr does not want to read this; the run goes on.
            drop(writeln!(self.out, "{name}: {line}"));
        }
    }

    fn remove(&mut self, name: &str) {
        self.running.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{second, started};
    use super::*;

    fn lines(every: Duration) -> String {
        let mut lines = Lines::new(Vec::new(), every);
        lines.hear("retry", &started(240));
        for at in [1, 2] {
            lines.hear(
                "retry",
                &second(
                    at,
                    &[("ptu-1", 200, 4), ("payg-1", 200, 2), ("payg-1", 0, 1)],
                ),
            );
        }
        lines.hear(
            "retry",
            &Event::Finished {
                at: Moment::ZERO,
                requests: 14,
            },
        );
        String::from_utf8(lines.out).unwrap()
    }

    #[test]
    fn a_line_says_how_far_and_what_was_answered_last() {
        insta::assert_snapshot!(lines(Duration::ZERO), @r"
        retry: 4 min simulated at speed 20, about 12 s
        retry: 1 s of 4 min · 7/s: 1 without an answer, 6 × 200
        retry: 2 s of 4 min · 7/s: 1 without an answer, 6 × 200
        ");
    }

    #[test]
    fn between_two_lines_there_is_silence() {
        insta::assert_snapshot!(lines(Duration::from_hours(1)), @"retry: 4 min simulated at speed 20, about 12 s");
    }

    #[test]
    fn a_bar_follows_simulated_time_and_goes_away() {
        let mut bars = Bars::new(true);
        bars.hear("retry", &started(240));
        let phase = Event::Phase {
            name: "spike".to_owned(),
            at: Moment::ZERO,
            say: None,
        };
        bars.hear("retry", &phase);
        bars.hear("retry", &second(60, &[("ptu-1", 200, 4)]));
        let (_, bar) = &bars.running["retry"];
        assert_eq!(
            (bar.position(), bar.length()),
            (60_000_000, Some(240_000_000))
        );
        assert_eq!(bar.message(), "1 min of 4 min · spike · 4/s: 4 × 200");
        bars.remove("retry");
        assert!(bars.running.is_empty());
    }
}
