//! What tokens each party says were used, and what they cost.
//!
//! Five books of the same thing: the usage that clients are told, the gateway's log, its events,
//! its metrics page and the ledgers. A cost is computed here from the tokens of whichever book
//! is asked, at the prices of the scenario, so that costs differ only where tokens or models do.

use super::case::{Case, PhaseBy, Place};
use super::label::Found;
use super::page::Series;
use crate::gate::{Label, Metric, Selection};
use crate::plan::Price;
use crate::topology::UsageEvent;

/// Counter of tokens on the metrics page, by dimension and `kind`.
const TOKENS: &str = "gateway_usage_tokens_total";

/// Counter of events that a sink did not take.
const DROPPED: &str = "gateway_usage_events_dropped_total";

/// What a dimension says where there is nothing to say.
// Source: https://learn.microsoft.com/azure/api-management/llm-emit-token-metric-policy (read
// 2026-08), default values of dimensions.
const NO_VALUE: &str = "N/A";

/// What of the tokens a metric adds up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum UsedTokens {
    Prompt,
    Completion,
    Both,
    Cost,
}

/// The tokens of one record, as far as it tells them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Used {
    prompt: Option<f64>,
    completion: Option<f64>,
    total: Option<f64>,
}

impl UsedTokens {
    /// What `metric` adds up, if it is of used tokens.
    pub(super) fn of(metric: Metric) -> Option<Self> {
        match metric {
            Metric::PromptTokens => Some(Self::Prompt),
            Metric::CompletionTokens => Some(Self::Completion),
            Metric::TotalTokens => Some(Self::Both),
            Metric::Cost => Some(Self::Cost),
            _ => None,
        }
    }
}

impl Used {
    /// Told as prompt and completion, and together both.
    fn told(prompt: Option<u64>, completion: Option<u64>) -> Self {
        let both = || prompt.unwrap_or_default() + completion.unwrap_or_default();
        Self {
            prompt: prompt.map(number),
            completion: completion.map(number),
            total: prompt.or(completion).map(|_| number(both())),
        }
    }

    /// What both cost at this price.
    fn at(self, price: Price) -> f64 {
        let prompt = self.prompt.unwrap_or_default() * price.prompt_per_million;
        let completion = self.completion.unwrap_or_default() * price.completion_per_million;
        (prompt + completion) / 1e6
    }
}

