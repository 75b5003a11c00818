//! Pressing, moving and releasing the pointer.

use bevy::input::ButtonState;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use bevy::window::CursorMoved;
use oto_board::geom::{Rect, note_from_world};
use oto_board::{Edit, NoteId};

use super::{CanvasEvent, Gate, Gesture, Tool};
use crate::picking::{Hit, hit_at};
use crate::{BoardCamera, EditRequest, OpenBoard, Selection};

/// Logical pixels before a press becomes a drag.
const SLOP: f64 = 4.0;
/// Logical pixels round a string that still hit it.
const REACH: f64 = 6.0;
/// Seconds between two clicks of a double click.
const DOUBLE_SECS: f64 = 0.4;
/// Smallest edge of a note.
const LEAST_EDGE: f64 = 60.0;

#[derive(Default)]
pub(super) struct Memory {
    last: [f64; 2],
    click: Option<(f64, [f64; 2])>,
}

pub(super) fn pointer(
    mut buttons: MessageReader<MouseButtonInput>,
    mut moves: MessageReader<CursorMoved>,
    keys: Res<ButtonInput<KeyCode>>,
    gate: Res<Gate>,
    tool: Res<Tool>,
    time: Res<Time<Real>>,
    open: Res<OpenBoard>,
    window: Option<Single<&Window>>,
    mut camera: ResMut<BoardCamera>,
    mut gesture: ResMut<Gesture>,
    mut selection: ResMut<Selection>,
    mut edits: MessageWriter<EditRequest>,
    mut events: MessageWriter<CanvasEvent>,
    mut memory: Local<Memory>,
) {
    if window.is_none() {
        return;
    }
    let shift = keys.any_pressed([KeyCode::ShiftLeft, KeyCode::ShiftRight]);
    if keys.just_pressed(KeyCode::Escape) && !matches!(*gesture, Gesture::None | Gesture::Hover(_))
    {
        *gesture = Gesture::None;
    }
    for moved in moves.read() {
        let now = [f64::from(moved.position.x), f64::from(moved.position.y)];
        let by = [now[0] - memory.last[0], now[1] - memory.last[1]];
        memory.last = now;
        follow(&mut gesture, &mut camera, &open, &mut selection, shift, now, by, gate.over_panel);
    }
    for button in buttons.read() {
        let at = memory.last;
        let world = camera.world_from_screen(at);
        match (button.button, button.state) {
            (_, ButtonState::Pressed) if gate.over_panel => {}
            (MouseButton::Middle, ButtonState::Pressed) => *gesture = Gesture::Pan,
            (MouseButton::Left, ButtonState::Pressed) => {
                let panning = (keys.pressed(KeyCode::Space) && !gate.typing) || *tool == Tool::Hand;
                let double = memory.click.is_some_and(|(t, p)| {
                    time.elapsed_secs_f64() - t < DOUBLE_SECS
                        && (p[0] - at[0]).hypot(p[1] - at[1]) < SLOP
                });
                memory.click = Some((time.elapsed_secs_f64(), at));
                if double {
                    memory.click = None;
                }
                *gesture = if panning {
                    Gesture::Pan
                } else {
                    press(&open, &camera, &mut selection, &mut events, world, at, shift, double)
                };
            }
            (MouseButton::Left | MouseButton::Middle, ButtonState::Released) => {
                release(
                    std::mem::take(&mut *gesture),
                    &open,
                    &mut selection,
                    &mut edits,
                    &mut events,
                    shift,
                    camera.zoom,
                );
            }
            _ => {}
        }
    }
}

fn press(
    open: &OpenBoard,
    camera: &BoardCamera,
    selection: &mut Selection,
    events: &mut MessageWriter<CanvasEvent>,
    world: [f64; 2],
    at: [f64; 2],
    shift: bool,
    double: bool,
) -> Gesture {
    // The lower right handle of the selection frame is in screen pixels.
    if let Some(note) = selection.single().and_then(|id| open.board().note(id)) {
        let local = note_from_world(note.center, note.tilt_deg, world);
        let away = (local[0] - note.size[0] / 2.0).hypot(local[1] - note.size[1] / 2.0);
        if away * camera.zoom <= 8.0 {
            return Gesture::Resize { note: note.id, size: note.size };
        }
    }
    match hit_at(open.board(), world, REACH / camera.zoom) {
        Some(Hit::Pin(note)) => Gesture::Pull { from: note, to: world },
        Some(Hit::Note(note)) => {
            if double {
                events.write(CanvasEvent::OpenNote(note));
                return Gesture::None;
            }
            if shift {
                selection.toggle(note);
            } else if !selection.holds(note) {
                selection.set([note]);
            }
            Gesture::Pressed { note, at }
        }
        Some(Hit::Twine(twine)) => {
            selection.set([]);
            selection.twine = Some(twine);
            events.write(CanvasEvent::ClickedTwine(twine));
            Gesture::None
        }
        None if double => {
            events.write(CanvasEvent::OpenPalette(world));
            Gesture::None
        }
        None => {
            if !shift {
                selection.set([]);
            }
            Gesture::Box { from: world, to: world }
        }
    }
}

