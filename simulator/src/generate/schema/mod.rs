//! An instance of a JSON Schema, drawn.
//!
//! A schema is compiled into a graph of [`Node`]s before anything is drawn from it: references
//! may lead back, so it is no tree. Of each node is known what its least instance [costs](cost),
//! and whether it has one at all. Drawing takes what is required, and beyond that only what a
//! small allowance still affords: it always ends, never tries again what failed, and a schema
//! that is recursive or asks for a million items is bounded before the first value.
//!
//! What is drawn is valid for: `type` (also a list), `enum`, `const`, `properties`, `required`,
//! `additionalProperties`, `minProperties`, `items`, `prefixItems`, `minItems`, `maxItems`,
//! `uniqueItems`, lengths, `pattern`, `format`, bounds, `multipleOf`, `anyOf`, `oneOf` of
//! alternatives that exclude each other, `allOf`, and `$ref` into the same schema. Read over,
//! because the service does not enforce it either or no model's answer depends on it: `not`,
//! `if`, `contains`, `dependent…`, `patternProperties`, `propertyNames`, `unevaluated…`, patterns
//! that look around or refer back, a second pattern, and a format that the length has no room for.

mod cost;
mod draw;
mod merge;
mod node;
mod number;
mod pattern;
mod text;

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use self::cost::Cost;
use self::merge::flat;
use self::node::{Id, Node};

/// The most values, with text counted by the word, that the least instance may have. Far above
/// what a model writes in one answer, and drawn within a millisecond.
const MOST_STEPS: u32 = 20_000;

/// How deep the least instance may be nested: what parsers of JSON take by default.
const DEEPEST: u32 = 120;

/// The most schemas within a schema, counted once where equal. OpenAI allows 5,000 properties.
///
/// Source: <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>.
const MOST_NODES: usize = 10_000;

/// The most text that schemas within a schema may have together, each with all it contains:
/// bounds the work that schemas which grow as they are merged can cause.
const MOST_TEXT: usize = 8 * 1_024 * 1_024;

/// What mentioning a schema counts for beside its text: as much as a short one.
const MENTION: usize = 64;

/// A schema from which instances are drawn.
#[derive(Debug)]
pub(crate) struct Schema {
    nodes: Vec<Node>,
    costs: Vec<Option<Cost>>,
}

/// Why nothing can be drawn from a schema.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum Unmet {
    #[error("reference to component '{0}' which was not found in the schema")]
    Reference(String),
    #[error("'$ref' and 'allOf' lead back to where they stand")]
    Endless,
    #[error("the schema is too large")]
    TooLarge,
    #[error("no value satisfies the schema")]
    Unsatisfiable,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// [`Unmet`] where no instance exists or none that this module can draw.
    pub(crate) fn compile(root: &Value) -> Result<Self, Unmet> {
        let mut compiler = Compiler {
            nodes: Vec::new(),
            waiting: Vec::new(),
            known: BTreeMap::new(),
            text: 0,
        };
        compiler.id(root.clone())?;
        while let Some((id, schema)) = compiler.waiting.pop() {
            let schema = flat(root, schema)?;
            compiler.nodes[id] = Node::read(&mut compiler, &schema)?;
        }
        let nodes = compiler.nodes;
        let costs = cost::least(&nodes);
        match costs[0] {
            None => Err(Unmet::Unsatisfiable),
            Some(cost) if cost.steps > MOST_STEPS || cost.depth > DEEPEST => Err(Unmet::TooLarge),
            Some(_) => Ok(Self { nodes, costs }),
        }
    }

    /// Draws an instance; its keys are in the order of the schema.
    pub(crate) fn draw(&self, rng: &mut ChaCha8Rng) -> Value {
        draw::draw(self, rng)
    }
}

/// A schema being read.
struct Compiler {
    nodes: Vec<Node>,
    /// Schemas that have a place but were not read yet. A list and no recursion: how deep a
    /// schema leads is not known.
    waiting: Vec<(Id, Value)>,
    /// By text, which ends what would be endless: a reference leads to a schema seen before.
    known: BTreeMap<String, Id>,
    text: usize,
}

impl Compiler {
    /// The node of `schema`, to be read later if it is new.
    fn id(&mut self, schema: Value) -> Result<Id, Unmet> {
        let text = schema.to_string();
        self.text += text.len() + MENTION;
        if self.text > MOST_TEXT || self.nodes.len() >= MOST_NODES {
            return Err(Unmet::TooLarge);
        }
        let next = self.nodes.len();
        let id = *self.known.entry(text).or_insert(next);
        if id == next {
            self.nodes.push(Node::NEVER);
            self.waiting.push((id, schema));
        }
        Ok(id)
    }

    fn ids<'v>(&mut self, schemas: impl IntoIterator<Item = &'v Value>) -> Result<Vec<Id>, Unmet> {
        let schemas = schemas.into_iter();
        schemas.map(|schema| self.id(schema.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
