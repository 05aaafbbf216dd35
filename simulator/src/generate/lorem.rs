//! [`Lorem`]: random words, written without a tokenizer.

use rand_chacha::ChaCha8Rng;

use super::{Reply, Said};
use crate::config::{Length, LengthProfile};
use crate::openai::Finish;
use crate::seed::{Key, Purpose};
use crate::tokens::Words;

/// So many random words, each of them one token; drawn when they are written.
#[derive(Debug)]
pub(crate) struct Lorem {
    words: Words<ChaCha8Rng>,
    left: u64,
    is_first: bool,
}

/// The length of answers that may have any.
const DEFAULT_LENGTH: Length = Length::Profile(LengthProfile::Conversation);

impl Reply {
    /// Random words, all of them keyed by `key`: of the length `own` where it is given, else
    /// exactly as many tokens as wanted; never more than wanted or than there is room for.
    pub(super) fn lorem(key: Key, own: Option<Length>, wanted: Option<u64>, room: u64) -> Self {
        let (length, finish) = match (own, wanted) {
            (None, Some(wanted)) => (wanted, Finish::Length),
            (own, _) => {
                let own = own.unwrap_or(DEFAULT_LENGTH);
                (own.draw(&mut key.rng(Purpose::Length)), Finish::Stop)
            }
        };
        let mut reply = Self::new(Said::Lorem(Lorem::new(key, length)), finish);
        reply.limit(wanted.map_or(room, |wanted| wanted.min(room)));
        reply
    }
}

impl Lorem {
    fn new(key: Key, left: u64) -> Self {
        Self {
            words: Words::new(key.rng(Purpose::Words)),
            left,
            is_first: true,
        }
    }

    /// Tokens not yet written.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Leaves out what is beyond `most` tokens.
    pub(super) fn keep(&mut self, most: u64) {
        self.left = self.left.min(most);
    }

    /// The next token: what stands before the word, and the word.
    pub(super) fn next(&mut self) -> (&'static str, &'static str) {
        self.left -= 1;
        let space = if std::mem::take(&mut self.is_first) {
            ""
        } else {
            " "
        };
        (space, self.words.draw())
    }

    /// All that is left as a text.
    pub(super) fn text(&mut self) -> String {
        let mut text = String::new();
        self.write_rest(&mut text);
        text
    }

    /// Writes all tokens that are left.
    pub(crate) fn write_rest(&mut self, out: &mut String) {
        while self.left > 0 {
            let (space, word) = self.next();
            out.push_str(space);
            out.push_str(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Encoding;

    fn write(key: Key, tokens: u64) -> String {
        let reply = Reply::lorem(key, None, Some(tokens), 4_000);
        let Said::Lorem(mut lorem) = reply.said else {
            panic!("expected random words")
        };
        let mut out = String::new();
        lorem.write_rest(&mut out);
        out
    }

    #[test]
    fn an_answer_has_exactly_the_wanted_number_of_tokens() {
        for tokens in [1, 2, 10, 999] {
            let text = write(Key::new(1), tokens);
            for encoding in [Encoding::Cl100k, Encoding::O200k] {
                assert_eq!(encoding.count(&text) as u64, tokens, "{encoding:?} {text}");
            }
        }
    }

    #[test]
    fn an_answer_without_a_limit_is_neither_empty_nor_fills_the_context() {
        let lengths: Vec<_> = (0..1_000)
            .map(|index| Reply::lorem(Key::new(1).numbered(index), None, None, 100_000))
            .map(|reply| (reply.left(), reply.finish))
            .collect();
        assert!(lengths.iter().all(|(left, _)| (1..=1_024).contains(left)));
        assert!(lengths.iter().all(|(_, finish)| *finish == Finish::Stop));
        let shorter = lengths.iter().filter(|(left, _)| *left <= 129).count();
        assert!(
            (450..550).contains(&shorter),
            "{shorter} of 1000 below the median"
        );
    }

    #[test]
    fn an_answer_without_a_limit_ends_where_the_context_does() {
        let reply = Reply::lorem(Key::new(1), None, None, 1);
        assert_eq!((reply.left(), reply.finish), (1, Finish::Length));
    }

    #[test]
    fn words_follow_from_the_key() {
        let text = |seed| write(Key::new(seed), 8);
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
    }

    #[test]
    fn an_answer_of_its_own_length_stops_or_is_cut_off() {
        let reply = |own, wanted| {
            let reply = Reply::lorem(Key::new(1), Some(Length::Exactly(own)), wanted, 100);
            (reply.left(), reply.finish)
        };
        assert_eq!(reply(20, None), (20, Finish::Stop));
        assert_eq!(reply(20, Some(20)), (20, Finish::Stop));
        assert_eq!(reply(20, Some(5)), (5, Finish::Length));
        assert_eq!(reply(200, None), (100, Finish::Length));
        assert_eq!(reply(0, None), (0, Finish::Stop));
    }
}
