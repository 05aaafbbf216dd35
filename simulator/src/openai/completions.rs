//! `completions`: the request.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::check::{self, Fields, Shape};
use super::options::{self, LogitBias, SHARED, Sampling, Stop, StreamOptions};
use super::{Body, Invalid, Operation};
use crate::model::Model;

/// Assumed: as many prompts as messages or inputs are allowed.
const MOST_PROMPTS: usize = 2_048;

/// Source: <https://platform.openai.com/docs/api-reference/completions/create>.
const MOST_LOGPROBS: u64 = 5;

/// Source: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#completions>.
const MOST_CANDIDATES: u64 = 128;

/// Every field of a completions request; what is not acted on is read for its type only.
///
/// Of `best_of` only the range is looked at: the candidates that lose are not told.
///
/// Source: <https://platform.openai.com/docs/api-reference/completions/create>.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompletionsRequest {
    model: Option<String>,
    prompt: Prompt,
    max_tokens: Option<i64>,
    n: Option<i64>,
    best_of: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    stop: Stop,
    temperature: Option<f64>,
    top_p: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    logit_bias: Option<LogitBias>,
    logprobs: Option<i64>,
    #[serde(rename = "echo")]
    _echo: Option<bool>,
    seed: Option<i64>,
    #[serde(rename = "suffix")]
    _suffix: Option<String>,
    #[serde(rename = "user")]
    _user: Option<String>,
}

/// Beside those of [`SHARED`], the fields with their shapes, to say what is wrong with one.
const FIELDS: &[(&str, Shape)] = &[
    ("prompt", Shape::Any),
    ("best_of", Shape::Integer),
    ("logprobs", Shape::Integer),
    ("echo", Shape::Flag),
    ("suffix", Shape::Text),
];

/// One or several texts, or one or several lists of tokens of which only the lengths matter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Prompt {
    /// Texts.
    Texts(Vec<String>),
    /// Lists of tokens.
    Tokens(Vec<Vec<u32>>),
}

impl CompletionsRequest {
    pub(crate) fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
            .and_then(|wanted| u64::try_from(wanted).ok())
    }

    /// How many answers are wanted: `n` to each prompt.
    pub(crate) fn choices(&self) -> u32 {
        let prompts = u32::try_from(self.prompt.len()).unwrap_or(u32::MAX);
        options::choices(self.n).saturating_mul(prompts)
    }

    /// How many answers are generated to choose from.
    pub(crate) fn candidates(&self) -> u32 {
        let best_of = options::choices(self.best_of.max(self.n));
        self.choices() / options::choices(self.n) * best_of
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    pub(crate) fn includes_usage(&self) -> bool {
        options::includes_usage(self.stream_options.as_ref())
    }

    pub(crate) fn prompt(&self) -> &Prompt {
        &self.prompt
    }

    /// Whether as many candidates are wanted as choices at least.
    ///
    /// Source: the API reference, `best_of`: "must be greater than `n`", "Results cannot be
    /// streamed". Assumed: the words.
    fn best_of_fits(&self) -> Result<(), Invalid> {
        let (Some(best_of), n) = (self.best_of, self.n.unwrap_or(1)) else {
            return Ok(());
        };
        let message = if best_of < n {
            "You requested that the server return more choices than it will generate (HINT: 'best_of' must be at least 'n')."
        } else if best_of > n && self.is_stream() {
            "Results cannot be streamed when 'best_of' is greater than 'n'."
        } else {
            return Ok(());
        };
        Err(Invalid::told(message, Some("best_of"), None))
    }
}

/// What the answer's text is made by.
impl CompletionsRequest {
    /// The texts that end an answer.
    pub(crate) fn stop(&self) -> &[String] {
        &self.stop.0
    }

    pub(crate) fn seed(&self) -> Option<i64> {
        self.seed
    }

    /// How many alternatives are wanted to each token, if its probability is.
    pub(crate) fn logprobs(&self) -> Option<u8> {
        self.logprobs.and_then(|wanted| u8::try_from(wanted).ok())
    }

    pub(crate) fn obfuscates(&self) -> bool {
        options::obfuscates(self.stream_options.as_ref())
    }
}

impl Prompt {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens(lists) => lists.len(),
        }
    }

    /// The length of each text in characters; none of a prompt that came as tokens.
    pub(crate) fn characters(&self) -> Vec<u64> {
        match self {
            Self::Texts(texts) => texts.iter().map(|t| t.chars().count() as u64).collect(),
            Self::Tokens(_) => Vec::new(),
        }
    }

    /// Whether `model` has all tokens that are given by their numbers.
    ///
    /// Assumed: a number out of range is told like any other.
    pub(super) fn suits(&self, param: &str, model: &Model) -> Result<(), Invalid> {
        let Self::Tokens(lists) = self else {
            return Ok(());
        };
        let largest = model.encoding.largest_token();
        let unknown = lists.iter().flatten().find(|&&token| token > largest);
        unknown.map_or(Ok(()), |&found| {
            Err(Invalid::too_large(param, largest.into(), found))
        })
    }

    pub(super) fn first_text(&self) -> Option<&str> {
        match self {
            Self::Texts(texts) => texts.first().map(String::as_str),
            Self::Tokens(_) => None,
        }
    }
}

