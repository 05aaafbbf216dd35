//! [`Condition`]: what makes a failure of an attempt, for breakers, retries and balancers.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A way in which an attempt may go wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// The backend answered with one of these statuses, 400 to 599; written `429` or `"500-599"`.
    Statuses {
        /// The lowest.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// No answer at all: refused, reset, or none in time.
    Transport,
    /// The gateway's own answer: no backend could be asked.
    Exhausted,
}

/// What stands in a file for [`Condition::Transport`].
const TRANSPORT: &str = "transport";

/// What stands in a file for [`Condition::Exhausted`].
const EXHAUSTED: &str = "exhausted";

impl Condition {
    /// Every server error.
    pub const SERVER_ERRORS: Self = Self::Statuses {
        first: 500,
        last: 599,
    };

    /// The condition that is met by `status` alone.
    pub const fn status(status: StatusCode) -> Self {
        let status = status.as_u16();
        Self::Statuses {
            first: status,
            last: status,
        }
    }

    /// What is wrong with `on` as a list of failures of a backend.
    pub(crate) fn mistake_in(on: &[Self]) -> Option<&'static str> {
        if on.is_empty() {
            return Some("expected at least one kind of failure, such as `429`");
        }
        on.contains(&Self::Exhausted)
            .then_some("expected failures of the backend, found `exhausted`, the gateway's own")
    }

    /// The statuses `first` to `last`, if all of them are errors.
    fn statuses(first: u16, last: u16) -> Option<Self> {
        (400 <= first && first <= last && last <= 599).then_some(Self::Statuses { first, last })
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Statuses { first, last } if first == last => serializer.serialize_u16(first),
            Self::Statuses { first, last } => {
                serializer.collect_str(&format_args!("{first}-{last}"))
            }
            Self::Transport => serializer.serialize_str(TRANSPORT),
            Self::Exhausted => serializer.serialize_str(EXHAUSTED),
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

/// Reads a number or a word by hand, because `untagged` would lose the position.
struct ConditionVisitor;

impl Visitor<'_> for ConditionVisitor {
    type Value = Condition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "an error status from 400 to 599, a range such as \"500-599\", \"{TRANSPORT}\" or \
             \"{EXHAUSTED}\""
        )
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Condition, E> {
        let status = u16::try_from(number).ok();
        let condition = status.and_then(|status| Condition::statuses(status, status));
        condition.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Condition, E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Condition, E> {
        let range = || {
            let (first, last) = word.split_once('-')?;
            Condition::statuses(first.parse().ok()?, last.parse().ok()?)
        };
        match word {
            TRANSPORT => Ok(Condition::Transport),
            EXHAUSTED => Ok(Condition::Exhausted),
            _ => range().ok_or_else(|| E::invalid_value(Unexpected::Str(word), &self)),
        }
    }
}

impl JsonSchema for Condition {
    fn schema_name() -> Cow<'static, str> {
        "Condition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An error status, a range of them, \"transport\" (refused, reset, or no \
                answer in time) or \"exhausted\" (no backend could be asked).",
            "anyOf": [
                { "type": "integer", "minimum": 400, "maximum": 599 },
                { "type": "string", "pattern": "^[45][0-9][0-9]-[45][0-9][0-9]$" },
                { "enum": [TRANSPORT, EXHAUSTED] },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_as_it_is_read() {
        let text = r#"[429,"500-599","transport","exhausted"]"#;
        let conditions: Vec<Condition> = serde_json::from_str(text).unwrap();
        let expected = [
            Condition::status(StatusCode::TOO_MANY_REQUESTS),
            Condition::SERVER_ERRORS,
            Condition::Transport,
            Condition::Exhausted,
        ];
        assert_eq!(conditions, expected);
        assert_eq!(serde_json::to_string(&conditions).unwrap(), text);
    }

    #[test]
    fn a_success_is_no_failure() {
        for wrong in [
            "200",
            "399",
            "600",
            "-1",
            "\"timeout\"",
            "\"399-499\"",
            "\"500-499\"",
            "\"500\"",
            "\"4xx\"",
        ] {
            let error = serde_json::from_str::<Condition>(wrong).unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains("expected an error status from 400 to 599"),
                "{message}"
            );
        }
    }
}
