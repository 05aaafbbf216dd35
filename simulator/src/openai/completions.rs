//! `completions`: the request.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::check::{self, Fields};
use super::options::{self, StreamOptions};
use super::{Body, Invalid, Operation};

/// Assumed: as many prompts as messages or inputs are allowed.
const MOST_PROMPTS: usize = 2_048;

/// The fields of a completions request that the simulator acts on.
#[derive(Debug, Deserialize)]
pub(crate) struct CompletionsRequest {
    model: Option<String>,
    prompt: Prompt,
    max_tokens: Option<i64>,
    n: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
}

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

    pub(crate) fn is_stream(&self) -> bool {
        self.stream == Some(true)
    }

    pub(crate) fn includes_usage(&self) -> bool {
        options::includes_usage(self.stream_options.as_ref())
    }

    pub(crate) fn prompt(&self) -> &Prompt {
        &self.prompt
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
        fields.text("model")?;
        check::prompt("prompt", fields.required("prompt")?)?;
        fields.integers(&["max_tokens", "n"])?;
        fields.streaming()
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
        options::stream_options_fit(self.stream, self.stream_options.as_ref())
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
