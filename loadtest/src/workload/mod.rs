//! What is sent and when: prompts of a known size, active users, arrival schedules, traces.
//!
//! Everything here is a pure function of the plan, its seed and a moment, so that both drivers
//! send the same requests and a schedule can be counted before anything runs.

mod activity;
mod arrivals;
mod mix;
mod prompt;
mod trace;
mod vocabulary;

pub use self::activity::activity;
pub use self::arrivals::{Rate, Spacing, Stretch, arrivals};
pub use self::mix::drawn_class;
pub use self::prompt::{MARK_WORDS, mark, mark_characters, push_characters, push_tokens};
pub use self::trace::{Trace, TraceError, TraceLimit};
