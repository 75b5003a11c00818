//! A frame is made: told what has changed, drawn directly or laid out of tiles, and with it what
//! must be uploaded.

mod changes;

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use bevy::window::RequestRedraw;
use oto_board::NoteId;
use oto_board::geom::Rect;
use oto_shaders::{TileGpu, ViewGpu};

use super::bake::{bake, has_kept_wall, keep_walls, place};
use super::frame::{Drawing, Frame, Quality, Target};
use super::gather::{Lists, Sources, Which};
use super::marks;
use super::view::view_gpu;
use crate::counters::Counters;
use crate::lod::Lod;
use crate::text::{Suppressed, Texts};
use crate::tiles::{Sight, Tiles};
use crate::{BoardCamera, Gesture, MakingLooks, Mirror, OpenBoard, Palette, Selection, Thumbs};
use changes::follow_changes;

/// Notes up to which the window is drawn directly, without tiles: on a graphics card always, on a
/// software adapter only while something is dragged, so that strings stay under notes.
const MOST_DIRECT: [usize; 2] = [1_200, 140];

/// What is kept from frame to frame.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) tiles: Tiles,
    device: u32,
    palette: Option<Palette>,
    /// The GPU has the walls of this theme.
    has_walls: bool,
    /// Which board, at which step, and how large it is in square units.
    pub(super) board: ((u64, u64), f64),
    sight: Option<Sight>,
    /// The device was lost and is not back yet.
    recovering: bool,
}

/// Everything a frame is made of.
#[derive(bevy::ecs::system::SystemParam)]
pub(super) struct Scene<'w> {
    mirror: ResMut<'w, Mirror>,
    texts: ResMut<'w, Texts>,
    thumbs: ResMut<'w, Thumbs>,
    open: Res<'w, OpenBoard>,
    camera: Res<'w, BoardCamera>,
    palette: Res<'w, Palette>,
    gesture: Res<'w, Gesture>,
    selection: Res<'w, Selection>,
    making: Res<'w, MakingLooks>,
    suppressed: Res<'w, Suppressed>,
    quality: Res<'w, Quality>,
    counters: Res<'w, Counters>,
    adapter: Option<Res<'w, RenderAdapterInfo>>,
}

/// How the wall is seen in a frame.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// At rest on whole pixels.
    center: [f64; 2],
    size_px: [f64; 2],
    px_per_unit: f64,
    pub(super) scale_factor: f64,
    /// How far dragged notes are from where they lie.
    lift: [f64; 2],
    pub(super) cheap: bool,
    pub(super) dark: bool,
    /// At full quality.
    full: bool,
}

impl Look {
    fn view(&self) -> ViewGpu {
        let Self { center, size_px, px_per_unit, scale_factor, lift, cheap, dark, .. } = *self;
        view_gpu(center, size_px, px_per_unit, scale_factor, lift, cheap, dark)
    }

    fn area(&self) -> Rect {
        Rect::from_center_size(self.center, self.size_px.map(|v| v / self.px_per_unit))
    }
}

impl Scene<'_> {
    /// True on an adapter that is a CPU.
    fn is_cheap(&self) -> bool {
        self.adapter.as_ref().is_some_and(|a| format!("{:?}", a.device_type) == "Cpu")
    }

    pub(super) fn sources(&mut self, lift: [f64; 2], board_area: f64) -> Sources<'_> {
        let thinned = !matches!(*self.quality, Quality::Full { thinned: false, .. });
        let cheap = self.is_cheap();
        Sources {
            thinned,
            cheap,
            mirror: &mut self.mirror,
            texts: &mut self.texts,
            thumbs: &mut self.thumbs,
            open: &self.open,
            making: &self.making,
            palette: &self.palette,
            suppressed: &self.suppressed,
            lift,
            board_area,
            complete_only: false,
        }
    }
}

pub(super) fn build(
    mut frame: ResMut<Frame>,
    mut kept: Local<Kept>,
    mut scene: Scene,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    let kept = &mut *kept;
    let frame = &mut *frame;
    let look = look(kept, &mut scene);
    begin(frame, kept, &scene);
    let direct = look.full || *scene.quality != Quality::Tiles && is_direct(&scene, &look);
    let lifted = scene.gesture.lifted().to_vec();
    let (left_out, baked) = if direct {
        (draw_live(frame, kept, &mut scene, &look, Which::All, &lifted), 0)
    } else {
        lay_tiles(frame, kept, &mut scene, &look, &lifted)
    };
    frame.screen = Some(look.view());
    frame.size_px = look.size_px.map(|v| v as u32);
    let mut camera = scene.camera.clone();
    camera.center = look.center;
    frame.overlays =
        marks::overlays(&camera, &scene.open, &scene.gesture, &scene.selection, look.area());
    scene.counters.set_left_out(u64::from(left_out));
    collect_uploads(frame, &mut scene);
    // One more frame while something in view can be drawn better without anybody's help.
    let recovering = scene.counters.is_recovering();
    if baked > 0 || !direct && kept.tiles.is_settling() || recovering || kept.recovering {
        redraw.write(RequestRedraw);
    }
    // And one after the device is back.
    kept.recovering = recovering;
}

