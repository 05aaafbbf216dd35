//! What a simulator is told: sections as written in a file, and configurations as they run.
//!
//! A *section* is close to the file: every key is optional where a default or `like` may fill
//! it. [`SimulatorSection::resolve`] turns it into a [`SimulatorConfig`], in which every
//! question is answered; only that one can be run, so a simulator cannot be started with half
//! a configuration. Runtime changes take the way back: the running configuration is written
//! as a section again, patched, and resolved whole or refused whole ([`patch`]).
//!
//! Nothing here uses serde's `untagged` or `flatten`: both swallow the position of a mistake.

mod concurrency;
mod content;
mod deployment;
mod diagnostic;
mod distribution;
mod error;
mod estimate;
mod fault;
mod file;
mod identity;
mod latency;
mod latency_profile;
mod length;
mod limiter;
pub(crate) mod patch;
mod reference;
mod resolve;
mod resolved;
mod section;
mod tool_calls;

pub use self::concurrency::{Concurrency, StatusWhenFull};
pub use self::content::{Content, FinishReason, ScriptedCall, Turn};
pub use self::deployment::{DeploymentSection, RateLimitHeader};
pub use self::diagnostic::{Diagnostic, Diagnostics};
use self::distribution::KINDS;
pub(crate) use self::distribution::Sampler;
pub use self::distribution::{Distribution, InvalidDistribution, Percentiles, Tail};
pub use self::error::{ConfigError, ConfigErrors};
pub use self::estimate::{Estimate, EstimateRule};
pub use self::fault::{
    CutFault, DuplicateFault, ErrorFault, Fault, Flap, MalformedFault, Play, RetryAfterStyle,
    SlowBodyFault, StallFault, StatusFault, TruncatedFault, When,
};
pub use self::file::File;
pub use self::identity::{Identity, IdentitySection};
pub use self::latency::{
    Latency, LatencySection, Load, OperationLatencies, OperationLatencySections, Timing,
};
pub use self::latency_profile::LatencyProfile;
pub use self::length::{DrawnLength, Length, LengthProfile};
pub use self::limiter::{
    Limiter, LimiterKind, Provisioned, Rate, RefusalText, RequestsWindow, Throughput,
};
pub use self::reference::InvalidReferenceFile;
pub use self::resolved::{Deployment, SimulatorConfig};
pub use self::section::{DeploymentList, SimulatorSection};
pub use self::tool_calls::{CallsWhen, ToolCalls};
