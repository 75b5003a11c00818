//! A post-it.

use crate::geom::Rect;
use crate::{NoteId, NoteKind};

/// Edge of an ordinary note in world units.
pub const NOTE_EDGE: f64 = 200.0;

/// A post-it on the wall. Positions are f64 world units, y downwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// Its name for ever.
    pub id: NoteId,
    /// Plain, agent, work or frame.
    pub kind: NoteKind,
    /// Centre.
    pub center: [f64; 2],
    /// Width and height.
    pub size: [f64; 2],
    /// Tilt in degrees, clockwise.
    pub tilt_deg: f32,
    /// Higher lies on top.
    pub rank: u32,
    /// Index into the palette of paper colours.
    pub color: u8,
    /// Name of an agent, caption of a work; may be empty.
    pub title: String,
    /// What is written on it.
    pub text: String,
    /// Marked by the user.
    pub starred: bool,
    /// Unix milliseconds.
    pub created_at_ms: i64,
}

impl Note {
    /// The untilted rectangle.
    #[must_use]
    pub fn rect(&self) -> Rect {
        Rect::from_center_size(self.center, self.size)
    }

    /// The upright rectangle that holds the note at its tilt.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        let (sin, cos) = f64::from(self.tilt_deg).to_radians().sin_cos();
        let [w, h] = self.size;
        let turned = [w * cos.abs() + h * sin.abs(), w * sin.abs() + h * cos.abs()];
        Rect::from_center_size(self.center, turned)
    }

    /// Where the pin sits: on the vertical axis, 14 units below the top edge, turned with the note.
    #[must_use]
    pub fn pin(&self) -> [f64; 2] {
        crate::geom::pin_of(self.center, self.size, self.tilt_deg)
    }

    /// A stable tilt within ±3°, from the id alone.
    #[must_use]
    pub fn tilt_of(id: NoteId) -> f32 {
        let mixed = (id.0 as u64 ^ (id.0 >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 6.0
    }

    /// False for coordinates that cannot be drawn (NaN, infinite, empty or absurdly large).
    #[must_use]
    pub fn is_drawable(&self) -> bool {
        let coordinate = |v: f64| v.is_finite() && v.abs() <= 1e12;
        let edge = |v: f64| v.is_finite() && (1.0..=1e6).contains(&v);
        self.center.iter().all(|v| coordinate(*v))
            && self.size.iter().all(|v| edge(*v))
            && self.tilt_deg.is_finite()
    }
}
