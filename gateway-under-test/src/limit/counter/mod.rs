//! Counters: what was used, and when there is room again.
//!
//! All are pure functions of the time they are told. They know nothing of limits, which come in
//! with each question: a reload may change a limit and forgets nothing of what was counted.

mod account;
mod bucket;
mod keys;
mod period;
mod window;

pub(crate) use self::account::{Account, Allowance, Meter, Short};
pub(crate) use self::bucket::Bucket;
pub(crate) use self::keys::Keys;
pub(crate) use self::period::Period;
pub(crate) use self::window::Window;

#[cfg(test)]
mod tests;
