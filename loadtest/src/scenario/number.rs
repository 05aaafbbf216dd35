//! [`Number`] and [`Pause`]: quantities as written, `60`, `{ sequence = [59, 55] }`, `{ normal = … }`.
//!
//! Written by hand instead of derived: an `untagged` enum would lose the place of a mistake and
//! say only that nothing matched.

use std::fmt;
use std::marker::PhantomData;

use clock::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::plan::Quantity;

/// A quantity without unit (tokens, characters, users), or a distribution of one.
pub(super) type Number = Written<f64>;

/// A duration with its unit, or a distribution of one; the quantity is in seconds.
pub(super) type Pause = Written<Span>;

/// A quantity as written, in the notation of `T`.
#[derive(Clone, Debug)]
pub(super) struct Written<T> {
    /// What it says.
    pub(super) quantity: Quantity,
    notation: PhantomData<T>,
}

impl Number {
    /// Always `number`.
    pub(super) fn constant(number: u32) -> Self {
        Self {
            quantity: Quantity::Constant(number.into()),
            notation: PhantomData,
        }
    }
}

/// How a plain value of a quantity is written.
pub(super) trait Notation: Sized {
    /// What is expected, for messages: `a number`.
    const EXPECTED: &'static str;
    /// The schema of a plain value.
    fn plain_schema() -> Schema;
    /// The plain value of a number, if that is this notation.
    fn from_number(number: f64) -> Result<f64, String>;
    /// The plain value of a text, if that is this notation.
    fn from_text(text: &str) -> Result<f64, String>;
}

impl Notation for f64 {
    const EXPECTED: &'static str =
        "a number of 0 or more, or a distribution such as { sequence = [59, 55] }";

    fn plain_schema() -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }

    fn from_number(number: f64) -> Result<f64, String> {
        if number >= 0.0 {
            Ok(number)
        } else {
            Err(format!("expected a number of 0 or more, found `{number}`"))
        }
    }

    fn from_text(text: &str) -> Result<f64, String> {
        Err(format!(
            "expected a number without quotes, found `\"{text}\"`"
        ))
    }
}

impl Notation for Span {
    const EXPECTED: &'static str =
        "a duration with its unit, such as \"500ms\", or a distribution of one";

    fn plain_schema() -> Schema {
        json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(us|ms|s|m|h|d)$" })
    }

    fn from_number(number: f64) -> Result<f64, String> {
        Err(format!(
            "expected a duration with its unit, such as `500ms`, `1.5s` or `2m`, found `{number}`"
        ))
    }

    fn from_text(text: &str) -> Result<f64, String> {
        text.parse::<Span>()
            .map(|span| span.get().as_secs_f64())
            .map_err(|error| error.to_string())
    }
}

/// Reads a single duration, and says how one is written where it is not.
pub(super) fn duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Span>, D::Error> {
    struct SpanVisitor;
    impl Visitor<'_> for SpanVisitor {
        type Value = Span;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration with its unit, such as `500ms`, `1.5s` or `2m`")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_any(SpanVisitor).map(Some)
}

impl<'de, T: Notation> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let quantity = deserializer.deserialize_any(QuantityVisitor::<T>(PhantomData))?;
        Ok(Self {
            quantity,
            notation: PhantomData,
        })
    }
}

struct QuantityVisitor<T>(PhantomData<T>);

impl<'de, T: Notation> Visitor<'de> for QuantityVisitor<T> {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Quantity, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "quantities of a scenario are far below 2^52"
        )]
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Quantity, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "quantities of a scenario are far below 2^52"
        )]
        self.visit_f64(number as f64)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Quantity, E> {
        T::from_number(number)
            .map(Quantity::Constant)
            .map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        T::from_text(text)
            .map(Quantity::Constant)
            .map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Quantity, A::Error> {
        let shape: Shape<T> = Shape::deserialize(de::value::MapAccessDeserializer::new(&mut map))?;
        shape.quantity().map_err(de::Error::custom)
    }
}

/// One plain value, in the notation of `T`.
struct Plain<T>(f64, PhantomData<T>);

