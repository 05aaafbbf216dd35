//! Usage: the tokens a request came to, told by the answer or estimated, and who used them.
//!
//! An answer passes byte for byte; the [tap](Tap) reads its `usage` on the side. Where there is
//! none (a stream that was not asked for it, an answer cut short) or where it contradicts itself,
//! prompt and relayed text are counted with the model's tokenizer, and the usage says that it is
//! `estimated`. To believe any number instead would let a backend that counts badly bend limits
//! and bills unseen.

mod accounts;
mod estimate;
mod event;
mod lines;
mod metrics;
mod read;
mod reduced;
mod sink;
mod tap;
mod text;
mod tokens;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::accounts::{Accounts, OpenAccount};
pub(crate) use self::estimate::Prompt;
pub use self::event::UsageEvent;
pub(crate) use self::metrics::UsageMetrics;
pub(crate) use self::read::MOST_TOKENS;
pub(crate) use self::tap::Tap;
pub use self::tokens::Encoding;

/// The tokens of one request.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Usage {
    /// Of what was asked.
    pub prompt_tokens: u64,
    /// Of what was answered; 0 for embeddings.
    pub completion_tokens: u64,
    /// Of both; more where the backend counts what it does not show.
    pub total_tokens: u64,
    /// Whether they were counted here, because the answer did not tell or was not believed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

impl Usage {
    /// A usage counted here.
    pub(crate) fn estimated(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            estimated: true,
        }
    }
}
