//! The configuration of a gateway, exactly as a file says it.
//!
//! This is the schema only: what the parts mean and whether they fit together is decided once,
//! where the routing table is built from them, so a configuration that passes
//! [`GatewayConfig::validate`] is one that runs. The two steps are apart because a preset is a
//! configuration with holes (no backend urls) that somebody else fills before it is complete.
//!
//! Neither `untagged` nor `flatten` is used anywhere: both lose the position of a mistake.

mod adaptive;
mod balance;
mod breaker;
mod condition;
mod diagnostic;
mod document;
mod error;
mod identity;
mod latency;
mod limit;
mod prioritize;
mod rate_limit;
mod retry;
mod secret;
mod subscription;
mod usage;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use clock::Span;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::usage::Encoding;

pub use self::adaptive::AdaptiveConfig;
pub use self::balance::{
    AffinityConfig, BalanceConfig, ByModelConfig, ByRetryAfterConfig, MemberConfig, Pick,
    PoolConfig, RouteConfig, Weights,
};
pub use self::breaker::{BreakerConfig, Recovery, TrippingAnswer};
pub use self::condition::Condition;
pub use self::diagnostic::Diagnostic;
pub use self::error::ConfigError;
pub use self::identity::IdentityConfig;
pub use self::latency::{
    HelperConfig, Hysteresis, PreferredConfig, ProbeOperation, ProberConfig, UnknownIds,
};
pub use self::limit::{
    KeyDimension, QuotaPeriod, ReservesConfig, TokenLimitConfig, TokenWindow, UnknownKeyDimension,
};
pub use self::prioritize::{
    CalculatedDeployment, Counting, LateAnswers, MissingRemaining, MissingReset, PrioritizeConfig,
    Probe, TokenCalculatingConfig, TokenTrackingConfig, TrackedDeployment,
};
pub use self::rate_limit::{ConcurrencyConfig, Counts, QuotaConfig, RateLimitConfig, StatusRange};
pub use self::retry::{BudgetConfig, RetryConfig};
pub use self::secret::Secret;
pub use self::subscription::{ProductConfig, SubscriptionConfig};
pub(crate) use self::usage::address;
pub use self::usage::{Dimension, SinkConfig, UsageConfig};

/// API Management's own default for `forward-request`.
// Source: https://github.com/MicrosoftDocs/azure-docs/issues/109013 (read 2026-08): "Default
// timeout value is 300 secs as per Microsoft document."
const DEFAULT_FORWARD_TIMEOUT: Span = Span::new(Duration::from_mins(5));

/// Holds a long chat with a picture or two; 256 such requests at once still fit into 2 GiB.
const DEFAULT_MAX_REPLAY_BYTES: NonZeroUsize =
    NonZeroUsize::new(8 * 1024 * 1024).expect("eight mebibytes are not zero");

/// A gateway: who may call it, what it stands before, and how it chooses.
///
/// ```
/// use gateway_under_test::GatewayConfig;
///
/// let config = GatewayConfig::parse("gateway.toml", r#"
///     [subscriptions.one]
///     key = "subscription-key-one"
///
///     [backends.payg-1]
///     url = "http://127.0.0.1:8001"
///
///     [apis.forward]
///     prefix  = "/forward"
///     balance = { single = "payg-1" }
/// "#).unwrap();
/// assert!(config.validate().is_empty());
/// ```
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Seed of every random draw: two gateways with one seed choose alike for the same requests.
    pub seed: u64,
    /// The header in which whoever stands before the gateway tells a caller's address, such as
    /// `x-forwarded-for`; its first address counts. Absent: the address of the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip_header: Option<String>,
    /// What callers may use, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub products: BTreeMap<String, ProductConfig>,
    /// Who may call, by name.
    pub subscriptions: BTreeMap<String, SubscriptionConfig>,
    /// The services behind the gateway, by name.
    pub backends: BTreeMap<String, BackendConfig>,
    /// The APIs offered, by name; told apart by the prefix of the path.
    pub apis: BTreeMap<String, ApiConfig>,
    /// Where orders of backends are set from outside, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub helpers: BTreeMap<String, HelperConfig>,
    /// Who finds such orders out, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub probers: BTreeMap<String, ProberConfig>,
    /// Who used how much; absent: nobody asks, and answers pass unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageConfig>,
}