/// Where the camera looks, and how well it is drawn; tiles and pictures follow.
fn look(kept: &mut Kept, scene: &mut Scene) -> Look {
    let camera = scene.camera.clone();
    let px_per_unit = camera.zoom * camera.scale_factor;
    let size_px = camera.size.map(|v| (v * camera.scale_factor).round().max(1.0));
    let sight = Sight { center: camera.center, px_per_unit, size_px };
    let cheap = scene.is_cheap();
    // Notes of a pixel or less are not for triangles: tiles at rest are the best there is of them.
    let quality = match *scene.quality {
        Quality::Full { .. } if Lod::new(px_per_unit, cheap).is_far() => Quality::Tiles,
        other => other,
    };
    let full = matches!(quality, Quality::Full { .. });
    follow_changes(kept, scene, size_px);
    scene.thumbs.next_frame();
    if kept.sight.replace(sight) != Some(sight) {
        scene.thumbs.look_elsewhere();
    }
    if !full {
        kept.tiles.look(sight);
    }
    // At rest everything lies on whole pixels, tiles and what is drawn live.
    let snapped = match quality {
        Quality::Swift | Quality::Tiles => kept.tiles.is_exact(),
        Quality::Full { snapped, .. } => snapped,
    };
    let center = if snapped { sight.snapped() } else { camera.center };
    let lift = if let Gesture::Move { by, .. } = &*scene.gesture { *by } else { [0.0; 2] };
    let (scale_factor, dark) = (camera.scale_factor, scene.palette.dark);
    Look { center, size_px, px_per_unit, scale_factor, lift, cheap, dark, full }
}

/// What the last frame showed is gone; what it wanted uploaded is not.
fn begin(frame: &mut Frame, kept: &Kept, scene: &Scene) {
    frame.palette = Some(scene.palette.gpu);
    frame.drawings.clear();
    frame.lists = Lists::default();
    frame.tiles.clear();
    frame.copies.clear();
    frame.has_holes = false;
    frame.tile_capacity = kept.tiles.capacity();
}

/// Draws on the screen, without tiles. How many strings are left out.
fn draw_live(
    frame: &mut Frame,
    kept: &Kept,
    scene: &mut Scene,
    look: &Look,
    which: Which,
    lifted: &[NoteId],
) -> u32 {
    let lod = Lod::new(look.px_per_unit, look.cheap && !look.full);
    let mut sources = scene.sources(look.lift, kept.board.1);
    let got = sources.gather(&mut frame.lists, look.area(), lod, which, lifted, look.full);
    frame.drawings.push(Drawing {
        view: look.view(),
        target: Target::Screen,
        has_wall: which == Which::All,
        wall_layer: None,
        shown: got.shown,
        far: None,
    });
    got.left_out
}

/// Draws tiles that are wanted and lays out those that are there, with what is in the hand above.
/// How many strings are left out, and how many tiles were drawn.
fn lay_tiles(
    frame: &mut Frame,
    kept: &mut Kept,
    scene: &mut Scene,
    look: &Look,
    lifted: &[NoteId],
) -> (u32, u32) {
    let begins = !std::mem::replace(&mut kept.has_walls, true);
    if begins {
        keep_walls(frame, kept.tiles.capacity(), look.cheap, look.dark);
    }
    let baked = bake(frame, kept, scene, look);
    let (laid, has_holes) = kept.tiles.lay();
    frame.has_holes = has_holes;
    let left_out = kept.tiles.left_out(&laid);
    let bare = if has_kept_wall(&look.view()) { kept.tiles.bare() } else { Vec::new() };
    place(frame, &laid, &bare, look.size_px);
    if begins {
        // Of no size: drivers make a shader ready when it is first used, and the first zoom
        // should not wait for it.
        frame.tiles.push(TileGpu { min_px: [0.0; 2], edge_px: 0.0, layer: 0 });
    }
    if !lifted.is_empty() {
        draw_live(frame, kept, scene, look, Which::Lifted, lifted);
    }
    (left_out, baked)
}

/// True when the window is drawn without tiles.
fn is_direct(scene: &Scene, look: &Look) -> bool {
    let (area, cheap) = (look.area(), look.cheap);
    let moving = matches!(*scene.gesture, Gesture::Move { .. });
    if Lod::new(look.px_per_unit, cheap).is_far() || cheap && !moving {
        return false;
    }
    let most = MOST_DIRECT[usize::from(cheap)];
    let mut n = 0;
    scene.open.board().visit_notes(area, 0.0, |slots| {
        let inside = |slot: &&u32| {
            scene.mirror.lying(**slot).is_some_and(|(l, r)| l.bounds(r.tilt).intersects(area))
        };
        if n <= most {
            n += slots.iter().filter(inside).take(most + 1).count();
        }
    });
    n <= most
}

fn collect_uploads(frame: &mut Frame, scene: &mut Scene) {
    let mirror = scene.mirror.bypass_change_detection();
    for (from, to) in mirror.dirty_notes.take() {
        let records = mirror.notes[from as usize..to as usize].to_vec();
        frame.uploads.notes.push((from, records));
    }
    for (from, to) in mirror.dirty_twines.take() {
        let records = mirror.twines[from as usize..to as usize].to_vec();
        frame.uploads.twines.push((from, records));
    }
    if mirror.pages_sent < mirror.pages.len() {
        // Pages are only ever added.
        let from = mirror.pages_sent;
        frame.uploads.pages.push((from as u32, mirror.pages[from..].to_vec()));
        mirror.pages_sent = mirror.pages.len();
    }
    frame.uploads.cells.append(&mut scene.texts.new_cells);
    frame.uploads.thumbs.append(&mut scene.thumbs.uploads);
    frame.note_capacity = mirror.notes.len() as u32;
    frame.twine_capacity = mirror.twines.len() as u32;
    frame.page_capacity = mirror.pages.len() as u32;
}
