//! [`Watch`]: the shell that puts pictures on a terminal, or lines into a pipe.

use std::io::{self, Write};
use std::time::Duration;

use clock::Stopwatch;

use super::super::style::Style;
use super::state::{Second, State};
use super::{frame, plain};
use crate::progress::Event;

/// Real time between two pictures; the eye sees no more.
const BETWEEN_PICTURES: Duration = Duration::from_millis(50);

/// Real time between two plain lines: at speed 1 every second has its own.
const BETWEEN_LINES: Duration = Duration::from_millis(500);

/// Shows a running scenario.
#[derive(Debug)]
pub struct Watch<W> {
    out: W,
    style: Style,
    state: State,
    medium: Medium,
    shown: Option<Stopwatch>,
}

#[derive(Debug)]
enum Medium {
    Screen {
        height: usize,
        drawn: usize,
    },
    Lines {
        pace: Duration,
        pending: Option<(u64, Second)>,
    },
}

impl<W: Write> Watch<W> {
    /// Redraws in place on a terminal of `height` lines.
    pub fn on_screen(out: W, style: Style, height: usize) -> Self {
        Self::new(out, style, Medium::Screen { height, drawn: 0 })
    }

    /// Writes plain lines.
    pub fn in_lines(out: W, style: Style) -> Self {
        let pace = BETWEEN_LINES;
        Self::new(
            out,
            style,
            Medium::Lines {
                pace,
                pending: None,
            },
        )
    }

    fn new(out: W, style: Style, medium: Medium) -> Self {
        Self {
            out,
            style,
            state: State::default(),
            medium,
            shown: None,
        }
    }

    /// Takes a new size of the terminal into account.
    pub fn resize(&mut self, style: Style, lines: usize) {
        self.style = style;
        if let Medium::Screen { height, .. } = &mut self.medium {
            *height = lines;
        }
    }

    /// Takes news and shows them, at once or with the next ones.
    ///
    /// # Errors
    /// What the writer says; nothing is shown then, and the run is not affected.
    pub fn hear(&mut self, event: &Event) -> io::Result<()> {
        self.state.hear(event);
        match self.medium {
            Medium::Screen { height, .. } => self.draw(event, height)?,
            Medium::Lines { .. } => self.write(event)?,
        }
        self.out.flush()
    }

    /// Seconds may wait for the next picture; everything else is shown at once.
    fn draw(&mut self, event: &Event, height: usize) -> io::Result<()> {
        if matches!(event, Event::Second { .. }) && !self.is_due(BETWEEN_PICTURES) {
            return Ok(());
        }
        // The last line of a terminal is left free, or the cursor behind it would scroll.
        let lines = frame(&self.state, &self.style, height.saturating_sub(1));
        let Medium::Screen { drawn, .. } = &mut self.medium else {
            return Ok(());
        };
        write!(self.out, "{}", repaint(*drawn, &lines))?;
        *drawn = lines.len();
        self.shown = Some(Stopwatch::start());
        Ok(())
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Started { .. } => {
                let [name, legend] = plain::opening(&self.state);
                self.say(&format!("{name}\n{legend}"))
            }
            Event::Phase { .. } => {
                self.flush_seconds()?;
                self.say(&plain::phase(&self.state))
            }
            Event::Action { .. } => {
                self.flush_seconds()?;
                self.say(&plain::action(&self.state))
            }
            Event::Second { .. } => self.collect(),
            Event::Finished { .. } => self.flush_seconds(),
        }
    }

    /// Adds the newest second to what waits, and writes it if a line is due.
    fn collect(&mut self) -> io::Result<()> {
        let Some((at, second)) = self.state.seconds.last_key_value() else {
            return Ok(());
        };
        let Medium::Lines { pace, pending } = &mut self.medium else {
            return Ok(());
        };
        let start = at.saturating_sub(1);
        let (_, news) = pending.get_or_insert_with(|| (start, Second::default()));
        news.extend(second);
        let pace = *pace;
        if self.is_due(pace) {
            return self.flush_seconds();
        }
        Ok(())
    }

    fn flush_seconds(&mut self) -> io::Result<()> {
        let Medium::Lines { pending, .. } = &mut self.medium else {
            return Ok(());
        };
        let (Some((from, news)), Some((at, _))) =
            (pending.take(), self.state.seconds.last_key_value())
        else {
            return Ok(());
        };
        self.shown = Some(Stopwatch::start());
        let line = plain::line(&self.state, from, *at, &news);
        self.say(&line)
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        write!(self.out, "{}", self.style.finish(text))
    }

    fn is_due(&self, pace: Duration) -> bool {
        self.shown.is_none_or(|shown| shown.elapsed() >= pace)
    }
}

