//! [`PromptCache`]: which beginnings of prompts a deployment still knows.
//!
//! A prompt is kept when it is admitted, not when its answer begins: a second one that comes
//! meanwhile finds it already. Kept are hashes of its prefixes, so the memory is bounded
//! whatever is asked; when it is full, what was not used lately goes first.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clock::Moment;

use crate::deployment::Target;
use crate::exchange::Exchange;
use crate::openai::ChatRequest;
use crate::tokens::tools::Costs;
use crate::tokens::{Lately, Prefixes, SHORTEST_PREFIX, meaning};

/// How long a prompt is kept that is not used again.
///
/// Source: <https://learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching>: "typically
/// clears caches within 5 to 10 minutes of inactivity". Assumed: the earlier end.
const KEPT: Duration = Duration::from_mins(5);

/// How long a prompt is kept that asks for extended retention. Source: as above.
const KEPT_LONG: Duration = Duration::from_hours(24);

/// Each of the two generations holds this many prefixes: 32 bytes each, under six megabytes
/// together, which is a hundred prompts that fill a window of 100,000 tokens.
const GENERATION: usize = 80 * 1024;

/// The beginnings of prompts that are known, of all deployments of a simulator.
#[derive(Debug)]
pub(crate) struct PromptCache(Mutex<Lately<(u64, u64), Moment>>);

/// A prompt that may be kept.
#[derive(Clone, Debug)]
pub(crate) struct Keepable {
    /// Whose cache: a deployment's, and a part of it where the request names one.
    scope: u64,
    prefixes: Prefixes,
    kept: Duration,
}

impl Default for PromptCache {
    fn default() -> Self {
        Self(Mutex::new(Lately::new(GENERATION)))
    }
}

impl PromptCache {
    /// How many tokens of `prompt` are known at `now`: those of its longest prefix that is.
    fn cached(&self, prompt: &Keepable, now: Moment) -> u64 {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = |hash: &u64| {
            let until = known.get(&(prompt.scope, *hash));
            until.is_some_and(|&until| now < until)
        };
        let longest = prompt.prefixes.hashes().iter().rposition(is_known);
        longest.map_or(0, Prefixes::tokens)
    }

    /// Knows no prompt any more.
    pub(crate) fn forget(&self) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known = Lately::new(GENERATION);
    }

    /// Keeps `prompt`, which is used at `now`.
    pub(crate) fn keep(&self, prompt: &Keepable, now: Moment) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &hash in prompt.prefixes.hashes() {
            known.insert((prompt.scope, hash), now + prompt.kept);
        }
    }
}

/// How many of a chat's `tokens` are cached; the exchange keeps the prompt once it is admitted.
pub(crate) async fn cached_tokens(
    exchange: &mut Exchange,
    target: &Target,
    request: &ChatRequest,
    definitions: &Costs,
    tokens: u64,
) -> u64 {
    if tokens < SHORTEST_PREFIX || !target.caches_prompts() {
        return 0;
    }
    let model = target.model();
    let shared = &exchange.received.shared;
    let spans = request.spans(definitions, model);
    let prompt = Keepable {
        scope: meaning((target.name(), model.name, request.prompt_cache_key())),
        prefixes: shared.counter.prefixes(model.encoding, &spans).await,
        kept: if request.is_kept_long() {
            KEPT_LONG
        } else {
            KEPT
        },
    };
    let cached = shared.prompts.cached(&prompt, shared.clock.now());
    exchange.prompt = Some(prompt);
    cached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{Counter, Encoding, Span};

    async fn prompt(scope: u64, text: &str) -> Keepable {
        let spans = [Span::text(text)];
        let prefixes = Counter::default().prefixes(Encoding::O200k, &spans).await;
        Keepable {
            scope,
            prefixes,
            kept: KEPT,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_prompt_is_known_until_five_minutes_after_its_last_use() {
        let cache = PromptCache::default();
        let prompt = prompt(1, &" the".repeat(1_200)).await;
        let at = |seconds| Moment::ZERO + Duration::from_secs(seconds);
        assert_eq!(cache.cached(&prompt, at(0)), 0);
        cache.keep(&prompt, at(0));
        assert_eq!(cache.cached(&prompt, at(299)), 1_152);
        cache.keep(&prompt, at(299));
        assert_eq!(cache.cached(&prompt, at(598)), 1_152);
        assert_eq!(cache.cached(&prompt, at(599)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn deployments_do_not_share_what_they_know() {
        let cache = PromptCache::default();
        let text = " the".repeat(1_200);
        cache.keep(&prompt(1, &text).await, Moment::ZERO);
        assert_eq!(cache.cached(&prompt(2, &text).await, Moment::ZERO), 0);
    }
}
