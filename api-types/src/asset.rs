//! Media at a home.

use serde::{Deserialize, Serialize};

/// Bytes a home holds, named by their content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Asset {
    /// BLAKE3 as 64 hexadecimal digits.
    pub hash: String,
    /// Media type, found from the bytes by the home.
    pub content_type: String,
    /// Length of the bytes.
    pub size: u64,
}
