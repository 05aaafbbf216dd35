//! All routes and layers. A request passes them from the outside in:
//!
//! door → slashes → receive (opens the ledger's entry, reads the body) → auth → surface → spillover → route →
//! deployment → validate → fault → limit → generate → latency → stream.
//!
//! The admin API and the issuer of tokens stand beside the operations: neither booked nor limited.

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::routes::{chat_completions, completions, embeddings, fallback, models};
use crate::simulator::Shared;
use crate::{admin, auth, door, identity, receive, slashes, spillover, surface};

/// Assembles the service of one simulator.
pub(crate) fn app(shared: &Arc<Shared>) -> Router {
    let operations = Router::new()
        .route(
            "/openai/deployments/{deployment}/chat/completions",
            post(chat_completions),
        )
        .route(
            "/openai/deployments/{deployment}/completions",
            post(completions),
        )
        .route(
            "/openai/deployments/{deployment}/embeddings",
            post(embeddings),
        )
        .route("/openai/v1/chat/completions", post(chat_completions))
        .route("/openai/v1/completions", post(completions))
        .route("/openai/v1/embeddings", post(embeddings))
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/completions", post(completions))
        .route("/v1/embeddings", post(embeddings))
        .route("/openai/models", get(models::base))
        .route("/openai/models/{model}", get(models::base))
        .route("/openai/v1/models", get(models::named))
        .route("/openai/v1/models/{model}", get(models::named))
        .route("/v1/models", get(models::named))
        .route("/v1/models/{model}", get(models::named))
        .method_not_allowed_fallback(fallback::wrong_method)
        .fallback(fallback::not_found)
        .layer(from_fn(spillover::spill))
        .layer(from_fn(surface::check))
        .layer(from_fn(auth::operations))
        .layer(from_fn_with_state(Arc::clone(shared), receive::receive));

    let admin = admin::routes()
        .layer(from_fn_with_state(Arc::clone(shared), auth::admin))
        .with_state(Arc::clone(shared));

    let all = Router::new()
        .route("/", get(admin::health))
        .route("/metadata/identity/oauth2/token", get(identity::token))
        .method_not_allowed_fallback(admin::wrong_method)
        .with_state(Arc::clone(shared))
        .nest("/++", admin)
        .merge(operations);
    // Outside of all routing, because it changes what is routed.
    let router = Router::new().fallback_service(slashes::Collapse::new(all));
    router.layer(from_fn_with_state(Arc::clone(shared), door::pass))
}
