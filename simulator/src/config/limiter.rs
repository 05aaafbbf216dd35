//! [`Limiter`]: which requests a deployment admits, as written and as it runs.

use std::num::{NonZeroU32, NonZeroU64};

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RateLimitHeader;
use crate::model::Model;

/// The rule by which a deployment admits requests.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimiterKind {
    /// Sliding windows: charged tokens in 60 s and requests in 10 s, as Azure did until 2024.
    Legacy,
    /// Buckets of tokens and requests that refill continuously, as Azure does since 2025.
    Modern,
    /// Buckets with the waits and resets that OpenAI tells.
    #[serde(rename = "openai")]
    OpenAi,
    /// Utilization of provisioned throughput.
    Provisioned,
    /// Admits everything.
    None,
}

/// Which requests a deployment admits; one variant per kind with exactly its own parameters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limiter {
    /// Everything.
    None,
    /// Sliding windows of 60 s of tokens and, unless said otherwise, 10 s of requests.
    Legacy(Rate),
    /// Buckets that refill continuously, told in Azure's words.
    Modern {
        /// Sizes of the buckets; 1 request per 1,000 tokens where it names no requests.
        rate: Rate,
        /// Whether a refused request counts as a request.
        refused_are_charged: bool,
    },
    /// Buckets that refill continuously, told in OpenAI's words.
    OpenAi {
        /// Sizes of the buckets; requests are not limited where it names none.
        rate: Rate,
        /// Requests that drain in a day, for the tiers that are limited so.
        requests_per_day: Option<NonZeroU64>,
    },
    /// Utilization of provisioned throughput.
    Provisioned(Provisioned),
}

/// Tokens and requests per minute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Tokens that may be charged in a minute.
    pub tokens_per_minute: NonZeroU64,
    /// Requests per minute; `None` = what comes with the tokens.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Over which requests are counted, instead of what the kind does.
    pub requests_window: Option<RequestsWindow>,
}

/// Over which requests per minute are enforced.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RequestsWindow {
    /// A sixtieth of them in a second.
    #[serde(rename = "1s")]
    Second,
    /// A sixth of them in ten seconds.
    #[serde(rename = "10s")]
    TenSeconds,
    /// All of them in a minute.
    #[serde(rename = "60s")]
    Minute,
}

/// Provisioned throughput.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Provisioned {
    /// Units bought.
    pub ptus: NonZeroU32,
    /// What each of them processes.
    pub throughput: Throughput,
    /// What 100 % utilization are: the throughput of this time.
    pub utilization_window: Span,
    /// Tokens of the longest prompt it takes, where that is less than the context.
    pub longest_prompt: Option<u32>,
}

/// What a unit of provisioned throughput processes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Throughput {
    /// Tokens of input per minute and unit.
    pub input_tokens_per_minute_per_ptu: NonZeroU64,
    /// How many tokens of input a token of output weighs.
    pub output_ratio: NonZeroU32,
}

impl Provisioned {
    /// Tokens of input that all units process in a minute.
    pub fn input_tokens_per_minute(&self) -> u64 {
        let each = self.throughput.input_tokens_per_minute_per_ptu.get();
        each.saturating_mul(self.ptus.get().into())
    }

    /// Tokens of input that cost as much as a prompt and its answer.
    pub(crate) fn input_equivalent(&self, prompt: u64, answer: u64) -> u64 {
        let answer = answer.saturating_mul(self.throughput.output_ratio.get().into());
        prompt.saturating_add(answer)
    }
}

