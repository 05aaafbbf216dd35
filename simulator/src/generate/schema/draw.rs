//! Draws an instance from a compiled schema.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

use super::node::{Array, Id, Node, Object};
use super::{DEEPEST, Schema};

/// Steps beyond those of the least instance: enough for a few optional properties, items and
/// turns of a recursion, about as much as a model's structured answers have.
const ALLOWANCE: u32 = 64;

/// Items of an array beyond those it must have, at most.
const MORE_ITEMS: usize = 3;

/// How often an item is drawn that differs from the others.
const ATTEMPTS: usize = 256;

pub(super) fn draw(schema: &Schema, rng: &mut ChaCha8Rng) -> Value {
    let mut drawing = Drawing {
        schema,
        rng,
        allowance: ALLOWANCE,
    };
    drawing.value(0, 0)
}

struct Drawing<'a> {
    schema: &'a Schema,
    rng: &'a mut ChaCha8Rng,
    /// Steps that may still be taken without need.
    allowance: u32,
}

impl Drawing<'_> {
    /// An instance of the node `id`, which has one, `depth` steps from the root.
    fn value(&mut self, id: Id, depth: u32) -> Value {
        let schema = self.schema;
        match &schema.nodes[id] {
            Node::OneOf(values) => values[self.rng.random_range(0..values.len())].clone(),
            Node::Either(ids) => {
                let chosen = self.choose(ids, depth + 1);
                self.value(chosen, depth + 1)
            }
            Node::Text(text) => Value::String(text.draw(self.rng)),
            Node::Number(numbers) => numbers.draw(self.rng),
            Node::Array(array) => self.array(array, depth + 1),
            Node::Object(object) => self.object(object, depth + 1),
        }
    }

    /// One of the alternatives that can be afforded; the cheapest always can.
    fn choose(&mut self, ids: &[Id], depth: u32) -> Id {
        let cost = |id: &Id| self.schema.costs[*id];
        let cheapest = ids
            .iter()
            .filter_map(cost)
            .min()
            .map_or(0, |cost| cost.steps);
        let affordable = ids.iter().copied().filter_map(|id| {
            let cost = cost(&id)?;
            let more = cost.steps - cheapest;
            let fits = more == 0 || (more <= self.allowance && depth + cost.depth <= DEEPEST);
            fits.then_some((id, more))
        });
        let affordable: Vec<_> = affordable.collect();
        let (id, more) = affordable[self.rng.random_range(0..affordable.len())];
        self.allowance -= more;
        id
    }

    /// Takes from the allowance what the least instance of `id` costs, if that is possible.
    fn affords(&mut self, id: Id, depth: u32) -> bool {
        let Some(cost) = self.schema.costs[id] else {
            return false;
        };
        let fits = cost.steps <= self.allowance && depth + cost.depth <= DEEPEST;
        if fits {
            self.allowance -= cost.steps;
        }
        fits
    }

    fn array(&mut self, array: &Array, depth: u32) -> Value {
        let wanted = match array.first.len() {
            0 => array.least.max(1) + self.rng.random_range(0..MORE_ITEMS),
            // A tuple is complete, and no longer than it must be.
            places => array.least.max(places),
        };
        let mut items = Vec::new();
        let mut seen = BTreeSet::new();
        for index in 0..wanted.min(array.most) {
            let id = array.item(index);
            if index >= array.least && !self.affords(id, depth) {
                break;
            }
            let item = if array.are_distinct {
                self.distinct(id, depth, &mut seen)
            } else {
                Some(self.value(id, depth))
            };
            match item {
                Some(item) => items.push(item),
                None => break,
            }
        }
        Value::Array(items)
    }

    /// An item not seen before; of listed values, any that is left.
    fn distinct(&mut self, id: Id, depth: u32, seen: &mut BTreeSet<String>) -> Option<Value> {
        if let Node::OneOf(values) = &self.schema.nodes[id] {
            let mut values = values.clone();
            values.shuffle(self.rng);
            return values
                .into_iter()
                .find(|value| seen.insert(value.to_string()));
        }
        (0..ATTEMPTS).find_map(|_| {
            let item = self.value(id, depth);
            seen.insert(item.to_string()).then_some(item)
        })
    }

    fn object(&mut self, object: &Object, depth: u32) -> Value {
        let (forced, missing) = object.forced(&self.schema.costs);
        let mut room = object.most - forced.iter().filter(|it| **it).count() - missing;
        let mut fields = Map::new();
        for (property, is_forced) in object.properties.iter().zip(forced) {
            if !is_forced {
                let is_taken =
                    room > 0 && self.rng.random_bool(0.5) && self.affords(property.value, depth);
                if !is_taken {
                    continue;
                }
                room -= 1;
            }
            let value = self.value(property.value, depth);
            fields.insert(property.name.clone(), value);
        }
        if missing > 0 {
            let stated: BTreeSet<_> = object.properties.iter().map(|it| &it.name).collect();
            let names = (1..).map(|number| format!("key_{number}"));
            for name in names.filter(|name| !stated.contains(name)).take(missing) {
                let value = self.value(object.others, depth);
                fields.insert(name, value);
            }
        }
        Value::Object(fields)
    }
}
