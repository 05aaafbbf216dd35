//! `usage`: the schema of who used how much, and where that is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Component, PathBuf};
use std::time::Duration;

use clock::Span;
use http::uri::Scheme;
use http::{HeaderName, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// As many as API Management takes.
// Source: https://learn.microsoft.com/azure/api-management/llm-emit-token-metric-policy (read
// 2026-08): "You can configure at most 10 custom dimensions for this policy."
const MOST_DIMENSIONS: usize = 10;

/// Has the usage of every answer read; says by what it is counted and where it is written.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsageConfig {
    /// The labels of the usage metrics, ten at most; none: all usage is one number.
    pub dimensions: Vec<Dimension>,
    /// Who is told of each answer, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sinks: BTreeMap<String, SinkConfig>,
}

/// What usage is told apart by.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Dimension {
    /// Whose key was sent.
    Subscription,
    /// The subscription's product.
    Product,
    /// The API.
    Api,
    /// Chat, completions or embeddings.
    Operation,
    /// The deployment in the path.
    Deployment,
    /// The model that answered.
    Model,
    /// The backend that answered.
    Backend,
    /// The caller's address.
    ClientIp,
    /// What the caller says in this header.
    Header(HeaderName),
}

/// Somebody who is told of each answer; a `file` or a `url`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a table with a `file` or a `url`"
)]
pub struct SinkConfig {
    /// JSON lines are added to the end of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// JSON lines are posted there, until it takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many events may wait; newcomers beyond are dropped and counted.
    pub queue: NonZeroUsize,
    /// How many are written at once …
    pub batch: NonZeroUsize,
    /// … and how long the first of fewer waits for others.
    pub flush: Span,
    /// How long a `url` may take to answer, before it is asked again.
    pub timeout: Span,
}

impl Default for SinkConfig {
    fn default() -> Self {
        let number = |number| NonZeroUsize::new(number).expect("it is a number above 0");
        Self {
            file: None,
            url: None,
            // At most some six megabytes of lines.
            queue: number(10_000),
            batch: number(100),
            flush: Span::new(Duration::from_secs(1)),
            timeout: Span::new(Duration::from_secs(5)),
        }
    }
}

const NAMED: [(&str, Dimension); 8] = [
    ("subscription", Dimension::Subscription),
    ("product", Dimension::Product),
    ("api", Dimension::Api),
    ("operation", Dimension::Operation),
    ("deployment", Dimension::Deployment),
    ("model", Dimension::Model),
    ("backend", Dimension::Backend),
    ("client-ip", Dimension::ClientIp),
];

impl Dimension {
    /// Its name as a label: `client_ip`, `header_x_user_id`.
    // Source: https://prometheus.io/docs/concepts/data_model (read 2026-08): labels are letters,
    // digits and underscores.
    pub(crate) fn label(&self) -> String {
        self.to_string().replace([' ', '-', '.'], "_")
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Header(name) = self {
            return write!(f, "header {name}");
        }
        let named = NAMED.iter().find(|(_, dimension)| dimension == self);
        f.write_str(named.map_or("", |(name, _)| name))
    }
}

impl From<Dimension> for String {
    fn from(dimension: Dimension) -> Self {
        dimension.to_string()
    }
}

impl TryFrom<String> for Dimension {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let header = text.strip_prefix("header ").map(str::trim);
        if let Some(name) = header.and_then(|name| name.parse().ok()) {
            return Ok(Self::Header(name));
        }
        let named = NAMED.iter().find(|(name, _)| *name == text);
        named.map(|(_, known)| known.clone()).ok_or_else(|| {
            let known: Vec<_> = NAMED.iter().map(|(name, _)| format!("`{name}`")).collect();
            let known = known.join(", ");
            format!("unknown dimension `{text}`, expected one of {known} or `header NAME`")
        })
    }
}

