//! What lies under the pointer: what is hit is what is drawn.

use oto_board::geom::{Rect, TwineCurve, distance_to_curve, in_pin_band};
use oto_board::{Board, NoteId, TwineId};

/// Something under the pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// The pin of a note: strings start here.
    Pin(NoteId),
    /// A note.
    Note(NoteId),
    /// A string.
    Twine(TwineId),
}

/// The topmost thing at a point of the wall. `reach` is how far a string may be, in world units.
#[must_use]
pub fn hit_at(board: &Board, p: [f64; 2], reach: f64) -> Option<Hit> {
    let note = board.note_under(p);
    if let Some(note) = note {
        let pin = note.pin();
        if (pin[0] - p[0]).hypot(pin[1] - p[1]) <= oto_board::geom::PIN_RADIUS + reach * 0.5 {
            return Some(Hit::Pin(note.id));
        }
    }
    let area = Rect { min: p, max: p }.grown(reach);
    let mut best: Option<(f64, TwineId)> = None;
    for twine in board.twines() {
        let (Some(a), Some(b)) = (board.note(twine.from), board.note(twine.to)) else { continue };
        let curve = TwineCurve::between(a.pin(), b.pin());
        if !curve.bounds().intersects(area) {
            continue;
        }
        // Under a note it crosses a string cannot be hit; over its own two only in the pin's band.
        let shown = note.is_none_or(|over| {
            (over.id == a.id || over.id == b.id)
                && in_pin_band(over.center, over.size, over.tilt_deg, p)
        });
        let (distance, _) = distance_to_curve(&curve, p);
        if shown && distance <= reach && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, twine.id));
        }
    }
    best.map(|(_, id)| Hit::Twine(id)).or(note.map(|n| Hit::Note(n.id)))
}
