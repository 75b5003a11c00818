//! Strings run under the notes they cross; over their own two notes they show only in the top
//! band round the pin. Drawing and picking both use this rule.

use super::note_from_world;

/// The band's part of the note's height: the glue strip.
pub const PIN_BAND: f64 = 0.14;

/// True when a point of a string lies over the pin's band of this (its own) note.
#[must_use]
pub fn in_pin_band(center: [f64; 2], size: [f64; 2], tilt_deg: f32, p: [f64; 2]) -> bool {
    let local = note_from_world(center, tilt_deg, p);
    let band = -size[1] / 2.0..=size[1] * (PIN_BAND - 0.5);
    local[0].abs() <= size[0] / 2.0 && band.contains(&local[1])
}
