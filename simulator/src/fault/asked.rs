//! A fault that the request itself asks for, in its header `x-simulator-fault`.
//!
//! It is written as in a file, as JSON: `{"cut": {"after_tokens": 3}}`; or short, by name and
//! values: `cut; after_tokens=3`, `delay=2s`, `silence`. It goes before the list of faults, whose
//! counters do not see the request. Only a simulator whose configuration allows it looks at the
//! header, because a gateway may pass on what its callers send.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::config::Play;
use crate::exchange::Exchange;
use crate::openai::{Invalid, headers};

/// What `exchange` asks for, if it may.
///
/// # Errors
/// What is wrong with the wish.
pub(super) fn play(exchange: &Exchange) -> Result<Option<Play>, Invalid> {
    let header = exchange.headers.get(headers::SIMULATOR_FAULT);
    match header.filter(|_| exchange.received.live.config.faults_by_header) {
        None => Ok(None),
        Some(value) => {
            let text = value
                .to_str()
                .map_err(|_| invalid("expected visible ASCII"))?;
            read(text).map(Some).map_err(invalid)
        }
    }
}

fn invalid(why: impl Display) -> Invalid {
    Invalid::header(headers::SIMULATOR_FAULT.as_str(), why)
}

/// Reads a fault in either form.
fn read(text: &str) -> Result<Play, String> {
    let text = text.trim();
    let value = if text.starts_with(['{', '"']) {
        serde_json::from_str(text).map_err(unreadable)?
    } else {
        long(text)?
    };
    let play: Play = serde_json::from_value(value).map_err(unreadable)?;
    if play == Play::Refused {
        return Err("expected a fault of a request: connections are refused before".to_owned());
    }
    match play.check().first() {
        None => Ok(play),
        Some(error) => Err(error.to_string()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn unreadable(error: serde_json::Error) -> String {
    format!("expected a fault such as `cut; after_tokens=3` or `silence`: {error}")
}

/// The JSON of the short form: `name`, `name=value` or `name; key=value; key=value`.
fn long(text: &str) -> Result<Value, String> {
    let (name, rest) = match text.split_once(';') {
        None => match text.split_once('=') {
            None => return Ok(text.into()),
            Some((name, value)) => (name, scalar(value)),
        },
        Some((name, pairs)) => {
            let pairs = pairs.split(';').map(|pair| {
                let (key, value) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("expected `key=value`, found `{}`", pair.trim()))?;
                Ok((key.trim().to_owned(), scalar(value)))
            });
            (name, Value::Object(pairs.collect::<Result<_, String>>()?))
        }
    };
    Ok(Map::from_iter([(name.trim().to_owned(), rest)]).into())
}

/// A number, where it is one, else a text.
fn scalar(text: &str) -> Value {
    let text = text.trim();
    text.parse::<u64>().map_or_else(|_| text.into(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        for (short, json) in [
            ("silence", r#""silence""#),
            ("delay=2s", r#"{ "delay": "2s" }"#),
            ("cut; after_tokens=3", r#"{ "cut": { "after_tokens": 3 } }"#),
            (
                "status; code=429; retry_after=6500ms",
                r#"{ "status": { "code": 429, "retry_after": "6500ms" } }"#,
            ),
        ] {
            assert_eq!(read(short), read(json), "{short}");
            assert!(read(short).is_ok(), "{short}");
        }
    }

    #[test]
    fn a_wish_that_cannot_be_read_says_what_was_expected() {
        let said: Vec<_> = [
            "sit",
            "cut",
            "cut; 3",
            "cut; after=3",
            "refused",
            "status; code=99",
            "{",
        ]
        .into_iter()
        .map(|wish| read(wish).unwrap_err())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        expected a fault such as `cut; after_tokens=3` or `silence`: unknown variant `sit`, expected one of `status`, `delay`, `silence`, `refused`, `reset`, `cut`, `stall`, `slow_headers`, `truncated`, `malformed`, `error`, `duplicate`, `no_usage`, `no_done`, `content_type`, `slow_body`
        expected a fault such as `cut; after_tokens=3` or `silence`: invalid type: unit variant, expected newtype variant
        expected `key=value`, found `3`
        expected a fault such as `cut; after_tokens=3` or `silence`: unknown field `after`, expected `after_tokens`
        expected a fault of a request: connections are refused before
        status.code: expected a status from 200 to 599, found `99`
        expected a fault such as `cut; after_tokens=3` or `silence`: EOF while parsing an object at line 1 column 1
        ");
    }
}
