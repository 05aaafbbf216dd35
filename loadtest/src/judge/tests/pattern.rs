//! The pattern machine against the plainest reference there is.

use proptest::prelude::*;

use crate::gate::{FilterValue, Pattern, PatternItem};
use crate::judge::label::Found;
use crate::judge::pattern::{Item, Machine};

/// Every rest of `sequence` after a match of `pattern` at its start.
fn rests<'s>(pattern: &Pattern, sequence: &'s [char]) -> Vec<&'s [char]> {
    let mut rests = match pattern {
        Pattern::Item(item) => {
            let wanted = item.value.as_ref().map(FilterValue::to_string);
            match sequence.split_first() {
                Some((first, rest)) if wanted.is_none_or(|w| w == first.to_string()) => vec![rest],
                _ => vec![],
            }
        }
        Pattern::Sequence(parts) => parts.iter().fold(vec![sequence], |rests_before, part| {
            rests_before
                .into_iter()
                .flat_map(|rest| rests(part, rest))
                .collect()
        }),
        Pattern::Alternatives(parts) => parts
            .iter()
            .flat_map(|part| rests(part, sequence))
            .collect(),
        Pattern::Repeated { pattern, min, max } => {
            let most = max.unwrap_or(min + u32::try_from(sequence.len()).unwrap());
            let mut found = vec![];
            let mut now = vec![sequence];
            for times in 0..=most {
                if times >= *min {
                    found.extend(now.clone());
                }
                now = now
                    .into_iter()
                    .flat_map(|rest| rests(pattern, rest))
                    .collect();
                now.sort_unstable();
                now.dedup();
            }
            found
        }
    };
    rests.sort_unstable();
    rests.dedup();
    rests
}

fn item(letter: Option<char>) -> Pattern {
    Pattern::Item(PatternItem {
        value: letter.map(|letter| FilterValue::Word(letter.to_string())),
        status: None,
    })
}

fn patterns() -> impl Strategy<Value = Pattern> {
    let leaf = prop_oneof![
        Just(item(Some('a'))),
        Just(item(Some('b'))),
        Just(item(None)),
        Just(Pattern::Sequence(vec![])),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Pattern::Sequence),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Pattern::Alternatives),
            (inner, 0u32..3, proptest::option::of(0u32..3)).prop_map(|(pattern, min, more)| {
                Pattern::Repeated {
                    pattern: Box::new(pattern),
                    min,
                    max: more.map(|more| min + more),
                }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn the_machine_matches_what_the_reference_matches(
        pattern in patterns(),
        sequence in proptest::collection::vec(prop_oneof![Just('a'), Just('b'), Just('c')], 0..7),
    ) {
        let expected = rests(&pattern, &sequence).iter().any(|rest| rest.is_empty());
        let words: Vec<String> = sequence.iter().map(char::to_string).collect();
        let items = words.iter().map(|word| Item { value: Found::Word(word), status: None });
        prop_assert_eq!(Machine::new(&pattern).matches(items).is_ok(), expected);
    }
}

#[test]
fn a_mismatch_says_where_and_what_was_expected() {
    let pattern = Pattern::Sequence(vec![item(Some('a')), item(Some('b'))]);
    let items = ["a", "c"].map(|word| Item {
        value: Found::Word(word),
        status: None,
    });
    let mismatch = Machine::new(&pattern).matches(items).unwrap_err();
    assert_eq!((mismatch.at, mismatch.expected), (1, vec!["b".to_owned()]));
    let mismatch = Machine::new(&pattern).matches([items[0]]).unwrap_err();
    assert_eq!(mismatch.at, 1);
}
