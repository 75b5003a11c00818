//! What every shader reads: the view, the pages, the palette.

use bytemuck::{Pod, Zeroable};

/// The view of a frame.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct ViewGpu {
    /// Physical pixels.
    pub size_px: [f32; 2],
    /// World units of the middle, modulo the paper texture's period.
    pub paper_origin: [f32; 2],
    /// Physical pixels a world unit.
    pub px_per_unit: f32,
    /// 1 for the cheap path (software adapters).
    pub cheap: f32,
    /// 0 light, 1 dark paper.
    pub dark: f32,
    /// Physical pixels a logical pixel.
    pub scale_factor: f32,
    /// Offset of lifted notes, in physical pixels.
    pub lift_px: [f32; 2],
    /// Keeps the size a multiple of 16.
    pub pad: [f32; 2],
}

/// Where a page lies on the screen, computed in f64 every frame.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct PageView {
    /// Origin of the page in physical pixels.
    pub origin_px: [f32; 2],
    /// Edge of the size class in world units.
    pub class_edge: f32,
    /// Level of detail: 0 detail, 1 near, 2 middle, 3 small.
    pub tier: u32,
}

/// Colours, sRGB in 0..=1. Alpha is free unless said otherwise.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct PaletteGpu {
    /// Wall; alpha is the strength of its texture.
    pub wall: [f32; 4],
    /// Tint of the wall's texture.
    pub fibre: [f32; 4],
    /// Four stops of gold.
    pub gold: [[f32; 4]; 4],
    /// Papers of notes.
    pub papers: [[f32; 4]; 8],
    /// Colours of agents: pins and strings.
    pub twines: [[f32; 4]; 16],
    /// Shadow colour; alpha is the strength of the cast shadow.
    pub shadow: [f32; 4],
    /// Selection.
    pub select: [f32; 4],
    /// Failure.
    pub failed: [f32; 4],
    /// Waveform.
    pub wave: [f32; 4],
}
