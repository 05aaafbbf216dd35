//! How sentences are read.

use super::super::{
    Assertion, Bound, Clause, Expression, Extreme, Pattern, Relation, Selection, Statistic, Term,
    reference,
};
use super::gate;

fn only_clause(sentence: &str) -> Clause {
    let mut clauses = gate(sentence).clauses().to_vec();
    assert_eq!(clauses.len(), 1);
    clauses.remove(0)
}

fn selections(sentence: &str) -> Vec<String> {
    let gate = gate(sentence);
    let clauses = gate.clauses().iter();
    let selections = clauses.flat_map(|clause| match &clause.assertion {
        Assertion::Compare(comparison) => {
            let terms = comparison.terms().into_iter();
            terms
                .map(|term| Selection::to_string(term.selection()))
                .collect()
        }
        Assertion::Order { within: of, .. } | Assertion::Each { of, .. } => vec![of.to_string()],
    });
    selections.collect()
}

#[test]
fn clauses_know_their_places() {
    let text = "requests == 5 and order of status in requests is 429* 200";
    let gate = gate(text);
    let clauses = gate.clauses();
    assert_eq!(&text[clauses[0].range.clone()], "requests == 5");
    assert_eq!(&text[clauses[0].declared.clone()], "== 5");
    assert_eq!(&text[clauses[1].declared.clone()], "429* 200");
}

#[test]
fn labels_are_kept_and_excluded_phases_spelt_out() {
    assert_eq!(
        selections("requests{class=low, status!=200|429, phase=mixed-1[60s..], backend=none} <= 5"),
        ["requests{phase=mixed-1[60s..], class=low, status!=200|429, backend=none}"]
    );
    assert_eq!(
        selections("requests{phase!=base|spike|steady|arbitrary|low-1|mixed|mixed-1} <= 5"),
        ["requests{phase=recovery|sequential}"]
    );
    assert_eq!(
        selections("refusals{by=gateway|ptu-1} <= 5"),
        ["refusals{by=gateway|ptu-1}"]
    );
}

#[test]
fn an_ellipsis_repeats_what_was_selected_before() {
    let before = "service_time{phase=base, status=429}";
    assert_eq!(
        selections(
            "min of service_time{status=429, phase=base} >= 9s and max of … <= 12s and p50 of latency{...} > 1s"
        ),
        [before, before, "latency{phase=base, status=429}"]
    );
    let clauses = gate("most class=low among 20 consecutive requests <= 12 and fewest … >= 8");
    let Assertion::Compare(second) = &clauses.clauses()[1].assertion else {
        panic!("a comparison");
    };
    let terms = second.terms();
    assert!(matches!(
        terms[0],
        Term::Among {
            extreme: Extreme::Fewest,
            length: 20,
            ..
        }
    ));
}

#[test]
fn products_bind_closer_than_sums() {
    let Assertion::Compare(comparison) = only_clause("requests - 2 * attempts + 3 >= -1").assertion
    else {
        panic!("a comparison");
    };
    let Expression::Binary(_, left, _) = &comparison.left.expression else {
        panic!("a sum");
    };
    assert_eq!(left.range, 0.."requests - 2 * attempts".len());
    assert!(matches!(
        comparison.bound,
        Bound::Relation(Relation::AtLeast, _)
    ));
}

#[test]
fn percentiles_may_have_decimals() {
    let Assertion::Compare(comparison) = only_clause("p99.9 of latency < 1s wall").assertion else {
        panic!("a comparison");
    };
    assert!(comparison.is_wall);
    assert!(matches!(
        comparison.terms()[0],
        Term::Statistic(Statistic::Percentile(99.9), _)
    ));
}

#[test]
fn patterns_repeat_group_and_choose() {
    let Assertion::Order { pattern, .. } =
        only_clause("order of backend in requests is payg-1{10} (payg-2 . | none:429){2,}")
            .assertion
    else {
        panic!("an order");
    };
    let Pattern::Sequence(parts) = pattern else {
        panic!("a sequence");
    };
    assert!(matches!(
        parts[0],
        Pattern::Repeated {
            min: 10,
            max: Some(10),
            ..
        }
    ));
    let Pattern::Repeated {
        pattern,
        min: 2,
        max: None,
    } = &parts[1]
    else {
        panic!("a repetition");
    };
    assert!(matches!(&**pattern, Pattern::Alternatives(parts) if parts.len() == 2));
}

#[test]
fn an_empty_pattern_means_no_attempt() {
    let Assertion::Each { pattern, .. } = only_clause("each requests has attempts []").assertion
    else {
        panic!("attempts");
    };
    assert_eq!(pattern, Pattern::Sequence(vec![]));
}

#[test]
fn the_references_examples_are_sentences() {
    let mut names = super::names();
    names.simulators.extend(["a".to_owned(), "b".to_owned()]);
    for (sentence, _) in super::super::reference::FORMS {
        let gate = super::super::parse("G", sentence, &names);
        gate.unwrap_or_else(|errors| panic!("{sentence}: {errors:?}"));
    }
}

#[test]
fn the_reference_names_every_word() {
    let text = reference();
    for row in super::super::METRICS {
        assert!(
            text.contains(&format!("| `{}` | {}", row.name, row.meaning)),
            "{}",
            row.name
        );
        // Rows stand in the order of the variants.
        assert_eq!(row.metric.row().name, row.name);
    }
    assert!(
        text.contains("| `ordinal` | how many earlier attempts the request had: 0 is the first |")
    );
}
