//! Still pictures in linear light, halved down to small sizes, sampled at sub-pixel places.

use crate::picture::Picture;

/// One level: linear-light RGB and one unused lane, so that a pixel is one vector.
#[derive(Debug, Clone)]
pub(super) struct Level {
    pub(super) width: usize,
    pub(super) height: usize,
    pixels: Vec<[f32; 4]>,
}

/// A picture with its halved levels.
#[derive(Debug, Clone)]
pub(super) struct Pyramid {
    levels: Vec<Level>,
}

/// What part of a picture fills the frame, in pixels of level 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Framing {
    pub(super) left: f32,
    pub(super) top: f32,
    /// Picture pixels a frame pixel.
    pub(super) step: f32,
}

pub(super) fn linear_table() -> [f32; 256] {
    let mut table = [0.0; 256];
    for (i, value) in table.iter_mut().enumerate() {
        let v = i as f32 / 255.0;
        *value = if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
    }
    table
}

/// From linear light in 0..1, scaled to the table's length, to sRGB bytes.
pub(super) fn srgb_table() -> Vec<u8> {
    (0..=SRGB_STEPS)
        .map(|i| {
            let v = i as f32 / SRGB_STEPS as f32;
            let s = if v <= 0.003_130_8 { v * 12.92 } else { 1.055 * v.powf(1.0 / 2.4) - 0.055 };
            (s * 255.0 + 0.5) as u8
        })
        .collect()
}

pub(super) const SRGB_STEPS: usize = 8_192;

impl Pyramid {
    pub(super) fn new(picture: &Picture) -> Self {
        let table = linear_table();
        let (width, height) = (picture.width.max(1) as usize, picture.height.max(1) as usize);
        let pixels: Vec<[f32; 4]> = picture
            .rgba
            .chunks_exact(4)
            .map(|p| {
                [table[usize::from(p[0])], table[usize::from(p[1])], table[usize::from(p[2])], 1.0]
            })
            .collect();
        let mut levels = vec![Level { width, height, pixels }];
        while let Some(last) = levels.last().filter(|l| l.width > 64 && l.height > 64) {
            let half = last.halved();
            levels.push(half);
        }
        Self { levels }
    }

    pub(super) fn size(&self) -> [f32; 2] {
        [self.levels[0].width as f32, self.levels[0].height as f32]
    }

    /// Fills `out` (packed rows of `width`) with the part of the picture given by `framing`:
    /// Catmull-Rom in both directions, from the level whose pixels are not larger than a frame
    /// pixel. The rows already made for one frame row are kept for the next.
    pub(super) fn sample(&self, framing: Framing, width: usize, out: &mut [[f32; 4]]) {
        let index = (framing.step.max(1.0).log2().floor() as usize).min(self.levels.len() - 1);
        let level = &self.levels[index];
        let shrink = 1.0 / (1u32 << index) as f32;
        let step = framing.step * shrink;
        let at = |origin: f32, i: usize| (origin * shrink) + (i as f32 + 0.5) * step - 0.5;
        let columns: Vec<([u32; 4], [f32; 4])> =
            (0..width).map(|x| taps(at(framing.left, x), level.width)).collect();
        let mut kept: [(usize, Vec<[f32; 4]>); 4] =
            std::array::from_fn(|_| (usize::MAX, vec![[0.0; 4]; width]));
        for (y, row) in out.chunks_exact_mut(width).enumerate() {
            let (rows, weights) = taps(at(framing.top, y), level.height);
            for source in rows {
                let source = source as usize;
                let place = source % 4;
                if kept[place].0 != source {
                    let line = &level.pixels[source * level.width..(source + 1) * level.width];
                    for (pixel, (columns, weights)) in kept[place].1.iter_mut().zip(&columns) {
                        let mut sum = [0.0; 4];
                        for k in 0..4 {
                            let p = line[columns[k] as usize];
                            for c in 0..4 {
                                sum[c] += p[c] * weights[k];
                            }
                        }
                        *pixel = sum;
                    }
                    kept[place].0 = source;
                }
            }
            let lines = rows.map(|r| kept[r as usize % 4].1.as_slice());
            for (x, pixel) in row.iter_mut().enumerate() {
                let mut sum = [0.0; 4];
                for k in 0..4 {
                    let p = lines[k][x];
                    for c in 0..4 {
                        sum[c] += p[c] * weights[k];
                    }
                }
                *pixel = sum;
            }
        }
    }
}

impl Level {
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let at = |x: usize, y: usize| self.pixels[y * self.width + x];
        let pixels = (0..width * height)
            .map(|i| {
                let (x, y) = (i % width * 2, i / width * 2);
                let four = [at(x, y), at(x + 1, y), at(x, y + 1), at(x + 1, y + 1)];
                std::array::from_fn(|c| (four[0][c] + four[1][c] + four[2][c] + four[3][c]) * 0.25)
            })
            .collect();
        Self { width, height, pixels }
    }
}

/// Four neighbours (clamped to the picture) and their Catmull-Rom weights.
fn taps(position: f32, length: usize) -> ([u32; 4], [f32; 4]) {
    let whole = position.floor();
    let t = position - whole;
    let (t2, t3) = (t * t, t * t * t);
    let weights = [
        -0.5 * t + t2 - 0.5 * t3,
        1.0 - 2.5 * t2 + 1.5 * t3,
        0.5 * t + 2.0 * t2 - 1.5 * t3,
        -0.5 * t2 + 0.5 * t3,
    ];
    let first = whole as i64 - 1;
    let indices = [0, 1, 2, 3].map(|k| (first + k).clamp(0, length as i64 - 1) as u32);
    (indices, weights)
}
