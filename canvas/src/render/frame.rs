//! What a frame shows, as plain data: tiles to draw, where they lie on the screen, what is drawn
//! live above them, and what must be uploaded first.

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use bevy::window::RequestRedraw;
use oto_board::geom::Rect;
use oto_shaders::{CellGpu, NoteGpu, OverlayGpu, PageGpu, PaletteGpu, TileGpu, TwineGpu, ViewGpu};

use super::gather::{Gathered, Lists, Shown, Sources, Which};
use super::marks;
use super::view::view_gpu;
use crate::counters::Counters;
use crate::far::FarKind;
use crate::lod::Lod;
use crate::mirror::Touched;
use crate::text::{Suppressed, Texts};
use crate::thumbs::{Part, ThumbUpload};
use crate::tiles::{Laid, Need, Sight, TILE_PX, TileKey, Tiles};
use crate::{BoardCamera, Gesture, MakingLooks, Mirror, OpenBoard, Palette, Selection, Thumbs};

/// Cost of tiles drawn in one frame, in microseconds of the price list in `lod`.
const BUDGET_US: f64 = 7_000.0;
/// A graphics card draws for less than the price list says.
const GPU_FACTOR: f64 = 0.15;
/// Notes up to which the window is drawn directly, without tiles: on a graphics card always, on a
/// software adapter only while something is dragged, so that strings stay under notes.
const MOST_DIRECT: [usize; 2] = [1_200, 140];
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

/// What is kept from frame to frame.
#[derive(Default)]
pub(super) struct Kept {
    tiles: Tiles,
    device: u32,
    palette: Option<Palette>,
    /// The GPU has the walls of this theme.
    has_walls: bool,
    /// Which board, at which step, and how large it is in square units.
    board: ((u64, u64), f64),
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

impl Scene<'_> {
    /// True on an adapter that is a CPU.
    fn is_cheap(&self) -> bool {
        self.adapter.as_ref().is_some_and(|a| format!("{:?}", a.device_type) == "Cpu")
    }

    fn sources(&mut self, lift: [f64; 2], board_area: f64) -> Sources<'_> {
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
    follow_changes(kept, &mut scene, size_px);
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
    let lifted = scene.gesture.lifted().to_vec();
    let dark = scene.palette.dark;
    let screen = |ppu: f64| view_gpu(center, size_px, ppu, camera.scale_factor, lift, cheap, dark);
    let view_area = Rect::from_center_size(center, size_px.map(|v| v / px_per_unit));
    frame.palette = Some(scene.palette.gpu);
    frame.drawings.clear();
    frame.lists = Lists::default();
    frame.tiles.clear();
    frame.copies.clear();
    frame.has_holes = false;
    frame.tile_capacity = kept.tiles.capacity();