fn follow(
    gesture: &mut Gesture,
    camera: &mut BoardCamera,
    open: &OpenBoard,
    selection: &mut Selection,
    shift: bool,
    now: [f64; 2],
    by: [f64; 2],
    over_panel: bool,
) {
    let world = camera.world_from_screen(now);
    match gesture {
        Gesture::Pan => camera.pan(by),
        Gesture::Pressed { at, .. } => {
            let moved = [now[0] - at[0], now[1] - at[1]];
            if moved[0].hypot(moved[1]) > SLOP {
                let by = [moved[0] / camera.zoom, moved[1] / camera.zoom];
                *gesture = Gesture::Move { notes: selection.ids(), by };
            }
        }
        Gesture::Move { by: sum, .. } => {
            sum[0] += by[0] / camera.zoom;
            sum[1] += by[1] / camera.zoom;
        }
        Gesture::Resize { note, size } => {
            if let Some(note) = open.board().note(*note) {
                let local = note_from_world(note.center, note.tilt_deg, world);
                let left_top = [-note.size[0] / 2.0, -note.size[1] / 2.0];
                let wish = [local[0] - left_top[0], local[1] - left_top[1]];
                // Prints keep their shape, so that the picture is never distorted.
                let factor = (wish[0] / note.size[0]).max(wish[1] / note.size[1]);
                let factor = factor.max(LEAST_EDGE / note.size[0].min(note.size[1])).min(8.0);
                *size = if note.kind.work().is_some() {
                    [note.size[0] * factor, note.size[1] * factor]
                } else {
                    [wish[0].clamp(LEAST_EDGE, 4_000.0), wish[1].clamp(LEAST_EDGE, 4_000.0)]
                };
            }
        }
        Gesture::Box { from, to } => {
            *to = world;
            let area = Rect::from_corners(*from, *to);
            let inside = open.board().notes_in(area).into_iter().map(|n| n.id);
            let inside: Vec<NoteId> =
                if shift { inside.chain(selection.ids()).collect() } else { inside.collect() };
            selection.set(inside);
        }
        Gesture::Pull { to, .. } => *to = world,
        Gesture::None | Gesture::Hover(_) => {
            let hit =
                if over_panel { None } else { hit_at(open.board(), world, REACH / camera.zoom) };
            *gesture = match hit {
                Some(Hit::Twine(id)) => Gesture::Hover(id),
                _ => Gesture::None,
            };
        }
    }
}

fn release(
    gesture: Gesture,
    open: &OpenBoard,
    selection: &mut Selection,
    edits: &mut MessageWriter<EditRequest>,
    events: &mut MessageWriter<CanvasEvent>,
    shift: bool,
    zoom: f64,
) {
    match gesture {
        Gesture::Pressed { note, .. } => {
            // With Shift the press has already added or taken it; opening it would lose the rest.
            if !shift {
                selection.set([note]);
                events.write(CanvasEvent::Clicked(note));
            }
        }
        Gesture::Move { notes, by } => {
            edits.write(EditRequest::user(Edit::MoveNotes { ids: notes, by }));
        }
        Gesture::Resize { note, size } => {
            if let Some(now) = open.board().note(note) {
                // The upper left corner stays where it is.
                let grown = [(size[0] - now.size[0]) / 2.0, (size[1] - now.size[1]) / 2.0];
                let center = oto_board::geom::world_from_note(now.center, now.tilt_deg, grown);
                edits.write(EditRequest::user(Edit::ResizeNote { id: note, center, size }));
            }
        }
        Gesture::Pull { from, to } => match hit_at(open.board(), to, 0.0) {
            Some(Hit::Note(end) | Hit::Pin(end)) if end != from => {
                events.write(CanvasEvent::Tied { from, to: end });
            }
            Some(Hit::Note(end) | Hit::Pin(end)) if end == from => {
                selection.set([from]);
                events.write(CanvasEvent::Clicked(from));
            }
            _ => {}
        },
        Gesture::Box { from, to } if (to[0] - from[0]).hypot(to[1] - from[1]) * zoom <= SLOP => {
            events.write(CanvasEvent::ClickedPaper);
        }
        Gesture::None | Gesture::Hover(_) | Gesture::Pan | Gesture::Box { .. } => {}
    }
}
