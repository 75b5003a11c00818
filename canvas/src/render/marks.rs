//! Marks above the board, in screen pixels: frames round what is selected, the box of a selection,
//! the string being pulled.

use oto_board::Note;
use oto_board::geom::{Rect, TwineCurve};
use oto_shaders::OverlayGpu;

use crate::{BoardCamera, Gesture, OpenBoard, Selection};

/// Selected notes up to which each is looked up; of more only those in view are.
const FEW: usize = 2_000;
/// Frames drawn at most.
const MOST: usize = 4_000;

/// Selected notes that may be in view.
fn selected_in<'a>(
    open: &'a OpenBoard,
    gesture: &Gesture,
    selection: &Selection,
    area: Rect,
) -> Vec<&'a Note> {
    let board = open.board();
    if selection.len() <= FEW || matches!(gesture, Gesture::Move { .. }) {
        let notes = selection.iter().filter_map(|id| board.note(id));
        return notes.take(MOST).collect();
    }
    let mut found = Vec::new();
    board.visit_notes(area, 0.0, |slots| {
        if found.len() < MOST {
            let notes = slots.iter().filter_map(|slot| board.note_at(*slot));
            found.extend(notes.filter(|n| selection.holds(n.id) && n.rect().intersects(area)));
        }
    });
    found.truncate(MOST);
    found
}

/// Frames of selected notes in `area`, the box of a selection, the string being pulled.
pub(super) fn overlays(
    camera: &BoardCamera,
    open: &OpenBoard,
    gesture: &Gesture,
    selection: &Selection,
    area: Rect,
) -> Vec<OverlayGpu> {
    let s = camera.scale_factor;
    let px = |p: [f64; 2]| camera.screen_from_world(p).map(|v| (v * s) as f32);
    let mut marks = Vec::new();
    let mut frame_round = |center: [f64; 2], size: [f64; 2], tilt: f32| {
        let half = |v: f64| (v / 2.0 * camera.zoom * s + 3.0 * s) as f32;
        marks.push(OverlayGpu {
            center_px: px(center),
            half_px: [half(size[0]), half(size[1])],
            turn: tilt.to_radians(),
            kind: 0,
            pad: [0.0; 2],
        });
    };
    for note in selected_in(open, gesture, selection, area) {
        let id = note.id;
        match gesture {
            Gesture::Move { notes, by } if notes.contains(&id) => {
                frame_round(
                    [note.center[0] + by[0], note.center[1] + by[1]],
                    note.size,
                    note.tilt_deg,
                );
            }
            Gesture::Resize { note: resized, size } if *resized == id => {
                let grown = [(size[0] - note.size[0]) / 2.0, (size[1] - note.size[1]) / 2.0];
                let center = oto_board::geom::world_from_note(note.center, note.tilt_deg, grown);
                frame_round(center, *size, note.tilt_deg);
            }
            _ => frame_round(note.center, note.size, note.tilt_deg),
        }
    }
    let boxed = |from: [f64; 2], to: [f64; 2]| {
        let area = Rect::from_corners(from, to);
        let [w, h] = area.size();
        let half = |v: f64| (v / 2.0 * camera.zoom * s) as f32;
        OverlayGpu {
            center_px: px(area.center()),
            half_px: [half(w), half(h)],
            turn: 0.0,
            kind: 1,
            pad: [0.0; 2],
        }
    };
    match gesture {
        Gesture::Box { from, to } if from != to => marks.push(boxed(*from, *to)),
        Gesture::Pull { from, to } => {
            if let Some(pin) = open.board().note(*from).map(oto_board::Note::pin) {
                // A string of dots along the curve it will have.
                let curve = TwineCurve::between(pin, *to);
                for i in 1..=18 {
                    let p = px(curve.at(f64::from(i) / 18.0));
                    let r = (2.2 * s) as f32;
                    marks.push(OverlayGpu {
                        center_px: p,
                        half_px: [r, r],
                        turn: 0.0,
                        kind: 1,
                        pad: [0.0; 2],
                    });
                }
            }
        }
        _ => {}
    }
    marks
}