impl<'a> Case<'a> {
    /// The gateway's usage events; none without any.
    pub(crate) fn events(&self) -> &'a [UsageEvent] {
        let events = self.evidence.usage_events.given();
        events.map_or(&[], Vec::as_slice)
    }

    /// The tokens that the record at `place` tells, or their cost; none where it tells none.
    pub(super) fn used_tokens(&self, what: UsedTokens, place: &Place) -> Option<f64> {
        let used = self.used(place)?;
        match what {
            UsedTokens::Prompt => used.prompt,
            UsedTokens::Completion => used.completion,
            UsedTokens::Both => used.total,
            UsedTokens::Cost => {
                let price = self.facts.price(self.model_at(place)?)?;
                used.total.map(|_| used.at(price))
            }
        }
    }

    fn used(&self, place: &Place) -> Option<Used> {
        match place {
            Place::Request(index) => {
                let result = self.result(self.request(*index));
                Some(Used::told(result.prompt_tokens, result.completion_tokens))
            }
            Place::Ledger(name, index) => {
                let entry = self.ledger_entry(name, *index);
                Some(Used::told(
                    Some(entry.prompt_tokens),
                    Some(entry.completion_tokens),
                ))
            }
            Place::Event(index) => {
                let event = &self.events()[*index];
                let told = Used::told(Some(event.prompt_tokens), Some(event.completion_tokens));
                // What it says itself, so that it can be held against the two.
                Some(Used {
                    total: Some(number(event.total_tokens)),
                    ..told
                })
            }
            Place::Gateway(index) => {
                let usage = self.log()[*index].usage?;
                let told = Used::told(Some(usage.prompt_tokens), Some(usage.completion_tokens));
                Some(Used {
                    total: Some(number(usage.total_tokens)),
                    ..told
                })
            }
            Place::Series(index) => Used::of_series(&self.series[*index]),
            Place::ClientAttempt(_) | Place::GatewayAttempt(..) => None,
        }
    }

    /// Whether the gateway's log tells the usage of any answer, or has no answer at all.
    pub(super) fn log_tells_usage(&self) -> bool {
        let mut answers = self
            .log()
            .iter()
            .filter(|entry| entry.status == 200)
            .peekable();
        answers.peek().is_none() || answers.any(|entry| entry.usage.is_some())
    }

    /// Usage events that the series of the metrics page says were dropped.
    pub(super) fn dropped_events(&self, index: usize) -> Option<f64> {
        let series = &self.series[index];
        (series.name == DROPPED).then_some(series.value)
    }

    /// The model whose tokens the record at `place` tells, as its deployment names it.
    pub(super) fn model_at(&self, place: &Place) -> Option<&str> {
        let facts = self.facts;
        match place {
            Place::Request(index) => {
                let request = self.request(*index);
                let served = request.serving.map(|at| &request.attempts[at]);
                let booked = served.and_then(|attempt| {
                    let deployment = self.booked(attempt).deployment.as_deref()?;
                    facts.model_of(&attempt.simulator, deployment)
                });
                booked.or_else(|| {
                    let class = facts.class(&self.result(request).class)?;
                    facts.model_somewhere(&class.deployment)
                })
            }
            Place::Ledger(name, index) => {
                let deployment = self.ledger_entry(name, *index).deployment.as_deref()?;
                facts.model_of(name, deployment)
            }
            Place::Gateway(index) => Some(facts.model_named(self.log()[*index].model.as_deref()?)),
            Place::Event(index) => Some(facts.model_named(self.events()[*index].model.as_deref()?)),
            Place::Series(index) => {
                Some(facts.model_named(self.series[*index].dimension(&Label::Model)?))
            }
            Place::ClientAttempt(_) | Place::GatewayAttempt(..) => None,
        }
    }

    /// What a usage event itself says of `label`; none if that is told by its request.
    pub(super) fn label_of_event(&self, index: usize, label: &Label) -> Option<Found<'_>> {
        let event = &self.events()[index];
        Some(match label {
            Label::Status => Found::Number(event.status.into()),
            Label::Backend => event.backend.as_deref().into(),
            Label::Deployment => event.deployment.as_deref().into(),
            Label::Operation => event.operation.as_deref().into(),
            Label::Subscription => event.subscription.as_deref().into(),
            Label::Product => event.product.as_deref().into(),
            Label::Streamed => Found::Flag(event.streamed),
            Label::Aborted => Found::Flag(event.aborted),
            Label::Estimated => Found::Flag(event.estimated),
            _ => return None,
        })
    }

    /// What a series of the metrics page says of `label`.
    pub(super) fn label_of_series(&self, index: usize, label: &Label) -> Found<'_> {
        match label {
            Label::Model => self.model_at(&Place::Series(index)).into(),
            _ => self.series[index].dimension(label).into(),
        }
    }

    /// Whether any usage series of the metrics page tells `label`, or there is none at all.
    pub(super) fn page_tells(&self, label: &Label) -> bool {
        let mut usage = self.series.iter().filter(|s| s.name == TOKENS).peekable();
        let name = dimension(label);
        usage.peek().is_none() || usage.any(|series| series.labels.contains_key(&name))
    }

    /// A model in the records of `selection` that has no price, if its metric is a cost.
    ///
    /// A cost without such records would be too low in silence.
    pub(super) fn unpriced(&self, selection: &Selection) -> Option<String> {
        if selection.metric != Metric::Cost {
            return None;
        }
        let tokens = Selection {
            metric: Metric::TotalTokens,
            ..selection.clone()
        };
        let used = self.select(&tokens, PhaseBy::Planned).into_iter();
        let mut models = used.filter(|record| record.value > 0.0).map(|record| {
            let model = self.model_at(&record.place);
            model.map_or_else(|| "none".to_owned(), str::to_owned)
        });
        models.find(|model| self.facts.price(model).is_none())
    }
}

impl Series {
    /// What it says of the dimension `label`.
    fn dimension(&self, label: &Label) -> Option<&str> {
        let told = self.labels.get(&dimension(label)).map(String::as_str);
        told.filter(|value| *value != NO_VALUE)
    }
}

impl Used {
    fn of_series(series: &Series) -> Option<Self> {
        if series.name != TOKENS {
            return None;
        }
        let is_of = |kind: &str| series.labels.get("kind").is_some_and(|found| found == kind);
        Some(Self {
            prompt: is_of("prompt").then_some(series.value),
            completion: is_of("completion").then_some(series.value),
            total: (is_of("prompt") || is_of("completion")).then_some(series.value),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "fewer than 2^53 tokens")]
fn number(tokens: u64) -> f64 {
    tokens as f64
}

/// How the metrics page names the dimension `label`.
fn dimension(label: &Label) -> String {
    match label.header() {
        Some(header) => format!("header_{}", header.replace('-', "_")),
        None => label.name().to_owned(),
    }
}