impl UsageConfig {
    /// Adds to `errors` what cannot work.
    pub(crate) fn check(&self, errors: &mut Vec<ConfigError>) {
        let at = ["usage", "dimensions"];
        if self.dimensions.len() > MOST_DIMENSIONS {
            let found = self.dimensions.len();
            let message = format!("expected at most {MOST_DIMENSIONS} dimensions, found {found}");
            errors.push(ConfigError::new(&at, message));
        }
        let mut labels = BTreeSet::new();
        for dimension in &self.dimensions {
            if !labels.insert(dimension.label()) {
                let message = format!("expected each dimension once, found `{dimension}` again");
                errors.push(ConfigError::new(&at, message));
            }
        }
        let mut files = BTreeMap::new();
        for (name, sink) in &self.sinks {
            sink.check(name, errors);
            let is_named = |part: &Component<'_>| *part != Component::CurDir;
            let file = |path: &PathBuf| path.components().filter(is_named).collect::<PathBuf>();
            let file = sink.file.as_ref().map(file);
            if let Some(first) = file.and_then(|file| files.insert(file, name)) {
                let message = format!("expected a file of its own, found that of `{first}`");
                errors.push(ConfigError::new(&["usage", "sinks", name, "file"], message));
            }
        }
    }
}

impl SinkConfig {
    fn check(&self, name: &str, errors: &mut Vec<ConfigError>) {
        let at = |key| ["usage", "sinks", name, key];
        match (&self.file, &self.url) {
            (Some(_), None) => {}
            (None, Some(url)) => {
                if let Err(why) = address(url) {
                    let message = format!("{why}, found `{url}`");
                    let help = "write it as `http://127.0.0.1:9000/usage`";
                    errors.push(ConfigError::new(&at("url"), message).help(help));
                }
            }
            (None, None) | (Some(_), Some(_)) => {
                let message = "expected either a `file` or a `url`";
                errors.push(ConfigError::new(&at("")[..3], message));
            }
        }
        for (key, time) in [("flush", self.flush), ("timeout", self.timeout)] {
            if time.get().is_zero() {
                let message = "expected a time above 0, found `0s`";
                errors.push(ConfigError::new(&at(key), message));
            }
        }
    }
}

/// The address of a `url` that events can be posted to.
pub(crate) fn address(url: &str) -> Result<Uri, &'static str> {
    let uri: Uri = url.parse().map_err(|_| "expected a url")?;
    if uri.scheme() != Some(&Scheme::HTTP) {
        return Err("expected a url that begins with `http://`");
    }
    let is_bare = |authority: &http::uri::Authority| !authority.as_str().contains('@');
    if !uri.authority().is_some_and(is_bare) {
        return Err("expected a host without credentials");
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::super::tests::beside_what_is_right;

    #[test]
    fn an_unknown_dimension_is_answered_with_the_known_ones() {
        let text = "usage.dimensions = [\"api\", \"colour\"]\n";
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: unknown dimension `colour`, expected one of `subscription`, `product`, `api`, `operation`, `deployment`, `model`, `backend`, `client-ip` or `header NAME`
         --> gateway.toml:4:20
          |
        4 | usage.dimensions = ["api", "colour"]
          |                    ^^^^^^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn dimensions_are_ten_at_most_and_each_is_there_once() {
        let text = r#"usage.dimensions = ["subscription", "product", "api", "operation", "deployment",
    "model", "backend", "client-ip", "header x-a", "header x-b", "header X-A"]
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected at most 10 dimensions, found 11
         --> gateway.toml:4:20
          |
        4 | usage.dimensions = ["subscription", "product", "api", "operation", "deployment",
          |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        error: expected each dimension once, found `header x-a` again
         --> gateway.toml:4:20
          |
        4 | usage.dimensions = ["subscription", "product", "api", "operation", "deployment",
          |                    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn a_sink_is_a_file_of_its_own_or_an_address() {
        let text = r#"[usage.sinks]
a = { file = "usage.jsonl" }
b = { file = "./usage.jsonl" }
c = { url = "https://bills.example" }
d = {}
e = { flush = "0s" }
"#;
        insta::assert_snapshot!(beside_what_is_right(text), @r#"
        error: expected a file of its own, found that of `a`
         --> gateway.toml:6:14
          |
        6 | b = { file = "./usage.jsonl" }
          |              ^^^^^^^^^^^^^^^

        error: expected a url that begins with `http://`, found `https://bills.example`
         --> gateway.toml:7:13
          |
        7 | c = { url = "https://bills.example" }
          |             ^^^^^^^^^^^^^^^^^^^^^^^
        help: write it as `http://127.0.0.1:9000/usage`

        error: expected either a `file` or a `url`
         --> gateway.toml:8:1
          |
        8 | d = {}
          | ^

        error: expected either a `file` or a `url`
         --> gateway.toml:9:1
          |
        9 | e = { flush = "0s" }
          | ^

        error: expected a time above 0, found `0s`
         --> gateway.toml:9:15
          |
        9 | e = { flush = "0s" }
          |               ^^^^
        "#);
    }
}
