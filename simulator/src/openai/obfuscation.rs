//! [`Obfuscation`]: letters that hide how long the text of a frame is.
//!
//! Without them who only sees the sizes of encrypted frames could guess the words.

use rand::RngExt;
use rand::distr::Alphanumeric;

use crate::seed::{Key, Purpose};

/// Text and letters of a frame together have a multiple of so many characters.
///
/// Source: recordings of Azure OpenAI of March 2026, as for the two lengths below.
const WIDTH: usize = 16;
/// Letters of the frame that tells the role.
pub(super) const ROLE: usize = 14;
/// Letters of the frame that tells the end.
pub(super) const FINISH: usize = 10;

/// The letters of one answer.
///
/// Drawn once: each frame takes them from another place on, which is as good as random to
/// whoever may look, and costs a frame no more than a copy.
#[derive(Debug)]
pub(super) struct Obfuscation {
    letters: String,
    next: usize,
}

impl Obfuscation {
    pub(super) fn new(key: Key) -> Self {
        let letters = key.rng(Purpose::Obfuscation).sample_iter(Alphanumeric);
        Self {
            letters: letters.take(4 * WIDTH).map(char::from).collect(),
            next: 0,
        }
    }

    /// Writes the field with so many letters.
    pub(super) fn write(&mut self, out: &mut String, letters: usize) {
        out.push_str(r#","obfuscation":""#);
        out.push_str(&self.letters[self.next..self.next + letters]);
        out.push('"');
        // Coprime to the number of places, so that all of them are used.
        self.next = (self.next + 7) % (3 * WIDTH);
    }

    /// How many letters hide a text of so many characters.
    pub(super) fn beside(characters: usize) -> usize {
        WIDTH - characters % WIDTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_letters_fill_a_width_as_recorded() {
        for (text, letters) in [("Why", 13), (" developer", 6), ("!", 15)] {
            assert_eq!(Obfuscation::beside(text.len()), letters);
        }
    }

    #[test]
    fn every_frame_has_the_letters_it_needs() {
        let mut obfuscation = Obfuscation::new(Key::new(1));
        for frame in 0..1_000 {
            let mut out = String::new();
            obfuscation.write(&mut out, 1 + frame % WIDTH);
            assert_eq!(out.len(), r#","obfuscation":"""#.len() + 1 + frame % WIDTH);
        }
    }
}
