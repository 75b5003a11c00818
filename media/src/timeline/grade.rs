//! The look of a style, laid over rows: from light to values through a curve a colour, saturation,
//! halftone, grain, and paper that shows at the edges.
//!
//! Values are 15 bits, 128 for one step of a byte, so that eight of them fit a vector and nothing
//! is rounded before the end.

use std::ops::Range;

use super::light::{Light, encode, mix};
use super::{Style, StyleSheet};
use crate::maths::{Rng, cos, fbm, smoothstep};

/// The value of byte 255.
pub(super) const FULL: i16 = 255 << 7;
/// Steps of light the curves tell apart.
const STEPS: usize = 8_192;
/// Edge of a tile of grain.
const TILE: usize = 512;

type Curve = [i16; STEPS];

/// A row of values, colour by colour.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) planes: [Vec<i16>; 3],
}

impl Row {
    pub(super) fn resize(&mut self, width: usize) {
        for plane in &mut self.planes {
            plane.resize(width, 0);
        }
    }
}

struct Grain {
    tile: Vec<i16>,
    /// Film grain changes from frame to frame, paper does not.
    moving: bool,
    seed: u64,
}

struct Edge {
    /// 255 where only the picture shows.
    mask: Vec<u8>,
    /// Columns of each row, from the left and from the right, in which paper may show.
    rows: Vec<Range<usize>>,
    paper: Light,
}

/// What a style does to rows.
pub(super) struct Look {
    curves: [Box<Curve>; 3],
    /// 16,384 leaves it.
    saturation: i16,
    /// A wave along the columns and one along the rows, whose product are the dots.
    halftone: Option<(Vec<i16>, Vec<i16>, i16)>,
    grain: Option<Grain>,
    edge: Option<Edge>,
}

// All whole numbers here wrap: they cannot leave their range, and a check would keep the compiler
// from taking eight of them at once.

/// Upper 16 bits of a product.
#[inline]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Half of what the eye takes for brightness.
#[inline]
fn half_luma(r: i16, g: i16, b: i16) -> i16 {
    high(r, 6_966).wrapping_add(high(g, 23_436)).wrapping_add(high(b, 2_366))
}

/// Twice, as far as there is room.
#[inline]
fn twice(v: i16) -> i16 {
    v.saturating_add(v)
}

/// `out[i] = light[i]` through the curves.
fn values(light: &[Light], curves: &[Box<Curve>; 3], r: &mut [i16], g: &mut [i16], b: &mut [i16]) {
    const TOP: f32 = (STEPS - 1) as f32;
    let [cr, cg, cb] = curves;
    for (((light, r), g), b) in light.iter().zip(r).zip(g).zip(b) {
        let at = light.map(|v| {
            let v = v * TOP;
            let v = if v > 0.0 { v } else { 0.0 };
            let v = if v < TOP { v } else { TOP };
            // Added to 2^23, the nearest whole number lies in the lowest bits.
            (v + 8_388_608.0).to_bits() as usize & (STEPS - 1)
        });
        *r = cr[at[0]];
        *g = cg[at[1]];
        *b = cb[at[2]];
    }
}

/// Moves colours away from grey, or towards it; 16,384 leaves them.
fn saturate(amount: i16, r: &mut [i16], g: &mut [i16], b: &mut [i16]) {
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let luma = half_luma(*r, *g, *b).wrapping_mul(2);
        let moved = |v: i16| {
            let away = twice(twice(high(v.wrapping_sub(luma), amount)));
            luma.saturating_add(away).clamp(0, FULL)
        };
        (*r, *g, *b) = (moved(*r), moved(*g), moved(*b));
    }
}

/// Lays dots over values: the product of a wave along the row and where the row is in another.
fn dot(wave: &[i16], down: i16, strength: i16, r: &mut [i16], g: &mut [i16], b: &mut [i16]) {
    for (((across, r), g), b) in wave.iter().zip(r).zip(g).zip(b) {
        let luma = half_luma(*r, *g, *b);
        // Strongest in the middle, none in black and white.
        let room = high(luma, 16_320i16.wrapping_sub(luma)).clamp(0, 5_000).wrapping_mul(6);
        let dot = twice(twice(twice(high(*across, down))));
        let add = twice(twice(high(twice(high(dot, strength)), room)));
        let moved = |v: i16| v.saturating_add(add).clamp(0, FULL);
        (*r, *g, *b) = (moved(*r), moved(*g), moved(*b));
    }
}

