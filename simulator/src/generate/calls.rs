//! What an answer consists of where a request asks for more than text: calls of tools, JSON.

use rand::distr::Alphanumeric;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::schema::Schema;
use super::{Call, Part, Reply};
use crate::config::{CallsWhen, ToolCalls};
use crate::openai::{ChatRequest, Choice, Finish, Invalid, Offer, ResponseFormat};
use crate::seed::{Key, Purpose};
use crate::tokens::tools::call_overhead;
use crate::tokens::{Encoding, Tokens};

/// What the answers to a chat are made of.
#[derive(Debug, Default)]
pub(crate) struct Structure {
    calls: Option<Calls>,
    /// What the text has to follow.
    json: Option<Schema>,
}

/// Calls that an answer has or may have.
#[derive(Debug)]
struct Calls {
    functions: Vec<(String, Option<Schema>)>,
    choice: Choice,
    /// How likely they are.
    probability: f64,
    at_once: usize,
}

impl Structure {
    /// Reads what `request` asks for; `tool_calls` is what a model left to itself does.
    ///
    /// # Errors
    /// Where a schema has no instance, or none that could be written.
    pub(crate) fn of(request: &ChatRequest, tool_calls: ToolCalls) -> Result<Self, Invalid> {
        let results = request.ends_with_results();
        let calls = request
            .tools()
            .map(|offer| Calls::of(&offer, tool_calls, results));
        let format = request.response_format();
        let json = match format {
            ResponseFormat::Text => None,
            ResponseFormat::JsonObject => Some(any_object()),
            ResponseFormat::JsonSchema { schema, .. } => Some(Schema::compile(schema)),
        };
        let json = json
            .transpose()
            .map_err(|unmet| format.invalid(&unmet.to_string()))?;
        let calls = calls.transpose()?;
        Ok(Self { calls, json })
    }

    /// The answer numbered `index`; `None` where it is mere text.
    pub(crate) fn reply(&self, key: Key, index: u32, encoding: Encoding) -> Option<Reply> {
        if self.calls.is_none() && self.json.is_none() {
            return None;
        }
        let rng = &mut key.numbered(index.into()).rng(Purpose::Structure);
        if let Some(calls) = &self.calls
            && rng.random_bool(calls.probability)
        {
            return Some(calls.reply(rng, encoding));
        }
        let text = self.json.as_ref()?.draw(rng).to_string();
        let content = Part::Content(Tokens::of(encoding, text));
        Some(Reply::of(vec![content], Finish::Stop))
    }
}

/// What is answered where any JSON object will do.
fn any_object() -> Result<Schema, super::schema::Unmet> {
    Schema::compile(&serde_json::json!({
        "type": "object",
        "properties": { "answer": { "type": "string", "minLength": 40 } },
        "required": ["answer"],
    }))
}

impl Calls {
    fn of(offer: &Offer<'_>, tool_calls: ToolCalls, results: bool) -> Result<Self, Invalid> {
        let functions = offer.functions.iter().map(|(index, function)| {
            let schema = function
                .parameters
                .as_ref()
                .map(Schema::compile)
                .transpose();
            let schema = schema.map_err(|unmet| function.invalid(*index, &unmet.to_string()))?;
            Ok((function.name.clone(), schema))
        });
        let probability = match (offer.choice, tool_calls.when) {
            (Choice::Required | Choice::Named, _) | (Choice::Auto, CallsWhen::Always) => 1.0,
            (Choice::Auto, CallsWhen::Asked(_)) if results => 0.0,
            (Choice::Auto, CallsWhen::Asked(probability)) => probability,
        };
        Ok(Self {
            functions: functions.collect::<Result<_, _>>()?,
            choice: offer.choice,
            probability,
            at_once: if offer.is_parallel {
                tool_calls.at_once.get() as usize
            } else {
                1
            },
        })
    }

    /// Calls of different functions, as long as there are any.
    fn reply(&self, rng: &mut ChaCha8Rng, encoding: Encoding) -> Reply {
        let mut order: Vec<_> = self.functions.iter().collect();
        order.shuffle(rng);
        let chosen = order.into_iter().cycle().take(self.at_once);
        let parts = chosen.map(|(name, schema)| {
            let arguments = schema.as_ref().map(|schema| schema.draw(rng).to_string());
            let arguments = arguments.unwrap_or_else(|| "{}".to_owned());
            Part::Call(Call::new(rng, encoding, name, arguments, self.at_once))
        });
        // Source: "Function calling", <https://platform.openai.com/docs/guides/function-calling>:
        // a call of a function that the request names ends as text does.
        let finish = match self.choice {
            Choice::Named => Finish::Stop,
            Choice::Auto | Choice::Required => Finish::ToolCalls,
        };
        Reply::of(parts.collect(), finish)
    }
}

impl Call {
    /// A call of `name`, one of `calls` in the answer.
    pub(crate) fn new(
        rng: &mut impl Rng,
        encoding: Encoding,
        name: &str,
        arguments: String,
        calls: usize,
    ) -> Self {
        let letters = rng.sample_iter(Alphanumeric).take(24).map(char::from);
        Self {
            id: std::iter::chain("call_".chars(), letters).collect(),
            name: name.to_owned(),
            head: encoding.count(name) as u64 + call_overhead(calls),
            arguments: Tokens::of(encoding, arguments),
        }
    }
}
