//! The curve of a string: a quadratic Bézier from pin to pin that sags. Its WGSL twin is compared
//! with this one in `canvas/tests/parity.rs`.

use super::Rect;

/// How far the middle of a string hangs below the straight line, in world units.
#[must_use]
pub fn sag_of(length: f64) -> f64 {
    (0.16 * length).min(90.0)
}

/// A quadratic Bézier curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwineCurve {
    /// Start, control point, end.
    pub points: [[f64; 2]; 3],
}

impl TwineCurve {
    /// The curve between two pins. The control point lies twice the sag below the middle, so that
    /// the curve itself passes one sag below it.
    #[must_use]
    pub fn between(a: [f64; 2], b: [f64; 2]) -> Self {
        let length = (b[0] - a[0]).hypot(b[1] - a[1]);
        let control = [(a[0] + b[0]) / 2.0, (a[1] + b[1]) / 2.0 + 2.0 * sag_of(length)];
        Self { points: [a, control, b] }
    }

    /// The point at `t` in 0..=1.
    #[must_use]
    pub fn at(&self, t: f64) -> [f64; 2] {
        let [a, c, b] = self.points;
        let mix = |i: usize| {
            let (p, q) = (a[i] + (c[i] - a[i]) * t, c[i] + (b[i] - c[i]) * t);
            p + (q - p) * t
        };
        [mix(0), mix(1)]
    }

    /// A rectangle that holds the whole curve.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        let [a, c, b] = self.points;
        // The control point lies midway in x, so only y has an extremum inside.
        let mut rect = Rect::from_corners(a, b);
        let curvature = a[1] - 2.0 * c[1] + b[1];
        if curvature.abs() > 1e-12 {
            let turn = self.at(((a[1] - c[1]) / curvature).clamp(0.0, 1.0));
            rect = rect.union(Rect { min: turn, max: turn });
        }
        rect
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_hold_the_curve(ax in -1e4..1e4f64, ay in -1e4..1e4f64, bx in -1e4..1e4f64, by in -1e4..1e4f64) {
            let curve = TwineCurve::between([ax, ay], [bx, by]);
            let bounds = curve.bounds().grown(1e-6);
            for i in 0..=32 {
                prop_assert!(bounds.contains(curve.at(f64::from(i) / 32.0)));
            }
        }
    }
}
