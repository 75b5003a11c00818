//! What lies under a point.

use super::{TwineCurve, note_from_world};
use crate::Note;

/// True when the point lies on the (tilted) note.
#[must_use]
pub fn hits_note(note: &Note, p: [f64; 2]) -> bool {
    let local = note_from_world(note.center, note.tilt_deg, p);
    local[0].abs() <= note.size[0] / 2.0 && local[1].abs() <= note.size[1] / 2.0
}

/// Distance of a point to a string, and the parameter of the nearest point. The curve is cut in
/// 24 chords, which is exact to well under a string's width at every sag.
#[must_use]
pub fn distance_to_curve(curve: &TwineCurve, p: [f64; 2]) -> (f64, f64) {
    const CHORDS: u32 = 24;
    let mut best = (f64::INFINITY, 0.0);
    let mut a = curve.at(0.0);
    for i in 0..CHORDS {
        let t1 = f64::from(i + 1) / f64::from(CHORDS);
        let b = curve.at(t1);
        let (ab, ap) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
        let square = ab[0] * ab[0] + ab[1] * ab[1];
        let u = if square > 0.0 {
            ((ap[0] * ab[0] + ap[1] * ab[1]) / square).clamp(0.0, 1.0)
        } else {
            0.0
        };
        let distance = (ap[0] - ab[0] * u).hypot(ap[1] - ab[1] * u);
        if distance < best.0 {
            best = (distance, (f64::from(i) + u) / f64::from(CHORDS));
        }
        a = b;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distance_agrees_with_brute_force(bx in -900.0..900f64, by in -900.0..900f64, px in -900.0..900f64, py in -900.0..900f64) {
            let curve = TwineCurve::between([0.0, 0.0], [bx, by]);
            let brute = (0..=20_000).map(|i| {
                let q = curve.at(f64::from(i) / 20_000.0);
                (q[0] - px).hypot(q[1] - py)
            }).fold(f64::INFINITY, f64::min);
            prop_assert!((distance_to_curve(&curve, [px, py]).0 - brute).abs() < 0.5);
        }
    }
}
