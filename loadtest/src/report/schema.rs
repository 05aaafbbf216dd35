//! The JSON Schema of `report.json`, generated from the types and kept beside them.

use super::document::Report;

/// The JSON Schema of [`Report`], as in `report.schema.json`.
pub fn json_schema() -> schemars::Schema {
    schemars::schema_for!(Report)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/report/report.schema.json");

    fn generated() -> String {
        serde_json::to_string_pretty(&json_schema()).unwrap() + "\n"
    }

    #[test]
    fn the_schema_file_describes_the_types() {
        assert!(
            include_str!("report.schema.json") == generated(),
            "report.schema.json is stale; write it anew with \
             `cargo test -p loadtest --lib report::schema -- --ignored`, \
             and raise FORMAT_VERSION if a field changed its meaning or went away"
        );
    }

    #[test]
    #[ignore = "writes report.schema.json"]
    fn regenerate() {
        std::fs::write(PATH, generated()).unwrap();
    }
}
