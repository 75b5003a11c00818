//! Notes of a few pixels and the strings between them, or thin strings alone, drawn on the CPU into
//! a layer of a tile: a software adapter needs twenty times as long for triangles of this size, and
//! a graphics card has better things to do. Colours are sRGB, multiplied by coverage.

use std::sync::OnceLock;
use std::thread::ScopedJoinHandle;

use oto_board::geom::{Rect, TwineCurve, sag_of};
use oto_shaders::{NoteStyle, PaletteGpu, TWINE_SEGMENTS, flags};

use crate::lod::{LEAST_TWINE_PX, Lod};
use crate::mirror::Mirror;
use crate::tiles::TILE_PX;

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

/// Rows of a layer: `first..first + height`.
struct Band {
    first: usize,
    height: usize,
    /// Premultiplied colour and coverage.
    pixels: Vec<[f32; 4]>,
    /// One more than the rank of the note that covers a pixel wholly.
    top: Vec<u32>,
}

fn blend(pixel: &mut [f32; 4], color: [f32; 3], alpha: f32) {
    let source = [color[0], color[1], color[2], 1.0];
    for (p, s) in pixel.iter_mut().zip(source) {
        *p += (s - *p) * alpha;
    }
}

impl Band {
    fn new(first: usize, height: usize) -> Self {
        let n = EDGE * height;
        Self { first, height, pixels: vec![[0.0; 4]; n], top: vec![0; n] }
    }

    /// The rows of this band between two heights.
    fn rows(&self, from: f64, to: f64) -> std::ops::Range<usize> {
        let low = self.first as f64;
        let high = low + self.height as f64;
        from.floor().clamp(low, high) as usize..to.ceil().clamp(low, high) as usize
    }

    /// A rectangle with soft edges; `shade` darkens by the part of its height from the top.
    fn rect(
        &mut self,
        min: [f64; 2],
        max: [f64; 2],
        rank: u32,
        alpha: f32,
        shade: impl Fn(f32) -> [f32; 3],
    ) {
        let over = |i: usize, a: f64, b: f64| (b.min(i as f64 + 1.0) - a.max(i as f64)) as f32;
        let height = (max[1] - min[1]).max(1e-6);
        let edge = EDGE as f64;
        let (x0, x1) =
            (min[0].floor().clamp(0.0, edge) as usize, max[0].ceil().clamp(0.0, edge) as usize);
        for y in self.rows(min[1], max[1]) {
            let cover = over(y, min[1], max[1]) * alpha;
            let color = shade((((y as f64 + 0.5) - min[1]) / height).clamp(0.0, 1.0) as f32);
            let row = (y - self.first) * EDGE;
            let pixels = self.pixels[row + x0..row + x1.max(x0)].iter_mut();
            let tops = self.top[row + x0..row + x1.max(x0)].iter_mut();
            for ((x, pixel), top) in (x0..).zip(pixels).zip(tops) {
                if *top > rank {
                    continue;
                }
                // Only the first and the last column are covered in part.
                let inside = x > x0 && x + 1 < x1;
                let coverage = if inside { cover } else { cover * over(x, min[0], max[0]) };
                if coverage > 0.99 {
                    *top = rank;
                }
                blend(pixel, color, coverage);
            }
        }
    }

    /// What a large note hides that is drawn elsewhere: strings, and smaller notes under it.
    fn hide(&mut self, corners: [[f64; 2]; 4], rank: u32) {
        let heights = corners.map(|p| p[1]);
        let (low, high) = heights.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
        for y in self.rows(low, high) {
            // Where the middle of the row enters and leaves.
            let at = y as f64 + 0.5;
            let (mut from, mut to) = (f64::MAX, f64::MIN);
            for i in 0..4 {
                let (a, b) = (corners[i], corners[(i + 1) % 4]);
                if (a[1] <= at) != (b[1] <= at) {
                    let x = a[0] + (b[0] - a[0]) * (at - a[1]) / (b[1] - a[1]);
                    (from, to) = (from.min(x), to.max(x));
                }
            }
            let edge = EDGE as f64;
            let columns = from.round().clamp(0.0, edge) as usize..to.round().clamp(0.0, edge) as usize;
            let row = (y - self.first) * EDGE;
            if !columns.is_empty() {
                let tops = &mut self.top[row + columns.start..row + columns.end];
                tops.iter_mut().for_each(|top| *top = rank.max(*top));
            }
        }
    }

