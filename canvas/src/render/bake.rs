//! Tiles are drawn within a budget, and placed on the screen.

use oto_shaders::{TileGpu, ViewGpu};

use super::build::{Kept, Look, Scene};
use super::frame::{Copied, Drawing, FAR_LAYERS, Frame, Target};
use super::gather::{Gathered, Which};
use super::view::view_gpu;
use crate::far::FarKind;
use crate::lod::Lod;
use crate::tiles::{Laid, Need, TILE_PX, TileKey};

/// Cost of tiles drawn in one frame, in microseconds of the price list in `lod`.
const BUDGET_US: f64 = 7_000.0;
/// A graphics card draws for less than the price list says.
const GPU_FACTOR: f64 = 0.15;

/// Draws tiles, the most urgent first, until the budget is spent. How many.
pub(super) fn bake(frame: &mut Frame, kept: &mut Kept, scene: &mut Scene, look: &Look) -> u32 {
    let Look { cheap, dark, scale_factor, .. } = *look;
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
pub(super) fn has_kept_wall(view: &ViewGpu) -> bool {
    view.wall_scale == view.px_per_unit
}

/// The wall repeats after two tiles across and down.
fn wall_of(key: TileKey) -> u32 {
    (key.x.rem_euclid(2) + 2 * key.y.rem_euclid(2)) as u32
}

/// Draws the walls that tiles are laid on, once for each theme.
pub(super) fn keep_walls(frame: &mut Frame, capacity: u32, cheap: bool, dark: bool) {
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
pub(super) fn place(
    frame: &mut Frame,
    laid: &[Laid],
    bare: &[(TileKey, [f64; 2])],
    size_px: [f64; 2],
) {
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
