//! How likely tokens were, as chats and as completions tell it.

use super::Dialect;
use super::dress::{escape, put};
use crate::generate::Scores;
use crate::tokens::Told;

/// Writes the `logprobs` of a chat, all of them about its content or about its refusal.
pub(super) fn write_chat(
    out: &mut String,
    dialect: Dialect,
    scores: Scores,
    told: Told<'_>,
    is_refusal: bool,
) {
    out.push_str(if is_refusal {
        r#"{"content":null,"refusal":["#
    } else {
        r#"{"content":["#
    });
    for (token, number) in numbered(told) {
        let score = scores.of(number);
        out.push_str(comma(told, number));
        write_token(out, dialect, token, score.logprob);
        out.push_str(r#","top_logprobs":["#);
        if scores.top > 0 {
            write_token(out, dialect, token, score.logprob);
            out.push('}');
        }
        for (other, logprob) in score.others(scores.top, token) {
            out.push(',');
            write_token(out, dialect, other.as_bytes(), logprob);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push_str(if is_refusal {
        "]}"
    } else {
        r#"],"refusal":null}"#
    });
}

/// Writes a token with its bytes and its logprob, and leaves the object open.
fn write_token(out: &mut String, dialect: Dialect, token: &[u8], logprob: f64) {
    match dialect {
        Dialect::Azure => {
            out.push_str(r#"{"bytes":["#);
            write_bytes(out, token);
            put(out, r#"],"logprob":"#, logprob);
            out.push_str(r#","token":""#);
            write_text(out, token, "");
            out.push('"');
        }
        Dialect::OpenAi => {
            out.push_str(r#"{"token":""#);
            write_text(out, token, "");
            put(out, r#"","logprob":"#, logprob);
            out.push_str(r#","bytes":["#);
            write_bytes(out, token);
            out.push(']');
        }
    }
}

fn write_bytes(out: &mut String, token: &[u8]) {
    for (index, byte) in token.iter().enumerate() {
        put(out, if index == 0 { "" } else { "," }, byte);
    }
}

/// Writes a token as text; where it is no text, its bytes after `prefix`.
///
/// Source: "Using logprobs", openai-cookbook, which decodes `\xf0\x9f` by the bytes beside it.
fn write_text(out: &mut String, token: &[u8], prefix: &str) {
    if let Ok(text) = std::str::from_utf8(token) {
        escape(out, text);
        return;
    }
    out.push_str(prefix);
    for byte in token {
        escape(out, &format!("\\x{byte:02x}"));
    }
}

/// A key of a completion's `logprobs`, and what writes its value.
type Part = (&'static str, fn(&mut String, Scores, Told<'_>));

const OFFSETS: Part = ("text_offset", write_offsets);
const LOGPROBS: Part = ("token_logprobs", write_token_logprobs);
const TOKENS: Part = ("tokens", write_tokens);
const TOP: Part = ("top_logprobs", write_top);

/// Writes the `logprobs` of a completion.
///
/// Source: <https://platform.openai.com/docs/api-reference/completions/object>. Assumed: offsets
/// are characters from the start of the prompt, and bytes that are no text are named as such.
pub(super) fn write_completion(out: &mut String, dialect: Dialect, scores: Scores, told: Told<'_>) {
    let parts = match dialect {
        Dialect::Azure => [OFFSETS, LOGPROBS, TOKENS, TOP],
        Dialect::OpenAi => [TOKENS, LOGPROBS, TOP, OFFSETS],
    };
    for (index, (key, write)) in parts.into_iter().enumerate() {
        put(out, if index == 0 { "{\"" } else { ",\"" }, key);
        out.push_str("\":");
        write(out, scores, told);
    }
    out.push('}');
}

fn write_offsets(out: &mut String, scores: Scores, told: Told<'_>) {
    out.push('[');
    let mut bytes = 0;
    for (token, number) in numbered(told) {
        let before = told
            .text
            .get(..bytes)
            .map_or(0, |text| text.chars().count());
        let offset = scores.offset + told.characters_before + before;
        put(out, comma(told, number), offset);
        bytes += token.len();
    }
    out.push(']');
}

fn write_token_logprobs(out: &mut String, scores: Scores, told: Told<'_>) {
    out.push('[');
    for (_, number) in numbered(told) {
        put(out, comma(told, number), scores.of(number).logprob);
    }
    out.push(']');
}

fn write_tokens(out: &mut String, _: Scores, told: Told<'_>) {
    out.push('[');
    for (token, number) in numbered(told) {
        put(out, comma(told, number), '"');
        write_text(out, token, "bytes:");
        out.push('"');
    }
    out.push(']');
}

fn write_top(out: &mut String, scores: Scores, told: Told<'_>) {
    if scores.top == 0 {
        out.push_str("null");
        return;
    }
    out.push('[');
    for (token, number) in numbered(told) {
        let score = scores.of(number);
        put(out, comma(told, number), r#"{""#);
        write_text(out, token, "bytes:");
        put(out, r#"":"#, score.logprob);
        for (other, logprob) in score.others(scores.top, token) {
            put(out, r#",""#, other);
            put(out, r#"":"#, logprob);
        }
        out.push('}');
    }
    out.push(']');
}

/// The tokens of `told` with their numbers in the answer.
fn numbered(told: Told<'_>) -> impl Iterator<Item = (&[u8], usize)> {
    told.tokens().zip(told.tokens_before..)
}

/// What stands before an element of a list of them.
fn comma(told: Told<'_>, number: usize) -> &'static str {
    if number == told.tokens_before {
        ""
    } else {
        ","
    }
}
