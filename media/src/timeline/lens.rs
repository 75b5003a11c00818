//! A picture seen through a framing, row by row from the top: Catmull-Rom in both directions,
//! separately. The rows already made for one frame row are kept for the next.

use std::ops::Range;

use super::framing::Framing;
use super::image::{Pyramid, lit};
use super::light::{Light, mix};
use crate::maths::smoothstep;
use crate::picture::Picture;

/// Pixels of its edge that are repeated beside a row, so that four neighbours always exist.
const MARGIN: usize = 2;
/// How dark the shadow of a picture is that is shown whole.
const SHADOW: f32 = 0.34;

/// Where along an edge of the frame the picture is, with its soft shadow.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    from: f32,
    to: f32,
    blur: f32,
    /// Where the shadow falls.
    aside: f32,
}

impl Extent {
    /// How much of a pixel the picture covers.
    fn covered(&self, at: usize) -> f32 {
        let at = at as f32;
        ((at + 1.0).min(self.to) - at.max(self.from)).clamp(0.0, 1.0)
    }

    fn shade(&self, at: usize) -> f32 {
        let at = at as f32 + 0.5 - self.aside;
        smoothstep(self.from - self.blur, self.from + self.blur, at)
            * (1.0 - smoothstep(self.to - self.blur, self.to + self.blur, at))
    }
}

/// What is seen. Its memory serves one frame after the other.
#[derive(Debug, Default)]
pub(super) struct Lens {
    /// Of every column seen: the first of its four neighbours in a padded row, and their weights.
    columns: Vec<(u32, [f32; 4])>,
    /// Columns of the frame that are seen.
    seen: Range<usize>,
    /// Columns of the picture that are needed for them.
    needed: Range<usize>,
    line: Vec<Light>,
    kept: [Vec<Light>; 4],
    kept_rows: [usize; 4],
    top: f64,
    step: f64,
    /// Only of a picture that is shown whole.
    whole: Option<Surround>,
}

#[derive(Debug, Default)]
struct Surround {
    paper: Light,
    rows: Extent,
    /// Of every column seen: how far the picture covers it, and the shadow.
    columns: Vec<[f32; 2]>,
}

/// How a picture is to be seen.
pub(super) struct Aim<'a> {
    pub(super) pyramid: &'a Pyramid,
    pub(super) framing: Framing,
    /// Frame pixels by which all is moved to the right.
    pub(super) shift: f64,
    /// Columns of the frame that are wanted.
    pub(super) seen: Range<usize>,
    pub(super) frame: [usize; 2],
    /// What lies around a picture shown whole.
    pub(super) paper: Option<Light>,
}

