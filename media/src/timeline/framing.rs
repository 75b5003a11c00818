//! Which part of a picture fills the frame, and how it moves (Ken Burns).
//!
//! A movement has two framings. Both their scale and their place are affine in one number `u`, so
//! every point of the picture keeps to a straight line and the view never leaves the picture when
//! the two framings do not. `u` follows the time so that the scale runs exponentially: the speed
//! on the screen looks constant. Nothing is ever rounded to pixels.

use super::{Motion, StyleSheet};
use crate::maths::Rng;

/// How much of a picture must remain for it to be cropped; below, it is shown whole.
const LEAST_KEPT: f64 = 0.55;
/// Part of the frame's limiting edge a picture takes that is shown whole.
const WHOLE: [f64; 2] = [0.86, 0.91];
/// Part of the time a movement takes to start, and to end.
const EASE: f64 = 0.1;
/// Strongest growth a second, as a logarithm: short shots do not jump.
const MOST_GROWTH: f64 = 0.06;
/// Longest way of a pan a second, in frame widths.
const MOST_PAN: f64 = 0.045;

/// What part of a picture fills the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Framing {
    /// Where the frame's upper left corner lies, in pixels of the picture.
    pub(super) left: f64,
    pub(super) top: f64,
    /// Picture pixels a frame pixel.
    pub(super) step: f64,
}

/// A movement over a shot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Path {
    from: Framing,
    to: Framing,
    /// The picture is shown whole, over paper.
    pub(super) whole: bool,
}

/// What a movement is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moving {
    pub(super) focus: [f32; 2],
    pub(super) motion: Motion,
    /// Strongest zoom.
    pub(super) zoom: f32,
    pub(super) seconds: f64,
}

impl Moving {
    /// At rest around the middle.
    pub(super) const REST: Self =
        Self { focus: [0.5; 2], motion: Motion::None, zoom: 1.0, seconds: 1.0 };

    pub(super) fn new(sheet: &StyleSheet, focus: [f32; 2], motion: Motion, seconds: f64) -> Self {
        Self { focus, motion, zoom: sheet.zoom, seconds }
    }
}

impl Path {
    pub(super) fn new(picture: [u32; 2], frame: [u32; 2], moving: Moving) -> Self {
        let (picture, frame) = (picture.map(|v| f64::from(v.max(1))), frame.map(f64::from));
        let ratio = [picture[0] / frame[0], picture[1] / frame[1]];
        let cover = ratio[0].min(ratio[1]);
        let kept = cover * cover / (ratio[0] * ratio[1]);
        if kept < LEAST_KEPT {
            whole(picture, frame, moving)
        } else {
            cropped(picture, frame, moving)
        }
    }

    /// The framing at a part of the time, 0..=1.
    pub(super) fn at(&self, t: f64) -> Framing {
        let (a, b) = (self.from, self.to);
        let t = eased(t.clamp(0.0, 1.0));
        let growth = b.step / a.step;
        let u = if (growth - 1.0).abs() < 1e-9 {
            t
        } else {
            (exp(t * ln(growth)) - 1.0) / (growth - 1.0)
        };
        let between = |a: f64, b: f64| a + (b - a) * u;
        Framing {
            left: between(a.left, b.left),
            top: between(a.top, b.top),
            step: between(a.step, b.step),
        }
    }

    /// Smallest and largest picture pixels a frame pixel.
    pub(super) fn steps(&self) -> [f64; 2] {
        [self.from.step.min(self.to.step), self.from.step.max(self.to.step)]
    }

    /// True when nothing moves.
    pub(super) fn rests(&self) -> bool {
        self.from == self.to
    }
}

