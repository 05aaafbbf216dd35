//! Odd values, and JSON that is almost right.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

/// Values that are easily forgotten.
pub(crate) fn odd() -> impl Strategy<Value = Value> {
    let odd = prop::sample::select(vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(1),
        json!(2),
        json!(0.5),
        json!(1_000_000_000),
        json!(10_000_000),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(-0.0),
        json!(""),
        json!("none"),
        json!("a\u{0}\u{1f}\"\\\u{2028}é🦀"),
        json!("x".repeat(10_000)),
        json!("1s"),
        json!("99999999999999999999h"),
        json!([]),
        json!([[]]),
        json!([null, -1, "", {}]),
        json!({}),
        json!({ "": {} }),
        json!({ "type": "function", "function": { "name": "" } }),
    ]);
    prop_oneof![
        4 => odd,
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => (1..200usize).prop_map(deep),
    ]
}

/// A value that many others are around.
pub(crate) fn deep(levels: usize) -> Value {
    (0..levels).fold(json!(1), |inner, level| {
        if level % 2 == 0 {
            json!([inner])
        } else {
            json!({ "a": inner })
        }
    })
}

/// One change somewhere in a value.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Replace(Value),
    Remove(Index),
    Rename(Index, String),
    Insert(String, Value),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => odd().prop_map(Change::Replace),
        1 => any::<Index>().prop_map(Change::Remove),
        1 => (any::<Index>(), any::<String>()).prop_map(|(which, key)| Change::Rename(which, key)),
        1 => (any::<String>(), odd()).prop_map(|(key, value)| Change::Insert(key, value)),
    ]
}

/// The text of one of `bases` with up to three changes; unchanged some of the time.
pub(crate) fn changed(bases: Vec<Value>) -> impl Strategy<Value = String> {
    let base = prop::sample::select(bases);
    let changes = prop::collection::vec((any::<Index>(), change()), 0..4);
    (base, changes).prop_map(|(mut value, changes)| {
        for (place, change) in changes {
            let place = place.index(size(&value));
            apply(&mut value, &mut { place }, change);
        }
        value.to_string()
    })
}

/// The values within, and the value itself.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(fields) => fields.values().map(size).sum(),
        _ => 0,
    }
}

/// Changes the value that `place` values come before; gives the change back if it is not within.
fn apply(value: &mut Value, place: &mut usize, change: Change) -> Option<Change> {
    if *place == 0 {
        alter(value, change);
        return None;
    }
    *place -= 1;
    let within: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    within
        .into_iter()
        .try_fold(change, |change, inner| apply(inner, place, change))
}

fn alter(value: &mut Value, change: Change) {
    match (change, value) {
        (Change::Replace(new), value) => *value = new,
        (Change::Remove(which), Value::Object(fields)) => drop(take(fields, which)),
        (Change::Remove(_), Value::Array(items)) => drop(items.pop()),
        (Change::Remove(_), value) => *value = Value::Null,
        (Change::Rename(which, key), Value::Object(fields)) => {
            if let Some(taken) = take(fields, which) {
                fields.insert(key, taken);
            }
        }
        (Change::Insert(key, new), Value::Object(fields)) => drop(fields.insert(key, new)),
        (Change::Insert(_, new), Value::Array(items)) => items.push(new),
        (Change::Rename(..) | Change::Insert(..), _) => {}
    }
}

/// Takes one of the fields away.
fn take(fields: &mut Map<String, Value>, which: Index) -> Option<Value> {
    let count = fields.len();
    let key = fields.keys().nth(which.index(count.max(1)))?.clone();
    fields.shift_remove(&key)
}
