//! What every shader reads: the view, the pages, the palette.

use bytemuck::{Pod, Zeroable};

/// The view of a frame.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable)]
pub struct ViewGpu {
    /// Physical pixels.
    pub size_px: [f32; 2],
    /// Middle of the view in texels of the wall, modulo its period.
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
    /// Texels of the wall a world unit, a power of two.
    pub wall_scale: f32,
    /// How far the wall is between this octave and the next, 0..1.
    pub wall_blend: f32,
    /// For each size class, where the middle of the view lies.
    pub anchors: [AnchorGpu; N_CLASSES],
}

/// Size classes of notes: edges of 1 to 2^23 units.
pub const N_CLASSES: usize = 24;

/// Edge of a page in edges of its size class; the same in `bindings.wgsl`.
pub const PAGE_EDGES: f64 = 16.0;

/// The page of one size class that holds the middle of a view. Cells wrap at 32 bits: only
/// differences are used.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct AnchorGpu {
    /// Its column and row.
    pub cell: [i32; 2],
    /// From its origin to the middle of the view, world units.
    pub rest: [f32; 2],
}

/// Where a page lies on the wall; written once.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Pod, Zeroable)]
pub struct PageGpu {
    /// Column and row, wrapped at 32 bits.
    pub cell: [i32; 2],
    /// Exponent of the size class: its edge is 2^class units.
    pub class: u32,
    /// Keeps the size a multiple of 16.
    pub pad: u32,
}

/// A retained tile on the screen.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct TileGpu {
    /// Upper left corner in physical pixels.
    pub min_px: [f32; 2],
    /// Edge in physical pixels.
    pub edge_px: f32,
    /// Layer of the tile texture.
    pub layer: u32,
}

/// Tiles drawn in one frame at most.
pub const MAX_TILES: usize = 256;

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
    /// Letters on paper; alpha is the strength of lines that stand for letters too small to read.
    pub ink: [f32; 4],
    /// Letters on gold, likewise.
    pub ink_gold: [f32; 4],
}
