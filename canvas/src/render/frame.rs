//! What a frame shows, as plain data: the view, the visible slots in order, letters, marks, and
//! what must be uploaded first.

use bevy::prelude::*;
use bevy::render::renderer::RenderAdapterInfo;
use oto_board::geom::{Rect, TwineCurve, sag_of};
use oto_shaders::{
    CellGpu, GlyphGpu, NoteGpu, OverlayGpu, PageView, PaletteGpu, TwineGpu, ViewGpu,
};

use crate::mirror::class_edge;
use crate::text::{Suppressed, Texts, current_blocks};
use crate::{BoardCamera, Gesture, MakingLooks, Mirror, OpenBoard, Palette, Selection, Thumbs};

/// Below this many physical pixels a letter is not drawn.
const LEAST_FONT_PX: f64 = 5.0;
/// World units round the view in which shadows and pins still show.
const MARGIN: f64 = 60.0;
/// Period of the paper texture's slowest layer, world units times zoom; keeps f32 exact.
const PAPER_PERIOD: f64 = 2_600.0 * 256.0;
/// Letters in one frame.
const MOST_GLYPHS: usize = 262_144;

/// What the GPU must get before drawing.
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    pub(crate) notes: Vec<(u32, Vec<NoteGpu>)>,
    pub(crate) twines: Vec<(u32, Vec<TwineGpu>)>,
    pub(crate) cells: Vec<(u16, CellGpu, Vec<u8>)>,
    pub(crate) thumbs: Vec<(u16, Vec<u8>)>,
}

impl Uploads {
    pub(crate) fn prepend(&mut self, mut earlier: Self) {
        earlier.notes.append(&mut self.notes);
        earlier.twines.append(&mut self.twines);
        earlier.cells.append(&mut self.cells);
        earlier.thumbs.append(&mut self.thumbs);
        self.notes = earlier.notes;
        self.twines = earlier.twines;
        self.cells = earlier.cells;
        self.thumbs = earlier.thumbs;
    }
}

/// One frame.
#[derive(Resource, Debug, Default)]
pub(crate) struct Frame {
    pub(crate) view: Option<ViewGpu>,
    pub(crate) palette: Option<PaletteGpu>,
    pub(crate) pages: Vec<PageView>,
    /// Bottom first.
    pub(crate) notes: Vec<u32>,
    pub(crate) twines: Vec<u32>,
    pub(crate) glyphs: Vec<GlyphGpu>,
    pub(crate) overlays: Vec<OverlayGpu>,
    pub(crate) uploads: Uploads,
    /// Slots there are; buffers grow to them.
    pub(crate) note_capacity: u32,
    pub(crate) twine_capacity: u32,
}

