//! What there is to run: the rows of `list`.

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
}