impl Throughput {
    /// What a unit processes of `model`, where that is published.
    ///
    /// Source: "provisioned-throughput-sizing", learn.microsoft.com (read 2026-05).
    pub fn of(model: &Model) -> Option<Self> {
        let (input, ratio) = match model.name {
            "gpt-5" | "gpt-5.1" => (4_750, 8),
            "gpt-5-mini" => (23_750, 8),
            "gpt-4.1" | "o3" => (3_000, 4),
            "gpt-4.1-mini" => (14_900, 4),
            "gpt-4.1-nano" => (59_400, 4),
            "gpt-4o" | "o3-mini" => (2_500, 4),
            "gpt-4o-mini" => (37_000, 4),
            "o4-mini" => (5_400, 4),
            "o1" => (230, 4),
            _ => return None,
        };
        Some(Self {
            input_tokens_per_minute_per_ptu: NonZeroU64::new(input)?,
            output_ratio: NonZeroU32::new(ratio)?,
        })
    }

    /// The longest prompt that provisioned deployments of `model` take, in tokens.
    ///
    /// Source: as above, "prompts of more than 128 K tokens are refused" for the gpt-4.1 family.
    pub(crate) fn longest_prompt(model: &Model) -> Option<u32> {
        model.name.starts_with("gpt-4.1").then_some(128_000)
    }
}

/// What a refusal says on Azure's paths.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalText {
    /// "Requests to the … Operation under Azure OpenAI API version … have exceeded …": until 2025.
    Classic,
    /// "Rate limit is exceeded. Try again in 4 seconds.": the newer gateway.
    Gateway,
    /// "Your requests to … for … in … have exceeded …": since November 2025.
    Deployment,
    /// "The system is currently experiencing high demand …": shared capacity is short.
    Capacity,
}

impl Limiter {
    /// The name of its kind.
    pub fn kind(&self) -> LimiterKind {
        match self {
            Self::None => LimiterKind::None,
            Self::Legacy(_) => LimiterKind::Legacy,
            Self::Modern { .. } => LimiterKind::Modern,
            Self::OpenAi { .. } => LimiterKind::OpenAi,
            Self::Provisioned(_) => LimiterKind::Provisioned,
        }
    }

    /// Tokens and requests per minute, where it limits these.
    pub fn rate(&self) -> Option<Rate> {
        match *self {
            Self::Legacy(rate) | Self::Modern { rate, .. } | Self::OpenAi { rate, .. } => {
                Some(rate)
            }
            Self::None | Self::Provisioned(_) => None,
        }
    }
}

impl LimiterKind {
    /// Its name in files.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Modern => "modern",
            Self::OpenAi => "openai",
            Self::Provisioned => "provisioned",
            Self::None => "none",
        }
    }

    /// What a refusal of it says where nothing is configured.
    ///
    /// Assumed for provisioned throughput, of which no refusal is published.
    pub(crate) const fn refusal_text(self) -> RefusalText {
        match self {
            Self::Legacy | Self::OpenAi | Self::None => RefusalText::Classic,
            Self::Modern | Self::Provisioned => RefusalText::Gateway,
        }
    }

    /// The headers of its time: of legacy what microsoft/aoai-api-simulator sends, of the others
    /// what was recorded in 2025 and 2026.
    pub(crate) const fn rate_limit_headers(self) -> &'static [RateLimitHeader] {
        use RateLimitHeader::{
            Limit, PolicyId, Remaining, RenewalPeriod, Reset, RetryAfter, RetryAfterMs, Utilization,
        };
        match self {
            Self::Legacy | Self::None => &[Remaining, RetryAfter, Reset],
            Self::Modern => &[
                Limit,
                Remaining,
                Reset,
                RenewalPeriod,
                RetryAfter,
                RetryAfterMs,
                PolicyId,
            ],
            Self::OpenAi => &[Limit, Remaining, Reset, RetryAfter, RetryAfterMs],
            Self::Provisioned => &[Utilization, RetryAfter, RetryAfterMs],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_chat_models_have_a_published_throughput() {
        let throughput = |name| Throughput::of(Model::find(name).unwrap());
        let gpt_4o = throughput("gpt-4o").unwrap();
        assert_eq!(gpt_4o.input_tokens_per_minute_per_ptu.get(), 2_500);
        assert_eq!(gpt_4o.output_ratio.get(), 4);
        assert_eq!(throughput("text-embedding-ada-002"), None);
    }
}