pub(super) fn build(
    mut frame: ResMut<Frame>,
    mut mirror: ResMut<Mirror>,
    mut texts: ResMut<Texts>,
    mut thumbs: ResMut<Thumbs>,
    open: Res<OpenBoard>,
    camera: Res<BoardCamera>,
    palette: Res<Palette>,
    gesture: Res<Gesture>,
    selection: Res<Selection>,
    making: Res<MakingLooks>,
    suppressed: Res<Suppressed>,
    adapter: Option<Res<RenderAdapterInfo>>,
) {
    let board = open.board();
    let px_per_unit = camera.zoom * camera.scale_factor;
    let lift = if let Gesture::Move { by, .. } = &*gesture { *by } else { [0.0; 2] };
    let cheap = adapter.is_some_and(|a| format!("{:?}", a.device_type) == "Cpu");
    frame.view = Some(view_of(&camera, px_per_unit, lift, cheap, palette.dark));
    frame.palette = Some(palette.gpu);
    frame.pages = mirror.pages.iter().map(|key| page_view(*key, &camera, px_per_unit)).collect();
    let area = camera.view().grown(MARGIN.max(40.0 / camera.zoom));
    thumbs.next_frame();

    let lifted = gesture.lifted();
    let mut visible: Vec<(u32, bool, u32)> = Vec::new();
    let in_view = board.notes_in(area);
    let lifted_notes = lifted.iter().filter_map(|id| board.note(*id));
    for note in in_view.into_iter().chain(lifted_notes) {
        if let Some(slot) = board.note_slot(note.id) {
            visible.push((note.rank, lifted.contains(&note.id), slot));
        }
    }
    visible.sort_unstable_by_key(|(rank, up, slot)| (*up, *rank, *slot));
    visible.dedup();
    frame.notes = visible.iter().map(|(_, _, slot)| *slot).collect();
    frame.twines = visible_twines(board, area, lifted, lift);

    frame.glyphs.clear();
    for slot in frame.notes.clone() {
        let Some(note) = board.note_at(slot) else { continue };
        if let Some(asset) = note.kind.work().and_then(|w| w.asset())
            && note.kind.work().is_some_and(|w| w.kind != oto_board::WorkKind::Text)
        {
            thumbs.want(asset);
        }
        if 22.0 * px_per_unit < LEAST_FONT_PX || frame.glyphs.len() > MOST_GLYPHS {
            continue;
        }
        let blocks = current_blocks(&open, note.id, &making, &palette, &suppressed);
        let edge = class_edge(note.size[0].max(note.size[1]).max(1.0).log2().ceil() as i32);
        let unit = |v: f32| (f64::from(v) / edge * 32_768.0).clamp(-32_768.0, 32_767.0) as i16;
        let letters = texts.letters(note.id, blocks);
        frame.glyphs.extend(
            letters.iter().filter(|l| f64::from(l.size) * px_per_unit >= LEAST_FONT_PX * 0.6).map(
                |l| GlyphGpu {
                    note: slot,
                    at: [unit(l.x), unit(l.y)],
                    cell: l.cell,
                    size: (f64::from(l.size) / edge * 32_768.0).clamp(1.0, 65_535.0) as u16,
                    color: l.color,
                },
            ),
        );
    }
    frame.overlays = overlays(&camera, &open, &gesture, &selection);

    if let Some((from, to)) = mirror.dirty_notes.take() {
        let records = mirror.notes[from as usize..to as usize].to_vec();
        frame.uploads.notes.push((from, records));
    }
    if let Some((from, to)) = mirror.dirty_twines.take() {
        let records = mirror.twines[from as usize..to as usize].to_vec();
        frame.uploads.twines.push((from, records));
    }
    frame.uploads.cells.append(&mut texts.new_cells);
    frame.uploads.thumbs.append(&mut thumbs.uploads);
    frame.note_capacity = mirror.notes.len() as u32;
    frame.twine_capacity = mirror.twines.len() as u32;
}

fn view_of(
    camera: &BoardCamera,
    px_per_unit: f64,
    lift: [f64; 2],
    cheap: bool,
    dark: bool,
) -> ViewGpu {
    let physical = |i: usize| (camera.size[i] * camera.scale_factor) as f32;
    let wrapped = |v: f64| v.rem_euclid(PAPER_PERIOD / 64.0) as f32;
    ViewGpu {
        size_px: [physical(0), physical(1)],
        paper_origin: [wrapped(camera.center[0]), wrapped(camera.center[1])],
        px_per_unit: px_per_unit as f32,
        cheap: f32::from(u8::from(cheap)),
        dark: f32::from(u8::from(dark)),
        scale_factor: camera.scale_factor as f32,
        lift_px: [(lift[0] * px_per_unit) as f32, (lift[1] * px_per_unit) as f32],
        pad: [0.0; 2],
    }
}

/// Computed in f64, so that nothing trembles far from the origin.
fn page_view(key: crate::mirror::PageKey, camera: &BoardCamera, px_per_unit: f64) -> PageView {
    let origin = Mirror::origin(key);
    let at = |i: usize| {
        ((origin[i] - camera.center[i]) * px_per_unit + camera.size[i] * camera.scale_factor / 2.0)
            as f32
    };
    let edge_px = class_edge(key.0) * px_per_unit;
    let tier = if edge_px >= 120.0 {
        0
    } else if edge_px >= 48.0 {
        1
    } else if edge_px >= 20.0 {
        2
    } else {
        3
    };
    PageView { origin_px: [at(0), at(1)], class_edge: class_edge(key.0) as f32, tier }
}

