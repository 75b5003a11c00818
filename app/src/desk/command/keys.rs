//! Keys and canvas events to commands. The logical character first, the physical key as fallback;
//! single keys are off while typing.

use bevy::input::ButtonState;
use bevy::input::keyboard::{Key, KeyboardFocusLost, KeyboardInput};
use bevy::prelude::*;
use oto_board::{Edit, NoteKind, Twine, TwineId, TwineRole};
use oto_canvas::{CanvasEvent, EditRequest, Gate, Gesture, OpenBoard, Selection};

use super::Command;
use crate::desk::bridge::timeline::Cut;
use crate::desk::state::{Dialog, UiState};
use crate::mint;

/// Which modifiers are down, followed key by key: a chord may be over within one frame.
#[derive(Default)]
pub(super) struct Held {
    control: bool,
    shift: bool,
    alt: bool,
}

impl Held {
    fn follow(&mut self, key: &KeyboardInput) {
        let down = key.state == ButtonState::Pressed;
        match key.logical_key {
            Key::Control | Key::Super => self.control = down,
            Key::Shift => self.shift = down,
            Key::Alt => self.alt = down,
            _ => {}
        }
    }
}

pub(super) fn keys(
    mut pressed: MessageReader<KeyboardInput>,
    mut lost: MessageReader<KeyboardFocusLost>,
    mut held: Local<Held>,
    gate: Res<Gate>,
    gesture: Res<Gesture>,
    mut ui: ResMut<UiState>,
) {
    if lost.read().count() > 0 {
        *held = Held::default();
    }
    for key in pressed.read() {
        held.follow(key);
        if key.state != ButtonState::Pressed {
            continue;
        }
        let Held { control, shift, alt } = *held;
        let typing = gate.typing || ui.dialog.is_some();
        let character = match &key.logical_key {
            Key::Character(c) => c.to_lowercase(),
            _ => String::new(),
        };
        let command = if control {
            with_control(&key.logical_key, &character, key.key_code, shift, alt, typing)
        } else if key.logical_key == Key::Escape {
            // A gesture under way is cancelled first, by the canvas.
            matches!(*gesture, Gesture::None | Gesture::Hover(_)).then_some(Command::CloseDialog)
        } else if typing {
            None
        } else if alt {
            match key.logical_key {
                Key::ArrowLeft => Some(Command::ViewBack),
                Key::ArrowRight => Some(Command::ViewForward),
                _ => None,
            }
        } else {
            plain(&key.logical_key, &character, key.key_code, shift)
        };
        if command == Some(Command::CloseDialog) && ui.editing.is_some() {
            // Esc ends typing and keeps the words.
            let words_changed = ui.editing.as_ref().is_some_and(|e| e.changed.is_some());
            if !words_changed {
                ui.editing = None;
            }
            continue;
        }
        // A held key moves, zooms and undoes on; it never makes something again.
        let repeats = matches!(
            command,
            Some(
                Command::Nudge(_)
                    | Command::ZoomIn
                    | Command::ZoomOut
                    | Command::Undo
                    | Command::Redo
            )
        );
        if !key.repeat || repeats {
            ui.queue.extend(command);
        }
    }
}

fn with_control(
    key: &Key,
    character: &str,
    code: KeyCode,
    shift: bool,
    alt: bool,
    typing: bool,
) -> Option<Command> {
    match (key, character) {
        (Key::Enter, _) if alt => Some(Command::Stop),
        (Key::Enter, _) => Some(Command::Run),
        (_, "k") => Some(Command::Palette),
        (_, "p") if shift => Some(Command::Palette),
        (_, "f") => Some(Command::Search),
        (_, ".") => Some(Command::Focus),
        (_, "s") => Some(Command::Download),
        (_, "0") => Some(Command::ActualSize),
        (_, "+" | "=") => Some(Command::ZoomIn),
        (_, "-") => Some(Command::ZoomOut),
        _ if typing => None,
        (_, "z") if shift => Some(Command::Redo),
        (_, "z") => Some(Command::Undo),
        (_, "y") => Some(Command::Redo),
        (_, "d") => Some(Command::Duplicate),
        (_, "a") => Some(Command::SelectAll),
        _ if code == KeyCode::Digit0 => Some(Command::ActualSize),
        _ => None,
    }
}

