//! [`Tap`]: reads the usage of an answer from the bytes that pass, and holds none of them up.

use std::collections::BTreeMap;

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use serde_json::Value;

use super::lines::Events;
use super::read::{self, Lane, Told};
use super::reduced::Reduced;
use super::text::Text;
use super::tokens::by_thumb;
use super::{Encoding, Prompt, Usage};
use crate::peek;

/// So many texts of an answer are counted apart, each with its own memory; nobody offers as many
/// choices and tools. Further ones count as part of the first.
const MOST_TEXTS: usize = 256;

/// What an answer tells of usage, read while it passes.
#[derive(Debug)]
pub(crate) struct Tap {
    form: Form,
    prompt: Prompt,
    /// Whether the prompt is being counted, in case the answer does not tell.
    has_begun: bool,
    said: Said,
}

/// How the answer is written.
#[derive(Debug)]
enum Form {
    Events(Events),
    Json(Reduced),
    /// Compressed, in a way we did not ask for: this many bytes.
    Opaque(u64),
    /// All of it was read before.
    Read,
}

/// What the answer has said so far.
#[derive(Debug, Default)]
struct Said {
    model: Option<String>,
    told: Told,
    encoding: Option<Encoding>,
    texts: BTreeMap<Lane, Text>,
    /// Bytes of texts that were not counted.
    weighed: u64,
}

/// What was read of an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Reading {
    pub(crate) usage: Usage,
    /// The model that answered, as it calls itself.
    pub(crate) model: Option<String>,
    /// Whether it told a usage that was not believed.
    pub(crate) is_disbelieved: bool,
}

impl Tap {
    /// Reads an answer with these `headers` to a request with this `prompt`.
    pub(crate) fn new(headers: &HeaderMap, prompt: Prompt) -> Self {
        let is_stream = peek::is_event_stream(headers);
        let form = match headers.get(CONTENT_ENCODING) {
            Some(encoding) if encoding != "identity" => Form::Opaque(0),
            _ if is_stream => Form::Events(Events::default()),
            _ => Form::Json(Reduced::default()),
        };
        let said = Said {
            encoding: prompt.encoding(),
            ..Said::default()
        };
        Self {
            // A stream often does not tell, and its end cannot wait.
            has_begun: is_stream && prompt.begin(),
            form,
            prompt,
            said,
        }
    }

    /// Reads what passes now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        match &mut self.form {
            Form::Events(events) => events.feed(bytes, |event| self.said.event(event)),
            Form::Json(answer) => answer.feed(bytes),
            Form::Opaque(weight) => *weight += bytes.len() as u64,
            Form::Read => {}
        }
    }

    /// What the answer came to, as far as it has passed.
    pub(crate) fn finish(&mut self) -> Reading {
        match std::mem::replace(&mut self.form, Form::Read) {
            Form::Events(mut events) => events.finish(|event| self.said.event(event)),
            Form::Json(answer) => {
                let (answer, lost) = answer.finish();
                self.said.note(&answer);
                self.said.weighed += lost;
            }
            Form::Opaque(weight) => self.said.weighed += weight,
            Form::Read => {}
        }
        Reading {
            usage: match self.said.told {
                Told::Usage(usage) => usage,
                Told::Nothing | Told::Nonsense => self.estimate(),
            },
            model: self.said.model.clone(),
            is_disbelieved: self.said.told == Told::Nonsense,
        }
    }

    fn estimate(&self) -> Usage {
        let said = &self.said;
        let encoding = said.encoding();
        let texts = said.texts.values().map(|text| text.tokens(encoding));
        let completion = texts.sum::<u64>() + by_thumb(said.weighed);
        let prompt = self.prompt.tokens_now(self.has_begun, said.encoding);
        Usage::estimated(prompt, completion)
    }
}

impl Said {
    /// Takes the data of an event; `[DONE]` and whatever else is no JSON says nothing.
    fn event(&mut self, data: &[u8]) {
        if let Ok(event) = serde_json::from_slice(data) {
            self.note(&event);
        }
    }

    fn note(&mut self, answer: &Value) {
        if let (None, Some(model)) = (&self.model, read::model(answer)) {
            self.model = Some(model.to_owned());
            self.encoding = self.encoding.or_else(|| Encoding::of_model(model));
        }
        // The last word counts: some backends tell the usage so far with every event.
        match read::usage(answer) {
            Told::Nothing => {}
            told => self.told = told,
        }
        let encoding = self.encoding();
        for (lane, text) in read::texts(answer) {
            let has_room = self.texts.len() < MOST_TEXTS || self.texts.contains_key(&lane);
            let lane = if has_room { lane } else { Lane::default() };
            self.texts.entry(lane).or_default().push(text, encoding);
        }
    }

    fn encoding(&self) -> Encoding {
        self.encoding.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