impl Look {
    pub(super) fn new(style: Style, size: [u32; 2], seed: u64) -> Self {
        let sheet = style.sheet();
        let [width, height] = size.map(|v| v as usize);
        let short = width.min(height);
        let dots = (sheet.halftone > 0.0).then(|| {
            let period = (short as f32 / 90.0).max(4.0);
            let wave = |n: usize| -> Vec<i16> {
                (0..n)
                    .map(|i| (cos(i as f32 / period * std::f32::consts::TAU) * 32_000.0) as i16)
                    .collect()
            };
            (wave(width), wave(height), (sheet.halftone * 32_767.0) as i16)
        });
        let grain = (sheet.grain > 0.0).then(|| Grain {
            tile: if sheet.bleed > 0.0 {
                paper_tile(seed, sheet.grain, short)
            } else {
                film_tile(seed, sheet.grain, short)
            },
            moving: sheet.bleed <= 0.0,
            seed,
        });
        Self {
            curves: [0, 1, 2].map(|c| curve(sheet, c)),
            saturation: (sheet.saturation * 16_384.0) as i16,
            halftone: dots,
            grain,
            edge: (sheet.bleed > 0.0).then(|| edge(sheet, [width, height], seed)),
        }
    }

    /// Lets the paper show at the edges of a picture moved by `shift` columns.
    pub(super) fn soak(&self, y: usize, shift: isize, seen: &Range<usize>, row: &mut [Light]) {
        let Some(edge) = &self.edge else { return };
        let (width, Some(inner)) = (row.len(), edge.rows.get(y)) else { return };
        let mask = &edge.mask[y * width..(y + 1) * width];
        for x in (0..inner.start).chain(inner.end..width) {
            let to = x as isize + shift;
            if to < seen.start as isize || to >= seen.end as isize {
                continue;
            }
            let part = f32::from(mask[x]) / 255.0;
            // Colour gathers where it dries, just inside.
            let wet = 1.0 - 0.30 * part * part * (1.0 - part) * 6.75;
            let pixel = &mut row[to as usize];
            *pixel = mix(edge.paper, pixel.map(|v| v * wet), part);
        }
    }

    /// Makes values of light.
    pub(super) fn develop(&self, light: &[Light], y: usize, row: &mut Row) {
        let [r, g, b] = &mut row.planes;
        values(light, &self.curves, r, g, b);
        if self.saturation != 16_384 {
            saturate(self.saturation, r, g, b);
        }
        if let Some((across, down, strength)) = &self.halftone {
            let down = down.get(y).copied().unwrap_or_default();
            dot(across, down, *strength, r, g, b);
        }
    }

    /// Lays grain over values; the only thing that changes in a picture at rest.
    pub(super) fn grain(&self, n: u32, y: usize, row: &mut Row) {
        let Some(grain) = &self.grain else { return };
        let [dx, dy] = if grain.moving {
            let mut rng = Rng::new(grain.seed ^ u64::from(n).wrapping_mul(0x9e37_79b9));
            [rng.below(TILE as u32) as usize, rng.below(TILE as u32) as usize]
        } else {
            [0, 0]
        };
        let line = (y + dy) % TILE * TILE;
        let line = &grain.tile[line..line + TILE];
        for plane in &mut row.planes {
            let (mut x, mut from) = (0, dx);
            while x < plane.len() {
                let part = (TILE - from).min(plane.len() - x);
                for (v, add) in plane[x..x + part].iter_mut().zip(&line[from..from + part]) {
                    *v = v.saturating_add(*add).clamp(0, FULL);
                }
                x += part;
                from = 0;
            }
        }
    }
}

/// From light to a value of one colour.
fn curve(sheet: &StyleSheet, color: usize) -> Box<Curve> {
    let warmth = f64::from(sheet.warmth);
    let gain = [1.0 + warmth * 1.5, 1.0 + warmth * 0.25, 1.0 - warmth * 1.5][color];
    let contrast = f64::from(sheet.contrast);
    let flat = f64::from(sheet.halftone) * 2.6;
    let mut out = Box::new([0i16; STEPS]);
    for (i, value) in out.iter_mut().enumerate() {
        let light = (i as f64 / (STEPS - 1) as f64 * gain).min(1.0);
        let mut v = encode(light).clamp(0.0, 1.0);
        if contrast >= 1.0 {
            // Towards an S, which never clips.
            v += (v * v * (3.0 - 2.0 * v) - v) * (2.0 * (contrast - 1.0)).min(1.0);
        } else {
            // Lifts the shadows and leaves white alone.
            v = 1.0 - (1.0 - v) * contrast;
        }
        if flat > 0.0 {
            // Towards few flat tones, with soft steps between them.
            let tones = 7.0;
            let (whole, rest) = ((v * tones).floor(), (v * tones).fract());
            let step = ((rest - 0.5) * 3.0 + 0.5).clamp(0.0, 1.0);
            let poster = (whole + step * step * (3.0 - 2.0 * step)) / tones;
            v += (poster - v) * flat.min(1.0);
        }
        *value = (v.clamp(0.0, 1.0) * f64::from(FULL) + 0.5) as i16;
    }
    out
}

