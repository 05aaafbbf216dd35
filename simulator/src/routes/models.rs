//! `models`: what may be asked for.
//!
//! Asking for it costs nothing, and no limit and no fault applies.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use crate::exchange::Exchange;
use crate::model::Model;
use crate::openai::{self, Dialect, Refusal};

/// The models that could be deployed.
pub(crate) async fn base(exchange: Exchange) -> Response {
    answer(&exchange, |named| match named {
        None => Ok(openai::base_models()),
        Some(id) => openai::base_model(id).ok_or(Refusal::NotFound),
    })
}

/// The names that a request may give: deployments, or models on OpenAI.
pub(crate) async fn named(exchange: Exchange) -> Response {
    let names = names(&exchange);
    answer(&exchange, |named| match named {
        None => Ok(openai::models(names.into_iter())),
        Some(id) => match names.get(id) {
            Some(model) => Ok(openai::model(id, model)),
            None => Err(Refusal::UnknownModel(id.to_owned())),
        },
    })
}

fn names(exchange: &Exchange) -> BTreeMap<&str, &'static Model> {
    let deployments = exchange.received.live.config.deployments.iter();
    let named = deployments.map(|(name, deployment)| match exchange.dialect {
        Dialect::Azure => (name.as_str(), deployment.model),
        Dialect::OpenAi => (deployment.model.name, deployment.model),
    });
    named.collect()
}

fn answer(
    exchange: &Exchange,
    body: impl FnOnce(Option<&str>) -> Result<String, Refusal>,
) -> Response {
    exchange.book(|entry| entry.operation = Some("models".to_owned()));
    let written = exchange
        .check_version()
        .and_then(|()| body(exchange.named()));
    match written {
        Ok(body) => {
            let json = HeaderValue::from_static("application/json");
            (exchange.headers_of_lists(), [(CONTENT_TYPE, json)], body).into_response()
        }
        Err(refusal) => exchange.refuse(&refusal, None),
    }
}
