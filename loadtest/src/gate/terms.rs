//! Terms: what a sentence can measure, and the aggregates over it.

use std::ops::Range;

use super::SentenceError;
use super::lexer::TokenKind;
use super::parser::{Parsed, Parser, duration};
use super::sentence::{Extreme, Filter, Selection, Statistic, Term};

impl Parser<'_> {
    /// Something measured.
    pub(super) fn term(&mut self) -> Parsed<Term> {
        let word = self.here();
        match self.slice() {
            "share" => self.share(),
            "most" => self.among(Extreme::Most),
            "fewest" => self.among(Extreme::Fewest),
            "longest" => self.longest(),
            "fit" => self.fit(),
            "time" => self.time_to_first(),
            "inversions" => self.inversions(),
            "fairness" => self.fairness(),
            "max" | "min" => self.extreme(),
            "mean" => self.statistic(Statistic::Mean),
            "sum" => self.statistic(Statistic::Sum),
            percentile if percentile.starts_with('p') && is_number(&percentile[1..]) => {
                self.percentile()
            }
            _ => {
                let selection = self.selection()?;
                if !selection.metric.row().is_counted() {
                    return Err(needs_statistic(&selection, word));
                }
                Ok(Term::Total(selection))
            }
        }
    }

    fn extreme(&mut self) -> Parsed<Term> {
        let is_max = self.slice() == "max";
        if self.peek_word(1) != "in" {
            return self.statistic(if is_max {
                Statistic::Max
            } else {
                Statistic::Min
            });
        }
        self.next += 2;
        let TokenKind::Micros(micros) = self.kind() else {
            return Err(self.expected("the windows' length, such as `60s`"));
        };
        let length = duration(micros);
        if length.is_zero() {
            return Err(SentenceError::new(
                self.here(),
                "a window has a length above zero",
            ));
        }
        self.next += 1;
        self.word("of")?;
        let of = self.repeatable(Self::counted_selection)?;
        self.only_counts(&of)?;
        Ok(Term::Window {
            extreme: if is_max {
                Extreme::Most
            } else {
                Extreme::Fewest
            },
            length,
            of,
        })
    }

    fn percentile(&mut self) -> Parsed<Term> {
        let percent: f64 = self.slice()[1..].parse().unwrap_or(f64::NAN);
        if !(percent > 0.0 && percent < 100.0) {
            let error = SentenceError::new(self.here(), "expected a percentile between 0 and 100");
            return Err(error.with_help("for the ends write `min of …` or `max of …`"));
        }
        self.statistic(Statistic::Percentile(percent))
    }

    fn statistic(&mut self, statistic: Statistic) -> Parsed<Term> {
        self.next += 1;
        self.word("of")?;
        let place = self.here();
        let selection = self.repeatable(Self::selection)?;
        if selection.metric.row().is_counted() {
            let name = selection.metric.row().name;
            let error = SentenceError::new(
                place,
                format!("a statistic is taken of durations, `{name}` is a count"),
            );
            return Err(error.with_help(format!("for windows write `max in 60s of {name}`")));
        }
        Ok(Term::Statistic(statistic, selection))
    }

    fn share(&mut self) -> Parsed<Term> {
        self.next += 1;
        self.word("of")?;
        let matching = self.matching()?;
        self.word("in")?;
        let within = self.counted_selection()?;
        self.check_label(&matching.label, &within);
        Ok(Term::Share { matching, within })
    }

    fn among(&mut self, extreme: Extreme) -> Parsed<Term> {
        self.next += 1;
        if self.eat_ellipsis() {
            let Some(Term::Among {
                matching,
                length,
                within,
                ..
            }) = self.before.clone()
            else {
                return Err(self.nothing_before());
            };
            return Ok(Term::Among {
                extreme,
                matching,
                length,
                within,
            });
        }
        let matching = self.matching()?;
        self.word("among")?;
        let length = self.whole_number("how many consecutive ones, at least 2", 2)?;
        self.word("consecutive")?;
        let within = self.counted_selection()?;
        self.check_label(&matching.label, &within);
        Ok(Term::Among {
            extreme,
            matching,
            length,
            within,
        })
    }

    fn longest(&mut self) -> Parsed<Term> {
        self.next += 1;
        if self.eat_word("gap") {
            return self.longest_gap();
        }
        let is_timed = self.eat_word("stretch");
        if !is_timed && !self.eat_word("run") {
            return Err(self.expected("`run`, `stretch` or `gap`"));
        }
        self.word("of")?;
        let matching = self.matching()?;
        self.word("in")?;
        let within = self.counted_selection()?;
        self.check_label(&matching.label, &within);
        Ok(Term::LongestRun {
            is_timed,
            matching,
            within,
        })
    }

    fn fit(&mut self) -> Parsed<Term> {
        self.next += 1;
        self.word("of")?;
        let label = self.label()?;
        self.word("to")?;
        let mut weights = vec![];
        loop {
            let value = self.label_value(&label)?;
            self.symbol("=")?;
            weights.push((value, self.weight()?));
            if !self.eat_symbol(",") {
                break;
            }
        }
        self.word("in")?;
        let within = self.counted_selection()?;
        self.check_label(&label, &within);
        Ok(Term::Fit {
            label,
            weights,
            within,
        })
    }

    fn weight(&mut self) -> Parsed<f64> {
        let (TokenKind::Number(weight) | TokenKind::Percent(weight)) = self.kind() else {
            return Err(self.expected("a weight"));
        };
        self.next += 1;
        Ok(weight)
    }

    pub(super) fn matching(&mut self) -> Parsed<Filter> {
        let label = self.label()?;
        self.filter(&label)
    }

    /// A selection of a count or a sum.
    pub(super) fn counted_selection(&mut self) -> Parsed<Selection> {
        let place = self.here();
        let selection = self.selection()?;
        let row = selection.metric.row();
        if !row.is_counted() {
            let message = format!("expected a count, `{}` is {}", row.name, row.kind.words());
            return Err(SentenceError::new(place, message));
        }
        Ok(selection)
    }

    fn only_counts(&self, selection: &Selection) -> Parsed<()> {
        if !selection.metric.row().is_counted() {
            return Err(SentenceError::new(
                self.last(),
                "windows count records or tokens, not durations",
            ));
        }
        Ok(())
    }

    /// A selection, or `…` for that of the term before.
    fn repeatable(&mut self, read: fn(&mut Self) -> Parsed<Selection>) -> Parsed<Selection> {
        if self.eat_ellipsis() {
            let before = self.before.as_ref().map(|term| term.selection().clone());
            return before.ok_or_else(|| self.nothing_before());
        }
        read(self)
    }

    /// The selection of the term before, which `{…}` repeats.
    pub(super) fn selection_before(&self) -> Parsed<Selection> {
        let before = self.before.as_ref().map(|term| term.selection().clone());
        before.ok_or_else(|| self.nothing_before())
    }

    fn nothing_before(&self) -> SentenceError {
        SentenceError::new(
            self.last(),
            "`…` repeats the term before it, and no such term is before this one",
        )
    }

    fn whole_number(&mut self, what: &str, least: usize) -> Parsed<usize> {
        let TokenKind::Number(number) = self.kind() else {
            return Err(self.expected(what));
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a literal has no sign, and too large a one saturates"
        )]
        let whole = number as usize;
        if number.fract() != 0.0 || whole < least {
            return Err(self.expected(what));
        }
        self.next += 1;
        Ok(whole)
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

fn needs_statistic(selection: &Selection, range: Range<usize>) -> SentenceError {
    let name = selection.metric.row().name;
    let kind = selection.metric.row().kind.words();
    let message = format!("`{name}` is {kind} of each record and needs a statistic");
    SentenceError::new(range, message)
        .with_help(format!("write `p50 of {name}` or `max of {name}`"))
}
