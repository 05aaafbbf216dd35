//! The client: builds requests, sends them over a transport, and writes down what it saw.
//!
//! [`Template`] is what all requests of a class share, [`exchange()`] one attempt from its first
//! byte to its [`Observation`](crate::observation::Observation). The few wire fields that are
//! measured are restated here instead of shared with the simulator: an encoder and a decoder
//! that share a struct share its mistakes.

mod answer;
mod cookies;
mod exchange;
mod identity;
mod request;
mod retries;
mod routers;
mod seen;
mod stream;
mod transport;

pub use self::answer::Usage;
pub use self::cookies::Cookies;
pub use self::exchange::{Advice, Attempt, Exchange, exchange};
pub use self::identity::{RunName, body_hash};
pub use self::request::{InvalidHeader, Prepared, Sizes, Template};
pub use self::routers::Routers;
pub use self::stream::{EventReader, StreamEvent};
pub(crate) use self::transport::socket_error;
pub use self::transport::{Body, Incoming, Outgoing, Transport};
