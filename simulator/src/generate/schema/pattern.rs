//! Strings that match a regular expression.
//!
//! The expression is parsed, not compiled: what is drawn follows its parts, so it matches by
//! construction. What looks around or refers back is not supported, as in structured outputs:
//! <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>.

use rand::{Rng, RngExt};
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use crate::seed::{Key, Purpose};

/// The longest text that a pattern may ask for at least, in bytes.
const LONGEST: usize = 4_096;

/// The most parts of an expression that are visited in writing one text: many times those of the
/// longest text.
const MOST_STEPS: usize = 32 * LONGEST;

/// How often a text is drawn until it has an allowed length.
const ATTEMPTS: usize = 64;

/// A regular expression, and a text of allowed length that matches it.
#[derive(Debug)]
pub(super) struct Pattern {
    expression: Hir,
    sample: Option<String>,
}

impl Pattern {
    /// Reads `pattern`; `None` if it is not supported.
    pub(super) fn read(pattern: &str, least: usize, most: usize) -> Option<Self> {
        let expression = regex_syntax::parse(pattern).ok()?;
        let shortest = expression.properties().minimum_len();
        let is_long = least > LONGEST || shortest.is_none_or(|shortest| shortest > LONGEST);
        let looks = expression.properties().look_set();
        if is_long || !looks.iter().all(is_anchor) {
            return None;
        }
        let rng = &mut Key::new(0).rng(Purpose::Structure);
        let sample = attempt(&expression, rng, least, most);
        Some(Self { expression, sample })
    }

    /// Whether a text of the allowed length was found that matches.
    pub(super) fn is_met(&self) -> bool {
        self.sample.is_some()
    }

    /// A match of `least` to `most` characters.
    pub(super) fn draw(&self, rng: &mut dyn Rng, least: usize, most: usize) -> String {
        let drawn = attempt(&self.expression, rng, least, most);
        drawn.or_else(|| self.sample.clone()).unwrap_or_default()
    }
}

fn is_anchor(look: Look) -> bool {
    matches!(look, Look::Start | Look::End | Look::StartLF | Look::EndLF)
}

fn attempt(expression: &Hir, rng: &mut dyn Rng, least: usize, most: usize) -> Option<String> {
    (0..ATTEMPTS).find_map(|_| {
        let mut writing = Writing {
            repeats: rng.random_range(0..=least.max(3)),
            steps: 0,
            out: String::new(),
            rng,
        };
        writing.write(expression);
        let text = writing.out;
        let length = text.chars().count();
        (least..=most).contains(&length).then_some(text)
    })
}

/// A match being written.
struct Writing<'a> {
    rng: &'a mut dyn Rng,
    /// What may repeat does so up to so many times more than it must.
    repeats: usize,
    /// Parts visited: repetitions within repetitions multiply, of nothing too.
    steps: usize,
    out: String,
}

impl Writing<'_> {
    fn write(&mut self, expression: &Hir) {
        self.steps += 1;
        match expression.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => {
                self.out.push_str(&String::from_utf8_lossy(&literal.0));
            }
            HirKind::Class(class) => self.out.extend(character(class, self.rng)),
            HirKind::Capture(capture) => self.write(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.write(part)),
            HirKind::Alternation(parts) => {
                let chosen = self.rng.random_range(0..parts.len());
                self.write(&parts[chosen]);
            }
            HirKind::Repetition(repetition) => {
                let more = match repetition.max {
                    _ if self.steps > LONGEST => 0,
                    Some(max) => self.repeats.min((max - repetition.min) as usize),
                    None => self.repeats,
                };
                let times = repetition.min as usize + self.rng.random_range(0..=more);
                for _ in 0..times {
                    // Only what repeats nothing gets here: text is bounded by then.
                    if self.steps > MOST_STEPS {
                        break;
                    }
                    self.write(&repetition.sub);
                }
            }
        }
    }
}

/// A character of a class: a letter or digit if it has any, else something printable.
fn character(class: &Class, rng: &mut dyn Rng) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.iter().map(|it| (it.start(), it.end())).collect(),
        Class::Bytes(class) => {
            let ascii = class.iter().filter(|it| it.end().is_ascii());
            ascii
                .map(|it| (it.start().into(), it.end().into()))
                .collect()
        }
    };
    let allows = |c: &char| ranges.iter().any(|(start, end)| (start..=end).contains(&c));
    let mut plain: Vec<char> = ('0'..='z')
        .filter(char::is_ascii_alphanumeric)
        .filter(allows)
        .collect();
    if plain.is_empty() {
        plain = (' '..='~').filter(allows).collect();
    }
    if plain.is_empty() {
        return ranges.first().map(|(start, _)| *start);
    }
    Some(plain[rng.random_range(0..plain.len())])
}
