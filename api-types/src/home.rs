//! Which home a client talks to.

use serde::{Deserialize, Serialize};

/// Answer of `GET /home`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct HomeInfo {
    /// "embedded" or "remote".
    pub kind: String,
    /// Version of the program.
    pub version: String,
    /// What this home can do, in words such as "jobs", "discover".
    pub features: Vec<String>,
}
