//! [`RateSection`]: a rate as written, `20` or `{ from = 10, to = 100 }`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Requests per second at a phase's start and end; between them a straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RateSection {
    pub(super) from: f64,
    pub(super) to: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    from: f64,
    to: f64,
}

struct RateVisitor;

impl<'de> Visitor<'de> for RateVisitor {
    type Value = RateSection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("requests per second, such as 20 or { from = 10, to = 100 }")
    }

    fn visit_i64<E: de::Error>(self, rate: i64) -> Result<RateSection, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "rates of a scenario are far below 2^52"
        )]
        self.visit_f64(rate as f64)
    }

    fn visit_u64<E: de::Error>(self, rate: u64) -> Result<RateSection, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "rates of a scenario are far below 2^52"
        )]
        self.visit_f64(rate as f64)
    }

    fn visit_f64<E: de::Error>(self, rate: f64) -> Result<RateSection, E> {
        valid(rate, rate)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RateSection, A::Error> {
        let line = Line::deserialize(MapAccessDeserializer::new(map))?;
        valid(line.from, line.to)
    }
}

fn valid<E: de::Error>(from: f64, to: f64) -> Result<RateSection, E> {
    /// Beyond it the rig would measure itself.
    const FASTEST: f64 = 100_000.0;
    let legal = 0.0..=FASTEST;
    if legal.contains(&from) && legal.contains(&to) && from + to > 0.0 {
        return Ok(RateSection { from, to });
    }
    let found = if legal.contains(&from) { to } else { from };
    Err(E::custom(format!(
        "expected a rate above 0 and at most {FASTEST} requests per second, found `{found}`"
    )))
}

impl<'de> Deserialize<'de> for RateSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateVisitor)
    }
}

impl JsonSchema for RateSection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let number = serde_json::json!({ "type": "number", "minimum": 0 });
        json_schema!({
            "description": "Requests per second: constant, or a straight line over the phase.",
            "oneOf": [
                number,
                {
                    "type": "object",
                    "properties": { "from": number, "to": number },
                    "required": ["from", "to"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}
