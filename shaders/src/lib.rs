//! The WGSL of the board, and the one Rust struct for each layout on the GPU. No colours: they
//! arrive as data.

mod glyph;
mod note;
mod overlay;
mod shared;
mod twine;

pub use glyph::{CellGpu, GlyphGpu};
pub use note::{BARS, NoteGpu, NoteStyle, flags};
pub use overlay::OverlayGpu;
pub use shared::{
    AnchorGpu, MAX_TILES, N_CLASSES, PAGE_EDGES, PageGpu, PaletteGpu, TileGpu, ViewGpu,
};
pub use twine::{TWINE_SEGMENTS, TwineGpu};

/// The whole shader module.
pub const BOARD_WGSL: &str = concat!(
    include_str!("shared/bindings.wgsl"),
    include_str!("shared/noise.wgsl"),
    include_str!("shared/color.wgsl"),
    include_str!("paper.wgsl"),
    include_str!("note.wgsl"),
    include_str!("twine.wgsl"),
    include_str!("glyph.wgsl"),
    include_str!("overlay.wgsl"),
    include_str!("tile.wgsl"),
);
