//! [`TokenLimit`]: tokens per minute, or per period of the calendar, for each key.
//!
//! API Management's `llm-token-limit`. Whoever has a token left is let in, and charged when the
//! answer tells what it took; requests at the same time can thus exceed the limit together, each
//! unseen by the others. Two things can be held from the admission on: the prompt, as estimated,
//! or everything the request may come to. With the latter the limit is never exceeded.
//!
//! Whoever is refused, or gets an error from the backend, is charged nothing. Whoever leaves is
//! charged what had come until then.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, StatusCode};

use super::counter::{Account, Allowance, Keys, Meter, Short};
use super::reservation::Permitted;
use super::{Answer, Caller, Denial, Hold, Now, Place, Policy, Settlement, State, kept};
use crate::config::{ConfigError, KeyDimension, TokenLimitConfig};
use crate::refusal::{Refusal, whole_seconds};

/// The most tokens that can be meant: a thousand times what the largest deployments have in a
/// month.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// A limit of tokens that are counted by the meter `M`.
#[derive(Debug)]
pub(super) struct TokenLimit<M> {
    rules: Arc<Rules>,
    accounts: Arc<Keys<Account<M>>>,
}

/// What one configuration says.
#[derive(Clone, Debug)]
struct Rules {
    key: KeyDimension,
    allowance: Allowance,
    estimates_prompt: bool,
    /// The `max_tokens` of a request that names none, if requests hold all they may come to.
    reserves: Option<u64>,
    remaining: Option<HeaderName>,
    consumed: Option<HeaderName>,
    remaining_quota: Option<HeaderName>,
    retry_after: Option<HeaderName>,
}

impl<M: Meter> TokenLimit<M> {
    /// The limit that `config`, at `place`, describes; it goes on with the accounts of `previous`.
    pub(super) fn new(
        config: &TokenLimitConfig,
        place: &Place<'_>,
        previous: Option<State>,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        validate(config, place, errors);
        let mut header = |key, name: &Option<String>| place.header(key, name.as_ref(), errors);
        let quota = config.token_quota.zip(config.token_quota_period);
        let rules = Rules {
            key: config.key.clone(),
            allowance: Allowance {
                tokens_per_minute: config.tokens_per_minute.map(Into::into),
                quota: quota.map(|(tokens, period)| (tokens.get(), period)),
            },
            estimates_prompt: config.estimate_prompt_tokens || config.reserves.is_some(),
            reserves: config.reserves.map(|r| r.default_max_tokens.get()),
            remaining: header("remaining_tokens_header", &config.remaining_tokens_header),
            consumed: header("tokens_consumed_header", &config.tokens_consumed_header),
            remaining_quota: header(
                "remaining_quota_tokens_header",
                &config.remaining_quota_tokens_header,
            ),
            retry_after: header("retry_after_header", &config.retry_after_header),
        };
        Self {
            rules: Arc::new(rules),
            accounts: kept(previous),
        }
    }
}

impl<M: Meter> TokenLimit<M> {
    /// The same accounts with so many tokens per minute.
    pub(super) fn with_tokens_per_minute(&self, tokens: u64) -> Self {
        let mut rules = Rules::clone(&self.rules);
        rules.allowance.tokens_per_minute = Some(tokens);
        Self {
            rules: Arc::new(rules),
            accounts: self.accounts.clone(),
        }
    }

    /// What is left to `caller` of the tokens per minute.
    pub(super) fn left_in_minute(&self, caller: &Caller<'_>, now: Now) -> u64 {
        let of = &self.rules.allowance;
        let key = self.rules.key.of(caller);
        let left = |account: &mut Account<M>| account.left_in_minute(of, now);
        let left = self.accounts.of(&key, left).flatten();
        left.or(of.tokens_per_minute).unwrap_or(0)
    }
}

fn validate(config: &TokenLimitConfig, place: &Place<'_>, errors: &mut Vec<ConfigError>) {
    if config.tokens_per_minute.is_none() && config.token_quota.is_none() {
        let message = "expected `tokens_per_minute`, `token_quota` or both";
        let error = place.error("", message);
        errors.push(error.help("add `tokens_per_minute = 1_000`"));
    }
    let both = match (config.token_quota, config.token_quota_period) {
        (Some(_), None) => Some(("token_quota", "token_quota_period", "\"monthly\"")),
        (None, Some(_)) => Some(("token_quota_period", "token_quota", "1_000_000")),
        _ => None, // Both or none.
    };
    errors.extend(both.map(|(key, lacking, example)| {
        let error = place.error(key, format!("expected `{lacking}` beside it"));
        error.help(format!("add `{lacking} = {example}`"))
    }));
    let reserves = config.reserves.map(|reserves| reserves.default_max_tokens);
    let mistake = match (reserves, config.tokens_per_minute) {
        (Some(_), None) => {
            Some("expected `tokens_per_minute` beside it, of which tokens are reserved".to_owned())
        }
        (Some(default), Some(limit)) if default > limit => Some(format!(
            "expected a `default_max_tokens` of at most the limit, `{limit}`: more never fits"
        )),
        _ => None, // Nothing is reserved, or it fits.
    };
    errors.extend(mistake.map(|message| place.error("reserves", message)));
    for (key, tokens) in [
        ("tokens_per_minute", config.tokens_per_minute),
        ("token_quota", config.token_quota),
    ] {
        if let Some(found) = tokens.filter(|tokens| tokens.get() > MOST_TOKENS) {
            let message = format!("expected at most `{MOST_TOKENS}` tokens, found `{found}`");
            errors.push(place.error(key, message));
        }
    }
}

