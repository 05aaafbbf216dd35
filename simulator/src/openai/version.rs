//! `api-version`: which versions of Azure's API there are.
//!
//! A table and not a pattern of dates, because the service has one too: a version that never was
//! is answered like a path that does not exist, which is what a slip in a configuration meets.

/// The dated versions of inference, oldest first.
///
/// Source: <https://github.com/Azure/azure-rest-api-specs>, the folders below
/// `specification/cognitiveservices/data-plane/AzureOpenAI/inference`, and the lists of previews
/// in <https://learn.microsoft.com/azure/ai-foundry/openai/reference>. Assumed: retired previews
/// are still answered; with what else they would be is not known.
const DATED: &[&str] = &[
    "2022-12-01",
    "2023-03-15-preview",
    "2023-05-15",
    "2023-06-01-preview",
    "2023-07-01-preview",
    "2023-08-01-preview",
    "2023-09-01-preview",
    "2023-12-01-preview",
    "2024-02-01",
    "2024-02-15-preview",
    "2024-03-01-preview",
    "2024-04-01-preview",
    "2024-05-01-preview",
    "2024-06-01",
    "2024-07-01-preview",
    "2024-08-01-preview",
    "2024-09-01-preview",
    "2024-10-01-preview",
    "2024-10-21",
    "2024-12-01-preview",
    "2025-01-01-preview",
    "2025-02-01-preview",
    "2025-03-01-preview",
    "2025-04-01-preview",
];

/// What `/openai/v1/…` may be told.
///
/// Source: `api-version-lifecycle` of MicrosoftDocs/azure-ai-docs.
const UNDATED: [&str; 2] = ["v1", "preview"];

/// Whether the dated paths know `version`.
pub(crate) fn is_dated(version: &str) -> bool {
    DATED.contains(&version)
}

/// Whether the paths below `/openai/v1` know `version`.
pub(crate) fn is_undated(version: &str) -> bool {
    UNDATED.contains(&version)
}
