//! `books.tokens`: the usage that clients are told is what the serving simulator counted.

use super::{Balance, Count};
use crate::judge::case::Case;
use crate::judge::words;
use crate::observation::{Observation, Outcome};
use crate::topology::LedgerEntry;

pub(super) fn close(case: &Case<'_>) -> Balance {
    if let Some(reason) = case.missing_ledger(None) {
        return Balance::NotJudged(reason);
    }
    let mut count = Count::default();
    let mut sums = Sums::default();
    let mut different = 0;
    for (index, request) in case.joined.requests.iter().enumerate() {
        let result = case.result(request);
        let Some(entry) = case
            .serving(request)
            .filter(|_| result.status() == Some(200))
        else {
            continue;
        };
        count.samples += 1;
        if !sums.add(result, entry) {
            different += 1;
            count.against.push(index);
        }
    }
    count.note(
        different,
        "answers with other tokens at the client than in the ledger",
    );
    count.observed = format!(
        "{} prompt and {} completion tokens, equal at client and simulator",
        words::plain(to_f64(sums.prompt)),
        words::plain(to_f64(sums.completion)),
    );
    count.detail = (sums.unfinished > 0).then(|| {
        format!(
            "{} unfinished: simulators yielded {} tokens more than clients received",
            sums.unfinished, sums.gap
        )
    });
    Balance::Counted(count)
}

#[derive(Debug, Default)]
struct Sums {
    prompt: u64,
    completion: u64,
    unfinished: u64,
    gap: u64,
}

impl Sums {
    /// Adds one answer; false if client and ledger disagree about it.
    fn add(&mut self, result: &Observation, entry: &LedgerEntry) -> bool {
        let has_ended = matches!(result.outcome, Outcome::Status(_)) && !result.aborted;
        if !has_ended {
            // Buffers lie between: what the simulator yielded may not have arrived.
            self.unfinished += 1;
            self.gap += entry.tokens_yielded.saturating_sub(result.content_events);
            return result.content_events <= entry.tokens_yielded;
        }
        self.prompt += result.prompt_tokens.unwrap_or(0);
        self.completion += result.completion_tokens.unwrap_or(0);
        let prompt = result
            .prompt_tokens
            .is_none_or(|n| n == entry.prompt_tokens);
        let completion = match result.completion_tokens {
            Some(tokens) => tokens == entry.completion_tokens,
            // A stream without usage: a gateway may put several tokens into one event.
            None => result.content_events <= entry.completion_tokens,
        };
        prompt && completion
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 tokens")]
fn to_f64(number: u64) -> f64 {
    number as f64
}
