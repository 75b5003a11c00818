//! Still pictures made ready once: over the paper where they are transparent, shrunk in linear
//! light so that a pixel of them is about one of the frame, halved further where a shot needs it.
//! They stay bytes; light is made of them row by row while sampling.

use super::light::{LINEAR, Light, encode};
use crate::picture::Picture;
use std::sync::LazyLock;

/// Steps of light told apart when it becomes a byte again here.
const STEPS: usize = 16_384;

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    (0..=STEPS).map(|i| (encode(i as f64 / STEPS as f64) * 255.0 + 0.5) as u8).collect()
});

/// A picture and its halves.
#[derive(Debug, Clone)]
pub(super) struct Pyramid {
    /// Width and height of the picture it was made of: framings are told in its pixels.
    size: [f64; 2],
    levels: Vec<Picture>,
}

impl Pyramid {
    /// Of a picture seen at `steps[0]..=steps[1]` of its pixels a frame pixel.
    pub(super) fn new(mut picture: Picture, steps: [f64; 2], paper: [u8; 3]) -> Self {
        settle(&mut picture, paper);
        let size = [f64::from(picture.width), f64::from(picture.height)];
        let mut most = steps[1];
        if steps[0] > 1.04 {
            picture = shrunk(&picture, steps[0]);
            most /= steps[0];
        }
        let mut levels = vec![picture];
        while let Some(last) = levels.last().filter(|l| most >= 2.0 && l.width.min(l.height) > 8) {
            let half = shrunk(last, 2.0);
            levels.push(half);
            most /= 2.0;
        }
        Self { size, levels }
    }

    /// A picture as it is.
    pub(super) fn plain(picture: Picture) -> Self {
        let size = [f64::from(picture.width), f64::from(picture.height)];
        Self { size, levels: vec![picture] }
    }

    /// The level whose pixels are not larger than a frame pixel, and how many pixels of the
    /// picture one of it is along each edge.
    pub(super) fn level(&self, step: f64) -> (&Picture, [f64; 2]) {
        let times = |level: &Picture| {
            [self.size[0] / f64::from(level.width), self.size[1] / f64::from(level.height)]
        };
        let fine = |level: &&Picture| times(level)[0] <= step * 1.000_1;
        let level = self.levels.iter().rev().find(fine).unwrap_or(&self.levels[0]);
        (level, times(level))
    }
}

/// Makes a picture opaque, and one that breaks its own size a single pixel of paper.
fn settle(picture: &mut Picture, paper: [u8; 3]) {
    let pixels = picture.width as usize * picture.height as usize;
    if pixels == 0 || picture.rgba.len() != pixels * 4 {
        let [r, g, b] = paper;
        *picture = Picture { width: 1, height: 1, rgba: vec![r, g, b, 255] };
    }
    for pixel in picture.rgba.chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        if alpha < 255 {
            for c in 0..3 {
                let over = u32::from(pixel[c]) * alpha + u32::from(paper[c]) * (255 - alpha);
                pixel[c] = ((over + 127) / 255) as u8;
            }
            pixel[3] = 255;
        }
    }
}

/// Which pixels of an edge make one smaller pixel: the first, and the weights from there on.
struct Taps {
    first: Vec<u32>,
    weights: Vec<f32>,
    n: usize,
}

fn taps(from: usize, to: usize) -> Taps {
    let ratio = from as f64 / to as f64;
    let n = ((4.0 * ratio).ceil() as usize + 1).min(from);
    let (mut first, mut weights) = (Vec::with_capacity(to), Vec::with_capacity(to * n));
    for i in 0..to {
        let middle = (i as f64 + 0.5) * ratio - 0.5;
        let start = ((middle - 2.0 * ratio).ceil().max(0.0) as usize).min(from - n);
        let own: Vec<f64> = (0..n).map(|k| kernel(((start + k) as f64 - middle) / ratio)).collect();
        let sum: f64 = own.iter().sum();
        first.push(start as u32);
        weights.extend(own.iter().map(|w| (w / sum) as f32));
    }
    Taps { first, weights, n }
}

/// Catmull-Rom.
fn kernel(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    } else {
        0.0
    }
}

