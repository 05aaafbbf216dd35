//! The bill: who used how many tokens, when, and what they cost, from a file of usage events.
//!
//! It is drawn up from the events rather than from metrics, because events can be looked at one
//! by one when somebody does not believe the sum. An event that is told twice (sinks deliver at
//! least once) counts once; a line that is no event is named and left out.

mod money;
mod prices;
mod print;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead};
use std::ops::AddAssign;

use clap::ValueEnum;
use clock::Timestamp;
use thiserror::Error;

pub use self::money::Cost;
pub use self::prices::Prices;
pub use self::print::Format;
use crate::usage::{MOST_TOKENS, UsageEvent};

/// A value that an event does not have.
const NONE: &str = "N/A";

/// What rows are told apart by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum By {
    /// Whose key was sent.
    Subscription,
    /// The subscription's product.
    Product,
    /// The API.
    Api,
    /// Chat, completions or embeddings.
    Operation,
    /// The deployment.
    Deployment,
    /// The model that answered.
    Model,
    /// The backend that answered.
    Backend,
    /// The caller's address.
    ClientIp,
}

/// The stretch of time, by the UTC date, that a row is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Per {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

/// What was used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sums {
    /// Answers.
    pub requests: u64,
    /// Answers whose tokens were estimated.
    pub estimated: u64,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Tokens of answers.
    pub completion_tokens: u64,
    /// Tokens of both.
    pub total_tokens: u64,
    /// Tokens of models without a price, which the cost lacks.
    pub unpriced_tokens: u64,
    /// What the others cost.
    pub cost: Cost,
}

/// Usage summed up.
#[derive(Debug)]
pub struct Bill {
    by: Vec<By>,
    per: Option<Per>,
    prices: Option<Prices>,
    /// By the period, if there are any, and the values of `by`.
    rows: BTreeMap<Vec<String>, Sums>,
    known: HashSet<String>,
    /// Tokens of each model without a price.
    unpriced: BTreeMap<String, u64>,
    /// How many events were told again.
    repeated: u64,
    broken: Vec<BrokenLine>,
}

/// A line that is no event.
#[derive(Debug, Error)]
#[error("line {number}: {why}")]
pub struct BrokenLine {
    /// From 1.
    pub number: u64,
    /// What is wrong with it.
    pub why: String,
}

impl Bill {
    /// An empty bill with a row for each combination of `by` in each period.
    pub fn new(by: &[By], per: Option<Per>, prices: Option<Prices>) -> Self {
        let mut own = Vec::new();
        for &by in by {
            if !own.contains(&by) {
                own.push(by);
            }
        }
        Self {
            by: own,
            per,
            prices,
            rows: BTreeMap::new(),
            known: HashSet::new(),
            unpriced: BTreeMap::new(),
            repeated: 0,
            broken: Vec::new(),
        }
    }

    /// Adds the events of `lines`, and remembers which of them are none.
    ///
    /// # Errors
    /// They cannot be read on.
    pub fn read(&mut self, mut lines: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if lines.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            match event(&line) {
                Ok(event) => self.add(&event),
                Err(why) => self.broken.push(BrokenLine { number, why }),
            }
        }
        Ok(())
    }

    /// The sum of all rows.
    pub fn total(&self) -> Sums {
        let mut total = Sums::default();
        for &sums in self.rows.values() {
            total += sums;
        }
        total
    }

    /// What whoever pays should know: lines left out, events told twice, models without a price.
    pub fn remarks(&self) -> Vec<String> {
        const SHOWN: usize = 10;
        let mut remarks: Vec<_> = self
            .broken
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect();
        match self.broken.len() {
            0 => {}
            1 => remarks.push("1 line is no usage event and is left out".to_owned()),
            broken => remarks.push(format!(
                "{broken} lines are no usage events and are left out"
            )),
        }
        if self.repeated > 0 {
            let repeated = self.repeated;
            remarks.push(format!(
                "events told more than once, counted once: {repeated}"
            ));
        }
        for (model, tokens) in &self.unpriced {
            let remark =
                format!("no price for model `{model}`: the cost lacks its {tokens} tokens");
            remarks.push(remark);
        }
        remarks
    }

    fn add(&mut self, event: &UsageEvent) {
        if !self.known.insert(event.event_id.clone()) {
            self.repeated += 1;
            return;
        }
        let model = event.model.as_deref().unwrap_or(NONE);
        let (prompt, completion) = (event.prompt_tokens, event.completion_tokens);
        let price = self.prices.as_ref();
        let cost = price.and_then(|prices| prices.cost(model, prompt, completion));
        let is_unpriced = price.is_some() && cost.is_none();
        if is_unpriced {
            *self.unpriced.entry(model.to_owned()).or_default() += event.total_tokens;
        }
        let sums = Sums {
            requests: 1,
            estimated: event.estimated.into(),
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: event.total_tokens,
            unpriced_tokens: u64::from(is_unpriced) * event.total_tokens,
            cost: cost.unwrap_or_default(),
        };
        *self.rows.entry(self.row(event)).or_default() += sums;
    }

    fn row(&self, event: &UsageEvent) -> Vec<String> {
        let period = self.per.map(|per| per.of(event.time));
        let values = self
            .by
            .iter()
            .map(|by| by.of(event).unwrap_or(NONE).to_owned());
        period.into_iter().chain(values).collect()
    }
}

/// The event that `line` tells.
fn event(line: &[u8]) -> Result<UsageEvent, String> {
    let why = |error: serde_json::Error| error.to_string().replace(" at line 1 column", ", column");
    let event: UsageEvent = serde_json::from_slice(line).map_err(why)?;
    let counts = [
        event.prompt_tokens,
        event.completion_tokens,
        event.total_tokens,
    ];
    if counts.iter().any(|&tokens| tokens > MOST_TOKENS) {
        return Err(format!("expected at most {MOST_TOKENS} tokens of a kind"));
    }
    Ok(event)
}

impl By {
    fn of(self, event: &UsageEvent) -> Option<&str> {
        let value = match self {
            Self::Subscription => &event.subscription,
            Self::Product => &event.product,
            Self::Api => &event.api,
            Self::Operation => &event.operation,
            Self::Deployment => &event.deployment,
            Self::Model => &event.model,
            Self::Backend => &event.backend,
            Self::ClientIp => &event.client_ip,
        };
        value.as_deref()
    }
}

impl Per {
    /// The period that `time` is in, as its date: `2026-01-01T05Z`, `2026-01-01`, `2026-01`.
    fn of(self, time: Timestamp) -> String {
        let text = time.to_string();
        let (date, clock) = text.split_once('T').unwrap_or((&text, ""));
        match self {
            Self::Hour => format!("{date}T{}Z", clock.split(':').next().unwrap_or_default()),
            Self::Day => date.to_owned(),
            Self::Month => date
                .rsplit_once('-')
                .map_or(date, |(month, _)| month)
                .to_owned(),
        }
    }
}

impl Sums {
    /// Whether nothing in it has a price.
    fn is_unpriced(&self) -> bool {
        self.unpriced_tokens > 0 && self.unpriced_tokens == self.total_tokens
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.estimated += other.estimated;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
        self.total_tokens += other.total_tokens;
        self.unpriced_tokens += other.unpriced_tokens;
        self.cost += other.cost;
    }
}

#[cfg(test)]
mod tests;
