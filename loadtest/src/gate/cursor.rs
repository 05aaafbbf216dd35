//! The tokens under the reader: looking at the next one, taking it, or saying what was expected.

use std::ops::Range;

use super::SentenceError;
use super::lexer::TokenKind;
use super::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn kind(&self) -> TokenKind {
        self.tokens[self.next.min(self.tokens.len() - 1)].kind
    }

    pub(super) fn here(&self) -> Range<usize> {
        self.tokens[self.next.min(self.tokens.len() - 1)]
            .range
            .clone()
    }

    pub(super) fn slice(&self) -> &str {
        &self.text[self.here()]
    }

    pub(super) fn last(&self) -> Range<usize> {
        self.tokens[self.next.saturating_sub(1)].range.clone()
    }

    pub(super) fn last_end(&self) -> usize {
        self.last().end
    }

    pub(super) fn advance(&mut self) {
        self.next += 1;
    }

    /// Notes an error and reads on.
    pub(super) fn report(&mut self, error: SentenceError) {
        self.errors.push(error);
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind() == TokenKind::Word && self.slice() == word
    }

    /// The text of the token so many ahead.
    pub(super) fn peek_word(&self, ahead: usize) -> &str {
        self.tokens
            .get(self.next + ahead)
            .map_or("", |token| &self.text[token.range.clone()])
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(word);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) {
            return Ok(());
        }
        Err(self.expected(&format!("`{word}`")))
    }

    pub(super) fn eat_symbol(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.kind(), TokenKind::Symbol(next) if next == symbol);
        self.next += usize::from(is_next);
        is_next
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.eat_symbol(symbol) {
            return Ok(());
        }
        Err(self.expected(&format!("`{symbol}`")))
    }

    pub(super) fn eat_ellipsis(&mut self) -> bool {
        self.eat_symbol("…") || self.eat_symbol("...")
    }

    pub(super) fn expected(&self, what: &str) -> SentenceError {
        let found = match self.kind() {
            TokenKind::End => "the end of the sentence".to_owned(),
            _ => format!("`{}`", self.slice()),
        };
        SentenceError::new(self.here(), format!("expected {what}, found {found}"))
    }
}
