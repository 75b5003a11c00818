//! The board on the screen: camera, tools, picking, the mirror of the board in GPU pages, drawing,
//! pictures of a region. No storage, network, egui, files, media decoding, nor the wall clock.

#![allow(elided_lifetimes_in_paths, reason = "the parameters of Bevy systems read better without")]

mod camera;
mod counters;
mod edit;
mod far;
mod headless;
mod lod;
mod mirror;
mod open_board;
mod palette;
mod picking;
mod render;
mod selection;
mod text;
mod thumbs;
mod tiles;
mod tools;

use std::sync::Arc;

use bevy::prelude::*;

pub use camera::{BoardCamera, MAX_ZOOM, MIN_ZOOM};
pub use counters::{Counters, Counts};
pub use edit::{BoardChanged, EditRefused, EditRequest, Request, Step};
pub use headless::{Still, StillError, Studio, shoot};
pub use mirror::Mirror;
pub use open_board::OpenBoard;
pub use oto_shaders::PaletteGpu as PaletteRecord;
pub use palette::{Ink, Palette};
pub use picking::{Hit, hit_at};
pub use render::{Quality, board_camera};
pub use selection::{Lit, Selection};
pub use text::{Face, Suppressed};
pub use thumbs::{Part, Thumb, Thumbs, Wish};
pub use tools::{CanvasEvent, Gate, Gesture, Tool};

/// The order of one frame. `Events`, `Commands` and `Ui` are the app's.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CanvasSystems {
    /// What came back from storage, backend and media.
    Events,
    /// Pointer and keys.
    Input,
    /// What the user asked for.
    Commands,
    /// The one place where the board changes.
    Edit,
    /// GPU pages follow the board.
    Mirror,
    /// Where things lie on the screen.
    Layout,
}

/// How a job stands, for its ghost note. Set by the app.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct MakingLooks(pub std::collections::HashMap<oto_board::NoteId, MakingLook>);

/// One ghost's words and ring.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MakingLook {
    /// 0..=1.
    pub progress: f32,
    /// What is done now.
    pub message: String,
    /// A second, smaller line.
    pub detail: String,
}

/// Mints ids and tells the time: given by the app, because the canvas has no clock.
#[derive(Resource, Clone)]
pub struct Mint {
    /// A new id.
    pub id: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// Unix milliseconds.
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl std::fmt::Debug for Mint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mint")
    }
}

/// Wakes a sleeping window from another thread.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Bundled faces: family name and bytes.
pub type Fonts = &'static [(&'static str, &'static [u8])];

/// Everything the canvas does.
pub struct CanvasPlugin {
    /// Faces of notes.
    pub fonts: Fonts,
    /// Colours.
    pub palette: Palette,
    /// Ids and time.
    pub mint: Mint,
    /// Called when shaped text is ready.
    pub wake: Wake,
}

impl Plugin for CanvasPlugin {
    fn build(&self, app: &mut App) {
        app.configure_sets(
            Update,
            (
                CanvasSystems::Events,
                CanvasSystems::Input,
                CanvasSystems::Commands,
                CanvasSystems::Edit,
                CanvasSystems::Mirror,
                CanvasSystems::Layout,
            )
                .chain(),
        );
        app.insert_resource(self.palette.clone())
            .insert_resource(self.mint.clone())
            .init_resource::<OpenBoard>()
            .init_resource::<MakingLooks>()
            .init_resource::<Suppressed>();
        edit::plugin(app);
        camera::plugin(app);
        selection::plugin(app);
        mirror::plugin(app);
        text::plugin(app, self.fonts, Arc::clone(&self.wake));
        thumbs::plugin(app);
        tools::plugin(app);
        render::plugin(app);
    }
}
