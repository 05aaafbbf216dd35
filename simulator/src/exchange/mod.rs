//! [`Exchange`]: one request on its way through the operations.

mod answer;

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use clock::Moment;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version};
use rand_chacha::ChaCha8Rng;

use crate::config::{Limiter, Play};
use crate::deployment::Target;
use crate::fault::{self, Arrival, Interruption};
use crate::latency::{self, Deadlines};
use crate::ledger::Entry;
use crate::limit::{Charge, Correction, Ticket};
use crate::openai::{self, Body, Dialect, Invalid, Operation, Refusal, version};
use crate::prompt_cache::Keepable;
use crate::receive::Received;
use crate::seed::{Key, Purpose};
use crate::serve::Line;
use crate::slot::Slot;
use crate::spillover::ServedBy;

/// One request to an operation.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) received: Received,
    pub(crate) dialect: Dialect,
    uri: Uri,
    method: Method,
    pub(crate) headers: HeaderMap,
    /// The deployment or model, where the path names one.
    named: Option<String>,
    /// The deployment that serves it instead, where the one it asks for spilled over.
    served_by: Option<String>,
    /// When the answer's latency starts: at arrival, unless a fault delayed the request.
    pub(crate) start: Moment,
    /// The prompt, kept for later ones once the request is admitted.
    pub(crate) prompt: Option<Keepable>,
    /// What becomes of the answer's body.
    pub(crate) interruption: Option<Interruption>,
    /// The connection it came on, if that is ours.
    pub(crate) line: Option<Arc<Line>>,
    /// A fault of the answer beside its text.
    pub(crate) late_fault: Option<Play>,
    /// Its place at the deployment, until the answer's body takes it over.
    slot: Option<Slot>,
}

impl<S: Send + Sync> FromRequestParts<S> for Exchange {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let named = named(parts, state).await;
        let received = parts.extensions.remove::<Received>();
        let received = received.expect("the layer `receive` is outside of all operations");
        let uri = std::mem::take(&mut parts.uri);
        let mut exchange = Self::new(received, uri, parts.method.clone());
        exchange.headers = std::mem::take(&mut parts.headers);
        let line = parts.extensions.remove::<Arc<Line>>();
        exchange.line = line.filter(|_| parts.version == Version::HTTP_11);
        let served_by = parts.extensions.remove::<ServedBy>();
        exchange.served_by = served_by.map(|ServedBy(name)| name);
        exchange.named = named;
        Ok(exchange)
    }
}

/// What the path names, if it names anything.
async fn named<S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<String> {
    match RawPathParams::from_request_parts(parts, state).await {
        Ok(params) => params.iter().next().map(|(_, name)| name.to_owned()),
        // A name that is not UTF-8 is one that nothing has, not the absence of one.
        Err(_) => Some(char::REPLACEMENT_CHARACTER.to_string()),
    }
}

/// Answers a request that did not get as far as an operation.
pub(crate) fn refuse(request: &Request, refusal: &Refusal) -> Response {
    let received = request.extensions().get::<Received>().cloned();
    let received = received.expect("the layer `receive` is outside of all operations");
    let mut exchange = Exchange::new(received, request.uri().clone(), request.method().clone());
    exchange.headers = request.headers().clone();
    exchange.refuse(refusal, None)
}

impl Exchange {
    fn new(received: Received, uri: Uri, method: Method) -> Self {
        Self {
            dialect: dialect(&received, &uri),
            start: received.arrived,
            received,
            uri,
            method,
            headers: HeaderMap::new(),
            named: None,
            prompt: None,
            served_by: None,
            interruption: None,
            line: None,
            late_fault: None,
            slot: None,
        }
    }

    /// Opens the request, and plays the faults that come before the limiter.
    ///
    /// # Errors
    /// The response, where that is already decided.
    pub(crate) async fn enter<B: Body>(&mut self) -> Result<(Target, B), Response> {
        let opened = self.open::<B>();
        let (target, body) = opened.map_err(|refusal| self.refuse(&refusal, None))?;
        fault::before_admission(self, &target, B::OPERATION).await?;
        Ok((target, body))
    }

