//! A letter on a note: 16 bytes; and where its shape lies in the atlas.

use bytemuck::{Pod, Zeroable};

/// One letter.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
pub struct GlyphGpu {
    /// Slot of its note.
    pub note: u32,
    /// Baseline origin relative to the note's centre, 32768 for the edge of the size class.
    pub at: [i16; 2],
    /// Cell of the atlas.
    pub cell: u16,
    /// Font size, 32768 for the edge of the size class.
    pub size: u16,
    /// sRGB and alpha.
    pub color: [u8; 4],
}

/// Where a glyph's cell stands relative to its origin, in em.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct CellGpu {
    /// Left edge.
    pub left: f32,
    /// Top edge, y downwards.
    pub top: f32,
    /// Edge of the cell.
    pub edge: f32,
    /// 1 when the cell holds colours (premultiplied) instead of distances.
    pub colored: f32,
}