fn plain(key: &Key, character: &str, code: KeyCode, shift: bool) -> Option<Command> {
    let far = if shift { 10 } else { 1 };
    match key {
        Key::Delete | Key::Backspace => return Some(Command::Delete),
        Key::Enter => return Some(Command::Edit),
        Key::Home => return Some(Command::Back),
        Key::PageUp => return Some(Command::Raise),
        Key::ArrowLeft => return Some(Command::Nudge([-far, 0])),
        Key::ArrowRight => return Some(Command::Nudge([far, 0])),
        Key::ArrowUp => return Some(Command::Nudge([0, -far])),
        Key::ArrowDown => return Some(Command::Nudge([0, far])),
        _ => {}
    }
    if shift {
        match code {
            KeyCode::Digit1 => return Some(Command::Fit),
            KeyCode::Digit2 => return Some(Command::FitSelection),
            KeyCode::Digit0 => return Some(Command::ActualSize),
            _ => {}
        }
    }
    match character {
        "?" => Some(Command::Shortcuts),
        "n" => Some(Command::NewNote),
        "r" => Some(Command::Remix),
        "v" => Some(Command::Variation),
        "s" => Some(Command::Star),
        "b" => Some(Command::Bookmark),
        "p" => Some(Command::PlayHere),
        "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" => {
            character.parse::<usize>().ok().map(|n| Command::GoTo(n - 1))
        }
        _ => None,
    }
}

pub(super) fn canvas_events(
    mut events: MessageReader<CanvasEvent>,
    open: Res<OpenBoard>,
    mut selection: ResMut<Selection>,
    mut ui: ResMut<UiState>,
    mut edits: MessageWriter<EditRequest>,
    mut cut: Option<ResMut<Cut>>,
) {
    for event in events.read() {
        match event {
            CanvasEvent::OpenPalette(at) => {
                ui.dialog = Some(Dialog::Palette);
                ui.palette_query.clear();
                ui.palette_at = Some(*at);
            }
            CanvasEvent::OpenNote(id) => ui.queue.push(Command::Open(*id)),
            // A film under the scissors waits for a note: it is given to it, not opened.
            CanvasEvent::Clicked(id) if cut.as_mut().is_some_and(|cut| cut.pick(*id)) => {}
            CanvasEvent::Clicked(id) => {
                let kind = open.board().note(*id).map(|n| &n.kind);
                match kind {
                    // The prompt is written on the agent itself.
                    Some(NoteKind::Agent(_)) => ui.queue.push(Command::Open(*id)),
                    Some(NoteKind::Work(_)) => ui.preview = Some(*id),
                    _ => ui.queue.push(Command::ClosePreview),
                }
            }
            CanvasEvent::ClickedPaper => ui.queue.push(Command::ClosePreview),
            CanvasEvent::ClickedTwine(id) => {
                // A string's thread of making is that of the work it leads to.
                let to = open.board().twine(*id).and_then(|t| open.board().note(t.to));
                if let Some(work) = to.filter(|n| n.kind.work().is_some()) {
                    ui.preview = Some(work.id);
                }
            }
            CanvasEvent::Tied { from, to } => {
                let board = open.board();
                let onto_agent = board.note(*to).is_some_and(|n| n.kind.agent().is_some());
                let from_agent = board.note(*from).is_some_and(|n| n.kind.agent().is_some());
                if onto_agent && !from_agent {
                    ui.queue.push(Command::RunAgent(*to, vec![*from]));
                } else {
                    let twine = Twine {
                        id: TwineId(mint::id()),
                        from: *from,
                        to: *to,
                        role: TwineRole::Reference,
                        agent: None,
                        color: 4,
                        label: String::new(),
                    };
                    edits.write(EditRequest::user(Edit::TieTwines { twines: vec![twine] }));
                    selection.set([*to]);
                }
            }
        }
    }
}
