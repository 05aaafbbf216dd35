//! `--watch`: the run as it happens, for an audience.
//!
//! [`State`] takes the news, [`frame()`] draws it: both pure. [`Watch`] is the thin shell that
//! redraws in place on a terminal and writes plain lines elsewhere. Backends are those that
//! responses claim; the verdict afterwards knows better.

mod frame;
mod plain;
mod screen;
mod state;

pub use self::frame::frame;
pub use self::screen::Watch;
pub use self::state::State;
