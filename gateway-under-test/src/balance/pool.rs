//! [`Pool`]: priority groups, and a turn or a lot within each.
//!
//! Members of a higher number are used only while no member of a lower one is available. A pool
//! does not find out who is: it is given the wait of each member, so that the same rule serves
//! breakers and whatever else keeps a backend out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::smooth_weighted::SmoothWeighted;
use super::weighted_random::WeightedRandom;
use super::{Ask, Turn};
use crate::config::{MemberConfig, Pick};

/// Members by position, in the order of their priority, then of their names.
#[derive(Debug)]
pub(super) struct Pool {
    priorities: Vec<u32>,
    /// Whether a member has any weight.
    is_in: Vec<bool>,
    picker: Picker,
}

#[derive(Debug)]
enum Picker {
    Smooth(SmoothWeighted),
    Random(WeightedRandom),
}

impl Pool {
    /// The names of `members` in the order of their positions.
    pub(super) fn order(members: &BTreeMap<String, MemberConfig>) -> Vec<&String> {
        let mut names: Vec<_> = members.keys().collect();
        names.sort_by_key(|name| members[*name].priority);
        names
    }

    /// A pool of `members`, or `None` if none of them has any weight.
    pub(super) fn new(members: &BTreeMap<String, MemberConfig>, pick: Pick) -> Option<Self> {
        let ordered = || Self::order(members).into_iter().map(|name| members[name]);
        let weights: Vec<u32> = ordered().map(|member| member.weight).collect();
        Some(Self {
            priorities: ordered().map(|member| member.priority).collect(),
            is_in: weights.iter().map(|&weight| weight > 0).collect(),
            picker: match pick {
                Pick::Smooth => Picker::Smooth(SmoothWeighted::new(weights)?),
                Pick::Random => Picker::Random(WeightedRandom::new(weights)?),
            },
        })
    }

    /// The least of `waits` among members.
    pub(super) fn wait(&self, waits: &[Duration]) -> Duration {
        let members = waits.iter().zip(&self.is_in).filter(|(_, is_in)| **is_in);
        members.map(|(wait, _)| *wait).min().unwrap_or_default()
    }

    /// The member whose turn it is, given how long each is to be left alone; it is nobody's turn if
    /// the request belongs to a member that is available.
    ///
    /// # Errors
    /// If nobody is available: the least wait.
    pub(super) fn next(&self, ask: &Ask, waits: &[Duration]) -> Result<Turn, Duration> {
        let is_available = |p: &usize| self.is_in[*p] && waits[*p].is_zero();
        if let Some(held) = ask.wanted.held.filter(is_available) {
            return Ok(Turn::drawn(held));
        }
        let available = (0..waits.len()).filter(is_available);
        let best = available.map(|position| self.priorities[position]).min();
        let may = |p: usize| Some(self.priorities[p]) == best && waits[p].is_zero();
        let turn = match &self.picker {
            Picker::Smooth(turns) => turns.next_of(may),
            Picker::Random(lot) => lot.draw_of(may, ask.draws, ask.attempt).map(Turn::drawn),
        };
        turn.ok_or_else(|| self.wait(waits))
    }
}
