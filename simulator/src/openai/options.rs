//! What several operations are told alike: how many answers, and how to stream them.

use serde::Deserialize;

use super::Invalid;

/// Source: <https://platform.openai.com/docs/api-reference/chat/create>.
pub(super) const MOST_CHOICES: u64 = 128;

/// How to stream.
#[derive(Debug, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: Option<bool>,
}

/// A count that was checked before.
pub(super) fn choices(n: Option<i64>) -> u32 {
    n.and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

pub(super) fn includes_usage(options: Option<&StreamOptions>) -> bool {
    options.is_some_and(|options| options.include_usage == Some(true))
}

/// Checks `value`, where it is given, against its range.
pub(super) fn in_range(
    name: &str,
    value: Option<i64>,
    least: u64,
    most: u64,
) -> Result<(), Invalid> {
    let Some(value) = value else { return Ok(()) };
    match u64::try_from(value) {
        Ok(number) if number > most => Err(Invalid::too_large(name, most, number)),
        Ok(number) if number >= least => Ok(()),
        Ok(_) | Err(_) => Err(Invalid::too_small(name, least, value)),
    }
}

/// Checks that `stream_options` stand only where a stream is asked for.
pub(super) fn stream_options_fit(
    stream: Option<bool>,
    options: Option<&StreamOptions>,
) -> Result<(), Invalid> {
    match options {
        Some(_) if stream != Some(true) => Err(Invalid::stream_options_without_stream()),
        _ => Ok(()),
    }
}
