//! `no_usage` and `no_done`: what clients wait for at the end, and some services leave out.

/// How a stream ends.
const DONE: &str = "data: [DONE]\n\n";

/// Takes the usage away from the end of a stream, which starts at byte `from`; returns whether
/// it was there.
pub(super) fn usage_frame(out: &mut String, from: usize) -> bool {
    let to = out.len() - DONE.len().min(out.len());
    if to <= from {
        return false;
    }
    out.drain(from..to);
    true
}

/// Takes the marker away from the end of a stream; returns whether it was there.
pub(super) fn done(out: &mut String) -> bool {
    let is_there = out.ends_with(DONE);
    if is_there {
        out.truncate(out.len() - DONE.len());
    }
    is_there
}

/// `body` without its last member `usage`, and the comma and white space before it.
pub(super) fn usage(mut body: String) -> String {
    let Some(start) = body.rfind("\"usage\"") else {
        return body;
    };
    let mut depth = 0;
    let length = body[start..].find(|character| {
        depth += match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        character == '}' && depth == 0
    });
    // It says nothing but numbers, in which no brace can stand for itself.
    if let Some(length) = length {
        let before = body[..start].trim_end().trim_end_matches(',').len();
        body.drain(before..=start + length);
    }
    body
}