impl<M: Meter> Policy for TokenLimit<M> {
    fn admit(&self, caller: &Caller<'_>, now: Now) -> Result<Option<Box<dyn Hold>>, Refusal> {
        let key = self.rules.key.of(caller);
        let (held, default_max_tokens) = self.rules.reservation(caller);
        let of = &self.rules.allowance;
        self.accounts
            .with(&key, |a| a.is_idle(of, now), |a| a.admit(held, of, now))
            .map_err(|short| self.rules.denial(short))?;
        Ok(Some(Box::new(TokensHeld {
            rules: self.rules.clone(),
            accounts: self.accounts.clone(),
            key,
            held,
            default_max_tokens,
            is_settled: false,
        })))
    }

    fn state(&self) -> State {
        self.accounts.clone()
    }

    fn reads_body(&self) -> bool {
        self.estimates_prompt() || self.rules.key == KeyDimension::Deployment
    }

    fn estimates_prompt(&self) -> bool {
        self.rules.estimates_prompt
    }

    fn counts_usage(&self) -> bool {
        true
    }

    fn tells_usage(&self) -> bool {
        let rules = &self.rules;
        let headers = [&rules.remaining, &rules.consumed, &rules.remaining_quota];
        headers.iter().any(|header| header.is_some())
    }
}

impl Rules {
    /// The tokens that a request holds until its end, and the `max_tokens` it must be bound to
    /// for that to be enough.
    fn reservation(&self, caller: &Caller<'_>) -> (u64, Option<u64>) {
        if !self.estimates_prompt {
            return (0, None);
        }
        let prompt = caller.prompt_tokens.unwrap_or(0);
        let completes = matches!(caller.operation, Some("chat_completions" | "completions"));
        let (Some(default), Some(body), true) = (self.reserves, caller.body, completes) else {
            return (prompt, None);
        };
        let permitted = Permitted::by(body);
        let held = prompt.saturating_add(permitted.tokens(default));
        (held, permitted.max_tokens.is_none().then_some(default))
    }

    // Source: https://learn.microsoft.com/azure/api-management/llm-token-limit-policy (read
    // 2026-08): 429 for tokens per minute, 403 for the quota; the texts as recorded in public
    // runs of the policy.
    fn denial(&self, short: Short) -> Refusal {
        let (status, word, message, wait) = match short {
            Short::Minute(wait) => {
                let seconds = whole_seconds(wait);
                let message = format!("Token limit is exceeded. Try again in {seconds} seconds.");
                (StatusCode::TOO_MANY_REQUESTS, "token-limit", message, wait)
            }
            Short::Quota(wait) => {
                let time = written_out(whole_seconds(wait));
                let message = format!("Token quota is exceeded. Try again in {time}.");
                (StatusCode::FORBIDDEN, "token-quota", message, wait)
            }
        };
        let denial = Denial::new(status, word, message);
        denial.wait(wait, self.retry_after.as_ref()).into()
    }
}

/// `21 minutes and 33 seconds`.
// Assumed: days and hours as minutes, which are all that a recorded answer shows.
fn written_out(seconds: u64) -> String {
    let parts = [
        (seconds / 86_400, "day"),
        (seconds / 3_600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let plural = |number| if number == 1 { "" } else { "s" };
    let written: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}{}", plural(*number)))
        .collect();
    match written.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "0 seconds".to_owned(),
    }
}

/// The tokens that a request under way holds, perhaps none, and the account they belong to.
#[derive(Debug)]
struct TokensHeld<M: Meter> {
    rules: Arc<Rules>,
    accounts: Arc<Keys<Account<M>>>,
    key: String,
    held: u64,
    default_max_tokens: Option<u64>,
    is_settled: bool,
}

impl<M: Meter> TokensHeld<M> {
    fn account<R>(&self, now: Now, act: impl FnOnce(&mut Account<M>) -> R) -> R {
        let of = &self.rules.allowance;
        self.accounts.with(&self.key, |a| a.is_idle(of, now), act)
    }

    /// Charges `used` tokens in place of those held, once.
    fn settle(&mut self, used: u64, now: Now) {
        if !std::mem::replace(&mut self.is_settled, true) {
            let of = &self.rules.allowance;
            self.account(now, |account| account.settle(self.held, used, of, now));
        }
    }
}

impl<M: Meter> Hold for TokensHeld<M> {
    fn default_max_tokens(&self) -> Option<u64> {
        self.default_max_tokens
    }

    fn answered(
        &mut self,
        answer: &Answer<'_>,
        out: &mut HeaderMap,
        now: Now,
    ) -> Result<(), Refusal> {
        let taken = answer.usage.map(|usage| usage.total_tokens);
        if let Some(tokens) = taken.or((!answer.status.is_success()).then_some(0)) {
            self.settle(tokens, now);
        }
        let of = &self.rules.allowance;
        let (in_minute, in_period) = self.account(now, |account| {
            (
                account.left_in_minute(of, now),
                account.left_in_period(of, now),
            )
        });
        for (header, tokens) in [
            (&self.rules.remaining, in_minute),
            (&self.rules.consumed, taken),
            (&self.rules.remaining_quota, in_period),
        ] {
            if let (Some(header), Some(tokens)) = (header, tokens) {
                out.insert(header.clone(), tokens.into());
            }
        }
        Ok(())
    }

    fn settled(mut self: Box<Self>, end: &Settlement, now: Now) {
        let used = end.usage.map_or(0, |usage| usage.total_tokens);
        self.settle(used, now);
    }
}

impl<M: Meter> Drop for TokensHeld<M> {
    fn drop(&mut self) {
        if !self.is_settled {
            let held = self.held;
            self.accounts
                .of(&self.key, |account| account.give_back(held));
        }
    }
}
