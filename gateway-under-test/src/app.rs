//! The application: every route, and the path of a request through the policies, on one screen.
//!
//! Policies follow one another in the order of the crate's folders. There is no layer per
//! policy: each needs what the ones before it found out, and a chain of boxed services would
//! hide the order that matters most to read.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, SET_COOKIE};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode};
use tracing::debug;

use crate::access_log::{Decision, Entry, OpenEntry};
use crate::admin;
use crate::auth::Subscription;
use crate::backend::Backend;
use crate::balance::Wanted;
use crate::draw::Draws;
use crate::forward::{Meter, Outbound, Payload};
use crate::gateway::Gateway;
use crate::headers::{
    CLIENT_REQUEST_ID, TRACEPARENT, X_APIM_BACKEND, X_GW_ATTEMPTS, X_GW_BACKEND, X_GW_SOURCE,
    X_GW_TRACE, X_GW_TRACE_ID, X_REQUEST_ID,
};
use crate::helper::{self, Helper};
use crate::limit::{Caller, Chain, Now, read_whole};
use crate::peek;
use crate::refusal::Refusal;
use crate::retry;
use crate::routing::{Api, RoutingTable};
use crate::usage::{Prompt, Tap, Usage};

/// The gateway's own routes, and everything else to the APIs.
pub(crate) fn router(gateway: Gateway) -> Router {
    admin::routes()
        .method_not_allowed_fallback(async || Refusal::MethodNotAllowed)
        .fallback(serve)
        .with_state(gateway)
}

/// Books a request, answers it, and lets the end of the answer close the books.
async fn serve(State(gateway): State<Gateway>, request: Request) -> Response {
    let table = gateway.table();
    let entry = open_entry(&gateway, &table, &request);
    let answer = answer(&gateway, &table, request, &entry).await;
    let mut response = answer.unwrap_or_else(|refusal| {
        debug!(reason = refusal.reason(), "refused");
        entry.refused(&refusal);
        refusal.into_response()
    });
    show_the_way(&entry, response.headers_mut());
    entry.relay(response)
}

/// Tells the caller who answers, after which attempts, and where the trace is.
fn show_the_way(entry: &OpenEntry, headers: &mut HeaderMap) {
    let source = if headers.contains_key(X_GW_BACKEND) {
        "backend"
    } else {
        "gateway"
    };
    headers.insert(X_GW_SOURCE, HeaderValue::from_static(source));
    if let Some(attempts) = entry.attempts() {
        headers.insert(X_GW_ATTEMPTS, attempts);
    }
    if let Some(id) = entry.trace_id() {
        headers.insert(X_GW_TRACE_ID, id);
    }
}

