//! Errors as `application/problem+json` (RFC 9457).

use serde::{Deserialize, Serialize};

/// An error. Clients compare `code`, never `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A page about it, relative to the home.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short and the same for every occurrence.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// A sentence about this occurrence.
    pub detail: String,
    /// Stable word.
    pub code: String,
    /// Seconds to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}
