//! The bill as a table for people, as CSV and as JSON; its last row is the total.

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::{Bill, Sums};

/// How a bill is written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Text,
    /// Comma-separated values, quoted where they must be.
    Csv,
    /// One object; costs are texts, because numbers of JSON are not exact.
    Json,
}

impl Bill {
    /// Writes it to `out`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print(&self, format: Format, out: &mut impl Write) -> io::Result<()> {
        match format {
            Format::Text => self.print_text(out),
            Format::Csv => self.print_csv(out),
            Format::Json => {
                serde_json::to_writer_pretty(&mut *out, &self.as_json())?;
                writeln!(out)
            }
        }
    }

    /// Names of the columns that tell rows apart.
    fn names(&self) -> Vec<String> {
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map_or_else(String::new, |value| value.get_name().replace('-', "_"))
        };
        let per = self.per.iter().map(|per| name(per.to_possible_value()));
        let by = self.by.iter().map(|by| name(by.to_possible_value()));
        per.chain(by).collect()
    }

    /// Names of the columns that are summed up.
    fn sums(&self) -> Vec<&'static str> {
        let mut names = vec!["requests", "estimated"];
        names.extend(["prompt_tokens", "completion_tokens", "total_tokens"]);
        if self.prices.is_some() {
            names.extend(["unpriced_tokens", "cost"]);
        }
        names
    }

    /// The values of those, the cost with this many digits after the point; where nothing has a
    /// price, this word instead.
    fn cells(&self, sums: &Sums, digits: usize, unpriced: &str) -> Vec<String> {
        let numbers = [
            sums.requests,
            sums.estimated,
            sums.prompt_tokens,
            sums.completion_tokens,
            sums.total_tokens,
        ];
        let mut cells: Vec<_> = numbers.iter().map(u64::to_string).collect();
        if self.prices.is_some() {
            cells.push(sums.unpriced_tokens.to_string());
            cells.push(if sums.is_unpriced() {
                unpriced.to_owned()
            } else {
                format!("{:.digits$}", sums.cost)
            });
        }
        cells
    }

    /// Every row, and the total.
    fn table(&self, digits: usize, unpriced: &str) -> Vec<Vec<String>> {
        let mut table: Vec<Vec<String>> = Vec::with_capacity(self.rows.len() + 1);
        for (values, sums) in &self.rows {
            table.push(
                values
                    .iter()
                    .cloned()
                    .chain(self.cells(sums, digits, unpriced))
                    .collect(),
            );
        }
        let mut total = vec![String::new(); self.names().len()];
        if let Some(first) = total.first_mut() {
            "total".clone_into(first);
        }
        total.extend(self.cells(&self.total(), digits, unpriced));
        table.push(total);
        table
    }

    fn print_text(&self, out: &mut impl Write) -> io::Result<()> {
        // Points below one another, and nothing rounded.
        let digits = self.rows.values().map(|sums| sums.cost.digits()).max();
        let names = self.names();
        let mut head: Vec<_> = names.clone();
        head.extend(self.sums().iter().map(|name| name.replace('_', " ")));
        if let (Some(prices), Some(cost)) = (&self.prices, head.last_mut()) {
            *cost = format!("{cost} {}", prices.currency);
        }
        let mut table = vec![head];
        table.extend(self.table(digits.unwrap_or_default(), "unpriced"));
        let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..table[0].len()).map(|c| width(c).unwrap_or(0)).collect();
        for row in &table {
            let cells = row.iter().zip(&widths).enumerate();
            let padded = cells.map(|(column, (cell, width))| {
                if column < names.len() {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            let line = padded.collect::<Vec<_>>().join("  ");
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn print_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut head = self.names();
        head.extend(self.sums().iter().map(|&name| name.to_owned()));
        for row in std::iter::once(head).chain(self.table(0, "")) {
            let cells: Vec<_> = row.iter().map(|cell| quoted(cell)).collect();
            writeln!(out, "{}", cells.join(","))?;
        }
        Ok(())
    }

    fn as_json(&self) -> Value {
        let row = |values: &[String], sums: &Sums| {
            let names = self.names();
            let values = names
                .into_iter()
                .zip(values.iter().map(|value| json!(value)));
            let numbers = [
                ("requests", sums.requests),
                ("estimated", sums.estimated),
                ("prompt_tokens", sums.prompt_tokens),
                ("completion_tokens", sums.completion_tokens),
                ("total_tokens", sums.total_tokens),
            ];
            let numbers = numbers.map(|(name, number)| (name.to_owned(), json!(number)));
            let mut row: Map<_, _> = values.chain(numbers).collect();
            if self.prices.is_some() {
                let cost = (!sums.is_unpriced()).then(|| sums.cost.to_string());
                row.insert("unpriced_tokens".to_owned(), json!(sums.unpriced_tokens));
                row.insert("cost".to_owned(), json!(cost));
            }
            row
        };
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(values, sums)| row(values, sums))
            .collect();
        json!({
            "currency": self.prices.as_ref().map(|prices| &prices.currency),
            "rows": rows,
            "total": row(&[], &self.total()),
            "remarks": self.remarks(),
        })
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_owned()
    }
}