fn visible_twines(
    board: &oto_board::Board,
    area: Rect,
    lifted: &[oto_board::NoteId],
    lift: [f64; 2],
) -> Vec<u32> {
    let mut visible = Vec::new();
    for slot in 0..board.twine_slot_count() {
        let Some(twine) = board.twine_at(slot) else { continue };
        let end = |id: oto_board::NoteId| {
            let pin = board.note(id)?.pin();
            Some(if lifted.contains(&id) { [pin[0] + lift[0], pin[1] + lift[1]] } else { pin })
        };
        let (Some(a), Some(b)) = (end(twine.from), end(twine.to)) else { continue };
        // The cheap test first: the sag never reaches below the lower pin by more than itself.
        let mut hull = Rect::from_corners(a, b);
        hull.max[1] += sag_of((b[0] - a[0]).hypot(b[1] - a[1]));
        if hull.intersects(area) && TwineCurve::between(a, b).bounds().intersects(area) {
            visible.push(slot);
        }
    }
    visible
}

fn overlays(
    camera: &BoardCamera,
    open: &OpenBoard,
    gesture: &Gesture,
    selection: &Selection,
) -> Vec<OverlayGpu> {
    let s = camera.scale_factor;
    let px = |p: [f64; 2]| camera.screen_from_world(p).map(|v| (v * s) as f32);
    let mut marks = Vec::new();
    let mut frame_round = |center: [f64; 2], size: [f64; 2], tilt: f32| {
        let half = |v: f64| (v / 2.0 * camera.zoom * s + 3.0 * s) as f32;
        marks.push(OverlayGpu {
            center_px: px(center),
            half_px: [half(size[0]), half(size[1])],
            turn: tilt.to_radians(),
            kind: 0,
            pad: [0.0; 2],
        });
    };
    for id in selection.ids() {
        let Some(note) = open.board().note(id) else { continue };
        match gesture {
            Gesture::Move { notes, by } if notes.contains(&id) => {
                frame_round(
                    [note.center[0] + by[0], note.center[1] + by[1]],
                    note.size,
                    note.tilt_deg,
                );
            }
            Gesture::Resize { note: resized, size } if *resized == id => {
                let grown = [(size[0] - note.size[0]) / 2.0, (size[1] - note.size[1]) / 2.0];
                let center = oto_board::geom::world_from_note(note.center, note.tilt_deg, grown);
                frame_round(center, *size, note.tilt_deg);
            }
            _ => frame_round(note.center, note.size, note.tilt_deg),
        }
    }
    let boxed = |from: [f64; 2], to: [f64; 2]| {
        let area = Rect::from_corners(from, to);
        let [w, h] = area.size();
        let half = |v: f64| (v / 2.0 * camera.zoom * s) as f32;
        OverlayGpu {
            center_px: px(area.center()),
            half_px: [half(w), half(h)],
            turn: 0.0,
            kind: 1,
            pad: [0.0; 2],
        }
    };
    match gesture {
        Gesture::Box { from, to } if from != to => marks.push(boxed(*from, *to)),
        Gesture::Pull { from, to } => {
            if let Some(pin) = open.board().note(*from).map(oto_board::Note::pin) {
                // A string of dots along the curve it will have.
                let curve = TwineCurve::between(pin, *to);
                for i in 1..=18 {
                    let p = px(curve.at(f64::from(i) / 18.0));
                    let r = (2.2 * s) as f32;
                    marks.push(OverlayGpu {
                        center_px: p,
                        half_px: [r, r],
                        turn: 0.0,
                        kind: 1,
                        pad: [0.0; 2],
                    });
                }
            }
        }
        _ => {}
    }
    marks
}
