//! [`Slots`]: how many requests a deployment works on, and who waits for that.
//!
//! A request is in flight from the moment it gets its slot to the last byte of its answer, or
//! until it is dropped: that number is what latency under load follows. Where slots are few, the
//! others queue in the order they came. Tokio's semaphore would do the queueing, but neither
//! refuses at a length nor lets a running configuration take permits back.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::StatusCode;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

use crate::config::Concurrency;

/// The requests in flight at a deployment, and the queue before it.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    in_flight: u32,
    /// As the latest request found it configured; `None` = without a bound.
    slots: Option<NonZeroU32>,
    /// Whoever waits, first come first.
    queue: VecDeque<Arc<Notify>>,
}

/// A slot, or a place in the queue for one; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    /// What it waits for, until it has its turn.
    turn: Option<Arc<Notify>>,
}

impl Slots {
    /// Requests that have a slot.
    pub(crate) fn in_flight(&self) -> u32 {
        self.state().in_flight
    }

    /// Takes a slot, or the last place in the queue for one.
    ///
    /// # Errors
    /// The status of the refusal, where the queue is full.
    pub(crate) fn enter(self: &Arc<Self>, limit: Option<&Concurrency>) -> Result<Slot, StatusCode> {
        let mut state = self.state();
        state.slots = limit.map(|limit| limit.slots);
        // A bound that was raised lets in who waited before it is anybody else's turn.
        state.call();
        let turn = if state.queue.is_empty() && state.has_room() {
            state.in_flight += 1;
            None
        } else {
            let is_full = |limit: &&Concurrency| {
                let places = limit.queue;
                places.is_some_and(|places| state.queue.len() >= places as usize)
            };
            if let Some(limit) = limit.filter(is_full) {
                return Err(limit.status_when_full.into());
            }
            let turn = Arc::new(Notify::new());
            state.queue.push_back(Arc::clone(&turn));
            Some(turn)
        };
        drop(state);
        Ok(Slot {
            slots: Arc::clone(self),
            turn,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.slots.is_none_or(|slots| self.in_flight < slots.get())
    }

    /// Gives free slots to those who wait longest.
    fn call(&mut self) {
        while self.has_room()
            && let Some(turn) = self.queue.pop_front()
        {
            self.in_flight += 1;
            turn.notify_one();
        }
    }
}

impl Slot {
    /// Waits for a slot; returns whether that was necessary.
    pub(crate) async fn turn(&mut self) -> bool {
        let Some(turn) = &self.turn else {
            return false;
        };
        // A turn that came before anybody waited for it is kept.
        turn.notified().await;
        self.turn = None;
        true
    }

    /// `body`, which keeps the slot until its end.
    pub(crate) fn hold(self, body: Body) -> Body {
        Body::new(HeldBody {
            body,
            slot: Some(self),
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.slots.state();
        let place = self.turn.as_ref().and_then(|turn| {
            let mut waiting = state.queue.iter();
            waiting.position(|other| Arc::ptr_eq(other, turn))
        });
        match place {
            Some(place) => drop(state.queue.remove(place)),
            // It had its turn, even if it never noticed.
            None => state.in_flight -= 1,
        }
        state.call();
    }
}

/// A body that gives its slot back with its last byte.
struct HeldBody {
    body: Body,
    slot: Option<Slot>,
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        // A server that knows the length does not ask again after the last byte.
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.slot = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn limit(slots: u32, queue: Option<u32>) -> Concurrency {
        Concurrency {
            slots: NonZeroU32::new(slots).unwrap(),
            queue,
            status_when_full: crate::config::StatusWhenFull::TooManyRequests,
        }
    }

    fn has_turn(slot: &mut Slot) -> bool {
        slot.turn.is_none() || slot.turn().now_or_never().is_some()
    }

    #[test]
    fn without_a_bound_everybody_is_in_flight() {
        let slots = Arc::new(Slots::default());
        let all: Vec<_> = (0..3).map(|_| slots.enter(None).unwrap()).collect();
        assert_eq!(slots.in_flight(), 3);
        drop(all);
        assert_eq!(slots.in_flight(), 0);
    }

    #[test]
    fn who_waits_is_served_in_the_order_of_arrival() {
        let slots = Arc::new(Slots::default());
        let one = limit(1, None);
        let first = slots.enter(Some(&one)).unwrap();
        let mut second = slots.enter(Some(&one)).unwrap();
        let mut third = slots.enter(Some(&one)).unwrap();
        assert!(!has_turn(&mut second) && !has_turn(&mut third));
        drop(first);
        assert!(has_turn(&mut second) && !has_turn(&mut third));
        drop(second);
        assert!(has_turn(&mut third));
        assert_eq!(slots.in_flight(), 1);
    }

    #[test]
    fn a_full_queue_refuses_and_who_leaves_it_makes_room() {
        let slots = Arc::new(Slots::default());
        let small = limit(1, Some(1));
        let first = slots.enter(Some(&small)).unwrap();
        let second = slots.enter(Some(&small)).unwrap();
        assert_eq!(slots.enter(Some(&small)).unwrap_err(), 429);
        drop(second);
        let mut third = slots.enter(Some(&small)).unwrap();
        drop(first);
        assert!(has_turn(&mut third));
    }

    #[test]
    fn who_leaves_with_its_turn_unnoticed_passes_it_on() {
        let slots = Arc::new(Slots::default());
        let one = limit(1, None);
        let first = slots.enter(Some(&one)).unwrap();
        let second = slots.enter(Some(&one)).unwrap();
        let mut third = slots.enter(Some(&one)).unwrap();
        drop(first);
        drop(second);
        assert!(has_turn(&mut third));
        drop(third);
        assert_eq!(slots.in_flight(), 0);
    }

    #[test]
    fn a_raised_bound_lets_in_who_waited_first() {
        let slots = Arc::new(Slots::default());
        let _first = slots.enter(Some(&limit(1, None))).unwrap();
        let mut second = slots.enter(Some(&limit(1, None))).unwrap();
        let mut third = slots.enter(Some(&limit(2, None))).unwrap();
        assert!(has_turn(&mut second) && !has_turn(&mut third));
    }
}
