//! `usage`: the schema of who used how much.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Has the usage of every answer read, and told in the access log.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UsageConfig {}
