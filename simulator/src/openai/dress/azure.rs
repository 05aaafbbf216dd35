//! Azure's dress: one line, keys in alphabetical order, what the content filter says.
//!
//! Source: recordings of Azure OpenAI of March 2026.

use super::{
    Envelope, Frame, Usage, escape, put, write_content, write_logprobs, write_refusal, write_text,
};
use crate::generate::{Call, Reply, Said};

/// What the content filter says of an answer that is fine.
pub(in crate::openai) const FILTER: &str = r#"{"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}"#;

/// What the content filter says of a prompt that is fine.
pub(in crate::openai) const PROMPT_FILTER: &str = r#"[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"jailbreak":{"detected":false,"filtered":false},"self_harm":{"filtered":false,"severity":"safe"},"sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}}}]"#;

pub(super) fn write_answer(
    out: &mut String,
    envelope: &Envelope<'_>,
    choices: &mut [Reply],
    usage: Usage,
) {
    out.push_str(r#"{"choices":["#);
    for (index, reply) in choices.iter_mut().enumerate() {
        out.push_str(if index == 0 { "{" } else { ",{" });
        put(out, r#""content_filter_results":"#, FILTER);
        put(out, r#","finish_reason":""#, reply.finish.as_str());
        put(out, r#"","index":"#, index);
        out.push_str(r#","logprobs":"#);
        write_logprobs(out, envelope, reply);
        if envelope.is_chat() {
            out.push_str(r#","message":"#);
            write_message(out, &mut reply.said);
        } else {
            out.push_str(r#","text":"#);
            write_text(out, &mut reply.said);
        }
        out.push('}');
    }
    out.push_str("],");
    write_names(out, envelope);
    write_object(out, envelope.object());
    put(out, r#","prompt_filter_results":"#, PROMPT_FILTER);
    write_service(out, envelope);
    out.push_str(r#","usage":"#);
    write_usage(out, usage, envelope.is_chat());
    out.push_str("}\n");
}

/// Writes `"created":…` up to `"model":…`.
fn write_names(out: &mut String, envelope: &Envelope<'_>) {
    put(out, r#""created":"#, envelope.created);
    put(out, r#","id":""#, &envelope.id);
    put(out, r#"","model":""#, envelope.model);
    out.push('"');
}

/// Writes `,"object":…`.
fn write_object(out: &mut String, object: &str) {
    put(out, r#","object":""#, object);
    out.push('"');
}

/// Writes what served a chat.
///
/// Assumed: the tier is told where one was asked for; recorded answers without have none.
fn write_service(out: &mut String, envelope: &Envelope<'_>) {
    if !envelope.is_chat() {
        return;
    }
    if envelope.wanted_tier.is_some() {
        put(out, r#","service_tier":""#, envelope.tier());
        out.push('"');
    }
    put(out, r#","system_fingerprint":""#, envelope.fingerprint);
    out.push('"');
}

fn write_message(out: &mut String, said: &mut Said) {
    out.push_str(r#"{"annotations":[],"content":"#);
    write_content(out, said);
    out.push_str(r#","refusal":"#);
    write_refusal(out, said);
    out.push_str(r#","role":"assistant""#);
    for (index, call) in said.calls().enumerate() {
        out.push_str(if index == 0 {
            r#","tool_calls":["#
        } else {
            ","
        });
        write_call(out, call);
    }
    out.push_str(if said.calls().next().is_some() {
        "]}"
    } else {
        "}"
    });
}

fn write_call(out: &mut String, call: &Call) {
    out.push_str(r#"{"function":{"arguments":""#);
    escape(out, call.arguments.text());
    out.push_str(r#"","name":""#);
    escape(out, &call.name);
    out.push_str(r#""},"id":""#);
    escape(out, &call.id);
    out.push_str(r#"","type":"function"}"#);
}

pub(super) fn write_usage(out: &mut String, usage: Usage, is_chat: bool) {
    put(out, r#"{"completion_tokens":"#, usage.completion);
    if is_chat {
        put(
            out,
            r#","completion_tokens_details":{"accepted_prediction_tokens":0,"audio_tokens":0,"reasoning_tokens":"#,
            usage.reasoning,
        );
        out.push_str(r#","rejected_prediction_tokens":0}"#);
    }
    put(out, r#","prompt_tokens":"#, usage.prompt);
    if is_chat {
        let details = r#","prompt_tokens_details":{"audio_tokens":0,"cached_tokens":"#;
        put(out, details, usage.cached);
        out.push('}');
    }
    put(out, r#","total_tokens":"#, usage.total());
    out.push('}');
}

/// What all frames of a stream have in common.
pub(super) fn frame(envelope: &Envelope<'_>, includes_usage: bool) -> Frame {
    let mut named = String::with_capacity(256);
    write_names(&mut named, envelope);
    let mut rest = String::with_capacity(128);
    write_object(&mut rest, envelope.object_of_frames());
    write_service(&mut rest, envelope);
    let usage_head =
        includes_usage.then(|| format!("data: {{\"choices\":[],{named}{rest},\"usage\":"));
    if includes_usage {
        rest.push_str(r#","usage":null"#);
    }
    Frame {
        head: r#"data: {"choices":[{"#.to_owned(),
        tail: format!("}}],{named}"),
        end: format!("{rest}}}\n\n"),
        usage_head,
    }
}
