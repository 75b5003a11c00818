//! Shapes on the wall: rectangles, the string's curve, the pin's band, hit tests. Pure f64.

mod hit;
mod pin_band;
mod rect;
mod twine_curve;

pub use hit::{distance_to_curve, hits_note};
pub use pin_band::{PIN_BAND, in_pin_band};
pub use rect::Rect;
pub use twine_curve::{TwineCurve, sag_of};

/// Distance of the pin's centre below the top edge.
pub const PIN_BELOW_TOP: f64 = 14.0;
/// Radius of a pin.
pub const PIN_RADIUS: f64 = 10.5;

/// A point given relative to a note's centre before its tilt, on the wall.
#[must_use]
pub fn world_from_note(center: [f64; 2], tilt_deg: f32, local: [f64; 2]) -> [f64; 2] {
    let (sin, cos) = f64::from(tilt_deg).to_radians().sin_cos();
    [center[0] + local[0] * cos - local[1] * sin, center[1] + local[0] * sin + local[1] * cos]
}

/// The inverse of [`world_from_note`].
#[must_use]
pub fn note_from_world(center: [f64; 2], tilt_deg: f32, world: [f64; 2]) -> [f64; 2] {
    let (sin, cos) = f64::from(tilt_deg).to_radians().sin_cos();
    let d = [world[0] - center[0], world[1] - center[1]];
    [d[0] * cos + d[1] * sin, -d[0] * sin + d[1] * cos]
}

/// Where the pin of a note sits.
#[must_use]
pub fn pin_of(center: [f64; 2], size: [f64; 2], tilt_deg: f32) -> [f64; 2] {
    world_from_note(center, tilt_deg, [0.0, PIN_BELOW_TOP - size[1] / 2.0])
}
