//! The words that prompts are made of.
//!
//! Each is exactly one token in `cl100k_base` and in `o200k_base`, both at the start of a text and
//! after a space, so N words are N tokens and no tokenizer is needed to write a prompt of a known
//! size. All have five letters: no word is the beginning of another, and N words are `6 N - 1`
//! characters.

/// The words, in alphabetical order; one byte names one of them.
#[rustfmt::skip]
pub(super) const WORDS: [&str; 256] = [
    "actor", "adapt", "agent", "agree", "ahead", "album", "alpha", "angle", "arena", "arrow",
    "asset", "audio", "award", "aware", "badge", "basic", "basis", "batch", "bench", "birds",
    "bonus", "books", "boost", "bound", "boxes", "brain", "brand", "bread", "brick", "brief",
    "brown", "brush", "cache", "calls", "cards", "cargo", "carry", "cells", "chain", "chair",
    "chart", "cheap", "civil", "clock", "cloth", "cloud", "clubs", "coach", "coins", "comic",
    "craft", "crate", "cream", "curve", "cycle", "daily", "dance", "dates", "delay", "delta",
    "depth", "digit", "doors", "draft", "dream", "dress", "drive", "earth", "edges", "eight",
    "elder", "essay", "faces", "facts", "faith", "fault", "films", "fixed", "flags", "flash",
    "floor", "fluid", "foods", "forms", "forum", "fresh", "fruit", "fully", "genre", "glass",
    "goods", "grade", "grand", "grant", "grass", "guard", "guess", "guest", "guide", "happy",
    "heads", "heard", "heavy", "hello", "holds", "homes", "horse", "hotel", "ideal", "ideas",
    "inner", "intro", "joint", "judge", "lands", "likes", "links", "lists", "logic", "magic",
    "marks", "maybe", "merge", "metal", "micro", "minor", "mixed", "motor", "mount", "mouse",
    "moves", "multi", "nodes", "north", "notes", "older", "opens", "outer", "owner", "pages",
    "pairs", "panel", "patch", "paths", "pause", "peace", "phase", "photo", "piece", "pitch",
    "pixel", "pizza", "plain", "plane", "plans", "plate", "plays", "posts", "prime", "probe",
    "proof", "props", "prove", "pulse", "queue", "quiet", "quote", "radio", "rapid", "rates",
    "ratio", "reads", "realm", "refer", "reply", "river", "roads", "robot", "roles", "rooms",
    "roots", "rough", "sales", "saved", "scope", "serve", "setup", "seven", "shade", "sharp",
    "sheet", "shell", "shift", "ships", "shirt", "shops", "shore", "shown", "sites", "sizes",
    "skill", "slice", "slots", "smart", "solid", "songs", "south", "spark", "spell", "spent",
    "split", "sport", "spots", "stage", "stamp", "stars", "steel", "steps", "stick", "stone",
    "storm", "suite", "sweet", "tasks", "teams", "tests", "thank", "theme", "thumb", "tight",
    "timer", "toast", "tools", "topic", "torch", "tower", "trace", "trade", "trail", "trees",
    "trial", "truck", "trust", "truth", "units", "unity", "upper", "urban", "usual", "venue",
    "voice", "votes", "waves", "wheel", "yards", "yield",
];

/// Characters of a word and of the space before it.
pub(super) const SPACED_WORD: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_token_bare_and_after_a_space() {
        for encoding in [
            tiktoken_rs::cl100k_base_singleton(),
            tiktoken_rs::o200k_base_singleton(),
        ] {
            for word in WORDS {
                assert_eq!(encoding.encode_ordinary(word).len(), 1, "{word}");
                let spaced = format!(" {word}");
                assert_eq!(encoding.encode_ordinary(&spaced).len(), 1, "{spaced}");
            }
        }
    }

    #[test]
    fn words_are_distinct_and_of_equal_length() {
        assert!(WORDS.is_sorted_by(|a, b| a < b));
        assert!(WORDS.iter().all(|word| word.len() + 1 == SPACED_WORD));
    }
}