/// Smaller by a factor, in linear light.
fn shrunk(picture: &Picture, factor: f64) -> Picture {
    let [width, height] = [picture.width as usize, picture.height as usize];
    let less = |v: usize| ((v as f64 / factor).round() as usize).clamp(1, v);
    let [to_width, to_height] = [less(width), less(height)];
    let (columns, rows) = (taps(width, to_width), taps(height, to_height));
    let bytes = &*BYTES;
    let mut line: Vec<Light> = vec![[0.0; 4]; width];
    // Rows already made narrow, each at its number modulo the taps of a row.
    let mut kept: Vec<Light> = vec![[0.0; 4]; to_width * rows.n];
    let mut sum: Vec<Light> = vec![[0.0; 4]; to_width];
    let mut made = 0;
    let mut rgba = Vec::with_capacity(to_width * to_height * 4);
    for (first, weights) in rows.first.iter().zip(rows.weights.chunks_exact(rows.n)) {
        let first = *first as usize;
        while made < first + rows.n {
            if made >= first {
                let source = &picture.rgba[made * width * 4..(made + 1) * width * 4];
                lit(source, &mut line);
                let place = made % rows.n * to_width;
                narrow(&line, &columns, &mut kept[place..place + to_width]);
            }
            made += 1;
        }
        sum.fill([0.0; 4]);
        for (k, weight) in weights.iter().enumerate() {
            let place = (first + k) % rows.n * to_width;
            for (s, v) in sum.iter_mut().zip(&kept[place..place + to_width]) {
                for c in 0..4 {
                    s[c] += v[c] * weight;
                }
            }
        }
        for pixel in &sum {
            let byte = |v: f32| bytes[(v.clamp(0.0, 1.0) * STEPS as f32 + 0.5) as usize];
            rgba.extend_from_slice(&[byte(pixel[0]), byte(pixel[1]), byte(pixel[2]), 255]);
        }
    }
    Picture { width: to_width as u32, height: to_height as u32, rgba }
}

fn narrow(line: &[Light], columns: &Taps, out: &mut [Light]) {
    let taps = columns.first.iter().zip(columns.weights.chunks_exact(columns.n));
    for (pixel, (first, weights)) in out.iter_mut().zip(taps) {
        let mut sum = [0.0; 4];
        for (v, weight) in line[*first as usize..].iter().zip(weights) {
            for c in 0..4 {
                sum[c] += v[c] * weight;
            }
        }
        *pixel = sum;
    }
}

/// The light of a row of bytes.
pub(super) fn lit(bytes: &[u8], line: &mut [Light]) {
    let table: &[f32; 256] = &LINEAR;
    for (pixel, b) in line.iter_mut().zip(bytes.chunks_exact(4)) {
        *pixel =
            [table[usize::from(b[0])], table[usize::from(b[1])], table[usize::from(b[2])], 0.0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shrinking_keeps_light_and_flat_colours() {
        let flat = Picture { width: 90, height: 70, rgba: [200, 100, 3, 255].repeat(90 * 70) };
        let small = shrunk(&flat, 2.7);
        assert_eq!([small.width, small.height], [33, 26]);
        assert!(small.rgba.chunks_exact(4).all(|p| p == [200, 100, 3, 255]));
        // Black and white in turn have half the light, which is byte 188.
        let rgba = (0..64 * 64).flat_map(|i| [if i % 2 == 0 { 255 } else { 0 }; 4]).collect();
        let mut stripes = Picture { width: 64, height: 64, rgba };
        stripes.rgba.chunks_exact_mut(4).for_each(|p| p[3] = 255);
        let grey = shrunk(&stripes, 4.0);
        let middle = grey.rgba[(8 * 16 + 8) * 4];
        assert!(middle.abs_diff(188) <= 2, "{middle}");
    }

    #[test]
    fn a_level_is_never_coarser_than_the_frame() {
        let flat = Picture { width: 1_000, height: 501, rgba: vec![255; 1_000 * 501 * 4] };
        let pyramid = Pyramid::new(flat, [1.3, 6.0], [0; 3]);
        let at = |step: f64| pyramid.level(step).0.width;
        assert_eq!([at(0.7), at(1.3), at(2.5), at(2.7), at(5.9)], [769, 769, 769, 385, 193]);
    }

    #[test]
    fn what_is_transparent_lies_over_paper() {
        let glass = Picture { width: 2, height: 2, rgba: [0, 0, 0, 0].repeat(4) };
        let pyramid = Pyramid::new(glass, [0.5, 0.5], [9, 8, 7]);
        assert_eq!(pyramid.level(1.0).0.rgba[..4], [9, 8, 7, 255]);
        let wrong = Picture { width: 9, height: 9, rgba: vec![1] };
        assert_eq!(Pyramid::new(wrong, [1.0; 2], [9, 8, 7]).level(1.0).0.width, 1);
    }
}