fn cropped(picture: [f64; 2], frame: [f64; 2], moving: Moving) -> Path {
    let cover = (picture[0] / frame[0]).min(picture[1] / frame[1]);
    let focus = [0, 1].map(|i| f64::from(moving.focus[i]) * picture[i]);
    let framing = |center: [f64; 2], zoom: f64| {
        let step = cover / zoom;
        let [left, top] = [0, 1].map(|i| {
            let room = (picture[i] - frame[i] * step).max(0.0);
            (center[i] - frame[i] * step / 2.0).clamp(0.0, room)
        });
        Framing { left, top, step }
    };
    let zoom = f64::from(moving.zoom.max(1.0)).min(exp(MOST_GROWTH * moving.seconds.min(4.0)));
    let near = framing(focus, zoom);
    let far = framing(focus, 1.0);
    let sideways = || {
        let wide = framing(focus, 1.0 + (zoom - 1.0) * 0.85);
        let width = frame[0] * wide.step;
        let room = (picture[0] - width).max(0.0);
        let way = room.min(width * (MOST_PAN * moving.seconds).min(0.3));
        let left = (wide.left - way / 2.0).clamp(0.0, room - way);
        (Framing { left, ..wide }, Framing { left: left + way, ..wide })
    };
    let (from, to) = match moving.motion {
        Motion::None | Motion::Auto => (far, far),
        Motion::In => (far, near),
        Motion::Out => (near, far),
        Motion::Right => sideways(),
        Motion::Left => {
            let (left, right) = sideways();
            (right, left)
        }
    };
    Path { from, to, whole: false }
}

/// The whole picture over paper, with a breath of movement.
fn whole(picture: [f64; 2], frame: [f64; 2], moving: Moving) -> Path {
    let contain = (picture[0] / frame[0]).max(picture[1] / frame[1]);
    // In an upright film captions lie below the middle: the picture makes room for them.
    let up = if frame[1] > frame[0] * 1.2 { 0.12 } else { 0.0 };
    let framing = |part: f64, aside: f64| {
        let step = contain / part;
        let [left, top] = [0, 1].map(|i| (picture[i] - frame[i] * step) / 2.0);
        let up = (up * frame[1] * step).min(-top * 0.5).max(0.0);
        Framing { left: left + aside * frame[0] * step, top: top + up, step }
    };
    let [small, large] = WHOLE;
    let (from, to) = match moving.motion {
        Motion::None | Motion::Auto => (framing(large, 0.0), framing(large, 0.0)),
        Motion::In => (framing(small, 0.0), framing(large, 0.0)),
        Motion::Out => (framing(large, 0.0), framing(small, 0.0)),
        Motion::Left => (framing(large, 0.012), framing(large, -0.012)),
        Motion::Right => (framing(large, -0.012), framing(large, 0.012)),
    };
    Path { from, to, whole: true }
}

