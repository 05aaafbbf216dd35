//! [`Contest`]: two sides that play in turns, and what their rates are to each other.

use std::fmt;
use std::time::Duration;

/// Plays one side for the given time and gives its requests per second.
pub(crate) type Side = Box<dyn FnMut(Duration) -> anyhow::Result<f64>>;

/// Ours and its yardstick, ready to play.
pub(crate) struct Sides {
    pub(crate) ours: Side,
    pub(crate) yardstick: Side,
}

/// A row of the table.
pub(crate) struct Contest {
    /// What is measured.
    pub(crate) name: &'static str,
    /// What it is measured against.
    pub(crate) yardstick: &'static str,
    /// The ratio that is good enough.
    pub(crate) target: f64,
    /// Starts both sides.
    pub(crate) start: fn() -> anyhow::Result<Sides>,
}

/// A row that was measured; it displays as one, below [`HEADING`].
pub(crate) struct Outcome {
    contest: Contest,
    ours: f64,
    yardstick: f64,
    /// Smallest, median and largest.
    ratios: [f64; 3],
}

/// What stands above the rows.
pub(crate) const HEADING: &str = "                                   requests/s  against       requests/s  ratio  target  smallest to largest";

impl Contest {
    /// Lets both sides play `rounds` times, each for `length` a time, after a round that does not count.
    pub(crate) fn play(self, rounds: usize, length: Duration) -> anyhow::Result<Outcome> {
        let mut sides = (self.start)()?;
        sides.play(length)?;
        let mut rates = Vec::new();
        for round in 0..rounds.max(1) {
            // Whoever goes second finds a warmer machine, or one that has been slowed down.
            let (ours, yardstick) = match round % 2 {
                0 => sides.play(length)?,
                _ => sides.play_in_reverse(length)?,
            };
            rates.push((ours, yardstick));
        }
        let ratios = sorted(rates.iter().map(|(ours, yardstick)| ours / yardstick));
        Ok(Outcome {
            contest: self,
            ours: median(&sorted(rates.iter().map(|(ours, _)| *ours))),
            yardstick: median(&sorted(rates.iter().map(|(_, yardstick)| *yardstick))),
            ratios: [ratios[0], median(&ratios), ratios[ratios.len() - 1]],
        })
    }
}

impl Sides {
    fn play(&mut self, length: Duration) -> anyhow::Result<(f64, f64)> {
        let ours = (self.ours)(length)?;
        Ok((ours, (self.yardstick)(length)?))
    }

    fn play_in_reverse(&mut self, length: Duration) -> anyhow::Result<(f64, f64)> {
        let yardstick = (self.yardstick)(length)?;
        Ok(((self.ours)(length)?, yardstick))
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [least, ratio, most] = self.ratios;
        let Contest {
            name,
            yardstick,
            target,
            ..
        } = self.contest;
        write!(
            f,
            "{name:<32}  {:>11.0}  {yardstick:<11}  {:>11.0}  {ratio:>5.2}  ≥ {target:.2}  {least:.2} to {most:.2}",
            self.ours, self.yardstick
        )
    }
}