/// The path of a request: route → authenticate → limits of the product, then of the API → retry
/// (balance → breaker → forward).
///
/// The body is read, where it must be, before a limit is asked and a backend chosen: a caller who
/// breaks off takes nobody's place or turn.
async fn answer(
    gateway: &Gateway,
    table: &RoutingTable,
    request: Request,
    entry: &OpenEntry,
) -> Result<Response, Refusal> {
    if !entry.is_under_way() {
        return Err(Refusal::Draining);
    }
    let (mut parts, body) = request.into_parts();
    if let Some(helper) = table.helpers.iter().find(|h| h.is_at(parts.uri.path())) {
        return help(gateway, table, helper, parts, body, entry).await;
    }
    let uri = parts.uri.clone();
    let (api, path) = table.route(uri.path()).ok_or(Refusal::UnknownApi)?;
    entry.routed(&api.name);
    let subscription = authenticate(table, &parts.headers, &api.name, entry)?;
    let limits = table.limits(subscription, api);

    let request_id = parts.headers.get(X_REQUEST_ID).map(HeaderValue::as_bytes);
    let draws = Draws::new(table.seed, request_id, entry.number());
    let meter = entry.request_meter();
    let reads_usage = table.reads_usage || limits.count_usage();
    if reads_usage {
        // What is compressed on the way cannot be read.
        parts.headers.remove(ACCEPT_ENCODING);
    }
    let mut payload = payload(api, path, body, &parts.headers, &limits, meter).await?;
    let kept = payload.kept().cloned();
    if reads_usage && kept.is_none() {
        meter.keep(api.max_replay_bytes);
    }
    let mut caller = caller(table, subscription, api, &parts, &payload);
    let mut estimated = None;
    if limits.estimate_prompt() {
        let prompt = prompt(api, path, kept.clone(), meter);
        caller.prompt_tokens = Some(prompt.tokens().await);
        estimated = Some(prompt);
    }
    let mut holds = limits.admit(&caller, Now::of(gateway.clock()))?;
    if let Some(body) = holds.bind(payload.kept()) {
        payload.replace(body, &mut parts.headers);
    }
    let wanted = wanted(api, path, &payload, &parts.headers, entry)?;
    let by = table.dimensions.as_deref();
    let account = by.map(|by| gateway.accounts().open(by, &parts.headers));
    let outbound = Outbound::new(parts, path, payload, meter.clone());

    let answer = retry::attempt(gateway, api, outbound, draws, wanted, entry).await;
    let (mut response, backend) = answer?;
    let mut usage = None;
    if reads_usage && response.status() == StatusCode::OK {
        let prompt = estimated.unwrap_or_else(|| prompt(api, path, kept, meter));
        (response, usage) = tap(response, prompt, limits.tell_usage(), entry).await;
        if let Some(account) = account {
            entry.account(account);
        }
    }
    holds.see(&mut response, usage, Now::of(gateway.clock()))?;
    entry.hold(holds);
    entry.answered_by(&backend.name);
    name_backend(api, &backend, &mut response);
    if let Some(cookie) = api.balancer.cookie(&backend, wanted) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Has the usage of an answer read as it passes, or at once if its headers are to tell it.
async fn tap(
    mut response: Response,
    prompt: Prompt,
    is_told: bool,
    entry: &OpenEntry,
) -> (Response, Option<Usage>) {
    let mut tap = Tap::new(response.headers(), prompt);
    let mut usage = None;
    if is_told {
        (response, usage) = read_whole(response, &mut tap).await;
    }
    entry.tap(tap);
    (response, usage)
}

/// The prompt of a request to `path`, if its body is `kept` or has passed by now.
fn prompt(api: &Api, path: &str, kept: Option<Bytes>, meter: &Meter) -> Prompt {
    let (deployment, operation) = peek::target(path);
    match kept.or_else(|| meter.copy()) {
        Some(body) => Prompt::new(operation, deployment, api.tokenizer, body),
        None => Prompt::lost(operation, meter.bytes()),
    }
}

/// A request to one of the gateway's helpers.
async fn help(
    gateway: &Gateway,
    table: &RoutingTable,
    helper: &Helper,
    parts: Parts,
    body: Body,
    entry: &OpenEntry,
) -> Result<Response, Refusal> {
    entry.routed(&helper.name);
    authenticate(table, &parts.headers, &helper.name, entry)?;
    if parts.method != Method::POST {
        return Err(Refusal::MethodNotAllowed);
    }
    let meter = entry.request_meter().clone();
    let limit_bytes = helper::MAX_BODY_BYTES;
    let body = Payload::replayed(body, &parts.headers, limit_bytes, meter).await?;
    let body = body.kept().ok_or(Refusal::BrokenBody)?;
    helper.answer(body, table.preferences(), gateway.clock().now())
}

/// Whose key it is, and whether it opens `api`; who comes in vain is named in the log, too.
fn authenticate<'t>(
    table: &'t RoutingTable,
    headers: &HeaderMap,
    api: &str,
    entry: &OpenEntry,
) -> Result<&'t Subscription, Refusal> {
    let subscription = table.subscriptions.of_key_in(headers)?;
    entry.authenticated(subscription);
    subscription.admit_to(api).map(|()| subscription)
}

