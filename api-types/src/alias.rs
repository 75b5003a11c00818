//! Thin names for programs that want one call and one status word.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Body of `POST /generate_text` and its sisters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Generate {
    /// What is asked.
    pub prompt: String,
    /// Model; empty for the engine's choice.
    #[serde(default)]
    pub model: String,
    /// Engine id; empty for the first that makes this kind.
    #[serde(default)]
    pub engine: String,
    /// Seed; a new one when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
}

/// Answer of `POST /generate_text` and its sisters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Generating {
    /// The job.
    pub job_id: String,
    /// "PENDING".
    pub status: String,
    /// Where it is asked for.
    pub status_url: String,
}

/// Answer of `GET /jobs/{id}/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct CompatJob {
    /// The job.
    pub job_id: String,
    /// "PENDING", "RUNNING", "COMPLETED" or "FAILED".
    pub status: String,
    /// The same in the words of a job.
    pub state: String,
    /// 0 to 1.
    pub progress: f32,
    /// Words, when it made words.
    #[serde(default)]
    pub text: String,
    /// Where the results are.
    pub result_urls: Vec<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