    /// The fault that this request has to meet, if any.
    pub(crate) fn fault(&self, target: &Target, operation: Operation) -> Option<Play> {
        let faults = &self.received.live.faults;
        if faults.is_empty() {
            return None;
        }
        let (attempt, credentials) =
            self.book(|entry| (entry.ordinal, entry.credential_hashes.clone()));
        let arrival = Arrival {
            at: self.received.arrived,
            deployment: target.name(),
            operation,
            headers: &self.headers,
            attempt,
            key: self.key(target),
            credentials: &credentials,
            body: self.received.body.as_deref().unwrap_or_default(),
        };
        faults.decide(&arrival).cloned()
    }

    /// Finds the deployment and reads the body: by the path where it names a deployment,
    /// else by the body's `model`.
    fn open<B: Body>(&self) -> Result<(Target, B), Refusal> {
        self.book(|entry| entry.operation = Some(B::OPERATION.as_str().to_owned()));
        let target = self
            .named
            .as_ref()
            .map(|name| self.target(name, B::OPERATION));
        self.check_version()?;
        let target = target.transpose()?;
        let body: B = openai::read(self.received.body.as_ref().map_err(Refusal::clone)?)?;
        let target = if let Some(target) = target {
            target
        } else {
            let name = body.model().ok_or_else(|| Invalid::missing("model"))?;
            self.target(name, B::OPERATION)?
        };
        body.suits(target.model())?;
        let head = body
            .first_text()
            .map(|text| text.chars().take(PROMPT_HEAD).collect());
        self.book(|entry| entry.prompt_head = head);
        Ok((target, body))
    }

    fn target(&self, name: &str, operation: Operation) -> Result<Target, Refusal> {
        let live = &self.received.live;
        if let Some(name) = &self.served_by {
            self.book(|entry| entry.served_by = Some(name.clone()));
            return live.target(name, operation);
        }
        let name = match self.dialect {
            Dialect::Azure => name,
            Dialect::OpenAi => live.serving(name).unwrap_or(name),
        };
        self.book(|entry| entry.deployment = Some(name.to_owned()));
        live.target(name, operation)
    }

    /// Whether there is this version of the API where the request asks for it.
    pub(crate) fn check_version(&self) -> Result<(), Refusal> {
        let asked = self.api_version();
        match self.uri.path() {
            path if path.starts_with("/openai/v1/") => match asked {
                Some(asked) if !version::is_undated(asked) => Err(Refusal::WrongVersion),
                _ => Ok(()),
            },
            path if path.starts_with("/openai/") => match asked {
                Some(asked) if version::is_dated(asked) => Ok(()),
                _ => Err(Refusal::NotFound),
            },
            _ => Ok(()),
        }
    }

    /// Estimates what a request costs, and books it.
    pub(crate) fn estimate(&self, target: &Target, charge: &Charge<'_>) -> u64 {
        let cost = target.cost(charge);
        self.book(|entry| {
            entry.prompt_tokens = charge.prompt_tokens;
            entry.cached_tokens = charge.cached_tokens;
            entry.tokens_estimated = cost;
        });
        cost
    }

    /// Asks the deployment's limiter, and waits for a slot; an admitted request is charged by its
    /// estimate.
    ///
    /// Where the queue for a slot is full nothing is charged. The answer's time starts when the
    /// request has its slot.
    pub(crate) async fn admit(
        &mut self,
        target: &Target,
        charge: &Charge<'_>,
    ) -> Result<Ticket, Refusal> {
        let mut slot = target.enter()?;
        let ticket = self.charge(target, charge)?;
        if slot.turn().await {
            self.start = self.start.max(self.received.shared.clock.now());
        }
        self.slot = Some(slot);
        Ok(ticket)
    }

    /// `response`, whose body keeps the request in flight until its end.
    pub(crate) fn hold(self, response: Response) -> Response {
        match self.slot {
            Some(slot) => response.map(|body| slot.hold(body)),
            None => response,
        }
    }

