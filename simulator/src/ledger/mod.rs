//! What really happened: one entry per request, numbered, without gaps.
//!
//! A load test reconciles what clients and a gateway saw with what reached the backend. So
//! an entry is opened when a request arrives, before anything can refuse it, and closed by a
//! drop guard when the last byte of the answer has been taken or the answer is dropped: a
//! request abandoned at any `await` is booked all the same. Counting in handlers would miss
//! exactly the requests that are worth counting, those that were cut.

mod book;
mod booking;
mod claims;
mod entry;
mod filter;
mod tally;

pub use self::book::Ledger;
pub(crate) use self::booking::{Arrival, Booking, Guard, bearer};
pub use self::claims::Contradiction;
pub use self::entry::{Credential, Entry};
pub use self::filter::{Filter, InvalidStatus, StatusFilter};
pub(crate) use self::tally::BUCKETS_S;
pub use self::tally::{Counters, Total};
