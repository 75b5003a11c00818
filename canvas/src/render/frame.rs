//! What a frame shows, as plain data: tiles to draw, where they lie on the screen, what is drawn
//! live above them, and what must be uploaded first.

use bevy::prelude::*;
use oto_shaders::{CellGpu, NoteGpu, OverlayGpu, PageGpu, PaletteGpu, TileGpu, TwineGpu, ViewGpu};

use super::gather::{Lists, Shown};
use crate::far::FarKind;
use crate::thumbs::ThumbUpload;

/// Far layers in one frame.
pub(super) const FAR_LAYERS: u32 = 8;

/// How the window is drawn.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quality {
    /// As fast as it looks right: tiles, levels of detail.
    #[default]
    Swift,
    /// Tiles on every adapter and for every view.
    Tiles,
    /// Everything drawn anew for this view: still pictures, and the measure for the other.
    Full {
        /// On whole pixels, as a view at rest is.
        snapped: bool,
        /// Of very many long strings only as many as the adapter manages while moving: what is
        /// compared with pictures that leave out as many, and say so.
        thinned: bool,
    },
}

/// Where a drawing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Screen,
    Layer(u32),
}

/// One drawing: a tile, or what is live on the screen.
#[derive(Debug, Clone)]
pub(crate) struct Drawing {
    pub(crate) view: ViewGpu,
    pub(crate) target: Target,
    pub(crate) has_wall: bool,
    /// Which of the kept walls lies below instead.
    pub(crate) wall_layer: Option<u32>,
    pub(crate) shown: Shown,
    pub(crate) far: Option<(u32, FarKind)>,
}

/// A tile that lies on whole pixels: copied, not sampled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    pub(crate) layer: u32,
    pub(crate) from: [u32; 2],
    pub(crate) to: [u32; 2],
    pub(crate) size: [u32; 2],
}

/// What the GPU must get before drawing.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    pub(crate) notes: Vec<(u32, Vec<NoteGpu>)>,
    pub(crate) twines: Vec<(u32, Vec<TwineGpu>)>,
    pub(crate) pages: Vec<(u32, Vec<PageGpu>)>,
    pub(crate) cells: Vec<(u16, CellGpu, Vec<u8>)>,
    pub(crate) thumbs: Vec<ThumbUpload>,
    pub(crate) far: Vec<(u32, Vec<u8>)>,
}

/// One frame.
#[derive(Resource, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) palette: Option<PaletteGpu>,
    /// The view of marks and laid tiles.
    pub(crate) screen: Option<ViewGpu>,
    pub(crate) size_px: [u32; 2],
    pub(crate) drawings: Vec<Drawing>,
    pub(crate) lists: Lists,
    pub(crate) overlays: Vec<OverlayGpu>,
    pub(crate) copies: Vec<Copied>,
    /// Tiles do not cover the screen: the wall is drawn below them.
    pub(crate) has_holes: bool,
    pub(crate) tiles: Vec<TileGpu>,
    /// Layers of the tile texture.
    pub(crate) tile_capacity: u32,
    pub(crate) uploads: Uploads,
    /// Slots there are; buffers grow to them.
    pub(crate) note_capacity: u32,
    pub(crate) twine_capacity: u32,
    pub(crate) page_capacity: u32,
}

impl Uploads {
    /// What an earlier frame wanted and the GPU has not seen yet stays in front.
    pub(crate) fn prepend(&mut self, mut earlier: Self) {
        earlier.notes.append(&mut self.notes);
        earlier.twines.append(&mut self.twines);
        earlier.pages.append(&mut self.pages);
        earlier.cells.append(&mut self.cells);
        earlier.thumbs.append(&mut self.thumbs);
        // Far layers belong to the drawings of their own frame.
        earlier.far = std::mem::take(&mut self.far);
        *self = earlier;
    }
}
