//! Notes of a few pixels and the strings between them, or thin strings alone, drawn on the CPU into
//! a layer of a tile: a software adapter needs twenty times as long for triangles of this size, and
//! a graphics card has better things to do. Colours are sRGB, multiplied by coverage.

mod band;

use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;

use oto_board::geom::{Rect, TwineCurve, sag_of};
use oto_shaders::{NoteGpu, NoteStyle, PaletteGpu, TWINE_SEGMENTS, flags};

use crate::lod::{LEAST_TWINE_PX, Lod};
use crate::mirror::{Lying, Mirror};
use crate::tiles::TILE_PX;
use band::Band;

const EDGE: usize = TILE_PX as usize;
/// Threads that draw a layer at most.
const MOST_BANDS: usize = 4;

/// Half an edge from which a shadow is a shape of its own.
const LEAST_SHADOW_PX: f64 = 2.5;

/// What a layer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FarKind {
    /// Notes with the strings between them, over everything else in the tile.
    All,
    /// Strings alone, under the notes of the tile.
    Strings,
}

/// What is drawn, and what it took.
pub(crate) struct FarLayer {
    /// `4 * 512 * 512` bytes.
    pub(crate) rgba: Vec<u8>,
    pub(crate) n_notes: usize,
    /// Pixels of their paper.
    pub(crate) note_px: f64,
    pub(crate) twine_px: f64,
}

fn rgb(c: [f32; 4]) -> [f32; 3] {
    [c[0], c[1], c[2]]
}

fn mixed(a: [f32; 3], b: [f32; 3], t: f32) -> [f32; 3] {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// Light of the paper from top to bottom, as in `note.wgsl`.
fn shaded(c: [f32; 3], t: f32) -> [f32; 3] {
    let smooth = |a: f32, b: f32| {
        let u = ((t - a) / (b - a)).clamp(0.0, 1.0);
        u * u * (3.0 - 2.0 * u)
    };
    let strip = mixed(c, [0.0; 3], 0.10 * (1.0 - smooth(0.0, 0.14)));
    let light = mixed(strip, [1.0; 3], 0.30 * smooth(0.72, 0.93) * (1.0 - smooth(0.93, 1.0)));
    mixed(light, [0.0; 3], 0.06 * smooth(0.955, 1.0))
}

/// The average colour of a picture from its record: five, six and five bits.
fn unpacked(a: u16) -> [f32; 3] {
    [f32::from(a >> 11) / 31.0, f32::from((a >> 5) & 63) / 63.0, f32::from(a & 31) / 31.0]
}

/// Draws what lies in `area`: notes in `slots`, bottom first, and strings of `twines`, both by slot.
/// `large` are notes that are drawn elsewhere and lie over strings. `strength` is above one when
/// strings stand for others that are left out.
pub(crate) fn draw(
    mirror: &Mirror,
    palette: &PaletteGpu,
    large: &[u32],
    slots: &[u32],
    twines: &[(u32, TwineCurve)],
    strength: f32,
    area: Rect,
    lod: Lod,
) -> FarLayer {
    let scene = Scene { mirror, palette, large, slots, twines, strength, area, lod };
    // The graphics driver waits for this, so its cores are free.
    static CORES: OnceLock<usize> = OnceLock::new();
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let n = (*CORES.get_or_init(cores)).clamp(1, MOST_BANDS);
    let height = EDGE.div_ceil(n);
    let drawn = |i: usize| {
        let first = (i * height).min(EDGE);
        scene.band(Band::new(first, height.min(EDGE - first)))
    };
    let parts: Vec<FarLayer> = std::thread::scope(|threads| {
        let start = |i: usize| {
            let thread = std::thread::Builder::new().name("oto-far".to_owned());
            (i, thread.spawn_scoped(threads, move || drawn(i)).ok())
        };
        let others: Vec<_> = (1..n).map(start).collect();
        let mut parts = vec![drawn(0)];
        // A thread that was refused or could not go on is made good for here.
        let whole = |(i, thread): (usize, Option<ScopedJoinHandle<'_, FarLayer>>)| {
            thread.and_then(|t| t.join().ok()).unwrap_or_else(|| drawn(i))
        };
        parts.extend(others.into_iter().map(whole));
        parts
    });
    let mut whole = FarLayer {
        rgba: Vec::with_capacity(EDGE * EDGE * 4),
        n_notes: 0,
        note_px: 0.0,
        twine_px: 0.0,
    };
    for part in parts {
        whole.rgba.extend_from_slice(&part.rgba);
        whole.n_notes = whole.n_notes.max(part.n_notes);
        whole.note_px += part.note_px;
        whole.twine_px += part.twine_px;
    }
    whole
}

#[derive(Clone, Copy)]
struct Scene<'a> {
    mirror: &'a Mirror,
    palette: &'a PaletteGpu,
    large: &'a [u32],
    slots: &'a [u32],
    twines: &'a [(u32, TwineCurve)],
    strength: f32,
    area: Rect,
    lod: Lod,
}

