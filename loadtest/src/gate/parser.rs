//! The grammar, by recursive descent.
//!
//! ```text
//! sentence   = "off:" reason | clause { "and" clause }
//! clause     = [ "random" ] sum ( relation sum | "in" sum ".." sum ) [ "wall" ]
//!            | "order" "of" LABEL "in" selection "is" pattern
//!            | "each" selection "has" "attempts" "[" pattern "]"
//! sum        = product { ( "+" | "-" ) product }
//! product    = unary { ( "*" | "/" ) unary }
//! unary      = "-" unary | "(" sum ")" | literal | term
//! term       = selection
//!            | ( percentile | "mean" | "sum" | "min" | "max" ) "of" ( selection | "…" )
//!            | ( "min" | "max" ) "in" DURATION "of" ( selection | "…" )
//!            | "share" "of" match "in" selection
//!            | ( "most" | "fewest" ) ( match "among" N "consecutive" selection | "…" )
//!            | "longest" ( "run" | "stretch" | "gap" ) "of" match "in" selection
//!            | "time" "to" "first" match "in" selection
//!            | "inversions" "of" match "over" match "within" DURATION "in" selection
//!            | "fairness" "of" LABEL "in" selection
//!            | "fit" "of" LABEL "to" value "=" weight { "," value "=" weight } "in" selection
//! selection  = METRIC [ "{" ( "…" | label { "," label } ) "}" ]      (selection.rs)
//! ```
//! `…` (or `...`) repeats what the term before it selected. Words that the plan does not know are
//! collected, so that one reading reports them all; a broken grammar ends its clause.

use std::time::Duration;

use super::label::Label;
use super::lexer::{Token, TokenKind, tokens};
use super::sentence::{
    Assertion, Body, Bound, Clause, Comparison, Expression, Operator, Relation, Term, Value,
};
use super::types;
use super::{Gate, Names, SentenceError};

/// What a broken rule of the grammar gives.
pub(super) type Parsed<T> = Result<T, SentenceError>;

/// Reads the sentence `text` of the gate `id` against the plan's names.
///
/// # Errors
/// Everything that is wrong with it, in the order of the sentence.
pub fn parse(id: &str, text: &str, names: &Names) -> Result<Gate, Vec<SentenceError>> {
    let body = match text.trim_start().strip_prefix("off") {
        Some(rest) if rest.is_empty() || rest.starts_with(':') => off(text, rest)?,
        _ => sentence(text, names)?,
    };
    Ok(Gate {
        id: id.to_owned(),
        text: text.to_owned(),
        body,
    })
}

fn off(text: &str, rest: &str) -> Result<Body, Vec<SentenceError>> {
    let reason = rest.trim_start_matches(':').trim();
    if reason.is_empty() {
        let error = SentenceError::new(0..text.len(), "a gate that is turned off says why");
        return Err(vec![error.with_help("write `off: the reason`")]);
    }
    Ok(Body::Off {
        reason: reason.to_owned(),
    })
}

fn sentence(text: &str, names: &Names) -> Result<Body, Vec<SentenceError>> {
    let tokens = tokens(text).map_err(|error| vec![error])?;
    let mut parser = Parser {
        text,
        names,
        tokens,
        next: 0,
        errors: vec![],
        before: None,
    };
    let clauses = parser.clauses();
    if parser.errors.is_empty() {
        Ok(Body::Sentence { clauses })
    } else {
        parser.errors.sort_by_key(|error| error.range.start);
        Err(parser.errors)
    }
}

/// A reader of one sentence.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) names: &'a Names,
    pub(super) tokens: Vec<Token>,
    pub(super) next: usize,
    /// What is wrong so far although reading goes on.
    pub(super) errors: Vec<SentenceError>,
    /// The term read last: what `…` repeats.
    pub(super) before: Option<Term>,
}