impl<'de, T: Notation> Deserialize<'de> for Plain<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(QuantityVisitor::<T>(PhantomData))? {
            Quantity::Constant(number) => Ok(Self(number, PhantomData)),
            _ => Err(de::Error::custom(
                "a distribution cannot hold another distribution",
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", bound(deserialize = "T: Notation"))]
enum Shape<T> {
    Sequence(Vec<Plain<T>>),
    Uniform(Range<T>),
    Normal(Bell<T>),
    LogNormal(LogBell<T>),
    Exponential(Mean<T>),
    Gamma(Shaped<T>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Notation"))]
struct Range<T> {
    min: Plain<T>,
    max: Plain<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Notation"))]
struct Bell<T> {
    mean: Plain<T>,
    std_dev: Plain<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Notation"))]
struct LogBell<T> {
    median: Plain<T>,
    sigma: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Notation"))]
struct Mean<T> {
    mean: Plain<T>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, bound(deserialize = "T: Notation"))]
struct Shaped<T> {
    mean: Plain<T>,
    shape: f64,
}

impl<T> Shape<T> {
    /// The quantity, with parameters that its distribution accepts.
    fn quantity(self) -> Result<Quantity, &'static str> {
        let positive = |number: f64, message| {
            if number > 0.0 {
                Ok(number)
            } else {
                Err(message)
            }
        };
        match self {
            Self::Sequence(numbers) if numbers.is_empty() => {
                Err("a sequence needs at least one number")
            }
            Self::Sequence(numbers) => Ok(Quantity::Sequence(
                numbers.into_iter().map(|n| n.0).collect(),
            )),
            Self::Uniform(Range { min, max }) if min.0 > max.0 => {
                Err("`min` must not be above `max`")
            }
            Self::Uniform(Range { min, max }) => Ok(Quantity::Uniform {
                min: min.0,
                max: max.0,
            }),
            Self::Normal(Bell { mean, std_dev }) => Ok(Quantity::Normal {
                mean: mean.0,
                std_dev: std_dev.0,
            }),
            Self::LogNormal(LogBell { median, sigma }) => {
                let median = positive(median.0, "`median` must be above 0")?;
                Ok(Quantity::LogNormal {
                    median,
                    sigma: positive(sigma, "`sigma` must be above 0")?,
                })
            }
            Self::Exponential(Mean { mean }) => Ok(Quantity::Exponential {
                mean: positive(mean.0, "`mean` must be above 0")?,
            }),
            Self::Gamma(Shaped { mean, shape }) => {
                let mean = positive(mean.0, "`mean` must be above 0")?;
                Ok(Quantity::Gamma {
                    mean,
                    shape: positive(shape, "`shape` must be above 0")?,
                })
            }
        }
    }
}

impl<T: Notation> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let plain = T::plain_schema();
        let shape = |name: &str, parameters: serde_json::Value| {
            json_schema!({
                "type": "object",
                "properties": { name: parameters },
                "required": [name],
                "additionalProperties": false,
            })
        };
        let table = |keys: &[(&str, &Schema)]| {
            let properties: serde_json::Map<_, _> = keys
                .iter()
                .map(|(key, schema)| ((*key).to_owned(), (*schema).clone().to_value()))
                .collect();
            let required: Vec<_> = keys.iter().map(|(key, _)| *key).collect();
            serde_json::json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": false,
            })
        };
        let number = json_schema!({ "type": "number", "exclusiveMinimum": 0 });
        json_schema!({
            "oneOf": [
                plain,
                shape("sequence", serde_json::json!({ "type": "array", "items": plain, "minItems": 1 })),
                shape("uniform", table(&[("min", &plain), ("max", &plain)])),
                shape("normal", table(&[("mean", &plain), ("std_dev", &plain)])),
                shape("log_normal", table(&[("median", &plain), ("sigma", &number)])),
                shape("exponential", table(&[("mean", &plain)])),
                shape("gamma", table(&[("mean", &plain), ("shape", &number)])),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<Quantity, String> {
        let value = toml::de::ValueDeserializer::parse(text).unwrap();
        Number::deserialize(value)
            .map(|n| n.quantity)
            .map_err(|e| e.message().to_owned())
    }

    fn pause(text: &str) -> Result<Quantity, String> {
        let value = toml::de::ValueDeserializer::parse(text).unwrap();
        Pause::deserialize(value)
            .map(|n| n.quantity)
            .map_err(|e| e.message().to_owned())
    }

    #[test]
    fn plain_values_sequences_and_distributions_are_read() {
        assert_eq!(number("60"), Ok(Quantity::Constant(60.0)));
        assert_eq!(
            number("{ sequence = [59, 55] }"),
            Ok(Quantity::Sequence(vec![59.0, 55.0]))
        );
        assert_eq!(pause("\"1.5s\""), Ok(Quantity::Constant(1.5)));
        let normal = pause(r#"{ normal = { mean = "1s", std_dev = "100ms" } }"#);
        assert_eq!(
            normal,
            Ok(Quantity::Normal {
                mean: 1.0,
                std_dev: 0.1
            })
        );
    }

    #[test]
    fn wrong_quantities_say_what_was_expected() {
        insta::assert_snapshot!(number("-1").unwrap_err(), @"expected a number of 0 or more, found `-1`");
        insta::assert_snapshot!(number("\"60\"").unwrap_err(), @r#"expected a number without quotes, found `"60"`"#);
        insta::assert_snapshot!(pause("\"1\"").unwrap_err(), @"expected a duration with its unit, such as `500ms`, `1.5s` or `2m`, found `1`");
        insta::assert_snapshot!(number("{ sequence = [] }").unwrap_err(), @"a sequence needs at least one number");
        insta::assert_snapshot!(number("{ uniform = { min = 2, max = 1 } }").unwrap_err(), @"`min` must not be above `max`");
    }
}
