//! How one shot becomes the next, row by row.
//!
//! The peel: the sheet above is rolled off along a line that travels from the lower right corner to
//! the upper left. Behind the line the sheet lies flat, on the line it goes up around a cylinder,
//! and what has gone around lies back over the flat part, with its paper side up.

use std::ops::Range;

use super::TransitionKind;
use super::light::{Light, mix};
use crate::maths::smoothstep;

/// Width of a wipe's soft edge and of a slide's gutter, in parts of the frame's width.
const WIPE_EDGE: f32 = 0.10;
const GUTTER: f32 = 0.014;

/// A transition at one moment.
#[derive(Debug, Clone)]
pub(super) enum Mixing {
    /// Both, mixed.
    Dissolve(f32),
    /// Column by column: how much of the shot before, of the next, the rest being paper; and how
    /// far each is moved to the right.
    Columns { parts: Vec<[f32; 2]>, shifts: [f64; 2], seen: [Range<usize>; 2] },
    /// See above.
    Peel(Peel),
}

impl Mixing {
    /// Of a kind at a part of its time; none where only one shot shows.
    pub(super) fn new(kind: TransitionKind, part: f32, size: [usize; 2]) -> Option<Self> {
        let width = size[0] as f32;
        let eased = smoothstep(0.0, 1.0, part);
        match kind {
            TransitionKind::Cut | TransitionKind::Dip => None,
            TransitionKind::Dissolve => Some(Self::Dissolve(eased)),
            TransitionKind::Slide => {
                let gutter = (width * GUTTER).max(2.0);
                // Twice eased: it leaves and arrives gently, and is quick between.
                let way = smoothstep(0.0, 1.0, eased) * (width + gutter);
                let (end, start) = (width - way, width + gutter - way);
                let parts = (0..size[0])
                    .map(|x| {
                        let x = x as f32;
                        [(end - x).clamp(0.0, 1.0), (x + 1.0 - start).clamp(0.0, 1.0)]
                    })
                    .collect();
                let before = 0..(end.ceil().max(0.0) as usize).min(size[0]);
                let next = (start.floor().max(0.0) as usize).min(size[0])..size[0];
                Some(Self::Columns {
                    parts,
                    shifts: [f64::from(-way), f64::from(start)],
                    seen: [before, next],
                })
            }
            TransitionKind::Wipe => {
                let soft = width * WIPE_EDGE;
                let line = eased * (width + soft);
                let parts: Vec<[f32; 2]> = (0..size[0])
                    .map(|x| {
                        let old = smoothstep(line - soft, line, x as f32 + 0.5);
                        [old, 1.0 - old]
                    })
                    .collect();
                let first = parts.iter().position(|p| p[0] > 0.0).unwrap_or(size[0]);
                let last = parts.iter().rposition(|p| p[1] > 0.0).map_or(0, |x| x + 1);
                Some(Self::Columns { parts, shifts: [0.0; 2], seen: [first..size[0], 0..last] })
            }
            TransitionKind::Peel => Some(Self::Peel(Peel::new(eased, size))),
        }
    }

    /// How far the shot before and the next are moved to the right, and which columns are needed.
    pub(super) fn views(&self, width: usize) -> [(f64, Range<usize>); 2] {
        match self {
            Self::Columns { shifts, seen, .. } => [0, 1].map(|i| (shifts[i], seen[i].clone())),
            Self::Dissolve(_) | Self::Peel(_) => [(0.0, 0..width), (0.0, 0..width)],
        }
    }

    /// Mixes a row of the shot before with one of the next, into the former.
    pub(super) fn row(&self, y: usize, before: &mut [Light], next: &[Light], paper: Light) {
        match self {
            Self::Dissolve(amount) => {
                let amount = *amount;
                let (before, next) = (before.as_flattened_mut(), next.as_flattened());
                before.iter_mut().zip(next).for_each(|(a, b)| *a += (b - *a) * amount);
            }
            Self::Columns { parts, .. } => {
                for ((a, b), [old, new]) in before.iter_mut().zip(next).zip(parts) {
                    if *old >= 1.0 {
                        continue;
                    }
                    let rest = (1.0 - old - new).max(0.0);
                    for c in 0..4 {
                        // What is not needed was never drawn, and may be anything.
                        let kept = if *old > 0.0 { a[c] * old } else { 0.0 };
                        let added = if *new > 0.0 { b[c] * new } else { 0.0 };
                        a[c] = kept + added + paper[c] * rest;
                    }
                }
            }
            Self::Peel(peel) => peel.row(y, before, next, paper),
        }
    }
}

/// A sheet being peeled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peel {
    size: [f32; 2],
    /// Direction from the flat part to the corner that was lifted.
    across: [f32; 2],
    /// Where the sheet leaves the ground, along that direction.
    line: f32,
    radius: f32,
    /// How much of the sheet has left the ground.
    lifted: f32,
}

/// Half a turn.
const PI: f32 = std::f32::consts::PI;

