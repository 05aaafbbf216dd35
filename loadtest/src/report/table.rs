//! [`Table`]: aligned columns that fit the width there is.
//!
//! Columns come in groups; a column without any content is left out, and where the groups do not
//! fit beside each other they go below each other, each block with the key columns. The other way
//! out, clipping cells, would hide exactly the long numbers that somebody is looking for.

use super::style::{Ink, Style};

/// Spaces between columns.
const GAP: usize = 2;

/// Spaces between groups.
const GROUP_GAP: usize = 3;

/// Rows of aligned cells: key columns to the left, then groups of numbers.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    keys: Vec<&'static str>,
    groups: Vec<Group<'a>>,
    rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug)]
struct Group<'a> {
    title: &'a str,
    columns: &'static [&'static str],
}

/// A text and what it is.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    ink: Ink,
}

/// The lines of one block of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Titles of groups and columns.
    pub(super) head: Vec<String>,
    /// One line per row.
    pub(super) rows: Vec<String>,
}

/// What becomes of a first key that is the same as in the row above.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Repeats {
    /// It is left out: rows belong together.
    Blank,
    /// It is written: rows are read one by one.
    Written,
}

impl Cell {
    /// `text` in `ink`; nothing to say is an empty text.
    pub(super) fn new(ink: Ink, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ink,
        }
    }

    /// The same text in `ink`.
    pub(super) fn in_ink(self, ink: Ink) -> Self {
        Self { ink, ..self }
    }

    fn width(&self) -> usize {
        width(&self.text)
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Ink::Plain, text)
    }
}

impl<'a> Table<'a> {
    /// A table whose rows are named by `keys`.
    pub(super) fn new(keys: &[&'static str]) -> Self {
        Self {
            keys: keys.to_vec(),
            groups: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Adds columns of numbers under a common title, which may be empty.
    pub(super) fn group(mut self, title: &'a str, columns: &'static [&'static str]) -> Self {
        self.groups.push(Group { title, columns });
        self
    }

    /// Adds a row: the keys, then the cells of every group in order.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        let columns: usize = self.groups.iter().map(|group| group.columns.len()).sum();
        debug_assert_eq!(cells.len(), self.keys.len() + columns, "a cell per column");
        self.rows.push(cells);
    }

    /// The whole table, `indent` spaces from the left, in as many blocks as the width asks for.
    pub(super) fn render(&self, style: &Style, indent: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for groups in self.pack(style.width.saturating_sub(indent)) {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            let block = self.block(&groups, Repeats::Blank, style);
            let all = block.head.into_iter().chain(block.rows);
            lines.extend(all.map(|line| format!("{:indent$}{line}", "")));
        }
        lines
    }

    /// The whole table in one block, however wide; every row stands for itself.
    pub(super) fn unbroken(&self, style: &Style) -> Block {
        let groups: Vec<_> = (0..self.groups.len()).collect();
        self.block(&groups, Repeats::Written, style)
    }

    /// Groups that share a block, greedily.
    fn pack(&self, width: usize) -> Vec<Vec<usize>> {
        let keys: usize = self.key_columns().map(|at| self.key_width(at)).sum();
        let mut blocks: Vec<Vec<usize>> = Vec::new();
        let mut used = 0;
        for group in 0..self.groups.len() {
            let columns = self.columns(group);
            if columns.is_empty() {
                continue;
            }
            let needed = self.group_width(group, &columns) + GROUP_GAP;
            match blocks.last_mut() {
                Some(block) if used + needed <= width => block.push(group),
                _ => {
                    blocks.push(vec![group]);
                    used = keys;
                }
            }
            used += needed;
        }
        blocks
    }

    fn block(&self, groups: &[usize], repeats: Repeats, style: &Style) -> Block {
        let mut block = Block {
            head: self.head(groups, style),
            rows: Vec::new(),
        };
        for (at, row) in self.rows.iter().enumerate() {
            let above = at.checked_sub(1).map(|above| &self.rows[above]);
            let above = above.filter(|_| repeats == Repeats::Blank);
            block.rows.push(self.line(row, above, groups, style));
        }
        block
    }

    fn head(&self, groups: &[usize], style: &Style) -> Vec<String> {
        let (mut titles, mut names) = (Vec::new(), Vec::new());
        for at in self.key_columns() {
            let width = self.key_width(at);
            titles.push(" ".repeat(width));
            names.push(format!("{:<width$}", self.keys[at]));
        }
        for group in groups {
            let columns = self.columns(*group);
            let title = rule(
                self.groups[*group].title,
                self.group_width(*group, &columns),
            );
            titles.push(format!("{:GROUP_GAP$}{title}", ""));
            names.push(" ".repeat(GROUP_GAP - GAP));
            for (place, (column, title)) in columns.iter().enumerate() {
                let width = GAP + self.padded_width(*group, &columns, place, *column);
                names.push(format!("{title:>width$}"));
            }
        }
        let lines = [titles.concat(), names.concat()].into_iter();
        let filled = lines.filter(|line| !line.trim().is_empty());
        let painted = filled.map(|line| style.paint(Ink::Quiet, line.trim_end()));
        painted.collect()
    }

    fn line(
        &self,
        row: &[Cell],
        above: Option<&Vec<Cell>>,
        groups: &[usize],
        style: &Style,
    ) -> String {
        let mut line = String::new();
        for at in self.key_columns() {
            let repeats = at == 0 && self.keys.len() > 1;
            let repeated = repeats && above.is_some_and(|above| above[0].text == row[0].text);
            let blank = Cell::from("");
            let cell = if repeated { &blank } else { &row[at] };
            let padding = self.key_width(at) - cell.width();
            line.push_str(&style.paint(cell.ink, &cell.text));
            line.push_str(&" ".repeat(padding));
        }
        for group in groups {
            line.push_str(&" ".repeat(GROUP_GAP - GAP));
            let columns = self.columns(*group);
            for (place, (column, _)) in columns.iter().enumerate() {
                let width = self.padded_width(*group, &columns, place, *column);
                let nothing = Cell::new(Ink::Quiet, "–");
                let cell = Some(&row[*column]).filter(|cell| !cell.text.is_empty());
                let cell = cell.unwrap_or(&nothing);
                line.push_str(&" ".repeat(GAP + width - cell.width()));
                line.push_str(&style.paint(cell.ink, &cell.text));
            }
        }
        line
    }

    fn key_columns(&self) -> std::ops::Range<usize> {
        0..self.keys.len()
    }

    /// The columns of `group` that have content, with their titles.
    fn columns(&self, group: usize) -> Vec<(usize, &'static str)> {
        let before = self.groups[..group].iter();
        let start = self.keys.len() + before.map(|group| group.columns.len()).sum::<usize>();
        let columns = self.groups[group].columns.iter().enumerate();
        let placed = columns.map(|(at, title)| (start + at, *title));
        let used = |at: usize| self.rows.iter().any(|row| !row[at].text.is_empty());
        placed.filter(|(at, _)| used(*at)).collect()
    }

    /// Width of the widest cell or title of a column.
    fn column_width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[at].width());
        cells.max().unwrap_or(0).max(width(self.title(at)))
    }

    /// Width of a key column with the gap behind it; the gap behind the last is the group's.
    fn key_width(&self, at: usize) -> usize {
        let gap = if at + 1 < self.keys.len() { GAP } else { 0 };
        self.column_width(at) + gap
    }

    fn title(&self, at: usize) -> &'static str {
        let numbers = self.groups.iter().flat_map(|group| group.columns);
        let mut titles = self.keys.iter().chain(numbers);
        titles.nth(at).copied().unwrap_or_default()
    }

