//! What several operations are told alike: how many answers, how to draw, when to stop, and
//! how to stream.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Invalid;
use super::check::Shape;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>.
pub(super) const MOST_CHOICES: u64 = 128;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>: "Up to 4 sequences".
const MOST_STOPS: usize = 4;

/// The fields of chats and completions alike, with their shapes.
pub(super) const SHARED: &[(&str, Shape)] = &[
    ("model", Shape::Text),
    ("max_tokens", Shape::Integer),
    ("n", Shape::Integer),
    ("stream", Shape::Flag),
    ("stream_options", Shape::Object),
    ("stop", Shape::Texts),
    ("temperature", Shape::Decimal),
    ("top_p", Shape::Decimal),
    ("presence_penalty", Shape::Decimal),
    ("frequency_penalty", Shape::Decimal),
    ("logit_bias", Shape::Object),
    ("seed", Shape::Integer),
    ("user", Shape::Text),
];

/// How to stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
    include_obfuscation: Option<bool>,
}

/// The texts that end an answer.
#[derive(Debug, Default)]
pub(super) struct Stop(pub(super) Vec<String>);

/// Biases by the number of the token.
pub(super) type LogitBias = BTreeMap<String, f64>;

/// How tokens are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampling<'a> {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) presence_penalty: Option<f64>,
    pub(super) frequency_penalty: Option<f64>,
    pub(super) logit_bias: Option<&'a LogitBias>,
    pub(super) stop: &'a Stop,
}

impl Sampling<'_> {
    /// Source of the ranges: <https://platform.openai.com/docs/api-reference/chat/create>.
    pub(super) fn validate(&self) -> Result<(), Invalid> {
        decimal_in_range("temperature", self.temperature, 0.0, 2.0)?;
        decimal_in_range("top_p", self.top_p, 0.0, 1.0)?;
        decimal_in_range("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        decimal_in_range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        if self.stop.0.len() > MOST_STOPS {
            return Err(Invalid::long_array("stop", MOST_STOPS, self.stop.0.len()));
        }
        for (token, &bias) in self.logit_bias.into_iter().flatten() {
            if token.parse::<u32>().is_err() {
                return Err(Invalid::logit_bias_key(token));
            }
            // Assumed: a bias out of range is told like any other number.
            decimal_in_range(&format!("logit_bias.{token}"), Some(bias), -100.0, 100.0)?;
        }
        Ok(())
    }
}

/// A count that was checked before.
pub(super) fn choices(n: Option<i64>) -> u32 {
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

pub(super) fn includes_usage(options: Option<&StreamOptions>) -> bool {
    options.is_some_and(|options| options.include_usage == Some(true))
}

/// Whether a stream's frames are made of like lengths, which they are unless that is refused.
pub(super) fn obfuscates(options: Option<&StreamOptions>) -> bool {
    options.is_none_or(|options| options.include_obfuscation != Some(false))
}

/// Checks `value`, where it is given, against its range.
pub(super) fn in_range(
    name: &str,
    value: Option<i64>,
    least: u64,
    most: u64,
) -> Result<(), Invalid> {
    let Some(value) = value else { return Ok(()) };
    match u64::try_from(value) {
        Ok(number) if number > most => Err(Invalid::too_large(name, most, number)),
        Ok(number) if number >= least => Ok(()),
        Ok(_) | Err(_) => Err(Invalid::too_small(name, least, value)),
    }
}

fn decimal_in_range(name: &str, value: Option<f64>, least: f64, most: f64) -> Result<(), Invalid> {
    match value {
        Some(value) if value < least => Err(Invalid::decimal_too_small(name, least, value)),
        Some(value) if value > most => Err(Invalid::decimal_too_large(name, most, value)),
        _ => Ok(()),
    }
}

/// Checks that `stream_options` stand only where a stream is asked for.
pub(super) fn stream_options_fit(
    stream: Option<bool>,
    options: Option<&StreamOptions>,
) -> Result<(), Invalid> {
    match options {
        Some(_) if stream != Some(true) => Err(Invalid::stream_options_without_stream()),
        _ => Ok(()),
    }
}

impl<'de> Deserialize<'de> for Stop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StopVisitor)
    }
}

struct StopVisitor;

impl<'de> Visitor<'de> for StopVisitor {
    type Value = Stop;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of strings")
    }

    fn visit_unit<E: Error>(self) -> Result<Stop, E> {
        Ok(Stop::default())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Stop, E> {
        Ok(Stop(vec![text.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Stop, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(Stop(texts))
    }
}