impl Body for CompletionsRequest {
    const OPERATION: Operation = Operation::Completions;

    fn check(body: &Value) -> Result<(), Invalid> {
        let fields = Fields::of(body)?;
        fields.are(SHARED.iter().chain(FIELDS))?;
        check::prompt("prompt", fields.required("prompt")?)
    }

    fn validate(&self) -> Result<(), Invalid> {
        match self.prompt.len() {
            0 => return Err(Invalid::empty_array("prompt")),
            found if found > MOST_PROMPTS => {
                return Err(Invalid::long_array("prompt", MOST_PROMPTS, found));
            }
            _ => {}
        }
        options::in_range("max_tokens", self.max_tokens, 1, u64::MAX)?;
        options::in_range("n", self.n, 1, options::MOST_CHOICES)?;
        options::in_range("best_of", self.best_of, 1, MOST_CANDIDATES)?;
        options::in_range("logprobs", self.logprobs, 0, MOST_LOGPROBS)?;
        self.best_of_fits()?;
        let sampling = Sampling {
            temperature: self.temperature,
            top_p: self.top_p,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.as_ref(),
            stop: &self.stop,
        };
        sampling.validate()?;
        options::stream_options_fit(self.stream, self.stream_options.as_ref())
    }

    fn suits(&self, model: &Model) -> Result<(), Invalid> {
        self.prompt.suits("prompt", model)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn first_text(&self) -> Option<&str> {
        self.prompt.first_text()
    }
}

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PromptVisitor)
    }
}

struct PromptVisitor;

impl<'de> Visitor<'de> for PromptVisitor {
    type Value = Prompt;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, strings, tokens, or lists of tokens")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Prompt, E> {
        Ok(Prompt::Texts(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Prompt, A::Error> {
        let mut prompt = Prompt::Texts(Vec::new());
        let mut tokens = Vec::new();
        while let Some(item) = items.next_element()? {
            match (item, &mut prompt) {
                (Item::Text(text), Prompt::Texts(texts)) if tokens.is_empty() => texts.push(text),
                (Item::Token(token), Prompt::Texts(texts)) if texts.is_empty() => {
                    tokens.push(token);
                }
                (Item::Tokens(list), Prompt::Tokens(lists)) => lists.push(list),
                (Item::Tokens(list), Prompt::Texts(texts))
                    if texts.is_empty() && tokens.is_empty() =>
                {
                    prompt = Prompt::Tokens(vec![list]);
                }
                _ => return Err(A::Error::custom("expected items of one kind")),
            }
        }
        if tokens.is_empty() {
            Ok(prompt)
        } else {
            Ok(Prompt::Tokens(vec![tokens]))
        }
    }
}

/// An item of a prompt that is an array.
enum Item {
    Text(String),
    Token(u32),
    Tokens(Vec<u32>),
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ItemVisitor)
    }
}

struct ItemVisitor;

impl<'de> Visitor<'de> for ItemVisitor {
    type Value = Item;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a token or a list of tokens")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Item, E> {
        Ok(Item::Text(text.to_owned()))
    }

    fn visit_u64<E: Error>(self, token: u64) -> Result<Item, E> {
        u32::try_from(token).map(Item::Token).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Item, A::Error> {
        let mut tokens = Vec::new();
        while let Some(token) = items.next_element()? {
            tokens.push(token);
        }
        Ok(Item::Tokens(tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(json: &str) -> Result<Prompt, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn prompts_come_in_four_shapes() {
        let texts = |texts: &[&str]| Prompt::Texts(texts.iter().map(|&t| t.into()).collect());
        assert_eq!(prompt(r#""a""#).unwrap(), texts(&["a"]));
        assert_eq!(prompt(r#"["a", "b"]"#).unwrap(), texts(&["a", "b"]));
        assert_eq!(prompt("[1, 2]").unwrap(), Prompt::Tokens(vec![vec![1, 2]]));
        assert_eq!(
            prompt("[[1], [2, 3]]").unwrap(),
            Prompt::Tokens(vec![vec![1], vec![2, 3]])
        );
    }

    #[test]
    fn shapes_are_not_mixed() {
        for mixed in [
            r#"["a", 1]"#,
            r#"[1, "a"]"#,
            "[1, [2]]",
            "[[1], 2]",
            r#"[[1], "a"]"#,
            "[-1]",
            "[4294967296]",
        ] {
            assert!(prompt(mixed).is_err(), "{mixed}");
        }
    }
}
