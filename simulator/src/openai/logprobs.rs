//! How likely tokens were, as chats and as completions tell it.

use super::dress::{escape, put};
use crate::generate::Scores;
use crate::tokens::Told;

/// Writes the `logprobs` of a chat, all of them about its content or about its refusal.
pub(super) fn write_chat(out: &mut String, scores: Scores, told: Told<'_>, is_refusal: bool) {
    out.push_str(if is_refusal {
        r#"{"content":null,"refusal":["#
    } else {
        r#"{"content":["#
    });
    for (token, number) in told.tokens().zip(told.tokens_before..) {
        let score = scores.of(number);
        if number > told.tokens_before {
            out.push(',');
        }
        write_token(out, token, score.logprob);
        out.push_str(r#","top_logprobs":["#);
        if scores.top > 0 {
            write_token(out, token, score.logprob);
            out.push('}');
        }
        for (other, logprob) in score.others(scores.top, token) {
            out.push(',');
            write_token(out, other.as_bytes(), logprob);
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

/// Writes `{"bytes":…,"logprob":…,"token":…` and leaves it open.
fn write_token(out: &mut String, token: &[u8], logprob: f64) {
    out.push_str(r#"{"bytes":["#);
    for (index, byte) in token.iter().enumerate() {
        put(out, if index == 0 { "" } else { "," }, byte);
    }
    put(out, r#"],"logprob":"#, logprob);
    out.push_str(r#","token":""#);
    write_text(out, token, "");
    out.push('"');
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

/// Writes the `logprobs` of a completion.
///
/// Source: <https://platform.openai.com/docs/api-reference/completions/object>. Assumed: offsets
/// are characters from the start of the prompt, and bytes that are no text are named as such.
pub(super) fn write_completion(out: &mut String, scores: Scores, told: Told<'_>) {
    let tokens = || told.tokens().zip(told.tokens_before..);
    let comma = |number| {
        if number == told.tokens_before {
            ""
        } else {
            ","
        }
    };
    out.push_str(r#"{"text_offset":["#);
    let mut bytes = 0;
    for (token, number) in tokens() {
        let before = told
            .text
            .get(..bytes)
            .map_or(0, |text| text.chars().count());
        put(
            out,
            comma(number),
            scores.offset + told.characters_before + before,
        );
        bytes += token.len();
    }
    out.push_str(r#"],"token_logprobs":["#);
    for (_, number) in tokens() {
        put(out, comma(number), scores.of(number).logprob);
    }
    out.push_str(r#"],"tokens":["#);
    for (token, number) in tokens() {
        put(out, comma(number), '"');
        write_text(out, token, "bytes:");
        out.push('"');
    }
    out.push_str(r#"],"top_logprobs":"#);
    if scores.top == 0 {
        out.push_str("null}");
        return;
    }
    out.push('[');
    for (token, number) in tokens() {
        let score = scores.of(number);
        put(out, comma(number), r#"{""#);
        write_text(out, token, "bytes:");
        put(out, r#"":"#, score.logprob);
        for (other, logprob) in score.others(scores.top, token) {
            put(out, r#",""#, other);
            put(out, r#"":"#, logprob);
        }
        out.push('}');
    }
    out.push_str("]}");
}