/// One service behind the gateway.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, expecting = "a table with a `url`")]
pub struct BackendConfig {
    /// Where it listens, such as `http://127.0.0.1:8001`; a trailing `/openai` changes nothing.
    ///
    /// A preset leaves it out: whoever uses the preset knows the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The credential sent as `api-key` in place of the caller's; without it none is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Secret>,
    /// Where it stands, for people; requests are not routed by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The name under which `x-apim-backend` tells of it, such as `payg-backend-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apim_backend: Option<String>,
    /// In whose name it is called: a token in place of `api_key`, which then is not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityConfig>,
    /// When it is left alone; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub breaker: Option<BreakerConfig>,
}

/// One API: a path prefix and the policies behind it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table with `prefix` and `balance`")]
pub struct ApiConfig {
    /// The start of its paths, such as `/round-robin-simple`; `/` takes whatever no other API does.
    pub prefix: String,
    /// Which backend a request goes to first.
    pub balance: BalanceConfig,
    /// What a request is answered for which no backend can be asked.
    #[serde(default)]
    pub exhausted: Exhausted,
    /// Whether its requests go out as if no backend had a breaker, and none counts them.
    #[serde(default)]
    pub ignores_breakers: bool,
    /// The tokenizer of its estimates; absent: that of the model, as far as its name tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<Encoding>,
    /// How many of its requests may be under way at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_concurrency: Option<ConcurrencyConfig>,
    /// How often it may be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitConfig>,
    /// How often it may be in each period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaConfig>,
    /// How many tokens its callers may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_limit: Option<TokenLimitConfig>,
    /// How many tokens may be used by what all callers leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveConfig>,
    /// How low priority yields to high; absent: all are alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prioritize: Option<PrioritizeConfig>,
    /// Whether, when and where it is tried again; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryConfig>,
    /// How long one attempt may take up to the response *headers*; a body may take longer.
    #[serde(default = "default_forward_timeout")]
    pub forward_timeout: Span,
    /// How long the body may be silent between two of its parts, before it ends as broken off;
    /// absent: for as long as the caller waits, as with API Management.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_timeout: Option<Span>,
    /// The largest request body kept for a retry; a larger one is refused with 413.
    ///
    /// Without `retry` nothing is kept and bodies of any size are streamed through.
    #[serde(default = "default_max_replay_bytes")]
    pub max_replay_bytes: NonZeroUsize,
    /// Whether responses name the serving backend in `x-apim-backend`.
    #[serde(default)]
    pub sets_x_apim_backend: bool,
    /// Whether a 4xx or 5xx that retries could not avert counts as an error of the gateway, as
    /// with API Management's attribute of this name: the response passes, but what is done for
    /// successful responses (`x-apim-backend`) is left out.
    #[serde(default)]
    pub fail_on_error_status_code: bool,
}

/// What a request is answered for which no backend can be asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exhausted {
    /// 503, without a word on when to come back.
    #[default]
    Unavailable,
    /// 429 with the least time after which somebody can be asked again.
    TooManyRequests,
    /// What the first backend says, which is asked in spite of it all; `by_retry_after` only.
    FirstBackend,
}

impl GatewayConfig {
    /// Everything that is wrong with this configuration; empty: it will run.
    pub fn validate(&self) -> Vec<ConfigError> {
        crate::routing::RoutingTable::new(self, None)
            .err()
            .unwrap_or_default()
    }

    /// The policies that prefer backends by the order `key`.
    pub(crate) fn preferring<'a>(
        &'a self,
        key: &'a str,
    ) -> impl Iterator<Item = &'a PreferredConfig> {
        self.apis
            .values()
            .filter_map(move |api| match &api.balance {
                BalanceConfig::Preferred(preferred) if preferred.key == key => Some(preferred),
                _ => None, // No other policy looks at an order.
            })
    }

    /// Reads `text`, the content of the file called `name`, section by section.
    ///
    /// Whether the parts fit together is not asked yet: the caller may still fill in urls.
    ///
    /// # Errors
    /// Every mistake at once, each with its position: of syntax, of type, of spelling.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Diagnostic>> {
        document::parse(name, text)
    }

    /// Where in `text`, from which this configuration was read, the mistakes `errors` lie.
    pub fn locate(name: &str, text: &str, errors: &[ConfigError]) -> Vec<Diagnostic> {
        document::locate(name, text, errors)
    }
}

fn default_forward_timeout() -> Span {
    DEFAULT_FORWARD_TIMEOUT
}

fn default_max_replay_bytes() -> NonZeroUsize {
    DEFAULT_MAX_REPLAY_BYTES
}

#[cfg(test)]
mod tests;
