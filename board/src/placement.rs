//! Where a new work is put: near its agent, never over another note, evenly on all sides. Pure,
//! and seeded by the new note's id, so the same board and id give the same place.

use crate::geom::Rect;
use crate::{Board, NoteId};

/// Free space kept round a placed note.
pub const GAP: f64 = 56.0;
/// Directions tried on each ring.
const DIRECTIONS: u32 = 12;
/// Rings tried before a place to the right of everything is taken.
const RINGS: u32 = 48;

/// A free centre for a note of `size` near `anchor`. Directions that already hold works of the
/// anchor are tried last, so works grow evenly round their agent.
#[must_use]
pub fn place_beside(board: &Board, anchor: NoteId, size: [f64; 2], id: NoteId) -> [f64; 2] {
    let Some(anchor_note) = board.note(anchor) else {
        return place_near(board, [0.0, 0.0], size);
    };
    let start =
        f64::from((id.0 as u32) % DIRECTIONS) * std::f64::consts::TAU / f64::from(DIRECTIONS);
    let mut taken = [0u32; DIRECTIONS as usize];
    for twine in board.twines_of(anchor) {
        let other = if twine.from == anchor { twine.to } else { twine.from };
        if let Some(note) = board.note(other) {
            let d =
                [note.center[0] - anchor_note.center[0], note.center[1] - anchor_note.center[1]];
            taken[sector_of(d[1].atan2(d[0]))] += 1;
        }
    }
    let reach = |i: usize| (anchor_note.size[i] + size[i]) / 2.0 + GAP;
    let first = [reach(0), reach(1)];
    for ring in 0..RINGS {
        let mut best: Option<(f64, [f64; 2])> = None;
        for k in 0..DIRECTIONS {
            let angle = start + f64::from(k) * std::f64::consts::TAU / f64::from(DIRECTIONS);
            let (sin, cos) = angle.sin_cos();
            let out = 1.0 + f64::from(ring) * 0.5;
            // On a rounded rectangle round the anchor, so that no corner is farther than needed.
            let scale = (cos.abs() / first[0]).max(sin.abs() / first[1]).recip() * out;
            let center = [anchor_note.center[0] + cos * scale, anchor_note.center[1] + sin * scale];
            if !is_free(board, center, size) {
                continue;
            }
            let sector = sector_of(sin.atan2(cos));
            let crowd = |offset: usize| f64::from(taken[(sector + offset) % taken.len()]);
            let crowding = crowd(0) * 4.0 + crowd(1) + crowd(taken.len() - 1);
            // Sideways first: strings sag, so works beside an agent read better than above it.
            let score = crowding + sin.abs() * 0.75 + f64::from(k) * 1e-3;
            if best.is_none_or(|(least, _)| score < least) {
                best = Some((score, center));
            }
        }
        if let Some((_, center)) = best {
            return center;
        }
    }
    beyond_everything(board, anchor_note.center[1], size)
}

/// A free centre for a note of `size`, as near to `wish` as can be.
#[must_use]
pub fn place_near(board: &Board, wish: [f64; 2], size: [f64; 2]) -> [f64; 2] {
    if is_free(board, wish, size) {
        return wish;
    }
    let step = (size[0].max(size[1]) + GAP) / 2.0;
    for ring in 1..=RINGS {
        for k in 0..DIRECTIONS {
            let angle = f64::from(k) * std::f64::consts::TAU / f64::from(DIRECTIONS);
            let radius = step * f64::from(ring);
            let center = [wish[0] + angle.cos() * radius, wish[1] + angle.sin() * radius];
            if is_free(board, center, size) {
                return center;
            }
        }
    }
    beyond_everything(board, wish[1], size)
}

fn sector_of(angle: f64) -> usize {
    let turns = (angle / std::f64::consts::TAU).rem_euclid(1.0);
    ((turns * f64::from(DIRECTIONS)).round() as usize) % DIRECTIONS as usize
}

fn is_free(board: &Board, center: [f64; 2], size: [f64; 2]) -> bool {
    board.notes_in(Rect::from_center_size(center, size).grown(GAP * 0.6)).is_empty()
}

fn beyond_everything(board: &Board, y: f64, size: [f64; 2]) -> [f64; 2] {
    let bounds = board.bounds();
    let right = if bounds.is_empty() { 0.0 } else { bounds.max[0] };
    [right + GAP + size[0] / 2.0, y]
}
