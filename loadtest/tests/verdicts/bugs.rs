//! Bugs that gateways have and that no configuration of ours can have, as services between our
//! gateway and a backend: what the gateway sees of the backend through one of them is what a
//! gateway with that bug would make of it.
//!
//! Each takes the backend's router and gives the router that the gateway gets instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn, map_request, map_response};
use axum::response::Response;
use futures::{Stream, StreamExt, stream};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};

/// The wait that a backend asks for is lost.
pub(crate) fn losing_retry_after(backend: Router) -> Router {
    backend.layer(map_response(|mut response: Response| async {
        response.headers_mut().remove(RETRY_AFTER);
        response.headers_mut().remove("retry-after-ms");
        response
    }))
}

/// The first refusal with a date is a crash.
pub(crate) fn crashing_at_a_date(backend: Router) -> Router {
    let has_crashed = Arc::new(AtomicBool::new(false));
    backend.layer(map_response(move |mut response: Response| {
        let asked = response.headers().get(RETRY_AFTER);
        let is_date = asked.is_some_and(|asked| asked.as_bytes().ends_with(b"GMT"));
        if is_date && !has_crashed.swap(true, Ordering::Relaxed) {
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        }
        async move { response }
    }))
}

/// Of the wait that a backend asks for, two seconds are kept.
pub(crate) fn cutting_waits_short(backend: Router) -> Router {
    backend.layer(map_response(|mut response: Response| async {
        if response.headers().contains_key(RETRY_AFTER) {
            let two = HeaderValue::from_static("2");
            response.headers_mut().insert(RETRY_AFTER, two);
            response.headers_mut().remove("retry-after-ms");
        }
        response
    }))
}

/// A refusal's body is replaced by the gateway's own words.
pub(crate) fn rewording_errors(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        if response.status().is_success() {
            return response;
        }
        let (mut parts, _) = response.into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        Response::from_parts(
            parts,
            Body::from(r#"{"error":{"message":"upstream error"}}"#),
        )
    }))
}

/// A stream that breaks off is made to look as if it were complete.
pub(crate) fn hiding_cuts(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        response.map(|body| {
            let frames = body.into_data_stream().map(|frame| {
                Ok::<_, axum::Error>(frame.unwrap_or(Bytes::from_static(b"data: [DONE]\n\n")))
            });
            Body::from_stream(frames)
        })
    }))
}

/// Answers are read to their end, whether or not anybody still wants them.
pub(crate) fn reading_on_alone(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        response.map(|body| Body::from_stream(pumped(body)))
    }))
}

/// The frames of `body`, which is read by a task of its own.
fn pumped(body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    let (sender, receiver) = futures::channel::mpsc::unbounded();
    tokio::spawn(async move {
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            // A receiver that has gone is what this gateway does not notice.
            sender.unbounded_send(frame).unwrap_or_default();
        }
    });
    receiver
}

/// A stream that breaks off is asked for once more, behind the client's back.
pub(crate) fn repeating_cut_streams(backend: Router) -> Router {
    let again = backend.clone();
    backend.layer(from_fn(move |request: Request, next: Next| {
        let again = again.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = axum::body::to_bytes(body, usize::MAX)
                .await
                .expect("the gateway has the whole body");
            let second = Request::from_parts(parts.clone(), Body::from(bytes.clone()));
            let first = Request::from_parts(parts, Body::from(bytes));
            let response = next.run(first).await;
            response.map(|body| Body::from_stream(with_second_try(body, again, second)))
        }
    }))
}

/// The frames of `body`; where it breaks off, those of another try follow.
fn with_second_try(
    body: Body,
    backend: Router,
    request: Request,
) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    let tries = Some((backend, request));
    stream::unfold(
        (body.into_data_stream(), tries),
        |(mut frames, mut tries)| async {
            let frame = match (frames.next().await?, tries.take()) {
                (Err(_), Some((backend, request))) => {
                    let response = tower::ServiceExt::oneshot(backend, request).await;
                    frames = response.unwrap_or_default().into_body().into_data_stream();
                    frames.next().await?
                }
                (frame, later) => {
                    tries = later;
                    frame
                }
            };
            Some((frame, (frames, tries)))
        },
    )
}

/// Whatever a backend is still answering is dropped as soon as another one is used.
///
/// Gives the wrapper of the backend that is left and that of the backend that takes over.
pub(crate) fn dropping_what_is_in_flight() -> (impl Fn(Router) -> Router, impl Fn(Router) -> Router)
{
    let is_left = Arc::new(AtomicBool::new(false));
    let left = Arc::clone(&is_left);
    let old = move |backend: Router| {
        let is_left = Arc::clone(&is_left);
        backend.layer(map_response(move |response: Response| {
            let is_left = Arc::clone(&is_left);
            async move {
                response.map(|body| {
                    let passes = move |frame| {
                        let is_left = is_left.load(Ordering::Relaxed);
                        if is_left { Err(dropped()) } else { frame }
                    };
                    Body::from_stream(body.into_data_stream().map(passes))
                })
            }
        }))
    };
    let new = move |backend: Router| {
        let left = Arc::clone(&left);
        backend.layer(map_request(move |request: Request| {
            left.store(true, Ordering::Relaxed);
            std::future::ready(request)
        }))
    };
    (old, new)
}

