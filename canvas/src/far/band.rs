//! A band of a far layer: rectangles and lines with soft edges, and which notes lie over a pixel.

use std::ops::Range;

use super::EDGE;

/// Rows of a layer: `first..first + height`.
pub(super) struct Band {
    first: usize,
    height: usize,
    /// Premultiplied colour and coverage.
    pixels: Vec<[f32; 4]>,
    /// One more than the rank of the note that covers a pixel wholly.
    top: Vec<u32>,
}

impl Band {
    pub(super) fn new(first: usize, height: usize) -> Self {
        let n = EDGE * height;
        Self { first, height, pixels: vec![[0.0; 4]; n], top: vec![0; n] }
    }

    /// Where it begins and ends in the layer.
    pub(super) fn heights(&self) -> [f64; 2] {
        [self.first as f64, (self.first + self.height) as f64]
    }

    /// The rows of this band between two heights.
    fn rows(&self, from: f64, to: f64) -> Range<usize> {
        let [low, high] = self.heights();
        from.floor().clamp(low, high) as usize..to.ceil().clamp(low, high) as usize
    }

    /// A rectangle with soft edges; `shade` darkens by the part of its height from the top.
    pub(super) fn rect(
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
    pub(super) fn hide(&mut self, corners: [[f64; 2]; 4], rank: u32) {
        let heights = corners.map(|p| p[1]);
        let (low, high) =
            heights.iter().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
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
            let columns =
                from.round().clamp(0.0, edge) as usize..to.round().clamp(0.0, edge) as usize;
            let row = (y - self.first) * EDGE;
            if !columns.is_empty() {
                let tops = &mut self.top[row + columns.start..row + columns.end];
                tops.iter_mut().for_each(|top| *top = rank.max(*top));
            }
        }
    }

    /// A line of this width (at most a few pixels) with soft edges. Its length along its main axis
    /// in this band.
    pub(super) fn line(
        &mut self,
        a: [f64; 2],
        b: [f64; 2],
        width: f64,
        color: [f32; 3],
        alpha: f32,
    ) -> f64 {
        let Some((a, b)) = clipped(a, b, self.heights()) else { return 0.0 };
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
        let within = |v: f64, r: &Range<usize>| (v.max(0.0) as usize).clamp(r.start, r.end);
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

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.pixels.len() * 4];
        for (out, pixel) in bytes.chunks_exact_mut(4).zip(&self.pixels) {
            for (byte, v) in out.iter_mut().zip(pixel) {
                *byte = (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
        bytes
    }
}

fn blend(pixel: &mut [f32; 4], color: [f32; 3], alpha: f32) {
    let source = [color[0], color[1], color[2], 1.0];
    for (p, s) in pixel.iter_mut().zip(source) {
        *p += (s - *p) * alpha;
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