impl Lens {
    /// Points it at a picture; rows are asked for afterwards, from the top.
    pub(super) fn aim<'a>(&mut self, aim: &Aim<'a>) -> &'a Picture {
        let (level, times) = aim.pyramid.level(aim.framing.step);
        let [width, height] = [level.width as usize, level.height as usize];
        let Framing { left, top, step } = aim.framing;
        let step_x = step / times[0];
        let first = left / times[0] - aim.shift * step_x;
        self.seen = aim.seen.clone();
        self.columns.clear();
        self.columns.extend(aim.seen.clone().map(|x| {
            let at = first + (x as f64 + 0.5) * step_x - 0.5;
            let (first, weights) = neighbours(at, width);
            ((first + MARGIN as i64) as u32, weights)
        }));
        let at = |i: usize| self.columns.get(i).map_or(0, |c| c.0 as usize);
        let (low, high) = (at(0), at(self.columns.len().saturating_sub(1)) + 4);
        self.needed = low.saturating_sub(MARGIN)..(high - MARGIN.min(high)).min(width);
        self.line.resize(width + 2 * MARGIN + 1, [0.0; 4]);
        for row in &mut self.kept {
            row.resize(self.columns.len(), [0.0; 4]);
        }
        self.kept_rows = [usize::MAX; 4];
        self.step = step / times[1];
        self.top = top / times[1];
        self.whole = aim.paper.map(|paper| {
            let short = aim.frame[0].min(aim.frame[1]) as f32;
            let (from_x, from_y) = ((-first / step_x) as f32, (-self.top / self.step) as f32);
            let columns = Extent {
                from: from_x,
                to: from_x + (width as f64 / step_x) as f32,
                blur: short * 0.03,
                aside: 0.0,
            };
            Surround {
                paper,
                rows: Extent {
                    from: from_y,
                    to: from_y + (height as f64 / self.step) as f32,
                    blur: short * 0.03,
                    aside: short * 0.014,
                },
                columns: aim.seen.clone().map(|x| [columns.covered(x), columns.shade(x)]).collect(),
            }
        });
        level
    }

    /// Row `y` of the frame, into the columns seen.
    pub(super) fn row(&mut self, level: &Picture, y: usize, out: &mut [Light]) {
        let Some(out) = out.get_mut(self.seen.clone()) else { return };
        let covered = self.whole.as_ref().map_or(1.0, |w| w.rows.covered(y));
        if covered > 0.0 {
            self.sample(level, y, out);
        }
        let Some(whole) = &self.whole else { return };
        let shade = SHADOW * whole.rows.shade(y);
        for (pixel, [across, shade_across]) in out.iter_mut().zip(&whole.columns) {
            let part = covered * across;
            if part < 1.0 {
                let lit = 1.0 - shade * shade_across;
                let ground = whole.paper.map(|v| v * lit);
                *pixel = if part > 0.0 { mix(ground, *pixel, part) } else { ground };
            }
        }
    }

    fn sample(&mut self, level: &Picture, y: usize, out: &mut [Light]) {
        let [width, height] = [level.width as usize, level.height as usize];
        let (first, weights) = neighbours(self.top + (y as f64 + 0.5) * self.step - 0.5, height);
        let rows = [0, 1, 2, 3].map(|k| (first + k).clamp(0, height as i64 - 1) as usize);
        for row in rows {
            if self.kept_rows[row % 4] != row {
                let line = &mut self.line;
                let needed = self.needed.clone();
                lit(
                    &level.rgba[(row * width + needed.start) * 4..(row * width + needed.end) * 4],
                    &mut line[MARGIN + needed.start..MARGIN + needed.end],
                );
                if needed.start == 0 {
                    let edge = line[MARGIN];
                    line[..MARGIN].fill(edge);
                }
                if needed.end == width {
                    let edge = line[MARGIN + width - 1];
                    line[MARGIN + width..].fill(edge);
                }
                across(line, &self.columns, &mut self.kept[row % 4]);
                self.kept_rows[row % 4] = row;
            }
        }
        let kept = rows.map(|r| self.kept[r % 4].as_flattened());
        down(kept, weights, out.as_flattened_mut());
    }
}

/// Plain numbers in plain rows: the compiler takes as many at once as the processor can.
fn down(rows: [&[f32]; 4], [p, q, r, s]: [f32; 4], out: &mut [f32]) {
    let [a, b, c, d] = rows;
    for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out = a * p + b * q + c * r + d * s;
    }
}

fn across(line: &[Light], columns: &[(u32, [f32; 4])], out: &mut [Light]) {
    for (pixel, (first, w)) in out.iter_mut().zip(columns) {
        let first = *first as usize;
        let Some([a, b, c, d]) = line.get(first..first + 4) else { continue };
        *pixel = std::array::from_fn(|i| a[i] * w[0] + b[i] * w[1] + c[i] * w[2] + d[i] * w[3]);
    }
}

/// The first of four neighbours, at most two before the picture, and their Catmull-Rom weights.
fn neighbours(at: f64, length: usize) -> (i64, [f32; 4]) {
    let at = at.clamp(-0.5, length as f64 - 0.5);
    let whole = at.floor();
    let t = (at - whole) as f32;
    let (t2, t3) = (t * t, t * t * t);
    let weights = [
        -0.5 * t + t2 - 0.5 * t3,
        1.0 - 2.5 * t2 + 1.5 * t3,
        0.5 * t + 2.0 * t2 - 1.5 * t3,
        -0.5 * t2 + 0.5 * t3,
    ];
    (whole as i64 - 1, weights)
}