/// Answers of more than twenty frames break off.
pub(crate) fn cutting_long_answers(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        response.map(|body| {
            let frames = body.into_data_stream().enumerate();
            let passes = |(at, frame)| if at < 20 { frame } else { Err(dropped()) };
            Body::from_stream(frames.map(passes))
        })
    }))
}

/// The backend is asked twice at once for each answer.
pub(crate) fn asking_twice(backend: Router) -> Router {
    let again = backend.clone();
    backend.layer(from_fn(move |request: Request, next: Next| {
        let again = again.clone();
        async move {
            let (parts, body) = request.into_parts();
            let bytes = axum::body::to_bytes(body, usize::MAX).await;
            let body = bytes.expect("the gateway has the whole body");
            let first = Request::from_parts(parts.clone(), Body::from(body.clone()));
            let first = tower::ServiceExt::oneshot(again, first);
            let second = next.run(Request::from_parts(parts, Body::from(body)));
            futures::future::join(first, second).await.1
        }
    }))
}

/// A comment is added to the end of each stream.
pub(crate) fn adding_a_comment(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        if !is_stream(&response) {
            return response;
        }
        let comment = stream::once(async { Ok(Bytes::from_static(b": bye\n\n")) });
        response.map(|body| Body::from_stream(body.into_data_stream().chain(comment)))
    }))
}

/// That another deployment has answered is not told.
pub(crate) fn hiding_spillover(backend: Router) -> Router {
    backend.layer(map_response(|mut response: Response| async {
        response.headers_mut().remove("x-ms-is-spilled-over");
        response
    }))
}

/// Each stream that ends gets the marker of its end, whether or not it had it.
pub(crate) fn ending_every_stream(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        if !is_stream(&response) {
            return response;
        }
        response.map(|body| {
            let done = stream::once(async { Ok(Bytes::from_static(b"data: [DONE]\n\n")) });
            Body::from_stream(body.into_data_stream().chain(done))
        })
    }))
}

/// What should be JSON and is not becomes the gateway's own error.
pub(crate) fn refusing_what_is_no_json(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        let is_json = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/json");
        if !response.headers().get(CONTENT_TYPE).is_some_and(is_json) {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        let Ok(bytes) = axum::body::to_bytes(body, usize::MAX).await else {
            return Response::from_parts(
                parts,
                Body::from_stream(stream::once(async { Err::<Bytes, _>(dropped()) })),
            );
        };
        if serde_json::from_slice::<Value>(&bytes).is_err() {
            parts.status = http::StatusCode::BAD_GATEWAY;
        }
        Response::from_parts(parts, Body::from(bytes))
    }))
}

/// Answers without usage, or with one that cannot be, say that they took nothing.
pub(crate) fn telling_no_tokens(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        let (mut parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await;
        let bytes = bytes.expect("the backend answers in full");
        let mut answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let total = |usage: &Value| Some(usage["total_tokens"].as_u64()? == 33);
        if answer.is_object() && !answer.get("usage").and_then(total).unwrap_or(false) {
            answer["usage"] = json!(
                { "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }
            );
            parts.headers.remove(CONTENT_LENGTH);
            return Response::from_parts(parts, Body::from(answer.to_string()));
        }
        Response::from_parts(parts, Body::from(bytes))
    }))
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}

fn dropped() -> axum::Error {
    axum::Error::new("dropped on the way")
}

/// Answers tell ten tokens more than were made.
pub(crate) fn telling_ten_tokens_more(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        changing_json(response, |answer| {
            for count in ["completion_tokens", "total_tokens"] {
                if let Some(told) = answer["usage"][count].as_u64() {
                    answer["usage"][count] = (told + 10).into();
                }
            }
        })
        .await
    }))
}

/// The same answer with its JSON changed; what is none stays as it is.
async fn changing_json(response: Response, change: fn(&mut Value)) -> Response {
    let (mut parts, body) = response.into_parts();
    let bytes = whole(body).await;
    let Ok(mut answer) = serde_json::from_slice(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    change(&mut answer);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(answer.to_string()))
}

/// Streams are asked for their usage, whether or not the client wants to know.
pub(crate) fn ordering_usage(backend: Router) -> Router {
    backend.layer(map_request(|request: Request| async {
        let (mut parts, body) = request.into_parts();
        let bytes = whole(body).await;
        let Ok(mut asked) = serde_json::from_slice::<Value>(&bytes) else {
            return Request::from_parts(parts, Body::from(bytes));
        };
        if asked["stream"] == true {
            asked["stream_options"] = json!({ "include_usage": true });
        }
        parts.headers.remove(CONTENT_LENGTH);
        Request::from_parts(parts, Body::from(asked.to_string()))
    }))
}

/// An answer is read to its end before any of it is passed on.
pub(crate) fn holding_streams_back(backend: Router) -> Router {
    backend.layer(map_response(|response: Response| async {
        let (parts, body) = response.into_parts();
        Response::from_parts(parts, Body::from(whole(body).await))
    }))
}

async fn whole(body: Body) -> Bytes {
    axum::body::to_bytes(body, usize::MAX)
        .await
        .expect("it is there to its end")
}