/// Moves to the top of a picture of `drawn` lines and puts `lines` in its place.
///
/// Each line is erased behind its text and not before, so that nothing flickers. The cursor stays
/// visible: a run that is interrupted must not leave a terminal without one.
fn repaint(drawn: usize, lines: &[String]) -> String {
    let mut painted = String::new();
    if drawn > 0 {
        painted = format!("\u{1b}[{drawn}A\r");
    }
    for line in lines {
        painted.push_str(line);
        painted.push_str("\u{1b}[K\n");
    }
    painted.push_str("\u{1b}[J");
    painted
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::{second, started};
    use super::*;
    use crate::report::chart::at_second;

    fn lines(pace: Duration) -> String {
        let medium = Medium::Lines {
            pace,
            pending: None,
        };
        let mut watch = Watch::new(Vec::new(), Style::plain(80), medium);
        let phase = |name: &str, at, say: &str| Event::Phase {
            name: name.to_owned(),
            at: at_second(at),
            say: Some(say.to_owned()),
        };
        let mut events = vec![started(240), phase("base", 0, "The PTU carries it all.")];
        events.extend((1..=3).map(|at| second(at, &[("ptu-1", 200, 4)])));
        events.push(phase("spike", 3, "A crowd arrives."));
        events.push(Event::Action {
            name: "slow-payg".to_owned(),
            at: at_second(3),
        });
        events.extend((4..=6).map(|at| second(at, &[("ptu-1", 200, 4), ("payg-1", 429, 1)])));
        events.push(Event::Finished {
            at: at_second(6),
            requests: 27,
        });
        for event in events {
            watch.hear(&event).unwrap();
        }
        String::from_utf8(watch.out).unwrap()
    }

    #[test]
    fn in_a_pipe_every_second_has_its_line() {
        insta::assert_snapshot!(lines(Duration::ZERO), @r"
        manage-spikes-with-payg/retry · 4 min simulated
        per backend: answers with success · 429 · others

        0:00  BASE: The PTU carries it all.
        0:01  payg-1 0·0·0  ptu-1 4·0·0  p50 512 ms  3 in flight
        0:02  payg-1 0·0·0  ptu-1 4·0·0  p50 512 ms  3 in flight
        0:03  payg-1 0·0·0  ptu-1 4·0·0  p50 512 ms  3 in flight

        0:03  SPIKE: A crowd arrives.
        0:03  ▸ slow-payg
        0:04  payg-1 0·1·0  ptu-1 4·0·0  p50 512 ms  3 in flight
        0:05  payg-1 0·1·0  ptu-1 4·0·0  p50 512 ms  3 in flight
        0:06  payg-1 0·1·0  ptu-1 4·0·0  p50 512 ms  3 in flight
        ");
    }

    #[test]
    fn seconds_that_fly_by_share_a_line() {
        insta::assert_snapshot!(lines(Duration::from_hours(1)), @r"
        manage-spikes-with-payg/retry · 4 min simulated
        per backend: answers with success · 429 · others

        0:00  BASE: The PTU carries it all.
        0:01  payg-1 0·0·0  ptu-1 4·0·0  p50 512 ms  3 in flight
        0:01–0:03  payg-1 0·0·0  ptu-1 8·0·0  p50 512 ms  3 in flight

        0:03  SPIKE: A crowd arrives.
        0:03  ▸ slow-payg
        0:03–0:06  payg-1 0·3·0  ptu-1 12·0·0  p50 512 ms  3 in flight
        ");
    }

    #[test]
    fn a_picture_is_put_over_the_one_before() {
        let lines = ["a", "b"].map(str::to_owned);
        assert_eq!(repaint(0, &lines), "a\u{1b}[K\nb\u{1b}[K\n\u{1b}[J");
        assert_eq!(repaint(3, &lines[..1]), "\u{1b}[3A\ra\u{1b}[K\n\u{1b}[J");
    }
}