    fn charge(&self, target: &Target, charge: &Charge<'_>) -> Result<Ticket, Refusal> {
        let cost = self.estimate(target, charge);
        let correction = self.correction(target, charge, cost)?;
        let clock = &self.received.shared.clock;
        let now = clock.now();
        let admission = target.gate().admit(target.limiter(), cost, now);
        let standing = match &admission {
            Ok(admission) => admission.standing,
            Err(refusal) => *refusal.standing,
        };
        self.book(|entry| {
            // Where it spilled over, the utilization is what the first deployment had.
            entry.utilization_per_mille = standing.found.or(entry.utilization_per_mille);
        });
        let admission = admission.map_err(|refusal| {
            let region = &self.received.live.config.region;
            let limited = target.limited(charge.operation, region, refusal);
            Refusal::Limited(Box::new(limited))
        })?;
        if let Some(prompt) = &self.prompt {
            self.received.shared.prompts.keep(prompt, now);
        }
        self.book(|entry| {
            entry.tokens_charged = cost;
            entry.admitted = Some(admission.at.unwrap_or(now));
        });
        Ok(Ticket::new(admission, correction))
    }

    /// How the estimate of a request is corrected, by a limiter that does.
    ///
    /// # Errors
    /// A prompt that is too long for provisioned throughput, which is told before anything else.
    fn correction(
        &self,
        target: &Target,
        charge: &Charge<'_>,
        estimated: u64,
    ) -> Result<Option<Correction>, Refusal> {
        let Limiter::Provisioned(provisioned) = *target.limiter() else {
            return Ok(None);
        };
        let longest = provisioned.longest_prompt.map_or(u64::MAX, Into::into);
        if charge.prompt_tokens > longest {
            return Err(Refusal::TooLong {
                operation: charge.operation,
                window: longest,
                prompt: charge.prompt_tokens,
                answer: None,
            });
        }
        Ok(Some(Correction {
            gate: Arc::clone(target.gate()),
            provisioned,
            estimated,
            prompt_tokens: charge.prompt_tokens.saturating_sub(charge.cached_tokens),
            clock: self.received.shared.clock.clone(),
            booking: self.received.booking.clone(),
        }))
    }

    /// Changes the ledger's entry.
    pub(crate) fn book<T>(&self, change: impl FnOnce(&mut Entry) -> T) -> T {
        self.received.booking.write(change)
    }

    /// The key of everything drawn for this request: by its id and ordinal, or by its number.
    pub(crate) fn key(&self, target: &Target) -> Key {
        let key = self.received.live.key.named(target.name());
        self.book(|entry| match entry.correlation() {
            Some(id) => key.named(id).numbered(entry.ordinal.into()),
            None => key.numbered(entry.number),
        })
    }

    /// Seconds since 1970 at arrival.
    pub(crate) fn created(&self) -> i64 {
        self.received
            .shared
            .clock
            .utc(self.received.arrived)
            .as_second()
    }

    /// Waits until `due`, unless it has passed.
    pub(crate) async fn wait(&self, due: Moment) {
        latency::wait(&self.received.shared.clock, due).await;
    }

    /// When the tokens of the answer are due, where so many tokens of the prompt are not cached.
    pub(crate) fn deadlines(
        &self,
        target: &Target,
        operation: Operation,
        prompt_tokens: u64,
    ) -> Deadlines<ChaCha8Rng> {
        let rng = self.key(target).rng(Purpose::Latency);
        let pace = target.pace(operation);
        pace.deadlines(self.start, prompt_tokens, target.slots(), rng)
    }

    /// What the path names, if it names anything.
    pub(crate) fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The query's `api-version`, unless it is empty.
    fn api_version(&self) -> Option<&str> {
        let mut pairs = self.uri.query()?.split('&');
        let version = pairs.find_map(|pair| pair.strip_prefix("api-version="));
        version.filter(|version| !version.is_empty())
    }
}

/// The configured dialect, or that of the path.
fn dialect(received: &Received, uri: &Uri) -> Dialect {
    let configured = received.live.config.dialect;
    configured.unwrap_or_else(|| Dialect::of(uri.path()))
}

/// Characters of the prompt that the ledger keeps.
const PROMPT_HEAD: usize = 64;
