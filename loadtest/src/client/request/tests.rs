use serde_json::{Value, json};

use super::*;
use crate::driver::support::class;
use crate::plan::Credential;

fn template(class: &Class) -> Template {
    Template::new(class, 42).unwrap()
}

fn body(class: &Class, sizes: Sizes) -> Value {
    let prepared = template(class).prepare(1, 0, sizes);
    serde_json::from_slice(&prepared.body).unwrap()
}

#[test]
fn a_streamed_chat_asks_for_its_usage() {
    let class = Class {
        streams: true,
        includes_usage: true,
        prompt: Prompt::Tokens(Quantity::Constant(5.0)),
        ..class("chat")
    };
    assert_eq!(
        body(&class, Sizes::default()),
        json!({
            "messages": [{"role": "user", "content": "actor actor actor adapt ideal"}],
            "max_tokens": 10, "stream": true, "stream_options": {"include_usage": true},
        })
    );
}

#[test]
fn a_written_body_is_sent_as_it_is() {
    let text = r#"{"model": "gpt-4.1", "messages": ["#;
    let class = Class {
        prompt: Prompt::Body(text.to_owned()),
        ..class("broken")
    };
    let prepared = template(&class).prepare(1, 0, Sizes::default());
    assert_eq!(prepared.body, text);
    assert_eq!(prepared.hash, body_hash(text.as_bytes()));
}

#[test]
fn completions_and_embeddings_have_their_own_fields() {
    let completion = Class {
        operation: Operation::Completions,
        api: Api::OpenAi,
        prompt: Prompt::Text("say \"hi\"\n".to_owned()),
        max_tokens: None,
        ..class("text")
    };
    assert_eq!(
        body(&completion, Sizes::default()),
        json!({"model": "gpt", "prompt": "say \"hi\"\n"})
    );
    let embedding = Class {
        operation: Operation::Embeddings,
        prompt: Prompt::Characters(Quantity::Constant(3.0)),
        base64_embeddings: true,
        ..class("embedding")
    };
    let seen = body(&embedding, Sizes::default());
    assert_eq!(seen["encoding_format"], "base64");
    assert_eq!(seen["input"].as_str().unwrap().len(), 3);
    assert_eq!(seen.as_object().unwrap().len(), 2);
}

#[test]
fn a_trace_overrides_the_sizes_of_the_class() {
    let sizes = Sizes {
        prompt_tokens: Some(7),
        max_tokens: Some(3),
    };
    let seen = body(&class("chat"), sizes);
    let content = seen["messages"][0]["content"].as_str().unwrap();
    assert_eq!(content.split(' ').count(), 7);
    assert_eq!(seen["max_tokens"], 3);
}

#[test]
fn a_prompt_too_short_for_its_mark_has_none() {
    let sizes = |prompt_tokens| Sizes {
        prompt_tokens: Some(prompt_tokens),
        max_tokens: None,
    };
    let template = template(&class("chat"));
    assert_eq!(template.prepare(1, 0, sizes(3)).mark, None);
    let mark = template.prepare(1, 0, sizes(4)).mark;
    assert_eq!(mark.unwrap(), "actor actor actor adapt");
}

#[test]
fn sizes_are_drawn_by_the_ordinal_and_not_by_the_request() {
    let class = Class {
        max_tokens: Some(Quantity::Sequence(vec![59.0, 55.0])),
        marks_prompts: false,
        ..class("chat")
    };
    let template = template(&class);
    let hash = |request, ordinal| template.prepare(request, ordinal, Sizes::default()).hash;
    assert_eq!(hash(1, 0), hash(9, 2));
    assert_ne!(hash(1, 0), hash(1, 1));
}

#[test]
fn headers_carry_credential_class_and_correlation() {
    let class = Class {
        credential: Some(Credential {
            header: "api-key".to_owned(),
            value: "subscription-key-one".to_owned(),
        }),
        headers: vec![
            ("x-priority".to_owned(), "low".to_owned()),
            ("content-type".to_owned(), "text/plain".to_owned()),
        ],
        ..class("chat")
    };
    let headers = template(&class).headers(&RunName::new(Arc::from("k3")), 17, 1);
    assert_eq!(headers["api-key"], "subscription-key-one");
    assert_eq!(headers["x-priority"], "low");
    assert_eq!(headers["content-type"], "text/plain");
    assert_eq!(headers["x-request-id"], "k3-17-1");
    assert_eq!(headers["x-ms-client-request-id"], "k3-17-1");
    assert!(
        headers["traceparent"]
            .to_str()
            .unwrap()
            .ends_with("11-0000000000000002-01")
    );
    assert_eq!(headers.len(), 7);
}

#[test]
fn a_header_that_http_does_not_allow_is_told() {
    let class = Class {
        headers: vec![("x priority".to_owned(), "low".to_owned())],
        ..class("chat")
    };
    let error = Template::new(&class, 42).unwrap_err();
    assert_eq!(error, InvalidHeader("x priority".to_owned()));
}

#[test]
fn parameters_of_the_query_are_sent_and_expected_at_a_backend() {
    let with = |api| {
        let query = vec![("priority".to_owned(), "low & slow".to_owned())];
        let class = Class {
            api,
            query,
            ..class("chat")
        };
        template(&class).backend_path().to_owned()
    };
    let dated = Api::AzureDated {
        api_version: Some("2024-10-21".to_owned()),
    };
    assert_eq!(
        with(dated),
        "/openai/deployments/gpt/chat/completions?api-version=2024-10-21&priority=low+%26+slow"
    );
    assert_eq!(
        with(Api::OpenAi),
        "/v1/chat/completions?priority=low+%26+slow"
    );
}

#[test]
fn the_gateway_prefix_is_sent_and_not_expected_at_a_backend() {
    let template = template(&class("chat"));
    let path = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21";
    assert_eq!(template.sent_path(), format!("/api{path}"));
    assert_eq!(template.backend_path(), path);
}