/// What [`Motion::Auto`] is at a place: every four shots have all four, in an order of chance, and
/// no two neighbours are alike.
pub(super) fn chosen(motion: Motion, seed: u64, index: usize) -> Motion {
    if motion != Motion::Auto {
        return motion;
    }
    let order = |block: u64| {
        let mut all = [Motion::In, Motion::Right, Motion::Out, Motion::Left];
        let mut rng = Rng::new(seed ^ block.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for i in (1..all.len()).rev() {
            all.swap(i, rng.below(i as u32 + 1) as usize);
        }
        all
    };
    let block = (index / 4) as u64;
    let mut all = order(block);
    // Every block is turned against the plain order of the one before, whose last is known.
    let mut before = order(0);
    for b in 1..=block {
        all = order(b);
        if all[0] == before[3] {
            all.rotate_left(1);
        }
        before = all;
    }
    all[index % 4]
}

/// Constant speed with a gentle start and end.
fn eased(t: f64) -> f64 {
    let speed = 1.0 / (1.0 - EASE);
    if t < EASE {
        speed * t * t / (2.0 * EASE)
    } else if t > 1.0 - EASE {
        1.0 - speed * (1.0 - t) * (1.0 - t) / (2.0 * EASE)
    } else {
        speed * (t - EASE / 2.0)
    }
}

/// The exponential of a small number, by its series.
fn exp(x: f64) -> f64 {
    (1..18).rev().fold(1.0, |sum, k| 1.0 + x / f64::from(k) * sum)
}

/// The natural logarithm of a number near one, by its series.
fn ln(x: f64) -> f64 {
    let z = (x - 1.0) / (x + 1.0);
    2.0 * z * (0..24).rev().fold(0.0, |sum, k| 1.0 / f64::from(2 * k + 1) + z * z * sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::Style;

    const FULL: [u32; 2] = [1920, 1080];

    fn path(picture: [u32; 2], focus: [f32; 2], motion: Motion, zoom: f32, seconds: f64) -> Path {
        Path::new(picture, FULL, Moving { focus, motion, zoom, seconds })
    }

    #[test]
    fn ken_burns_neither_shakes_nor_leaves_the_picture() {
        let moves = [Motion::In, Motion::Out, Motion::Left, Motion::Right, Motion::None];
        for motion in moves {
            for (picture, focus) in
                [([1600, 1000], [0.5, 0.5]), ([3000, 2000], [0.9, 0.1]), ([2400, 1080], [0.1, 0.8])]
            {
                for frames in [45u32, 150, 360] {
                    let zoom = Style::Modern.sheet().zoom;
                    let path = path(picture, focus, motion, zoom, f64::from(frames) / 30.0);
                    let at = |n: u32| path.at((f64::from(n) + 0.5) / f64::from(frames));
                    // Where the picture's corners and its middle lie on the screen.
                    let places = |n: u32| {
                        let f = at(n);
                        [[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]].map(|p: [f64; 2]| {
                            [
                                (p[0] * f64::from(picture[0]) - f.left) / f.step,
                                (p[1] * f64::from(picture[1]) - f.top) / f.step,
                            ]
                        })
                    };
                    let mut worst: f64 = 0.0;
                    for n in 0..frames {
                        let f = at(n);
                        assert!(f.left >= -1e-6 && f.top >= -1e-6, "{motion:?} {n} {f:?}");
                        assert!(f.left + 1920.0 * f.step <= f64::from(picture[0]) + 1e-6);
                        assert!(f.top + 1080.0 * f.step <= f64::from(picture[1]) + 1e-6);
                        if n > frames / 10 + 1 && n + 2 + frames / 10 < frames {
                            let (a, b, c) = (places(n - 1), places(n), places(n + 1));
                            for (k, i) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)] {
                                worst = worst.max((a[k][i] - 2.0 * b[k][i] + c[k][i]).abs());
                            }
                        }
                    }
                    assert!(worst <= 0.03, "{motion:?} {frames}: {worst} px a frame squared");
                }
            }
        }
    }

    #[test]
    fn it_goes_where_it_is_told() {
        let inwards = path([3200, 1800], [0.7, 0.4], Motion::In, 1.18, 5.0);
        assert!(inwards.at(1.0).step < inwards.at(0.0).step);
        let middle = inwards.at(1.0).left + 960.0 * inwards.at(1.0).step;
        assert!(middle > 1650.0, "{middle}");
        let left = path([3200, 1800], [0.5, 0.5], Motion::Left, 1.18, 5.0);
        assert!(left.at(1.0).left < left.at(0.0).left - 100.0 && !left.rests());
        assert!(path([3200, 1800], [0.5; 2], Motion::None, 1.18, 5.0).rests());
        // 9:16 in 16:9 would keep a third: it is shown whole, and stays inside the frame.
        let tall = path([1080, 1920], [0.5; 2], Motion::In, 1.1, 4.0);
        assert!(tall.whole && tall.at(1.0).top < 0.0 && tall.at(0.0).left < 0.0);
        // 1:1 in 16:9 keeps 56 parts of a hundred.
        assert!(!path([1000, 1000], [0.5; 2], Motion::In, 1.1, 4.0).whole);
    }

    #[test]
    fn chance_never_takes_the_same_twice() {
        for seed in 0..50 {
            let all: Vec<Motion> = (0..40).map(|i| chosen(Motion::Auto, seed, i)).collect();
            assert!(all.windows(2).all(|w| w[0] != w[1]));
        }
        assert_ne!(chosen(Motion::Auto, 1, 0), Motion::None);
        assert_eq!(chosen(Motion::Out, 1, 0), Motion::Out);
    }

    #[test]
    fn the_series_are_exact() {
        for i in 1..40 {
            let x = 0.7 + f64::from(i) * 0.02;
            assert!((ln(x) - x.ln()).abs() < 1e-12 && (exp(ln(x)) - x).abs() < 1e-12);
        }
    }
}
