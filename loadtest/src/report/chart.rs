//! Charts of blocks: one line per row, eight heights per column, phases marked under the axis.

use std::time::Duration;

use clock::Moment;

use super::number;
use super::style::{Ink, Style};
use super::table::width;

/// Heights of a column above nothing, lowest first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// More columns show noise and no shape.
const MOST_COLUMNS: usize = 64;

/// With fewer, phases cannot be told apart.
const LEAST_COLUMNS: usize = 16;

/// Rows of values over the same stretch of simulated time, drawn to one scale.
#[derive(Clone, Debug)]
pub(super) struct Chart<'a> {
    /// What the values are: `answers per second`.
    pub(super) unit: &'a str,
    /// The rows, top to bottom.
    pub(super) rows: Vec<Row<'a>>,
    /// Where the values start.
    pub(super) from: Moment,
    /// Where they end.
    pub(super) until: Moment,
    /// Names and windows to mark on the axis, in order.
    pub(super) phases: Vec<(&'a str, Moment, Moment)>,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Values at equal distances.
    pub(super) values: Vec<f64>,
    /// How to draw it.
    pub(super) ink: Ink,
}

impl Chart<'_> {
    /// The chart in the columns there are; nothing if they are too few or there is nothing to show.
    pub(super) fn render(&self, style: &Style, indent: usize) -> Vec<String> {
        let names = self.rows.iter().map(|row| width(row.name)).max();
        let margin = indent + names.unwrap_or(0) + 2;
        let columns = style.width.saturating_sub(margin).min(MOST_COLUMNS);
        let values = self.rows.first().map_or(0, |row| row.values.len());
        if columns < LEAST_COLUMNS || values == 0 || self.until <= self.from {
            return Vec::new();
        }
        let fit = Fit::new(values, columns);
        let rows: Vec<_> = self.rows.iter().map(|row| fit.apply(&row.values)).collect();
        let top = rows.iter().flatten().copied().fold(0.0, f64::max);
        if top == 0.0 {
            return Vec::new();
        }
        let title = format!("{}, full height {}", self.unit, number::decimal(top));
        let mut lines = vec![format!("{:indent$}{}", "", style.paint(Ink::Quiet, &title))];
        for (row, values) in self.rows.iter().zip(&rows) {
            let blocks = spark(values, top);
            let blocks = style.paint(row.ink, blocks.trim_end());
            let name = format!("{:indent$}{}", "", row.name);
            lines.push(format!("{name:<margin$}{blocks}"));
        }
        let axis = self.axis(fit).into_iter();
        lines.extend(axis.map(|line| format!("{:margin$}{}", "", style.paint(Ink::Quiet, &line))));
        lines
    }

    /// The column of `moment`.
    fn column(&self, moment: Moment, fit: Fit) -> usize {
        let length = self.until.since(self.from).as_secs_f64();
        let part = moment.since(self.from).as_secs_f64() / length;
        fit.column(part)
    }

    /// A stroke with a corner and a name at each phase, and below it when each starts and the last ends.
    fn axis(&self, fit: Fit) -> [String; 2] {
        let columns = fit.columns();
        let mut stroke = vec![' '; columns];
        let mut times = vec![' '; columns];
        let last = self.phases.last();
        let last = last.map_or(self.until, |(_, _, until)| self.until.min(*until));
        let last_at = self.column(last, fit);
        let end = number::length(last.since(Moment::ZERO));
        let end_at = last_at.saturating_sub(width(&end));
        let mut free = 0;
        for (name, start, until) in &self.phases {
            let (start_at, until_at) = (self.column(*start, fit), self.column(*until, fit));
            let room = until_at.saturating_sub(start_at);
            if room == 0 {
                continue;
            }
            stroke[start_at..until_at].fill('─');
            stroke[start_at] = if start_at == 0 { '└' } else { '┴' };
            write(&mut stroke, start_at + 1, name, room.saturating_sub(2));
            let time = number::length(self.from.max(*start).since(Moment::ZERO));
            if start_at >= free && start_at + width(&time) < end_at {
                write(&mut times, start_at, &time, usize::MAX);
                free = start_at + width(&time) + 1;
            }
        }
        if last_at > 0 {
            stroke[last_at - 1] = '┘';
        }
        write(&mut times, end_at, &end, usize::MAX);
        [stroke, times].map(|line| line.into_iter().collect::<String>().trim_end().to_owned())
    }
}

/// Puts `text` into `line` at `at`; left out unless `room` holds at least three of its letters.
fn write(line: &mut [char], at: usize, text: &str, room: usize) {
    let letters = width(text).min(room);
    if letters < width(text).min(3) {
        return;
    }
    for (place, letter) in line.iter_mut().skip(at).zip(text.chars().take(letters)) {
        *place = letter;
    }
}

