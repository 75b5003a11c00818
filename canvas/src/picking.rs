//! What lies under the pointer: what is hit is what is drawn.

use oto_board::geom::{Rect, TwineCurve, distance_to_curve, in_pin_band, sag_of};
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
    board.visit_twines(area, 0.0, |slots| {
        for slot in slots {
            let Some((twine, ends)) = board.twine_at(*slot).zip(board.twine_ends(*slot)) else {
                continue;
            };
            let (Some(a), Some(b)) = (board.note_at(ends[0]), board.note_at(ends[1])) else {
                continue;
            };
            let (from, to) = (a.pin(), b.pin());
            // The cheap test first: a curve hangs below its ends by the sag at most.
            let mut hull = Rect::from_corners(from, to);
            hull.max[1] += sag_of((to[0] - from[0]).hypot(to[1] - from[1]));
            if !hull.intersects(area) {
                continue;
            }
            // Under a note it crosses a string cannot be hit; over its own two only in the band.
            let shown = note.is_none_or(|over| {
                (over.id == a.id || over.id == b.id)
                    && in_pin_band(over.center, over.size, over.tilt_deg, p)
            });
            let (distance, _) = distance_to_curve(&TwineCurve::between(from, to), p);
            let nearer = best.is_none_or(|(d, id)| (distance, twine.id) < (d, id));
            if shown && distance <= reach && nearer {
                best = Some((distance, twine.id));
            }
        }
    });
    best.map(|(_, id)| Hit::Twine(id)).or(note.map(|n| Hit::Note(n.id)))
}