/// Chance around zero, about as often small as a bell.
fn white(seed: u64) -> Vec<f32> {
    let mut rng = Rng::new(seed ^ 0x6772_6169);
    (0..TILE * TILE).map(|_| rng.unit() + rng.unit() + rng.unit() + rng.unit() - 2.0).collect()
}

/// Softer, wrapped around the tile's edges.
fn blurred(tile: &[f32], times: usize) -> Vec<f32> {
    let mut tile = tile.to_vec();
    for _ in 0..times {
        for step in [1, TILE] {
            let size = TILE * TILE;
            tile = (0..size)
                .map(|i| {
                    let (line, x) = (i / TILE * TILE, i % TILE);
                    let (before, behind) = if step == 1 {
                        (line + (x + TILE - 1) % TILE, line + (x + 1) % TILE)
                    } else {
                        ((i + size - TILE) % size, (i + TILE) % size)
                    };
                    tile[before] * 0.25 + tile[i] * 0.5 + tile[behind] * 0.25
                })
                .collect();
        }
    }
    tile
}

fn scaled(tile: &[f32], spread: f32) -> Vec<i16> {
    let power: f32 = tile.iter().map(|v| v * v).sum::<f32>() / tile.len() as f32;
    let gain = spread * f32::from(FULL) / power.sqrt().max(1e-6);
    tile.iter().map(|v| (v * gain).clamp(-12_000.0, 12_000.0) as i16).collect()
}

fn film_tile(seed: u64, amount: f32, short: usize) -> Vec<i16> {
    scaled(&blurred(&white(seed), usize::from(short > 800)), amount)
}

/// Rough paper lit from the upper left.
fn paper_tile(seed: u64, amount: f32, short: usize) -> Vec<i16> {
    let scale = (short / 360).max(1);
    let (fine, coarse) = (blurred(&white(seed), scale), blurred(&white(seed ^ 7), scale * 5));
    let height: Vec<f32> = fine.iter().zip(&coarse).map(|(a, b)| a + 3.0 * b).collect();
    let slope: Vec<f32> = (0..TILE * TILE)
        .map(|i| {
            let (x, y) = (i % TILE, i / TILE);
            height[i] - height[(y + 1) % TILE * TILE + (x + 1) % TILE]
        })
        .collect();
    scaled(&slope, amount * 0.55)
}

/// Where paper shows at the edges: a ragged border, as water leaves it.
fn edge(sheet: &StyleSheet, size: [usize; 2], seed: u64) -> Edge {
    let [width, height] = size;
    let short = width.min(height) as f32;
    let reach = (sheet.bleed * 1.4 * short) as usize + 2;
    let mut mask = vec![255u8; width * height];
    let mut rows = Vec::with_capacity(height);
    for y in 0..height {
        let near = y.min(height - 1 - y);
        let inner =
            if near < reach { width..width } else { reach.min(width)..(width - reach.min(width)) };
        for x in (0..inner.start).chain(inner.end..width) {
            let distance = near.min(x).min(width - 1 - x) as f32 / short;
            let (u, v) = (x as f32 / short, y as f32 / short);
            let rag = fbm(u * 6.0, v * 6.0, 3, seed as u32) * 0.86
                + fbm(u * 50.0, v * 50.0, 2, seed as u32 ^ 5) * 0.14;
            let at = sheet.bleed * (1.9 * rag - 0.25).clamp(0.1, 1.3);
            let part = smoothstep(at - 0.009, at + 0.022, distance);
            mask[y * width + x] = (part * 255.0 + 0.5) as u8;
        }
        rows.push(inner);
    }
    Edge { mask, rows, paper: super::light::light(sheet.paper) }
}
