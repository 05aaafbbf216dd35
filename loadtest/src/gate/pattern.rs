//! Patterns over sequences: `(payg-2 payg-1)* payg-2?`, `ptu-1:429 payg-1:429{3}`.

use super::SentenceError;
use super::label::Label;
use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};
use super::sentence::{Pattern, PatternItem};

/// Records that a pattern may name when its counted repetitions are written out.
///
/// The longest golden trace of the references names 40; matching costs this times the records.
const MOST_ITEMS: u64 = 10_000;

impl Parser<'_> {
    /// A pattern over values of `label`, up to a closing bracket, `and` or the end.
    pub(super) fn pattern(&mut self, label: &Label) -> Parsed<Pattern> {
        let start = self.here().start;
        let pattern = self.alternatives(label)?;
        if items(&pattern) > MOST_ITEMS {
            let message = format!("the pattern names more than {MOST_ITEMS} records");
            return Err(SentenceError::new(start..self.last_end(), message));
        }
        Ok(pattern)
    }

    fn alternatives(&mut self, label: &Label) -> Parsed<Pattern> {
        let mut alternatives = vec![self.sequence(label)?];
        while self.eat_symbol("|") {
            alternatives.push(self.sequence(label)?);
        }
        Ok(match alternatives.len() {
            1 => alternatives.remove(0),
            _ => Pattern::Alternatives(alternatives),
        })
    }

    fn sequence(&mut self, label: &Label) -> Parsed<Pattern> {
        let mut sequence = vec![];
        while !self.is_word("and")
            && !matches!(
                self.kind(),
                TokenKind::End | TokenKind::Symbol(")" | "]" | "|")
            )
        {
            sequence.push(self.repeated(label)?);
        }
        Ok(Pattern::Sequence(sequence))
    }

    fn repeated(&mut self, label: &Label) -> Parsed<Pattern> {
        let mut pattern = self.atom(label)?;
        loop {
            let (min, max) = match self.kind() {
                TokenKind::Symbol("*") => (0, None),
                TokenKind::Symbol("+") => (1, None),
                TokenKind::Symbol("?") => (0, Some(1)),
                TokenKind::Symbol("{") => self.times()?,
                _ => return Ok(pattern),
            };
            self.advance();
            pattern = Pattern::Repeated {
                pattern: Box::new(pattern),
                min,
                max,
            };
        }
    }

    /// `{n}`, `{n,}` or `{n,m}` up to its closing brace.
    fn times(&mut self) -> Parsed<(u32, Option<u32>)> {
        let start = self.here().start;
        self.advance();
        let min = self.count()?;
        let mut max = Some(min);
        if self.eat_symbol(",") {
            let is_open = self.kind() == TokenKind::Symbol("}");
            max = if is_open { None } else { Some(self.count()?) };
        }
        if self.kind() != TokenKind::Symbol("}") {
            return Err(self.expected("`}`"));
        }
        if max.is_some_and(|max| max < min) {
            let range = start..self.here().end;
            return Err(SentenceError::new(
                range,
                "expected the smaller number first",
            ));
        }
        Ok((min, max))
    }

    fn count(&mut self) -> Parsed<u32> {
        let Ok(count) = self.slice().parse() else {
            return Err(self.expected("how many times"));
        };
        self.advance();
        Ok(count)
    }

    fn atom(&mut self, label: &Label) -> Parsed<Pattern> {
        if self.eat_symbol("(") {
            let group = self.alternatives(label)?;
            self.symbol(")")?;
            return Ok(group);
        }
        let value = if self.eat_symbol(".") {
            None
        } else {
            Some(self.label_value(label)?)
        };
        let status = if self.eat_symbol(":") {
            Some(self.pattern_status()?)
        } else {
            None
        };
        Ok(Pattern::Item(PatternItem { value, status }))
    }

    fn pattern_status(&mut self) -> Parsed<u16> {
        let status = self
            .slice()
            .parse()
            .ok()
            .filter(|s| (100..=599).contains(s));
        let Some(status) = status else {
            return Err(self.expected("a status from 100 to 599"));
        };
        self.advance();
        Ok(status)
    }
}

/// Records that `pattern` names with its counted repetitions written out.
fn items(pattern: &Pattern) -> u64 {
    match pattern {
        Pattern::Item(_) => 1,
        Pattern::Sequence(parts) | Pattern::Alternatives(parts) => {
            parts.iter().map(items).fold(0, u64::saturating_add)
        }
        Pattern::Repeated { pattern, min, max } => {
            let times = max.unwrap_or(*min).max(1);
            items(pattern).saturating_mul(u64::from(times))
        }
    }
}
