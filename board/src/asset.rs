//! What the board knows of media bytes. The bytes themselves lie in the asset store of `storage`.

use crate::AssetId;

/// One asset: inserted once, never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetInfo {
    /// BLAKE3 of the bytes.
    pub id: AssetId,
    /// Media type, found from the bytes.
    pub mime: String,
    /// Length of the bytes.
    pub size_bytes: u64,
    /// Width and height in pixels, zero for sound and text.
    pub size_px: [u32; 2],
    /// Length in milliseconds, zero for pictures and text.
    pub duration_ms: u64,
    /// Average colour as 0xRRGGBB: stands in until the thumbnail is there.
    pub average_rgb: u32,
}