    /// Width of a group: that of its columns, or of its title with a stroke on each side.
    fn group_width(&self, group: usize, columns: &[(usize, &str)]) -> usize {
        let title = self.groups[group].title;
        let least = if title.is_empty() {
            0
        } else {
            width(title) + 4
        };
        self.columns_width(columns).max(least)
    }

    fn columns_width(&self, columns: &[(usize, &str)]) -> usize {
        let widths: usize = columns.iter().map(|(at, _)| self.column_width(*at)).sum();
        widths + GAP * columns.len().saturating_sub(1)
    }

    /// Width of the column at `place`; the first of a group takes what a long title adds.
    fn padded_width(
        &self,
        group: usize,
        columns: &[(usize, &str)],
        place: usize,
        at: usize,
    ) -> usize {
        let extra = self.group_width(group, columns) - self.columns_width(columns);
        self.column_width(at) + if place == 0 { extra } else { 0 }
    }
}

/// `title` in the middle of a stroke of `width`; blank without a title.
fn rule(title: &str, columns: usize) -> String {
    if title.is_empty() {
        return " ".repeat(columns);
    }
    let strokes = columns - width(title) - 2;
    let left = strokes / 2;
    let right = strokes - left;
    format!("{} {title} {}", "─".repeat(left), "─".repeat(right))
}

/// Columns that `text` takes in a terminal: one per character, which is right for what we print.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table<'static> {
        let mut table = Table::new(&["phase", "backend"])
            .group("clients", &["requests", "share"])
            .group("latency", &["p50", "p99"]);
        let row = |cells: [&str; 6]| cells.map(Cell::from).to_vec();
        table.row(row(["base", "ptu-1", "1 080", "100.0 %", "", "512 ms"]));
        table.row(row(["base", "gateway", "2", "", "", ""]));
        table.row(row(["spike", "ptu-1", "40", "2.0 %", "", "1.2 s"]));
        table
    }

    fn drawn(width: usize) -> String {
        let style = Style::plain(width);
        style.finish(&table().render(&style, 0).join("\n"))
    }

    #[test]
    fn numbers_are_flush_right_under_the_stroke_of_their_group() {
        insta::assert_snapshot!(drawn(80), @r"
                         ──── clients ────   ─ latency ─
        phase  backend   requests    share           p99
        base   ptu-1        1 080  100.0 %        512 ms
               gateway          2        –             –
        spike  ptu-1           40    2.0 %         1.2 s
        ");
    }

    #[test]
    fn colours_do_not_move_a_column() {
        let coloured = Style {
            colour: true,
            ..Style::plain(80)
        };
        let mut table = Table::new(&["name"]).group("", &["429"]);
        table.row(vec!["a".into(), Cell::new(Ink::Bad, "7")]);
        table.row(vec!["b".into(), Cell::new(Ink::Bad, "1 000")]);
        let rows = table.unbroken(&coloured).rows;
        assert_eq!(rows[0], "a          \u{1b}[1;31m7\u{1b}[0m");
        assert_eq!(rows[1], "b      \u{1b}[1;31m1 000\u{1b}[0m");
    }

    #[test]
    fn groups_that_do_not_fit_go_below_with_their_keys() {
        insta::assert_snapshot!(drawn(47), @r"
                         ──── clients ────
        phase  backend   requests    share
        base   ptu-1        1 080  100.0 %
               gateway          2        –
        spike  ptu-1           40    2.0 %

                         ─ latency ─
        phase  backend           p99
        base   ptu-1          512 ms
               gateway             –
        spike  ptu-1           1.2 s
        ");
    }
}
