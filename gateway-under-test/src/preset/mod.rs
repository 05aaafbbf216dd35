//! Presets: one shipped configuration per reference capability, with the reference's numbers.
//!
//! They are data, printed by `aoai-gateway preset show NAME` and complete but for the backends'
//! urls, which only whoever starts the gateway knows. Where the reference has a quirk, the
//! preset keeps it and says so in a comment.

/// Name and text of every preset, in the order they are listed.
const PRESETS: [(&str, &str); 6] = [
    (
        "load-balancing/simple",
        include_str!("load-balancing/simple.toml"),
    ),
    (
        "load-balancing/weighted",
        include_str!("load-balancing/weighted.toml"),
    ),
    (
        "load-balancing/weighted-smooth",
        include_str!("load-balancing/weighted-smooth.toml"),
    ),
    (
        "manage-spikes-with-payg/retry",
        include_str!("manage-spikes-with-payg/retry.toml"),
    ),
    (
        "request-forwarding/transparent",
        include_str!("request-forwarding/transparent.toml"),
    ),
    ("toolkit", include_str!("toolkit.toml")),
];

/// The names of all presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The preset `name` as shipped, comments included.
pub fn text(name: &str) -> Option<&'static str> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
    Some(text)
}

/// The preset `name` as a table, for whoever lays their own keys over it.
///
/// # Panics
/// Never for a shipped preset: a test parses each of them.
pub fn table(name: &str) -> Option<toml::Table> {
    let table = text(name)?.parse();
    Some(table.expect("shipped presets are valid TOML"))
}