    /// A line of this width (at most a few pixels) with soft edges. Its length along its main axis
    /// in this band.
    fn line(&mut self, a: [f64; 2], b: [f64; 2], width: f64, color: [f32; 3], alpha: f32) -> f64 {
        let band = [self.first as f64, (self.first + self.height) as f64];
        let Some((a, b)) = clipped(a, b, band) else { return 0.0 };
        let d = [b[0] - a[0], b[1] - a[1]];
        let steep = d[1].abs() > d[0].abs();
        let (major, minor) = if steep { (1, 0) } else { (0, 1) };
        let (a, b) = if a[major] <= b[major] { (a, b) } else { (b, a) };
        let run = b[major] - a[major];
        let slope = if run > 1e-9 { (b[minor] - a[minor]) / run } else { 0.0 };
        let wide = width * (1.0 + slope * slope).sqrt();
        let columns = 0..EDGE;
        let rows = self.first..self.first + self.height;
        let (majors, minors) = if steep { (rows, columns) } else { (columns, rows) };
        let within =
            |v: f64, r: &std::ops::Range<usize>| (v.max(0.0) as usize).clamp(r.start, r.end);
        for m in within(a[major].floor(), &majors)..within(b[major].ceil(), &majors) {
            let center = a[minor] + ((m as f64 + 0.5).clamp(a[major], b[major]) - a[major]) * slope;
            let (low, high) = (center - wide / 2.0, center + wide / 2.0);
            for n in within(low.floor(), &minors)..within(high.ceil(), &minors) {
                let cover = (high.min(n as f64 + 1.0) - low.max(n as f64)) as f32;
                let (x, y) = if steep { (n, m) } else { (m, n) };
                let at = (y - self.first) * EDGE + x;
                // Under every note.
                if self.top[at] == 0 {
                    blend(&mut self.pixels[at], color, cover.clamp(0.0, 1.0) * alpha.min(1.0));
                }
            }
        }
        run
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.pixels.len() * 4];
        for (out, pixel) in bytes.chunks_exact_mut(4).zip(&self.pixels) {
            for (byte, v) in out.iter_mut().zip(pixel) {
                *byte = (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
        bytes
    }
}

/// The part of a segment on a band of the layer (Liang and Barsky 1984).
fn clipped(a: [f64; 2], b: [f64; 2], rows: [f64; 2]) -> Option<([f64; 2], [f64; 2])> {
    let (mut t0, mut t1) = (0.0f64, 1.0f64);
    let sides = [[0.0, EDGE as f64], rows];
    for (i, [low, high]) in sides.into_iter().enumerate() {
        let d = b[i] - a[i];
        for (p, q) in [(-d, a[i] + 2.0 - low), (d, high + 2.0 - a[i])] {
            if p == 0.0 {
                if q < 0.0 {
                    return None;
                }
            } else if p < 0.0 {
                t0 = t0.max(q / p);
            } else {
                t1 = t1.min(q / p);
            }
        }
    }
    let at = |t: f64| [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
    (t0 <= t1).then(|| (at(t0), at(t1)))
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
        let Self { mirror, palette, large, slots, twines, strength, area, lod } = self;
        let scale = lod.px_per_unit;
        let px = |p: [f64; 2]| [(p[0] - area.min[0]) * scale, (p[1] - area.min[1]) * scale];
        let (low, high) = (canvas.first as f64, (canvas.first + canvas.height) as f64);
        let (mut n_notes, mut note_px) = (0, 0.0);
        let mut twine_px = 0.0;
        for slot in large {
            let Some((lying, record)) = mirror.lying(*slot) else { continue };
            if record.page_flags & (flags::MAKING | flags::DIMMED) == 0 {
                let corners = lying.corners(record.tilt).map(px);
                canvas.hide(corners, record.rank.saturating_add(1));
            }
        }
        // Strings first: notes lie over them.
        for (slot, curve) in twines {
            let Some(record) = mirror.twines.get(*slot as usize) else { continue };
            // As in `twine.wgsl`: never thinner than a pixel, but fainter; round, so darker towards
            // both edges, which is all that is seen of a thin one.
            let bright = record.look & 256 != 0;
            let own = scale * if bright { 6.3 } else { 4.2 };
            let width = own.max(1.0);
            let thin = own.clamp(0.04, 1.0) as f32 * strength;
            let round = 1.0 - 0.30 * ((width - 0.625 * own) / width) as f32;
            let bounds = curve.bounds();
            if px(bounds.max)[1] + width < low || px(bounds.min)[1] - width > high {
                continue;
            }
            let lit = |v: f32| if bright { (v * 1.18 + 0.04).min(1.0) } else { v };
            let color = rgb(palette.twines[(record.look & 15) as usize]).map(|v| lit(v) * round);
            let dim = if record.look & 512 != 0 { 0.08 } else { 1.0 };
            let [a, _, b] = curve.points;
            let length = (b[0] - a[0]).hypot(b[1] - a[1]) * scale;
            if length < LEAST_TWINE_PX {
                continue;
            }
            let pieces = TWINE_SEGMENTS[lod.segments(1.0, sag_of(length / scale)) as usize];
            let mut from = px(a);
            for i in 1..=pieces {
                let to = px(curve.at(f64::from(i) / f64::from(pieces)));
                twine_px += canvas.line(from, to, width, color, thin * dim);
                from = to;
            }
        }
        let shadow = rgb(palette.shadow);
        for slot in slots {
            let Some((lying, record)) = mirror.lying(*slot) else { continue };
            let center = px(lying.center);
            // Never thinner than most of a pixel, so that nothing disappears; agents keep two.
            let agent = record.style == NoteStyle::Agent as u8;
            let least = if agent { 1.0 } else { 0.35 };
            let half = lying.half.map(|v| (v * scale).max(least));
            let (min, max) = (
                [center[0] - half[0], center[1] - half[1]],
                [center[0] + half[0], center[1] + half[1]],
            );
            if max[0] < -2.0
                || max[1] < -2.0
                || min[0] > EDGE as f64 + 2.0
                || min[1] > EDGE as f64 + 2.0
            {
                continue;
            }
            n_notes += 1;
            note_px += half[0] * half[1] * 4.0 * (high - low) / EDGE as f64;
            // Shadows reach eleven units and the softness of an edge.
            let below = 11.0 * scale + 1.0;
            if max[1] + below < low || min[1] - below > high {
                continue;
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
                let off = |p: [f64; 2], by: f64| [p[0] + 3.5 * scale - by, p[1] + 6.0 * scale - by];
                let soft = 5.0 * scale;
                let strength = palette.shadow[3] * 0.62 * fade;
                canvas.rect(
                    off(min, soft),
                    off([max[0] + 2.0 * soft, max[1] + 2.0 * soft], soft),
                    rank,
                    strength,
                    |_| shadow,
                );
            }
            let mut paper = if agent {
                rgb(palette.gold[1])
            } else {
                rgb(palette.papers[usize::from(record.paper & 7)])
            };
            if !casts {
                // What is seen of the shadow is in the tone, or a board would change its
                // brightness with every zoom.
                let [w, h] = lying.half.map(|v| v * 2.0);
                let seen = (10.0 * h + 11.0 * w + 93.0) / (w * h).max(1.0);
                paper = mixed(paper, shadow, palette.shadow[3] * 0.62 * seen.min(0.5) as f32);
            }
            let fine = half[1] > 1.6;
            canvas.rect(min, max, rank, fade, |t| {
                if fine { shaded(paper, t) } else { mixed(paper, [0.0; 3], 0.012) }
            });
            let unit = |v: f64| v * scale;
            if record.style == NoteStyle::Photo as u8 || record.style == NoteStyle::Film as u8 {
                let a = record.average;
                let average = [
                    f32::from(a >> 11) / 31.0,
                    f32::from((a >> 5) & 63) / 63.0,
                    f32::from(a & 31) / 31.0,
                ];
                let picture = lying.picture();
                let inner_min = [0, 1].map(|i| center[i] + unit(picture.min[i]));
                let inner_max = [0, 1].map(|i| center[i] + unit(picture.max[i]));
                if inner_max[0] > inner_min[0] && inner_max[1] > inner_min[1] {
                    canvas.rect(inner_min, inner_max, rank, fade, |_| average);
                }
            }
            let pin = unit(10.5);
            if pin > 0.12 && record.style != NoteStyle::Frame as u8 {
                let color = rgb(palette.twines[usize::from(record.pin & 15)]);
                // A square of the disc's area.
                let r = pin * 0.886;
                let at = [center[0], min[1] + unit(14.0)];
                canvas.rect(
                    [at[0] - r, at[1] - r],
                    [at[0] + r, at[1] + r],
                    rank,
                    fade * 0.85,
                    |_| color,
                );
            }
        }
        FarLayer { rgba: canvas.bytes(), n_notes, note_px, twine_px }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_covers_its_area_and_stays_inside() {
        let mut canvas = Band::new(0, EDGE);
        canvas.line([-1e7, 100.0], [1e7, 100.0], 1.0, [1.0; 3], 1.0);
        let sum: f32 = canvas.pixels.iter().map(|p| p[3]).sum();
        assert!((sum - EDGE as f32).abs() < 1.0, "{sum}");
        canvas.line([10.5, -50.0], [10.5, 900.0], 2.0, [1.0; 3], 1.0);
        canvas.line([f64::NAN, 0.0], [5.0, 5.0], 2.0, [1.0; 3], 1.0);
        let sum: f32 = canvas.pixels.iter().map(|p| p[3]).sum();
        assert!((sum - 3.0 * EDGE as f32).abs() < 6.0, "{sum}");
    }

    #[test]
    fn a_small_rectangle_keeps_its_area() {
        let mut canvas = Band::new(0, EDGE);
        canvas.rect([3.25, 7.5], [4.75, 9.0], 1, 1.0, |_| [1.0; 3]);
        let sum: f32 = canvas.pixels.iter().map(|p| p[3]).sum();
        assert!((sum - 2.25).abs() < 1e-3, "{sum}");
    }

    #[test]
    fn a_large_note_hides_strings_and_lesser_notes() {
        let mut canvas = Band::new(0, EDGE);
        // A square on its corner.
        canvas.hide([[100.0, 50.0], [150.0, 100.0], [100.0, 150.0], [50.0, 100.0]], 5);
        canvas.line([0.0, 100.5], [200.0, 100.5], 1.0, [1.0; 3], 1.0);
        canvas.rect([90.0, 90.0], [110.0, 95.0], 3, 1.0, |_| [1.0; 3]);
        let sum: f32 = canvas.pixels.iter().map(|p| p[3]).sum();
        assert!((sum - 101.0).abs() < 1.5, "{sum}");
        canvas.rect([90.0, 90.0], [110.0, 95.0], 6, 1.0, |_| [1.0; 3]);
        let sum: f32 = canvas.pixels.iter().map(|p| p[3]).sum();
        assert!((sum - 201.0).abs() < 1.5, "{sum}");
    }

    #[test]
    fn bands_put_together_are_the_layer() {
        let drawn = |first, height| {
            let mut band = Band::new(first, height);
            band.line([20.0, 500.0], [480.0, 30.0], 1.4, [0.2, 0.9, 0.1], 0.8);
            band.line([200.0, -40.0], [210.5, 900.0], 1.0, [0.9, 0.1, 0.1], 1.0);
            band.rect([100.3, 150.6], [140.2, 260.4], 3, 1.0, |t| [t; 3]);
            band.bytes()
        };
        let whole = drawn(0, EDGE);
        let halves = [drawn(0, 200), drawn(200, EDGE - 200)].concat();
        let off = whole.iter().zip(&halves).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(whole.len() == halves.len() && off <= Some(1), "{off:?}");
    }
}