/// Arc sine of 0..=1, by a polynomial (Abramowitz and Stegun 4.4.45).
fn arc_sine(x: f32) -> f32 {
    let poly = 1.570_728_8 + x * (-0.212_114_4 + x * (0.074_261 - x * 0.018_729_3));
    PI / 2.0 - (1.0 - x).max(0.0).sqrt() * poly
}

impl Peel {
    fn new(part: f32, size: [usize; 2]) -> Self {
        let size = size.map(|v| v as f32);
        let across = if size[0] >= size[1] { [0.8, 0.6] } else { [0.6, 0.8] };
        let corner = size[0] * across[0] + size[1] * across[1];
        let full = size[0].min(size[1]) * 0.13;
        let lifted = part * (corner + full * 1.1);
        // A corner is bent tightly, a whole sheet is not.
        let radius = full.min(lifted * 0.22 + size[0].min(size[1]) * 0.01);
        Self { size, across, line: corner - lifted, radius, lifted }
    }

    /// How much of a point of the sheet there is: the sheet ends at its right and lower edge.
    fn sheet(&self, x: f32, y: f32, along: f32) -> f32 {
        let right = self.size[0] - (x + self.across[0] * along);
        let lower = self.size[1] - (y + self.across[1] * along);
        right.min(lower) + 0.5
    }

    fn row(&self, y: usize, before: &mut [Light], next: &[Light], paper: Light) {
        let radius = self.radius;
        let y = y as f32 + 0.5;
        let shadow = radius * 1.6 + 1.0;
        // How far the part that lies back reaches, with its own shadow.
        let back = (self.lifted - PI * radius).max(0.0) + radius;
        let strength = (self.lifted / (PI * self.radius)).min(1.0) * 0.55;
        let at = |distance: f32| (distance + self.line - y * self.across[1]) / self.across[0];
        let width = before.len();
        let column = |v: f32| (v.max(0.0) as usize).min(width);
        let (first, last) = (column(at(-back)), column(at(radius + shadow) + 1.0));
        for x in first..last {
            let across = x as f32 + 0.5;
            let d = across * self.across[0] + y * self.across[1] - self.line;
            let e = (d / radius).clamp(0.0, 1.0);
            let rise = arc_sine(e);
            let under = {
                let far = ((d - radius) / shadow).clamp(0.0, 1.0);
                let lit = 1.0 - strength * (1.0 - far) * (1.0 - far);
                next[x].map(|v| v * lit)
            };
            let mut pixel = if d <= 0.0 {
                before[x]
            } else {
                // The side with the picture, going up.
                let there = self.sheet(across, y, radius * rise - d).min(radius - d + 0.5);
                let lit = 1.0 - 0.45 * e * e;
                mix(under, before[x].map(|v| v * lit), there.clamp(0.0, 1.0))
            };
            // The side with the paper, above all.
            let along = if d > 0.0 { radius * (PI - rise) - d } else { PI * radius - 2.0 * d };
            let there = self.sheet(across, y, along).min(radius - d + 0.5);
            if there > 0.0 {
                let bright = if d > 0.0 {
                    let glint = (1.0 - (e - 0.45) * (e - 0.45) * 9.0).max(0.0);
                    0.84 + 0.16 * glint - 0.52 * e * e * e
                } else {
                    0.84 - 0.10 * smoothstep(0.0, radius * 3.0, -d)
                };
                pixel = mix(pixel, paper.map(|v| v * bright), there.min(1.0));
            } else if d <= radius {
                let near = (1.0 + there / radius).clamp(0.0, 1.0);
                let lit = 1.0 - strength * 0.8 * near * near;
                pixel = pixel.map(|v| v * lit);
            }
            before[x] = pixel;
        }
        if last < width {
            before[last..].copy_from_slice(&next[last..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_is_the_arc_sine() {
        for i in 0..=100 {
            let x = i as f32 / 100.0;
            assert!((arc_sine(x) - x.asin()).abs() < 2e-3, "{x}");
        }
    }

    #[test]
    fn all_begin_with_one_shot_and_end_with_the_other() {
        let size = [320usize, 184];
        for kind in [
            TransitionKind::Dissolve,
            TransitionKind::Slide,
            TransitionKind::Wipe,
            TransitionKind::Peel,
        ] {
            let share = |part: f32| {
                let mixing = Mixing::new(kind, part, size).unwrap();
                let mut new = 0.0;
                for y in 0..size[1] {
                    let mut before = vec![[1.0, 0.0, 0.0, 0.0]; size[0]];
                    let next = vec![[0.0, 1.0, 0.0, 0.0]; size[0]];
                    mixing.row(y, &mut before, &next, [0.0, 0.0, 1.0, 0.0]);
                    new += before.iter().map(|p| p[1]).sum::<f32>();
                }
                new / (size[0] * size[1]) as f32
            };
            assert!(share(0.0) < 0.01, "{kind:?} {}", share(0.0));
            assert!(share(1.0) > 0.99, "{kind:?} {}", share(1.0));
            let middle = share(0.5);
            assert!((0.1..0.9).contains(&middle), "{kind:?} {middle}");
            assert!(
                (0..10).all(|i| { share(i as f32 / 10.0) <= share((i + 1) as f32 / 10.0) + 0.02 })
            );
        }
    }
}
