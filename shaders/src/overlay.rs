//! Marks above the board, in screen pixels: selection frames, handles, the box of a selection.

use bytemuck::{Pod, Zeroable};

/// One mark.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct OverlayGpu {
    /// Middle in physical pixels.
    pub center_px: [f32; 2],
    /// Half width and height in physical pixels.
    pub half_px: [f32; 2],
    /// Turn in radians.
    pub turn: f32,
    /// 0 frame with handles, 1 filled box.
    pub kind: u32,
    /// Keeps the size a multiple of 16.
    pub pad: [f32; 2],
}
