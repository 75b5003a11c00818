//! A string on the GPU: 12 bytes. It refers to its notes by slot, so it follows them for free.

use bytemuck::{Pod, Zeroable};

/// Segments the part of a string in view is cut into: the upper three bits of an entry in the list
/// of visible strings choose; the same in `twine.wgsl`.
pub const TWINE_SEGMENTS: [u32; 4] = [1, 4, 16, 32];

/// One string.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
pub struct TwineGpu {
    /// Slot of the note it comes from.
    pub from: u32,
    /// Slot of the note it leads to.
    pub to: u32,
    /// Colour in the lowest 8 bits; bit 8 highlighted, bit 9 dimmed.
    pub look: u32,
}
