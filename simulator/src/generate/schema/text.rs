//! Strings: words, or what a format or a pattern asks for, of an allowed length.

use rand::{Rng, RngExt};
use serde_json::{Map, Value};

use super::node::count;
use super::pattern::Pattern;
use crate::tokens::words;

/// The strings a schema allows.
#[derive(Debug)]
pub(super) struct Text {
    /// Characters, at least.
    pub(super) least: usize,
    most: usize,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Words,
    Format(fn(&mut dyn Rng) -> String),
    Pattern(Pattern),
}

impl Text {
    /// Any string.
    pub(super) const ANY: Self = Self {
        least: 0,
        most: usize::MAX,
        form: Form::Words,
    };

    /// Reads the keywords of a `string`; `None` if none is allowed.
    pub(super) fn read(fields: &Map<String, Value>) -> Option<Self> {
        let least = count(fields, "minLength").unwrap_or(0);
        let most = count(fields, "maxLength").unwrap_or(usize::MAX);
        if least > most {
            return None;
        }
        let text = |keyword| fields.get(keyword).and_then(Value::as_str);
        let pattern = text("pattern").and_then(|it| Pattern::read(it, least, most));
        let form = match (pattern, text("format").and_then(format)) {
            (Some(pattern), _) if !pattern.is_met() => return None,
            (Some(pattern), _) => Form::Pattern(pattern),
            (None, Some(format)) => Form::Format(format),
            (None, None) => Form::Words,
        };
        Some(Self { least, most, form })
    }

    pub(super) fn draw(&self, rng: &mut dyn Rng) -> String {
        match &self.form {
            Form::Pattern(pattern) => pattern.draw(rng, self.least, self.most),
            Form::Format(draw) => {
                let drawn = draw(rng);
                let fits = (self.least..=self.most).contains(&drawn.len());
                if fits { drawn } else { self.words(rng) }
            }
            Form::Words => self.words(rng),
        }
    }

    fn words(&self, rng: &mut dyn Rng) -> String {
        let wanted = rng.random_range(1..=3);
        let mut text = word(rng).to_owned();
        let mut written = 1;
        while written < wanted || text.len() < self.least {
            text.push(' ');
            text.push_str(word(rng));
            written += 1;
        }
        text.truncate(self.most.max(self.least));
        text
    }
}

fn word(rng: &mut dyn Rng) -> &'static str {
    words()[rng.random_range(0..words().len())]
}

/// How to draw the formats that structured outputs know, and `uri`.
///
/// Source: <https://platform.openai.com/docs/guides/structured-outputs#supported-schemas>.
fn format(name: &str) -> Option<fn(&mut dyn Rng) -> String> {
    Some(match name {
        "date-time" => |rng| format!("{}T{}", date(rng), time(rng)),
        "date" => date,
        "time" => time,
        "duration" => |rng| format!("P{}D", rng.random_range(1..=30)),
        "email" | "idn-email" => |rng| format!("{}@example.com", word(rng)),
        "hostname" | "idn-hostname" => |rng| format!("{}.example.com", word(rng)),
        // The addresses of documentation: RFC 5737, RFC 3849.
        "ipv4" => |rng| format!("192.0.2.{}", rng.random_range(1..=254)),
        "ipv6" => |rng| format!("2001:db8::{:x}", rng.random_range(1..=0xffff)),
        "uuid" => uuid,
        "uri" | "url" | "iri" => |rng| format!("https://example.com/{}", word(rng)),
        _ => return None,
    })
}

fn date(rng: &mut dyn Rng) -> String {
    let year = rng.random_range(2020..=2029);
    let (month, day) = (rng.random_range(1..=12), rng.random_range(1..=28));
    format!("{year}-{month:02}-{day:02}")
}

fn time(rng: &mut dyn Rng) -> String {
    let (hour, minute) = (rng.random_range(0..24), rng.random_range(0..60));
    format!("{hour:02}:{minute:02}:00Z")
}

/// A random UUID of version 4.
fn uuid(rng: &mut dyn Rng) -> String {
    let (high, low) = (rng.next_u64(), rng.next_u64());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | low >> 48 & 0x3fff,
        low & 0xffff_ffff_ffff,
    )
}
