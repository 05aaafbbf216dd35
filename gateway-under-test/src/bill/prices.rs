//! [`Prices`]: what tokens cost, by model, from a file.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::money::{Cost, Price};
use crate::config::Diagnostic;

/// The prices of models.
///
/// ```toml
/// currency = "USD"
///
/// [models."gpt-4o"]
/// prompt_per_million     = 2.5
/// completion_per_million = 10.0
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Prices {
    pub(super) currency: String,
    models: BTreeMap<String, PriceOfModel>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct PriceOfModel {
    prompt: Price,
    completion: Price,
}

const PROMPT: &str = "prompt_per_million";
const COMPLETION: &str = "completion_per_million";

impl Prices {
    /// Reads `text`, the content of the file called `name`.
    ///
    /// # Errors
    /// Every mistake at once, each with its position.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let mut reader = Reader {
            name,
            text,
            mistakes: Vec::new(),
        };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            reader.report(error.span(), error.message());
        }
        // After a mistake of syntax the rest is guesswork.
        let prices = errors.is_empty().then(|| reader.prices(document.get_ref()));
        match prices {
            Some(prices) if reader.mistakes.is_empty() => Ok(prices),
            _ => {
                reader.mistakes.sort_by_key(Diagnostic::position);
                Err(reader.mistakes)
            }
        }
    }

    /// What tokens of the model that calls itself `model` cost; `None` if it has no price.
    ///
    /// Answers name versions, price lists often do not: `gpt-4o-2024-08-06` costs what `gpt-4o`
    /// does, if it has no price of its own. `gpt-4o-mini` does not.
    pub(super) fn cost(&self, model: &str, prompt: u64, completion: u64) -> Option<Cost> {
        let version = |name: &str| {
            let rest = model.strip_prefix(name)?.strip_prefix('-')?;
            Some(rest.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
        };
        let price = self.models.get(model).or_else(|| {
            let mut versions = self.models.iter().rev();
            let found = versions.find(|(name, _)| version(name) == Some(true));
            found.map(|(_, price)| price)
        })?;
        Some(price.prompt.of(prompt) + price.completion.of(completion))
    }
}

