//! What the least instance of a node costs: how many steps it takes, and how deep it leads.
//!
//! The least fixed point: at first nothing is known to have an instance; a node gets a cost
//! once all it requires has one. What never gets one has no finite instance, or none that is
//! flat enough.

use super::DEEPEST;
use super::node::{Array, Id, Node, Object};

/// Characters that count as one step, about a word.
const STEP_CHARACTERS: usize = 8;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Cost {
    pub(super) steps: u32,
    pub(super) depth: u32,
}

impl Cost {
    const ONE: Self = Self { steps: 1, depth: 1 };

    /// One step that leads to all of `parts`, the last one so many times.
    fn of(parts: impl IntoIterator<Item = (Option<Self>, usize)>) -> Option<Self> {
        let mut sum = Self::ONE;
        for (part, times) in parts {
            if times > 0 {
                let part = part?;
                let times = u32::try_from(times).unwrap_or(u32::MAX);
                sum.steps = sum.steps.saturating_add(part.steps.saturating_mul(times));
                sum.depth = sum.depth.max(part.depth.saturating_add(1));
            }
        }
        Some(sum)
    }
}

/// The cost of each node, `None` where it has no instance.
pub(super) fn least(nodes: &[Node]) -> Vec<Option<Cost>> {
    let mut costs = vec![None; nodes.len()];
    // Each round settles what is one level deeper; most settle at once, as nodes come before
    // those they lead to.
    for _ in 0..=DEEPEST {
        let mut is_settled = true;
        for (id, node) in nodes.iter().enumerate().rev() {
            let cost = node.cost(&costs);
            is_settled &= cost == costs[id];
            costs[id] = cost;
        }
        if is_settled {
            break;
        }
    }
    costs
}

impl Node {
    fn cost(&self, costs: &[Option<Cost>]) -> Option<Cost> {
        match self {
            Self::OneOf(values) => (!values.is_empty()).then_some(Cost::ONE),
            Self::Either(ids) => Cost::of([(ids.iter().filter_map(|id| costs[*id]).min(), 1)]),
            Self::Text(text) => Cost::of([(Some(Cost::ONE), text.least / STEP_CHARACTERS)]),
            Self::Number(_) => Some(Cost::ONE),
            Self::Array(array) => array.cost(costs),
            Self::Object(object) => object.cost(costs),
        }
    }
}

impl Array {
    /// What the item at `index` is.
    pub(super) fn item(&self, index: usize) -> Id {
        self.first.get(index).copied().unwrap_or(self.items)
    }

    fn cost(&self, costs: &[Option<Cost>]) -> Option<Cost> {
        if self.least > self.most {
            return None;
        }
        let first = self.first.iter().take(self.least);
        let others = self.least.saturating_sub(self.first.len());
        Cost::of(
            first
                .map(|id| (costs[*id], 1))
                .chain([(costs[self.items], others)]),
        )
    }
}

impl Object {
    /// Which properties every instance has, and how many without a name of their own: those
    /// required and, where that is too few, the first of the others.
    pub(super) fn forced(&self, costs: &[Option<Cost>]) -> (Vec<bool>, usize) {
        let mut forced: Vec<bool> = self.properties.iter().map(|it| it.is_required).collect();
        let required = forced.iter().filter(|is_forced| **is_forced).count();
        let mut missing = self.least.saturating_sub(required);
        for (property, is_forced) in self.properties.iter().zip(&mut forced) {
            if missing > 0 && !*is_forced && costs[property.value].is_some() {
                *is_forced = true;
                missing -= 1;
            }
        }
        (forced, missing)
    }

    fn cost(&self, costs: &[Option<Cost>]) -> Option<Cost> {
        let (forced, missing) = self.forced(costs);
        let named = self
            .properties
            .iter()
            .zip(&forced)
            .filter(|(_, is_forced)| **is_forced);
        let named = named.map(|(property, _)| (costs[property.value], 1));
        if forced.iter().filter(|is_forced| **is_forced).count() + missing > self.most {
            return None;
        }
        Cost::of(named.chain([(costs[self.others], missing)]))
    }
}
