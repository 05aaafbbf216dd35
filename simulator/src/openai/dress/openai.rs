//! OpenAI's dress: keys in an order of its own, bodies over several lines, frames on one.
//!
//! Source: recordings of OpenAI of 2024 to 2026 in the tests of instrumentation libraries.

use super::indent::indented;
use super::{
    Envelope, Frame, Usage, escape, put, write_content, write_logprobs, write_refusal, write_text,
};
use crate::generate::{Call, Reply, Said};

pub(super) fn write_answer(
    out: &mut String,
    envelope: &Envelope<'_>,
    choices: &mut [Reply],
    usage: Usage,
) {
    let mut line = String::with_capacity(out.capacity());
    line.push('{');
    write_names(&mut line, envelope, envelope.object());
    line.push_str(r#","choices":["#);
    for (index, reply) in choices.iter_mut().enumerate() {
        line.push_str(if index == 0 { "{" } else { ",{" });
        if envelope.is_chat() {
            put(&mut line, r#""index":"#, index);
            line.push_str(r#","message":"#);
            write_message(&mut line, &mut reply.said);
        } else {
            line.push_str(r#""text":"#);
            write_text(&mut line, &mut reply.said);
            put(&mut line, r#","index":"#, index);
        }
        line.push_str(r#","logprobs":"#);
        write_logprobs(&mut line, envelope, reply);
        put(&mut line, r#","finish_reason":""#, reply.finish.as_str());
        line.push_str("\"}");
    }
    line.push_str(r#"],"usage":"#);
    write_usage(&mut line, usage, envelope.is_chat());
    write_service(&mut line, envelope);
    line.push('}');
    *out = indented(&line);
}

/// Writes `"id":…` up to `"model":…`.
fn write_names(out: &mut String, envelope: &Envelope<'_>, object: &str) {
    put(out, r#""id":""#, &envelope.id);
    put(out, r#"","object":""#, object);
    put(out, r#"","created":"#, envelope.created);
    put(out, r#","model":""#, envelope.model);
    out.push('"');
}

/// Writes what served a chat.
fn write_service(out: &mut String, envelope: &Envelope<'_>) {
    if envelope.is_chat() {
        put(out, r#","service_tier":""#, envelope.tier());
        put(out, r#"","system_fingerprint":""#, envelope.fingerprint);
        out.push('"');
    }
}

fn write_message(out: &mut String, said: &mut Said) {
    out.push_str(r#"{"role":"assistant","content":"#);
    write_content(out, said);
    for (index, call) in said.calls().enumerate() {
        out.push_str(if index == 0 {
            r#","tool_calls":["#
        } else {
            ","
        });
        write_call(out, call);
    }
    if said.calls().next().is_some() {
        out.push(']');
    }
    out.push_str(r#","refusal":"#);
    write_refusal(out, said);
    out.push_str(r#","annotations":[]}"#);
}

fn write_call(out: &mut String, call: &Call) {
    out.push_str(r#"{"id":""#);
    escape(out, &call.id);
    out.push_str(r#"","type":"function","function":{"name":""#);
    escape(out, &call.name);
    out.push_str(r#"","arguments":""#);
    escape(out, call.arguments.text());
    out.push_str(r#""}}"#);
}

pub(super) fn write_usage(out: &mut String, usage: Usage, is_chat: bool) {
    put(out, r#"{"prompt_tokens":"#, usage.prompt);
    put(out, r#","completion_tokens":"#, usage.completion);
    put(out, r#","total_tokens":"#, usage.total());
    if is_chat {
        put(
            out,
            r#","prompt_tokens_details":{"cached_tokens":"#,
            usage.cached,
        );
        let details = r#","audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":"#;
        put(out, details, usage.reasoning);
        out.push_str(
            r#","audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}"#,
        );
    }
    out.push('}');
}

/// What all frames of a stream have in common.
pub(super) fn frame(envelope: &Envelope<'_>, includes_usage: bool) -> Frame {
    let mut head = String::with_capacity(256);
    head.push_str("data: {");
    write_names(&mut head, envelope, envelope.object_of_frames());
    write_service(&mut head, envelope);
    head.push_str(r#","choices":["#);
    let usage_head = includes_usage.then(|| format!(r#"{head}],"usage":"#));
    head.push('{');
    let tail = if includes_usage {
        r#"}],"usage":null"#
    } else {
        "}]"
    };
    Frame {
        head,
        tail: tail.to_owned(),
        end: "}\n\n".to_owned(),
        usage_head,
    }
}
