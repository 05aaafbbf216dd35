//! [`Trace`]: recorded requests to replay.
//!
//! The format is that of the Azure LLM inference traces.
// Source: https://github.com/Azure/AzurePublicDataset/blob/master/AzureLLMInferenceDataset2023.md
// (read 2026-08): the columns TIMESTAMP, ContextTokens and GeneratedTokens. Its files have CRLF
// line ends, seven decimals in the seconds and no end of line after the last row.

use std::io::Read;
use std::time::Duration;

use clock::{Moment, Timestamp};
use csv::{ReaderBuilder, StringRecord, Terminator, Trim};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::plan::Arrival;

const TIMESTAMP: &str = "TIMESTAMP";
const CONTEXT: &str = "ContextTokens";
const GENERATED: &str = "GeneratedTokens";

/// Recorded requests in order of time, relative to the first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trace(Vec<Row>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Row {
    after: Duration,
    prompt_tokens: u32,
    max_tokens: u32,
}

/// How much of a trace to read; the default is all of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TraceLimit {
    /// At most so many rows.
    pub rows: Option<usize>,
    /// Only rows earlier than this after the first.
    pub duration: Option<Duration>,
}

/// Why a trace cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct TraceError {
    /// Line of the file, from 1.
    pub line: u64,
    /// What is wrong there.
    pub message: String,
}

/// Where the columns are.
struct Columns {
    timestamp: usize,
    context: usize,
    generated: usize,
}

impl Trace {
    /// Reads a trace in CSV with the columns `TIMESTAMP`, `ContextTokens` and `GeneratedTokens`.
    ///
    /// # Errors
    /// [`TraceError`] with the line of the first row that cannot be understood.
    pub fn read(csv: impl Read, limit: TraceLimit) -> Result<Self, TraceError> {
        // The carriage return goes with the spaces; as a terminator it spoils the line numbers.
        let mut reader = ReaderBuilder::new()
            .terminator(Terminator::Any(b'\n'))
            .trim(Trim::All)
            .from_reader(csv);
        let columns = Columns::find(reader.headers().map_err(|error| unreadable(&error))?)?;
        let mut rows: Vec<Row> = Vec::new();
        let mut first = None;
        for record in reader.records().take(limit.rows.unwrap_or(usize::MAX)) {
            let record = record.map_err(|error| unreadable(&error))?;
            let at = columns.timestamp(&record)?;
            let row = columns.row(&record, *first.get_or_insert(at), at)?;
            if limit.duration.is_some_and(|limit| row.after >= limit) {
                break;
            }
            if rows.last().is_some_and(|last| row.after < last.after) {
                return Err(at_line(
                    &record,
                    "this row is earlier than the one before it",
                ));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(TraceError {
                line: 1,
                message: "the trace holds no requests".to_owned(),
            });
        }
        Ok(Self(rows))
    }

    /// The requests as a schedule for the class of this index, the first at `start`.
    pub fn arrivals(&self, start: Moment, class: usize) -> Vec<Arrival> {
        let arrival = |row: &Row| Arrival {
            at: start + row.after,
            class,
            prompt_tokens: Some(row.prompt_tokens),
            max_tokens: Some(row.max_tokens),
        };
        self.0.iter().map(arrival).collect()
    }

    /// Time from the first request to the last.
    pub fn length(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |row| row.after)
    }
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, TraceError> {
        let column = |name: &str| {
            // A byte order mark at the start of the file belongs to the first name.
            let is_named = |field: &str| field.trim_start_matches('\u{feff}') == name;
            header.iter().position(is_named).ok_or_else(|| {
                let found = header.iter().collect::<Vec<_>>().join(",");
                TraceError {
                    line: 1,
                    message: format!(
                        "expected the columns `{TIMESTAMP}`, `{CONTEXT}` and `{GENERATED}`, found `{found}`"
                    ),
                }
            })
        };
        Ok(Self {
            timestamp: column(TIMESTAMP)?,
            context: column(CONTEXT)?,
            generated: column(GENERATED)?,
        })
    }

    fn row(
        &self,
        record: &StringRecord,
        first: Timestamp,
        at: Timestamp,
    ) -> Result<Row, TraceError> {
        let after = Duration::try_from(at.duration_since(first))
            .map_err(|_| at_line(record, "this row is earlier than the first"))?;
        Ok(Row {
            after,
            prompt_tokens: tokens(record, self.context, CONTEXT)?,
            max_tokens: tokens(record, self.generated, GENERATED)?,
        })
    }

