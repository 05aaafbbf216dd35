//! [`Holds`]: what all policies keep of one request, settled together.

use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;

use super::{Answer, Hold, Now, Settlement, reservation};
use crate::refusal::Refusal;
use crate::usage::Usage;

/// What policies keep of a request under way, in the order in which they let it in.
///
/// Dropped unsettled, all of them give back what they took.
#[derive(Debug, Default)]
pub(crate) struct Holds(Vec<Box<dyn Hold>>);

impl Holds {
    /// Adds that of the policy asked last, if it keeps any.
    pub(super) fn extend(&mut self, hold: Option<Box<dyn Hold>>) {
        self.0.extend(hold);
    }

    /// The `body` to be sent in place of the caller's, where a reservation asks that the answer
    /// be bound; of several bounds the least is within all reservations.
    pub(crate) fn bind(&self, body: Option<&Bytes>) -> Option<Bytes> {
        reservation::bound_to(self.default_max_tokens()?, body?)
    }

    /// Shows all of them the head of `response`, and its `usage` if it has been read to its end.
    ///
    /// # Errors
    /// What the caller is told in place of it.
    pub(crate) fn see(
        &mut self,
        response: &mut Response,
        usage: Option<Usage>,
        now: Now,
    ) -> Result<(), Refusal> {
        if self.0.is_empty() {
            return Ok(());
        }
        let answer = Answer {
            status: response.status(),
            headers: &response.headers().clone(),
            usage,
        };
        self.answered(&answer, response.headers_mut(), now)
    }

    /// Tells all of them how it ended.
    pub(crate) fn settle(self, end: &Settlement, now: Now) {
        Box::new(self).settled(end, now);
    }
}

/// Several are held as one where a policy is made of others.
impl Hold for Holds {
    fn default_max_tokens(&self) -> Option<u64> {
        let asked = self.0.iter().filter_map(|hold| hold.default_max_tokens());
        asked.min()
    }

    fn answered(
        &mut self,
        answer: &Answer<'_>,
        out: &mut HeaderMap,
        now: Now,
    ) -> Result<(), Refusal> {
        let mut holds = self.0.iter_mut();
        holds.try_for_each(|hold| hold.answered(answer, out, now))
    }

    fn settled(self: Box<Self>, end: &Settlement, now: Now) {
        self.0.into_iter().for_each(|hold| hold.settled(end, now));
    }
}