impl Parser<'_> {
    fn clauses(&mut self) -> Vec<Clause> {
        let mut clauses = vec![];
        loop {
            match self.clause() {
                Ok(clause) => clauses.push(clause),
                Err(error) => {
                    self.errors.push(error);
                    self.skip_clause();
                }
            }
            if !self.eat_word("and") {
                return clauses;
            }
        }
    }

    fn skip_clause(&mut self) {
        while self.kind() != TokenKind::End && !self.is_word("and") {
            self.next += 1;
        }
    }

    fn clause(&mut self) -> Parsed<Clause> {
        let start = self.here().start;
        let (assertion, declared) = if self.eat_word("order") {
            self.order()?
        } else if self.eat_word("each") {
            self.each()?
        } else {
            self.comparison()?
        };
        if self.kind() != TokenKind::End && !self.is_word("and") {
            return Err(self.expected("`and` or the end of the sentence"));
        }
        Ok(Clause {
            range: start..self.last_end(),
            declared: declared..self.last_end(),
            assertion,
        })
    }

    /// The assertion, and where what it declares starts; so the next two.
    fn order(&mut self) -> Parsed<(Assertion, usize)> {
        self.word("of")?;
        let label = self.label()?;
        self.word("in")?;
        let within = self.counted_selection()?;
        self.check_label(&label, &within);
        self.word("is")?;
        let declared = self.here().start;
        let pattern = self.pattern(&label)?;
        let assertion = Assertion::Order {
            label,
            within,
            pattern,
        };
        Ok((assertion, declared))
    }

    fn each(&mut self) -> Parsed<(Assertion, usize)> {
        let start = self.here();
        let of = self.selection()?;
        if of.metric != super::Metric::Requests {
            return Err(SentenceError::new(
                start,
                "only `requests` have attempts to compare",
            ));
        }
        self.word("has")?;
        self.word("attempts")?;
        let declared = self.here().start;
        self.symbol("[")?;
        let pattern = self.pattern(&Label::Backend)?;
        self.symbol("]")?;
        Ok((Assertion::Each { of, pattern }, declared))
    }

    fn comparison(&mut self) -> Parsed<(Assertion, usize)> {
        let is_random = self.eat_word("random");
        let left = self.sum()?;
        let declared = self.here().start;
        let bound = self.bound()?;
        let wall = self.here();
        let is_wall = self.eat_word("wall");
        let comparison = Comparison {
            is_random,
            left,
            bound,
            is_wall,
        };
        types::check(&comparison, &wall)?;
        Ok((Assertion::Compare(Box::new(comparison)), declared))
    }

    fn bound(&mut self) -> Parsed<Bound> {
        const RELATIONS: [Relation; 6] = [
            Relation::Equal,
            Relation::NotEqual,
            Relation::AtMost,
            Relation::Below,
            Relation::AtLeast,
            Relation::Above,
        ];
        if self.eat_word("in") {
            let low = self.sum()?;
            self.symbol("..")?;
            let high = self.sum()?;
            return Ok(Bound::Within { low, high });
        }
        let relation = RELATIONS
            .into_iter()
            .find(|relation| self.eat_symbol(relation.symbol()));
        match relation {
            Some(relation) => Ok(Bound::Relation(relation, self.sum()?)),
            None => {
                Err(self.expected("a comparison: `==`, `!=`, `<=`, `<`, `>=`, `>` or `in A..B`"))
            }
        }
    }

    fn sum(&mut self) -> Parsed<Value> {
        let mut value = self.product()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("+") => Operator::Plus,
                TokenKind::Symbol("-" | "–") => Operator::Minus,
                _ => return Ok(value),
            };
            self.next += 1;
            let right = self.product()?;
            value = binary(operator, value, right);
        }
    }

    fn product(&mut self) -> Parsed<Value> {
        let mut value = self.unary()?;
        loop {
            let operator = match self.kind() {
                TokenKind::Symbol("*") => Operator::Times,
                TokenKind::Symbol("/") => Operator::Over,
                _ => return Ok(value),
            };
            self.next += 1;
            let right = self.unary()?;
            value = binary(operator, value, right);
        }
    }

    fn unary(&mut self) -> Parsed<Value> {
        let start = self.here().start;
        let expression = match self.kind() {
            TokenKind::Symbol("-" | "–") => {
                self.next += 1;
                Expression::Negative(Box::new(self.unary()?))
            }
            TokenKind::Symbol("(") => {
                self.next += 1;
                let inner = self.sum()?;
                self.symbol(")")?;
                inner.expression
            }
            TokenKind::Number(number) => self.literal(Expression::Number(number)),
            TokenKind::Percent(share) => self.literal(Expression::Share(share)),
            TokenKind::Micros(micros) => self.literal(Expression::Micros(micros)),
            TokenKind::Word => {
                let term = self.term()?;
                self.before = Some(term.clone());
                Expression::Term(term)
            }
            TokenKind::Symbol(_) | TokenKind::End => return Err(self.expected("a value")),
        };
        Ok(Value {
            range: start..self.last_end(),
            expression,
        })
    }

    fn literal(&mut self, expression: Expression) -> Expression {
        self.next += 1;
        expression
    }
}

fn binary(operator: Operator, left: Value, right: Value) -> Value {
    Value {
        range: left.range.start..right.range.end,
        expression: Expression::Binary(operator, Box::new(left), Box::new(right)),
    }
}

/// Microseconds as a duration; literals are never negative.
pub(super) fn duration(micros: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a literal has no sign, and too large a one saturates"
    )]
    Duration::from_micros(micros.round() as u64)
}