    /// A date with a zone, or without one in UTC: only distances count.
    fn timestamp(&self, record: &StringRecord) -> Result<Timestamp, TraceError> {
        let text = &record[self.timestamp];
        let local = || {
            let date: DateTime = text.parse()?;
            date.to_zoned(TimeZone::UTC).map(|date| date.timestamp())
        };
        text.parse().or_else(|_| local()).map_err(|_: jiff::Error| {
            let message = format!(
                "expected a date like `2023-11-16 18:15:46.6805900` as `{TIMESTAMP}`, found `{text}`"
            );
            at_line(record, &message)
        })
    }
}

fn tokens(record: &StringRecord, column: usize, name: &str) -> Result<u32, TraceError> {
    let text = &record[column];
    text.parse().map_err(|_| {
        let message = format!("expected a whole number as `{name}`, found `{text}`");
        at_line(record, &message)
    })
}

fn at_line(record: &StringRecord, message: &str) -> TraceError {
    TraceError {
        line: record.position().map_or(0, csv::Position::line),
        message: message.to_owned(),
    }
}

fn unreadable(error: &csv::Error) -> TraceError {
    let line = error.position().map_or(1, csv::Position::line);
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("expected {expected_len} columns as in the first line, found {len}"),
        csv::ErrorKind::Utf8 { .. } => "expected UTF-8 text".to_owned(),
        _ => error.to_string(),
    };
    TraceError { line, message }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    /// As the public files are: CRLF, seven decimals, no end of line at the end.
    const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n\
        2023-11-16 18:15:46.6805900,374,44\r\n\
        2023-11-16 18:15:50.9951690,396,109\r\n\
        2023-11-16 18:15:51.2224670,879,55";

    fn read(text: &str) -> Result<Trace, TraceError> {
        Trace::read(text.as_bytes(), TraceLimit::default())
    }

    fn error(text: &str) -> String {
        read(text).unwrap_err().to_string()
    }

    #[test]
    fn rows_become_arrivals_relative_to_the_first() {
        let start = Moment::from_micros(1_000);
        let schedule = read(AZURE).unwrap().arrivals(start, 2);
        let seen: Vec<_> = schedule
            .iter()
            .map(|a| (a.at.as_micros(), a.class, a.prompt_tokens, a.max_tokens))
            .collect();
        assert_eq!(
            seen,
            [
                (1_000, 2, Some(374), Some(44)),
                (4_315_579, 2, Some(396), Some(109)),
                (4_542_877, 2, Some(879), Some(55)),
            ]
        );
    }

    #[test]
    fn columns_are_found_by_name_and_dates_may_carry_a_zone() {
        let text = "GeneratedTokens,TIMESTAMP,ContextTokens\n\
            1,2024-05-10 00:00:00.009930+00:00,10\n\
            2,2024-05-10T00:00:01.009930Z,20\n";
        let trace = read(text).unwrap();
        assert_eq!(trace.length(), Duration::from_secs(1));
        assert_eq!(trace.arrivals(Moment::ZERO, 0)[1].prompt_tokens, Some(20));
    }

    #[test]
    fn limits_cut_by_rows_and_by_time() {
        let rows = |limit| {
            let trace = Trace::read(AZURE.as_bytes(), limit).unwrap();
            trace.arrivals(Moment::ZERO, 0).len()
        };
        let by_rows = TraceLimit {
            rows: Some(2),
            duration: None,
        };
        let by_time = TraceLimit {
            rows: None,
            duration: Some(Duration::from_secs(4)),
        };
        assert_eq!((rows(by_rows), rows(by_time)), (2, 1));
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        assert_snapshot!(error("a,b\n1,2\n"), @"line 1: expected the columns `TIMESTAMP`, `ContextTokens` and `GeneratedTokens`, found `a,b`");
        assert_snapshot!(error(&format!("{AZURE}\r\n2023-11-16 18:16:00,x,1")), @"line 5: expected a whole number as `ContextTokens`, found `x`");
        assert_snapshot!(error(&format!("{AZURE}\nyesterday,1,1")), @"line 5: expected a date like `2023-11-16 18:15:46.6805900` as `TIMESTAMP`, found `yesterday`");
        assert_snapshot!(error(&format!("{AZURE}\n2023-11-16 18:16:00,1")), @"line 5: expected 3 columns as in the first line, found 2");
        assert_snapshot!(error(&format!("{AZURE}\n2023-11-16 18:15:47,1,-1")), @"line 5: expected a whole number as `GeneratedTokens`, found `-1`");
        assert_snapshot!(error(&format!("{AZURE}\n2023-11-16 18:15:47,1,1")), @"line 5: this row is earlier than the one before it");
        assert_snapshot!(error("TIMESTAMP,ContextTokens,GeneratedTokens\n"), @"line 1: the trace holds no requests");
    }
}