/// `values` as blocks: `top` is a full block, anything above nothing is at least the lowest.
pub(super) fn spark(values: &[f64], top: f64) -> String {
    let blocks = values.iter().map(|value| {
        if *value <= 0.0 || top <= 0.0 {
            return ' ';
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 1 and 8, saturating"
        )]
        let height = (value / top * 8.0).round().clamp(1.0, 8.0) as usize;
        BLOCKS[height - 1]
    });
    blocks.collect()
}

/// How values become columns: each column averages the same whole number of values, or each value
/// fills the same whole number of columns.
///
/// Whole numbers only: a column of one and a half values makes waves out of steady traffic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fit {
    values: usize,
    values_per_column: usize,
    columns_per_value: usize,
}

impl Fit {
    /// The widest fit of `values`, at least one, into `most` columns.
    fn new(values: usize, most: usize) -> Self {
        Self {
            values,
            values_per_column: values.div_ceil(most),
            columns_per_value: (most / values).max(1),
        }
    }

    fn columns(self) -> usize {
        self.values.div_ceil(self.values_per_column) * self.columns_per_value
    }

    fn apply(self, values: &[f64]) -> Vec<f64> {
        let groups = values.chunks(self.values_per_column);
        #[expect(clippy::cast_precision_loss, reason = "hundreds of values")]
        let means = groups.map(|group| group.iter().sum::<f64>() / group.len() as f64);
        let columns = means.flat_map(|mean| std::iter::repeat_n(mean, self.columns_per_value));
        columns.collect()
    }

    /// The column at which `part` of the values is over.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a column on the screen"
    )]
    fn column(self, part: f64) -> usize {
        let values = part * self.values as f64;
        let column = values * self.columns_per_value as f64 / self.values_per_column as f64;
        (column.round() as usize).min(self.columns())
    }
}

/// Counts per bucket of `seconds` as rates per second.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^52")]
pub(super) fn per_second(counts: &[u64], seconds: u64) -> Vec<f64> {
    let rates = counts
        .iter()
        .map(|count| *count as f64 / seconds.max(1) as f64);
    rates.collect()
}

/// The moment `seconds` after zero.
pub(super) fn at_second(seconds: u64) -> Moment {
    Moment::ZERO + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_not_nothing() {
        assert_eq!(spark(&[0.0, 0.001, 0.5, 1.0], 1.0), " ▁▄█");
    }

    #[test]
    fn many_values_are_averaged_and_few_are_repeated() {
        let averaged = Fit::new(5, 3);
        assert_eq!(averaged.apply(&[1.0, 3.0, 5.0, 7.0, 9.0]), [2.0, 6.0, 9.0]);
        assert_eq!([0.0, 0.4, 1.0].map(|part| averaged.column(part)), [0, 1, 3]);
        let repeated = Fit::new(2, 5);
        assert_eq!(repeated.apply(&[1.0, 3.0]), [1.0, 1.0, 3.0, 3.0]);
        assert_eq!([0.0, 0.5, 1.0].map(|part| repeated.column(part)), [0, 2, 4]);
    }

    #[test]
    fn phases_are_marked_where_they_start() {
        let chart = Chart {
            unit: "answers per second",
            rows: vec![
                Row {
                    name: "ptu-1",
                    values: vec![4.0, 4.0, 4.0, 4.0],
                    ink: Ink::Plain,
                },
                Row {
                    name: "payg-1",
                    values: vec![0.0, 2.0, 1.0, 0.0],
                    ink: Ink::Plain,
                },
            ],
            from: Moment::ZERO,
            until: at_second(240),
            phases: vec![
                ("base", at_second(0), at_second(60)),
                ("spike", at_second(60), at_second(180)),
                ("off", at_second(180), at_second(240)),
            ],
        };
        let style = Style::plain(44);
        let drawn = style.finish(&chart.render(&style, 2).join("\n"));
        insta::assert_snapshot!(drawn, @r"
        answers per second, full height 4
        ptu-1   ████████████████████████████████
        payg-1          ▄▄▄▄▄▄▄▄▂▂▂▂▂▂▂▂
                └base───┴spike──────────┴off───┘
                0 s     1 min              4 min
        ");
        let ascii = Style {
            unicode: false,
            ..style
        };
        insta::assert_snapshot!(ascii.finish(&drawn), @r"
        answers per second, full height 4
        ptu-1   @@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
        payg-1          ========::::::::
                |base---|spike----------|off---|
                0 s     1 min              4 min
        ");
    }
}