/// What the request says of where it belongs, as far as the API's balancer asks.
fn wanted(
    api: &Api,
    path: &str,
    payload: &Payload,
    headers: &HeaderMap,
    entry: &OpenEntry,
) -> Result<Wanted, Refusal> {
    if !api.balancer.reads_models() {
        return api.balancer.wanted(headers, None);
    }
    let in_body = || peek::model(payload.kept()?);
    let model = peek::deployment(path).map(Cow::from).or_else(in_body);
    let told = model.as_deref().unwrap_or_default();
    entry.decided(|| Decision::inbound("balance", format!("model `{told}`")));
    api.balancer.wanted(headers, model.as_deref())
}

/// What limits may know of a request.
fn caller<'a>(
    table: &RoutingTable,
    subscription: &'a Subscription,
    api: &'a Api,
    parts: &'a Parts,
    payload: &'a Payload,
) -> Caller<'a> {
    let (path, body) = (parts.uri.path(), payload.kept());
    let in_body = || peek::model(body?);
    Caller {
        subscription: &subscription.name,
        product: subscription.product.as_deref(),
        api: &api.name,
        deployment: peek::deployment(path).map(Cow::from).or_else(in_body),
        operation: peek::target(path).1,
        client_ip: client_ip(table, &parts.headers, &parts.extensions),
        headers: &parts.headers,
        query: parts.uri.query(),
        body,
        prompt_tokens: None,
    }
}

/// Where a request comes from.
fn client_ip(table: &RoutingTable, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
    let connection = extensions.get::<ConnectInfo<SocketAddr>>();
    table
        .client_ip
        .of(headers, connection.map(|from| from.0.ip()))
}

/// The body: kept for as many attempts as the API may make, because it names the model, or
/// because a limit reads it; otherwise on its way through.
async fn payload(
    api: &Api,
    path: &str,
    body: Body,
    headers: &HeaderMap,
    limits: &Chain<'_>,
    meter: &Arc<Meter>,
) -> Result<Payload, Refusal> {
    let names_model = api.balancer.reads_models() && peek::deployment(path).is_none();
    if api.retry.is_some() || names_model || limits.read_body() {
        Payload::replayed(body, headers, api.max_replay_bytes, meter.clone()).await
    } else {
        Ok(Payload::once(body, meter.clone()))
    }
}

/// Tells the caller whose answer this is.
fn name_backend(api: &Api, backend: &Backend, response: &mut Response) {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let headers = response.headers_mut();
    headers.insert(X_GW_BACKEND, backend.header.clone());
    if !api.sets_x_apim_backend || (is_error && api.fails_on_error_status) {
        return;
    }
    if let Some(id) = &backend.apim_id {
        headers.insert(X_APIM_BACKEND, id.clone());
    }
}

fn open_entry(gateway: &Gateway, table: &RoutingTable, request: &Request) -> OpenEntry {
    let (uri, headers) = (request.uri(), request.headers());
    let client_ip = client_ip(table, headers, request.extensions());
    let log = gateway.access_log();
    let under_way = gateway.traffic().enter();
    let mut open = log.open(gateway.clock(), under_way, |entry: &mut Entry| {
        let (deployment, operation) = peek::target(uri.path());
        entry.client_ip = Some(client_ip.to_string());
        entry.method = request.method().to_string();
        entry.path_and_query = uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        entry.operation = operation.map(str::to_owned);
        entry.deployment = deployment.map(str::to_owned);
        entry.request_id = peek::text(headers, &X_REQUEST_ID);
        entry.client_request_id = peek::text(headers, &CLIENT_REQUEST_ID);
        entry.traceparent = peek::text(headers, &TRACEPARENT);
    });
    if headers.get(X_GW_TRACE).is_some_and(|value| value == "1") {
        open.start_trace();
    }
    open
}