    let direct = full
        || *scene.quality != Quality::Tiles && is_direct(&scene, view_area, cheap, px_per_unit);
    let lod = Lod::new(px_per_unit, cheap && !full);
    let mut left_out = 0;
    let mut baked = 0;
    if direct {
        let mut sources = scene.sources(lift, kept.board.1);
        let got = sources.gather(&mut frame.lists, view_area, lod, Which::All, &lifted, full);
        left_out += got.left_out;
        frame.drawings.push(Drawing {
            view: screen(px_per_unit),
            target: Target::Screen,
            has_wall: true,
            wall_layer: None,
            shown: got.shown,
            far: None,
        });
    } else {
        let begins = !std::mem::replace(&mut kept.has_walls, true);
        if begins {
            keep_walls(frame, kept.tiles.capacity(), cheap, dark);
        }
        baked = bake(kept, &mut scene, frame, cheap, dark, camera.scale_factor);
        let (laid, has_holes) = kept.tiles.lay();
        frame.has_holes = has_holes;
        left_out += kept.tiles.left_out(&laid);
        let wall = screen(px_per_unit);
        let bare = if has_kept_wall(&wall) { kept.tiles.bare() } else { Vec::new() };
        place(frame, &laid, &bare, size_px);
        if begins {
            // Of no size: drivers make a shader ready when it is first used, and the first zoom
            // should not wait for it.
            frame.tiles.push(TileGpu { min_px: [0.0; 2], edge_px: 0.0, layer: 0 });
        }
        if !lifted.is_empty() {
            let mut sources = scene.sources(lift, kept.board.1);
            let got =
                sources.gather(&mut frame.lists, view_area, lod, Which::Lifted, &lifted, false);
            frame.drawings.push(Drawing {
                view: screen(px_per_unit),
                target: Target::Screen,
                has_wall: false,
                wall_layer: None,
                shown: got.shown,
                far: None,
            });
        }
    }
    frame.screen = Some(screen(px_per_unit));
    frame.size_px = size_px.map(|v| v as u32);
    let mut drawn_camera = camera;
    drawn_camera.center = center;
    frame.overlays =
        marks::overlays(&drawn_camera, &scene.open, &scene.gesture, &scene.selection, view_area);
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

/// Tiles are told what has changed since the last frame.
fn follow_changes(kept: &mut Kept, scene: &mut Scene, size_px: [f64; 2]) {
    let device = scene.counters.device();
    let step = (scene.open.generation(), scene.open.board().seq());
    if kept.board.0 != step {
        let [w, h] = scene.open.board().reach().size();
        kept.board = (step, w * h);
    }
    if scene.counters.take_refused() {
        kept.tiles.clear();
        kept.has_walls = false;
    }
    if kept.device != device {
        if kept.device != 0 {
            scene.mirror.bypass_change_detection().send_all();
            scene.texts.forget_all();
            scene.thumbs.forget_all();
        }
        kept.device = device;
        kept.tiles.clear();
        kept.has_walls = false;
    }
    if kept.tiles.set_capacity(Tiles::capacity_for(size_px)) {
        kept.has_walls = false;
    }
    match scene.mirror.bypass_change_detection().take_touched() {
        Touched::Here(areas) => areas.into_iter().for_each(|area| kept.tiles.touch(area)),
        Touched::Everywhere => kept.tiles.touch_all(),
        Touched::Another => kept.tiles.clear(),
    }
    if kept.palette.as_ref() != Some(&*scene.palette) {
        kept.palette = Some(scene.palette.clone());
        kept.tiles.clear();
        kept.has_walls = false;
    }
    let board = scene.open.board();
    let worded = std::mem::take(&mut scene.texts.arrived);
    let worded = worded.into_iter().filter_map(|id| board.note_slot(id));
    let came: Vec<(u32, Part)> = worded
        .map(|slot| (slot, Part::WHOLE))
        .chain(std::mem::take(&mut scene.thumbs.arrived))
        .collect();
    for (slot, part) in came {
        if let Some((lying, record)) = scene.mirror.lying(slot) {
            let whole = part == Part::WHOLE;
            let lying = if whole { lying } else { lying.part(record.tilt, part.place()) };
            kept.tiles.arrived(lying.bounds(record.tilt));
        }
    }
    for slot in std::mem::take(&mut scene.thumbs.moved) {
        if let Some((lying, record)) = scene.mirror.lying(slot) {
            kept.tiles.touch(lying.bounds(record.tilt));
        }
    }
    if scene.texts.take_retry() {
        kept.tiles.touch_all();
    }
}

/// True when the window is drawn without tiles.
fn is_direct(scene: &Scene, area: Rect, cheap: bool, px_per_unit: f64) -> bool {
    let moving = matches!(*scene.gesture, Gesture::Move { .. });
    if Lod::new(px_per_unit, cheap).is_far() || cheap && !moving {
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

/// Draws tiles, the most urgent first, until the budget is spent. How many.
fn bake(
    kept: &mut Kept,
    scene: &mut Scene,
    frame: &mut Frame,
    cheap: bool,
    dark: bool,
    scale_factor: f64,
) -> u32 {
    let factor = if cheap { 1.0 } else { GPU_FACTOR };
    let (mut spent, mut baked, mut looked_ahead) = (0.0, 0, 0);
    for wish in kept.tiles.wishes() {
        let ahead = wish.need == Need::Ahead;
        let free = match wish.need {
            // More than this in one frame would be felt: paper stands in for the rest of them.
            Need::Bare => baked == 0 || spent < BUDGET_US * 2.0,
            Need::Changed => baked < 4 || spent < BUDGET_US,
            Need::Better => spent < BUDGET_US,
            Need::Ahead => spent < BUDGET_US * 0.4 && looked_ahead < 2,
        };
        let lod = Lod::new(wish.key.scale(), cheap);
        let far = lod.is_far() || lod.has_thin_twines();
        if !free || far && frame.uploads.far.len() as u32 >= FAR_LAYERS {
            continue;
        }
        looked_ahead += u32::from(ahead);
        let marks = (frame.lists.notes.len(), frame.lists.twines.len(), frame.lists.glyphs.len());
        let mut sources = scene.sources([0.0; 2], kept.board.1);
        sources.complete_only = ahead;
        let area = wish.key.area();
        let mut got = sources.gather(&mut frame.lists, area, lod, Which::Resting, &[], false);
        // Nobody sees it yet: it is drawn once its words are there.
        let early = ahead && got.missing > 0;
        if !early {
            spent += got.work.cost_us() * factor;
        }
        if early {
            kept.tiles.postpone(wish.key);
        }
        let layer = if early { None } else { kept.tiles.take(wish.key, got.missing) };
        let Some(layer) = layer else {
            frame.lists.notes.truncate(marks.0);
            frame.lists.twines.truncate(marks.1);
            frame.lists.glyphs.truncate(marks.2);
            continue;
        };
        kept.tiles.note_left_out(layer, got.left_out);
        baked += 1;
        let far = got.far.take().map(|layer| {
            let index = frame.uploads.far.len() as u32;
            frame.uploads.far.push((index, layer.rgba));
            (index, if lod.is_far() { FarKind::All } else { FarKind::Strings })
        });
        frame.drawings.push(tile_drawing(wish.key, layer, got, far, scale_factor, cheap, dark));
    }
    baked
}

fn tile_drawing(
    key: TileKey,
    layer: u32,
    got: Gathered,
    far: Option<(u32, FarKind)>,
    scale_factor: f64,
    cheap: bool,
    dark: bool,
) -> Drawing {
    let size = [f64::from(TILE_PX); 2];
    let view =
        view_gpu(key.area().center(), size, key.scale(), scale_factor, [0.0; 2], cheap, dark);
    let wall_layer = has_kept_wall(&view).then(|| wall_of(key));
    Drawing {
        view,
        target: Target::Layer(layer),
        has_wall: wall_layer.is_none(),
        wall_layer,
        shown: got.shown,
        far,
    }
}

/// True when a texel of the wall is a pixel of the tile: then the wall repeats with the tiles.
fn has_kept_wall(view: &ViewGpu) -> bool {
    view.wall_scale == view.px_per_unit
}

/// The wall repeats after two tiles across and down.
fn wall_of(key: TileKey) -> u32 {
    (key.x.rem_euclid(2) + 2 * key.y.rem_euclid(2)) as u32
}

/// Draws the walls that tiles are laid on, once for each theme.
fn keep_walls(frame: &mut Frame, capacity: u32, cheap: bool, dark: bool) {
    for wall in 0..4u32 {
        let key = TileKey::new(1.0, i64::from(wall % 2), i64::from(wall / 2));
        let none = Gathered::default();
        let layer = capacity + wall;
        let mut drawing = tile_drawing(key, layer, none, None, 1.0, cheap, dark);
        (drawing.has_wall, drawing.wall_layer) = (true, None);
        frame.drawings.push(drawing);
    }
}

/// Whole tiles on whole pixels are copied, and the wall where there is none yet; all others are
/// sampled.
fn place(frame: &mut Frame, laid: &[Laid], bare: &[(TileKey, [f64; 2])], size_px: [f64; 2]) {
    let edge = f64::from(TILE_PX);
    let whole = |l: &Laid| l.edge_px == edge && l.min_px.iter().all(|v| v.fract() == 0.0);
    if !laid.iter().all(whole) || frame.has_holes && bare.is_empty() {
        frame.tiles.extend(laid.iter().map(|l| TileGpu {
            min_px: l.min_px.map(|v| v as f32),
            edge_px: l.edge_px as f32,
            layer: l.layer,
        }));
        return;
    }
    frame.has_holes = false;
    let walls = bare.iter().map(|(key, min_px)| (frame.tile_capacity + wall_of(*key), *min_px));
    for (layer, min_px) in laid.iter().map(|l| (l.layer, l.min_px)).chain(walls) {
        let low = min_px.map(|v| v.max(0.0));
        let high = [0, 1].map(|i| (min_px[i] + edge).min(size_px[i]));
        if high[0] > low[0] && high[1] > low[1] {
            frame.copies.push(Copied {
                layer,
                from: [0, 1].map(|i| (low[i] - min_px[i]) as u32),
                to: low.map(|v| v as u32),
                size: [0, 1].map(|i| (high[i] - low[i]) as u32),
            });
        }
    }
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
