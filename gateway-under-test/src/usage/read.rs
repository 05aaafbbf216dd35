//! What an answer, or one event of a streamed one, says: its model, its usage, its texts.

use serde_json::Value;

use super::Usage;

/// No answer has as many tokens: ten times the longest context there is.
pub(crate) const MOST_TOKENS: u64 = 10_000_000;

/// What is said of usage.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Told {
    /// Nothing, or `null`.
    #[default]
    Nothing,
    /// This.
    Usage(Usage),
    /// Something that contradicts itself, or that is no number of tokens.
    Nonsense,
}

/// Longer texts are no names, in bytes.
const LONGEST_NAME: usize = 256;

/// The model `answer` names; Azure's first event names none by an empty text.
pub(super) fn model(answer: &Value) -> Option<&str> {
    let is_name = |text: &&str| (1..=LONGEST_NAME).contains(&text.len());
    answer["model"].as_str().filter(is_name)
}

/// The usage `answer` tells.
pub(super) fn usage(answer: &Value) -> Told {
    match &answer["usage"] {
        Value::Null => Told::Nothing,
        usage => believable(usage).map_or(Told::Nonsense, Told::Usage),
    }
}

fn believable(usage: &Value) -> Option<Usage> {
    let tokens = |value: &Value| value.as_u64().filter(|&tokens| tokens <= MOST_TOKENS);
    let or = |key: &str, absent: u64| match &usage[key] {
        Value::Null => Some(absent),
        value => tokens(value),
    };
    let prompt_tokens = tokens(&usage["prompt_tokens"])?;
    // Embeddings have none.
    let completion_tokens = or("completion_tokens", 0)?;
    let sum = prompt_tokens + completion_tokens;
    let total_tokens = or("total_tokens", sum)?;
    (total_tokens >= sum).then_some(Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens,
        estimated: false,
    })
}

/// Which text of an answer a part belongs to: the choice, and what in it.
pub(super) type Lane = (u8, u8);

/// Each text in `answer` that a model wrote, or each part of one.
///
/// Beyond 256 choices or tools, which nobody offers, texts count as one.
pub(super) fn texts(answer: &Value) -> impl Iterator<Item = (Lane, &str)> {
    let choices = answer["choices"].as_array().into_iter().flatten();
    choices.flat_map(|choice| {
        let index = narrow(&choice["index"], 0);
        of_choice(choice).map(move |(part, text)| ((index, part), text))
    })
}

fn of_choice(choice: &Value) -> impl Iterator<Item = (u8, &str)> {
    let message = match &choice["delta"] {
        Value::Null => &choice["message"],
        delta => delta,
    };
    let function = &message["function_call"];
    let plain = [
        &choice["text"],
        &message["content"],
        &message["refusal"],
        &function["name"],
        &function["arguments"],
    ];
    let plain = plain.into_iter().zip(0..);
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.flat_map(|call| {
        let lane = narrow(&call["index"], 5);
        let function = &call["function"];
        [(&function["name"], lane), (&function["arguments"], lane)]
    });
    plain
        .chain(calls)
        .filter_map(|(text, lane)| Some((lane, text.as_str()?)))
}

/// An index as the number of a lane, from `first`.
fn narrow(index: &Value, first: u8) -> u8 {
    let index = u8::try_from(index.as_u64().unwrap_or_default()).unwrap_or(u8::MAX);
    index.saturating_add(first)
}
