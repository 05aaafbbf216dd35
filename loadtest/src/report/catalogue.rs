//! What there is to run: the rows of `list`, as aligned text or as a Markdown table.

use std::time::Duration;

use super::number;
use super::style::{Ink, Style};
use super::table::{Cell, Table};
use super::wrap::{hang, paragraph, room};

/// A scenario in the catalogue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// `folder/file`, and `#variant` for a variant.
    pub name: String,
    /// The question, in the author's words.
    pub about: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// How many gates it has.
    pub gates: usize,
    /// Simulated length of its phases.
    pub simulated: Duration,
    /// Where the experiment comes from.
    pub source: String,
}

/// Two or more lines per scenario: name, gates, length and tags, then the question.
pub fn text(rows: &[Row], style: &Style) -> String {
    let mut table = Table::new(&["scenario"]).group("", &["gates", "simulated"]);
    for row in rows {
        let gates = row.gates.to_string();
        let cells = [row.name.clone(), gates, number::length(row.simulated)];
        let [name, gates, simulated] = cells.map(Cell::from);
        table.row(vec![name.in_ink(Ink::Loud), gates, simulated]);
    }
    let block = table.unbroken(style);
    let mut lines = block.head;
    for (row, line) in rows.iter().zip(block.rows) {
        let tags = row.tags.join(", ");
        lines.push(format!("{line}  {}", style.paint(Ink::Quiet, &tags)));
        lines.extend(hang("    ", &paragraph(&row.about, room(style, 4))));
    }
    lines.push(String::new());
    lines.push(totals(rows));
    style.finish(&lines.join("\n"))
}

fn totals(rows: &[Row]) -> String {
    let gates: usize = rows.iter().map(|row| row.gates).sum();
    let played: Duration = rows.iter().map(|row| row.simulated).sum();
    format!(
        "{} · {} · {} simulated",
        number::counted(rows.len() as u64, "scenario"),
        number::counted(gates as u64, "gate"),
        number::length(played),
    )
}

/// A Markdown table with the same columns and the source.
pub fn markdown(rows: &[Row]) -> String {
    let mut lines = vec![
        "| scenario | question | gates | simulated | tags | source |".to_owned(),
        "|---|---|--:|--:|---|---|".to_owned(),
    ];
    lines.extend(rows.iter().map(|row| {
        let cells = [
            format!("`{}`", row.name),
            row.about.clone(),
            row.gates.to_string(),
            number::length(row.simulated),
            row.tags.join(", "),
            row.source.clone(),
        ];
        format!("| {} |", cells.map(|cell| escape(&cell)).join(" | "))
    }));
    lines.join("\n") + "\n"
}

/// A cell must not end its column or its line.
fn escape(cell: &str) -> String {
    let words: Vec<_> = cell.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::secs;
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |name: &str, gates, seconds, about: &str| Row {
            name: name.to_owned(),
            about: about.to_owned(),
            tags: vec!["reliability".to_owned(), "costs".to_owned()],
            gates,
            simulated: secs(seconds),
            source: "toolkit | spikes".to_owned(),
        };
        vec![
            row("load-balancing/simple", 4, 60, "Three backends take turns."),
            row(
                "manage-spikes-with-payg/retry-payg-saturated",
                9,
                540,
                "A spike fills the PTU and what it spills fills PAYG too; clients see 429,\n and nothing else.",
            ),
        ]
    }

    #[test]
    fn a_question_stands_below_its_scenario() {
        insta::assert_snapshot!(text(&rows(), &Style::plain(80)), @r"
        scenario                                       gates  simulated
        load-balancing/simple                              4      1 min  reliability, costs
            Three backends take turns.
        manage-spikes-with-payg/retry-payg-saturated       9      9 min  reliability, costs
            A spike fills the PTU and what it spills fills PAYG too; clients see 429,
            and nothing else.

        2 scenarios · 13 gates · 10 min simulated
        ");
    }

    #[test]
    fn markdown_cells_stay_in_their_column() {
        insta::assert_snapshot!(markdown(&rows()), @r"
        | scenario | question | gates | simulated | tags | source |
        |---|---|--:|--:|---|---|
        | `load-balancing/simple` | Three backends take turns. | 4 | 1 min | reliability, costs | toolkit \| spikes |
        | `manage-spikes-with-payg/retry-payg-saturated` | A spike fills the PTU and what it spills fills PAYG too; clients see 429, and nothing else. | 9 | 9 min | reliability, costs | toolkit \| spikes |
        ");
    }
}