/// Collects mistakes while it reads on.
struct Reader<'a> {
    name: &'a str,
    text: &'a str,
    mistakes: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn report(&mut self, span: Option<Range<usize>>, message: &str) {
        let mistake = Diagnostic::new(self.name, self.text, span, message);
        self.mistakes.push(mistake);
    }

    fn prices(&mut self, document: &DeTable<'_>) -> Prices {
        let mut prices = Prices::default();
        for (key, value) in document {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("currency", DeValue::String(currency)) => prices.currency = currency.to_string(),
                ("models", DeValue::Table(models)) => prices.models = self.models(models),
                ("currency", _) => {
                    self.report(Some(value.span()), "expected a text such as `\"USD\"`");
                }
                ("models", _) => self.report(Some(value.span()), "expected a table of models"),
                (unknown, _) => {
                    let message =
                        format!("unknown key `{unknown}`, expected `currency` or `models`");
                    self.report(Some(key.span()), &message);
                }
            }
        }
        if document.get("currency").is_none() {
            self.report(None, "missing key `currency`, such as `currency = \"USD\"`");
        }
        prices
    }

    fn models(&mut self, models: &DeTable<'_>) -> BTreeMap<String, PriceOfModel> {
        let of_model = |(name, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = name.get_ref();
            Some((name.to_string(), self.price_of_model(value)?))
        };
        models.iter().filter_map(of_model).collect()
    }

    fn price_of_model(&mut self, value: &Spanned<DeValue<'_>>) -> Option<PriceOfModel> {
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("expected a table with `{PROMPT}` and `{COMPLETION}`");
            self.report(Some(value.span()), &message);
            return None;
        };
        for (key, _) in table {
            let name = key.get_ref();
            if ![PROMPT, COMPLETION].contains(&name.as_ref()) {
                let message =
                    format!("unknown key `{name}`, expected `{PROMPT}` or `{COMPLETION}`");
                self.report(Some(key.span()), &message);
            }
        }
        let prompt = self.price(value.span(), table, PROMPT);
        let completion = self.price(value.span(), table, COMPLETION);
        Some(PriceOfModel {
            prompt: prompt?,
            completion: completion?,
        })
    }

    fn price(&mut self, of: Range<usize>, table: &DeTable<'_>, key: &str) -> Option<Price> {
        let Some(value) = table.get(key) else {
            self.report(Some(of), &format!("missing key `{key}`"));
            return None;
        };
        let written = &self.text[value.span()];
        let price = match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) => Price::parse(written),
            _ => None, // Not a number.
        };
        if price.is_none() {
            let message = format!(
                "expected a price of a million tokens below a million, with up to nine digits \
                 after the point, such as `2.5`, found `{written}`"
            );
            self.report(Some(value.span()), &message);
        }
        price
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        let mistakes = Prices::parse("prices.toml", text).unwrap_err();
        let shown: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        shown.join("\n")
    }

    #[test]
    fn a_model_costs_what_it_says_or_what_its_name_without_a_version_does() {
        let prices = Prices::parse(
            "prices.toml",
            "currency = \"USD\"\n[models]\n\
             gpt-4o = { prompt_per_million = 2.5, completion_per_million = 10 }\n\
             gpt-4o-2024-05-13 = { prompt_per_million = 5, completion_per_million = 15 }\n",
        )
        .unwrap();
        let cost = |model| {
            prices
                .cost(model, 1_000_000, 0)
                .map(|cost| cost.to_string())
        };
        assert_eq!(cost("gpt-4o").as_deref(), Some("2.50"));
        assert_eq!(cost("gpt-4o-2024-08-06").as_deref(), Some("2.50"));
        assert_eq!(cost("gpt-4o-2024-05-13").as_deref(), Some("5.00"));
        assert_eq!(cost("gpt-4o-mini-2024-07-18"), None);
        assert_eq!(cost("gpt-4"), None);
    }

    #[test]
    fn mistakes_are_shown_all_at_once() {
        let text = r#"currrency = "USD"
[models.a]
prompt_per_million = -1
completion_per_million = "10"
[models.b]
prompt = 1
[models]
c = 3
"#;
        insta::assert_snapshot!(mistakes(text), @r#"
        error: missing key `currency`, such as `currency = "USD"`
          --> prices.toml

        error: unknown key `currrency`, expected `currency` or `models`
         --> prices.toml:1:1
          |
        1 | currrency = "USD"
          | ^^^^^^^^^

        error: expected a price of a million tokens below a million, with up to nine digits after the point, such as `2.5`, found `-1`
         --> prices.toml:3:22
          |
        3 | prompt_per_million = -1
          |                      ^^

        error: expected a price of a million tokens below a million, with up to nine digits after the point, such as `2.5`, found `"10"`
         --> prices.toml:4:26
          |
        4 | completion_per_million = "10"
          |                          ^^^^

        error: missing key `prompt_per_million`
         --> prices.toml:5:1
          |
        5 | [models.b]
          | ^^^^^^^^^^

        error: missing key `completion_per_million`
         --> prices.toml:5:1
          |
        5 | [models.b]
          | ^^^^^^^^^^

        error: unknown key `prompt`, expected `prompt_per_million` or `completion_per_million`
         --> prices.toml:6:1
          |
        6 | prompt = 1
          | ^^^^^^

        error: expected a table with `prompt_per_million` and `completion_per_million`
         --> prices.toml:8:5
          |
        8 | c = 3
          |     ^
        "#);
    }

    #[test]
    fn mistakes_of_syntax_and_of_type_are_shown() {
        insta::assert_snapshot!(mistakes("currency = 1\nmodels = 2\n"), @r#"
        error: expected a text such as `"USD"`
         --> prices.toml:1:12
          |
        1 | currency = 1
          |            ^

        error: expected a table of models
         --> prices.toml:2:10
          |
        2 | models = 2
          |          ^
        "#);
        insta::assert_snapshot!(mistakes("currency = \n"), @r"
        error: string values must be quoted, expected literal string
         --> prices.toml:1:12
          |
        1 | currency =
          |            ^
        ");
    }
}
