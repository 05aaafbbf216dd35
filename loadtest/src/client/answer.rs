//! Answers that are not streamed: what is measured of their bodies, and of everybody's headers.

use std::time::Duration;

use clock::Timestamp;
use http::HeaderMap;
use jiff::SignedDuration;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Token counts of an answer; one that no answer can have makes it malformed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer; embeddings have none and do not say so.
    #[serde(default)]
    pub completion_tokens: u32,
}

/// The body of a 200 answer as far as it is measured.
#[derive(Deserialize)]
struct Answer {
    usage: Option<Usage>,
    /// Of completions.
    choices: Option<Vec<IgnoredAny>>,
    /// Of embeddings.
    data: Option<Vec<IgnoredAny>>,
}

/// Reads the body of a 200 answer.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn read_answer(body: &[u8]) -> Result<Option<Usage>, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| format!("not a JSON answer: {error}"))?;
    if answer.choices.is_none() && answer.data.is_none() {
        return Err("neither `choices` nor `data` in the answer".to_owned());
    }
    Ok(answer.usage)
}

/// An `error` object as one line: its code or type, and its message.
pub(super) fn error_text(error: &Value) -> String {
    let text = |key: &str| error.get(key).and_then(Value::as_str);
    match (text("code").or_else(|| text("type")), text("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => error.to_string(),
    }
}

/// The text of a header, if there is one and it is text.
pub(super) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// How long the answer asks to wait: `retry-after-ms`, else `retry-after`.
///
/// `now` is the date at which the headers arrived; a date in the past asks for no wait.
// Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after (read 2026-08): "Retry-After =
// HTTP-date / delay-seconds". Azure adds `retry-after-ms`, which the OpenAI SDKs prefer.
pub(super) fn retry_after(
    headers: &HeaderMap,
    now: impl FnOnce() -> Timestamp,
) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(millis) = text("retry-after-ms").and_then(|text| text.trim().parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(millis / 1_000.0).ok();
    }
    let retry_after = text("retry-after")?.trim();
    if let Ok(seconds) = retry_after.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = jiff::fmt::rfc2822::parse(retry_after).ok()?.timestamp();
    let wait = date.duration_since(now()).max(SignedDuration::ZERO);
    Duration::try_from(wait).ok()
}

/// A wait in whole milliseconds, rounded down: what is left until a date is rarely whole, and who comes
/// back at that date is not early.
pub(super) fn whole_millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&'static str, &'static str)]) -> Option<u64> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        let wait = retry_after(&headers, || "2026-01-01T00:00:00Z".parse().unwrap());
        wait.map(whole_millis)
    }

    #[test]
    fn milliseconds_win_over_seconds() {
        assert_eq!(
            wait(&[("retry-after", "2"), ("retry-after-ms", "1500")]),
            Some(1_500)
        );
        assert_eq!(wait(&[("retry-after", "2")]), Some(2_000));
        assert_eq!(
            wait(&[("retry-after-ms", "soon"), ("retry-after", "0.25")]),
            Some(250)
        );
    }

    #[test]
    fn a_date_counts_from_now() {
        assert_eq!(
            wait(&[("retry-after", "Thu, 01 Jan 2026 00:00:07 GMT")]),
            Some(7_000)
        );
        assert_eq!(
            wait(&[("retry-after", "Wed, 31 Dec 2025 23:59:59 GMT")]),
            Some(0)
        );
    }

    #[test]
    fn no_wait_is_written_down_longer_than_it_is() {
        assert_eq!(whole_millis(Duration::from_micros(2_562_997)), 2_562);
        // A decimal fraction of seconds is whole in milliseconds, whatever a float makes of it.
        for millis in 0..10_000 {
            let text: &'static str = format!("{}.{:03}", millis / 1_000, millis % 1_000).leak();
            assert_eq!(wait(&[("retry-after", text)]), Some(millis));
        }
    }

    #[test]
    fn what_is_no_wait_is_none() {
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[("retry-after", "-1")]), None);
        assert_eq!(wait(&[("retry-after", "later")]), None);
    }

    #[test]
    fn usage_is_read_from_completions_and_embeddings() {
        let chat = br#"{"choices":[{}],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}}"#;
        let embedding = br#"{"data":[{}],"usage":{"prompt_tokens":5,"total_tokens":5}}"#;
        let usage = |prompt_tokens, completion_tokens| {
            Ok(Some(Usage {
                prompt_tokens,
                completion_tokens,
            }))
        };
        assert_eq!(read_answer(chat), usage(9, 2));
        assert_eq!(read_answer(embedding), usage(5, 0));
        assert_eq!(read_answer(br#"{"data":[]}"#), Ok(None));
    }

    #[test]
    fn answers_of_another_shape_are_malformed() {
        assert!(
            read_answer(b"<html>")
                .unwrap_err()
                .starts_with("not a JSON answer")
        );
        assert_eq!(
            read_answer(b"{}").unwrap_err(),
            "neither `choices` nor `data` in the answer"
        );
    }

    #[test]
    fn a_usage_that_cannot_be_makes_an_answer_malformed() {
        for tokens in ["-1", "18000000000000000000", "\"9\""] {
            let usage = format!(r#"{{"prompt_tokens":{tokens},"total_tokens":9}}"#);
            let answer = format!(r#"{{"data":[],"usage":{usage}}}"#);
            assert!(read_answer(answer.as_bytes()).is_err(), "{tokens}");
        }
    }

    #[test]
    fn errors_become_one_line_whatever_their_shape() {
        let text = |json: &str| error_text(&serde_json::from_str(json).unwrap());
        assert_eq!(
            text(r#"{"type":"server_error","message":"Oops"}"#),
            "server_error: Oops"
        );
        assert_eq!(text(r#"{"message":"Oops"}"#), "Oops");
        assert_eq!(text(r#""broken""#), r#""broken""#);
    }
}
