//! What tools cost: their definitions in a prompt, and calls of them.
//!
//! The service shows a model its tools in a form of its own, which nobody published. What it
//! costs was found by experiment.
//!
//! Source: "How to count tokens with tiktoken", section 7, openai-cookbook, which covers
//! functions with plain parameters. Assumed: what is nested within them costs the same as what
//! stands at the top, and a schema for the answer as much as its JSON.

use serde_json::Value;

use super::Encoding;

/// Tokens that end the list of functions.
const LIST: u64 = 12;
/// Tokens before the properties of an object …
const PROPERTIES: u64 = 3;
/// … and before each of them.
const PROPERTY: u64 = 3;
/// Tokens before each value of an enumeration; the first of them needs none.
const VALUE: u64 = 3;

/// Texts whose tokens count, and tokens on top of them.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Costs {
    pub(crate) texts: Vec<String>,
    pub(crate) overhead: u64,
}

impl Costs {
    /// Adds a function that may be called.
    pub(crate) fn add_function(
        &mut self,
        encoding: Encoding,
        name: &str,
        description: &str,
        parameters: Option<&Value>,
    ) {
        if self.overhead == 0 {
            self.overhead = LIST;
        }
        self.overhead += match encoding {
            Encoding::Cl100k => 10,
            Encoding::O200k => 7,
        };
        self.texts.push(format!("{name}:{}", unended(description)));
        if let Some(parameters) = parameters {
            self.add_properties(parameters);
        }
    }

    /// Adds the schema that the answer has to follow.
    pub(crate) fn add_schema(&mut self, schema: &Value) {
        self.texts.push(schema.to_string());
    }

    /// As deep as a body of JSON can be nested, which its parser limits.
    fn add_properties(&mut self, schema: &Value) {
        let Some(Value::Object(properties)) = schema.get("properties") else {
            return;
        };
        if !properties.is_empty() {
            self.overhead += PROPERTIES;
        }
        for (name, property) in properties {
            let text = |keyword| {
                property
                    .get(keyword)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let (kind, description) = (text("type"), unended(text("description")));
            self.overhead += PROPERTY;
            self.texts.push(format!("{name}:{kind}:{description}"));
            if let Some(Value::Array(values)) = property.get("enum") {
                let values = values.iter().map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                });
                let before = self.texts.len();
                self.texts.extend(values);
                let listed = self.texts.len() - before;
                self.overhead += VALUE * (listed as u64).saturating_sub(1);
            }
            self.add_properties(property);
            property
                .get("items")
                .into_iter()
                .for_each(|items| self.add_properties(items));
        }
    }
}

/// A description without the full stop that ends it.
fn unended(description: &str) -> &str {
    description.strip_suffix('.').unwrap_or(description)
}

/// Tokens of each of `calls` calls in one answer, besides those of name and arguments.
///
/// Assumed: from a recorded answer of gpt-4o-mini with two calls, 51 tokens of which names and
/// arguments are 23, and from answers with one, which cost about 7 more than their text.
pub(crate) fn call_overhead(calls: usize) -> u64 {
    if calls > 1 { 14 } else { 7 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cost(encoding: Encoding, parameters: &Value, description: &str) -> u64 {
        let mut costs = Costs::default();
        costs.add_function(
            encoding,
            "get_current_weather",
            description,
            Some(parameters),
        );
        let texts = costs.texts.iter().map(|text| encoding.count(text) as u64);
        texts.sum::<u64>() + costs.overhead
    }

    /// Messages of one role and text each, with what begins the answer.
    fn messages(encoding: Encoding, texts: &[&str]) -> u64 {
        texts
            .iter()
            .map(|text| 4 + encoding.count(text) as u64)
            .sum::<u64>()
            + 3
    }

    #[test]
    fn the_published_example_costs_what_was_published() {
        let parameters = json!({
            "type": "object",
            "properties": {
                "location": { "type": "string", "description": "The city and state, e.g. San Francisco, CA" },
                "unit": { "type": "string", "description": "The unit of temperature to return", "enum": ["celsius", "fahrenheit"] },
            },
            "required": ["location"],
        });
        let chat = [
            "You are a helpful assistant that can answer to questions about the weather.",
            "What's the weather like in San Francisco?",
        ];
        // Source: the cookbook prints 105 for gpt-3.5-turbo and gpt-4, 101 for gpt-4o.
        for (encoding, published) in [(Encoding::Cl100k, 105), (Encoding::O200k, 101)] {
            let tools = cost(
                encoding,
                &parameters,
                "Get the current weather in a given location",
            );
            assert_eq!(messages(encoding, &chat) + tools, published, "{encoding:?}");
        }
    }

    #[test]
    fn a_recorded_prompt_with_a_tool_costs_what_it_did() {
        let parameters = json!({
            "type": "object",
            "properties": {
                "location": { "type": "string", "description": "The city and state, e.g. Boston, MA" },
            },
            "required": ["location"],
        });
        let chat = [
            "You're a helpful assistant.",
            "What's the weather in Seattle and San Francisco today?",
        ];
        let tools = cost(
            Encoding::O200k,
            &parameters,
            "Get the current weather in a given location",
        );
        // Source: a recording of gpt-4o-mini of October 2024.
        assert_eq!(messages(Encoding::O200k, &chat) + tools, 75);
    }

    #[test]
    fn two_recorded_calls_cost_what_they_did() {
        let texts = [
            "get_current_weather",
            r#"{"location": "Seattle, WA"}"#,
            "get_current_weather",
            r#"{"location": "San Francisco, CA"}"#,
        ];
        let texts: usize = texts.iter().map(|text| Encoding::O200k.count(text)).sum();
        // Source: the answer to the same recording.
        assert_eq!(texts as u64 + 2 * call_overhead(2), 51);
    }
}