impl Scene<'_> {
    fn band(self, mut canvas: Band) -> FarLayer {
        self.large_notes(&mut canvas);
        // Strings first: notes lie over them.
        let twine_px = self.strings(&mut canvas);
        let (mut n_notes, mut note_px) = (0, 0.0);
        for slot in self.slots {
            if let Some(px) = self.note(&mut canvas, *slot) {
                n_notes += 1;
                note_px += px;
            }
        }
        FarLayer { rgba: canvas.bytes(), n_notes, note_px, twine_px }
    }

    /// Where a place of the world is in the layer.
    fn px(&self, p: [f64; 2]) -> [f64; 2] {
        [0, 1].map(|i| (p[i] - self.area.min[i]) * self.lod.px_per_unit)
    }

    /// They are drawn elsewhere, and hide what is under them.
    fn large_notes(&self, canvas: &mut Band) {
        for slot in self.large {
            let Some((lying, record)) = self.mirror.lying(*slot) else { continue };
            if record.page_flags & (flags::MAKING | flags::DIMMED) == 0 {
                let corners = lying.corners(record.tilt).map(|p| self.px(p));
                canvas.hide(corners, record.rank.saturating_add(1));
            }
        }
    }

    /// Pixels of their length in this band.
    fn strings(&self, canvas: &mut Band) -> f64 {
        let scale = self.lod.px_per_unit;
        let [low, high] = canvas.heights();
        let mut twine_px = 0.0;
        for (slot, curve) in self.twines {
            let Some(record) = self.mirror.twines.get(*slot as usize) else { continue };
            // As in `twine.wgsl`: never thinner than a pixel, but fainter; round, so darker towards
            // both edges, which is all that is seen of a thin one.
            let bright = record.look & 256 != 0;
            let own = scale * if bright { 6.3 } else { 4.2 };
            let width = own.max(1.0);
            let thin = own.clamp(0.04, 1.0) as f32 * self.strength;
            let round = 1.0 - 0.30 * ((width - 0.625 * own) / width) as f32;
            let bounds = curve.bounds();
            if self.px(bounds.max)[1] + width < low || self.px(bounds.min)[1] - width > high {
                continue;
            }
            let lit = |v: f32| if bright { (v * 1.18 + 0.04).min(1.0) } else { v };
            let color = rgb(self.palette.twines[(record.look & 15) as usize]);
            let color = color.map(|v| lit(v) * round);
            let dim = if record.look & 512 != 0 { 0.08 } else { 1.0 };
            let [a, _, b] = curve.points;
            let length = (b[0] - a[0]).hypot(b[1] - a[1]) * scale;
            if length < LEAST_TWINE_PX {
                continue;
            }
            let pieces = TWINE_SEGMENTS[self.lod.segments(1.0, sag_of(length / scale)) as usize];
            let mut from = self.px(a);
            for i in 1..=pieces {
                let to = self.px(curve.at(f64::from(i) / f64::from(pieces)));
                twine_px += canvas.line(from, to, width, color, thin * dim);
                from = to;
            }
        }
        twine_px
    }

    /// Pixels of its paper in a band; none when it is not in the layer.
    fn note(&self, canvas: &mut Band, slot: u32) -> Option<f64> {
        let (lying, record) = self.mirror.lying(slot)?;
        let scale = self.lod.px_per_unit;
        let [low, high] = canvas.heights();
        let center = self.px(lying.center);
        // Never thinner than most of a pixel, so that nothing disappears; agents keep two.
        let least = if record.style == NoteStyle::Agent as u8 { 1.0 } else { 0.35 };
        let half = lying.half.map(|v| (v * scale).max(least));
        let (min, max) = (
            [center[0] - half[0], center[1] - half[1]],
            [center[0] + half[0], center[1] + half[1]],
        );
        let edge = EDGE as f64;
        if max[0] < -2.0 || max[1] < -2.0 || min[0] > edge + 2.0 || min[1] > edge + 2.0 {
            return None;
        }
        let note_px = half[0] * half[1] * 4.0 * (high - low) / edge;
        // Shadows reach eleven units and the softness of an edge.
        let below = 11.0 * scale + 1.0;
        if max[1] + below < low || min[1] - below > high {
            return Some(note_px);
        }
        let mut fade = 1.0;
        if record.page_flags & flags::MAKING != 0 {
            fade = 0.6;
        }
        if record.page_flags & flags::DIMMED != 0 {
            fade = 0.15;
        }
        let rank = record.rank.saturating_add(1);
        let casts = half[0] > LEAST_SHADOW_PX;
        if casts {
            self.shadow(canvas, min, max, rank, fade);
        }
        let paper = self.paper(&lying, &record, casts);
        let fine = half[1] > 1.6;
        canvas.rect(min, max, rank, fade, |t| {
            if fine { shaded(paper, t) } else { mixed(paper, [0.0; 3], 0.012) }
        });
        if record.style == NoteStyle::Photo as u8 || record.style == NoteStyle::Film as u8 {
            let picture = lying.picture();
            let inner_min = [0, 1].map(|i| center[i] + picture.min[i] * scale);
            let inner_max = [0, 1].map(|i| center[i] + picture.max[i] * scale);
            if inner_max[0] > inner_min[0] && inner_max[1] > inner_min[1] {
                let average = unpacked(record.average);
                canvas.rect(inner_min, inner_max, rank, fade, |_| average);
            }
        }
        let pin = 10.5 * scale;
        if pin > 0.12 && record.style != NoteStyle::Frame as u8 {
            let color = rgb(self.palette.twines[usize::from(record.pin & 15)]);
            // A square of the disc's area.
            let r = pin * 0.886;
            let at = [center[0], min[1] + 14.0 * scale];
            canvas.rect(at.map(|v| v - r), at.map(|v| v + r), rank, fade * 0.85, |_| color);
        }
        Some(note_px)
    }

    /// The shadow of paper that lies there.
    fn shadow(&self, canvas: &mut Band, min: [f64; 2], max: [f64; 2], rank: u32, fade: f32) {
        let scale = self.lod.px_per_unit;
        let off = |p: [f64; 2], by: f64| [p[0] + 3.5 * scale - by, p[1] + 6.0 * scale - by];
        let soft = 5.0 * scale;
        let strength = self.palette.shadow[3] * 0.62 * fade;
        let shadow = rgb(self.palette.shadow);
        canvas.rect(
            off(min, soft),
            off([max[0] + 2.0 * soft, max[1] + 2.0 * soft], soft),
            rank,
            strength,
            |_| shadow,
        );
    }

    /// The colour of its paper.
    fn paper(&self, lying: &Lying, record: &NoteGpu, casts: bool) -> [f32; 3] {
        let palette = self.palette;
        let paper = if record.style == NoteStyle::Agent as u8 {
            rgb(palette.gold[1])
        } else {
            rgb(palette.papers[usize::from(record.paper & 7)])
        };
        if casts {
            return paper;
        }
        // What is seen of the shadow is in the tone, or a board would change its brightness with
        // every zoom.
        let [w, h] = lying.half.map(|v| v * 2.0);
        let seen = (10.0 * h + 11.0 * w + 93.0) / (w * h).max(1.0);
        mixed(paper, rgb(palette.shadow), palette.shadow[3] * 0.62 * seen.min(0.5) as f32)
    }
}
