//! The pointer on the board: select, move, pan, tie strings, box selection. A gesture under way is
//! a preview; one edit is asked for when it ends, none when it is cancelled.

mod pointer;
mod wheel;

use bevy::prelude::*;
use oto_board::{NoteId, TwineId};

use crate::CanvasSystems;

/// What a plain drag does.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tool {
    /// Select and move.
    #[default]
    Select,
    /// Move the view.
    Hand,
}

/// Set by the app: whether panels or a text field take the input.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gate {
    /// The pointer is over a panel.
    pub over_panel: bool,
    /// Keys go to a text field.
    pub typing: bool,
}

/// What the user did that is no edit.
#[derive(Message, Debug, Clone, PartialEq)]
pub enum CanvasEvent {
    /// Double click on empty paper, at a world point.
    OpenPalette([f64; 2]),
    /// Double click or Enter on a note.
    OpenNote(NoteId),
    /// A click on a note without moving it.
    Clicked(NoteId),
    /// A click on empty paper.
    ClickedPaper,
    /// A click on a string.
    ClickedTwine(TwineId),
    /// A string was pulled from one note onto another.
    Tied {
        /// Where it came from.
        from: NoteId,
        /// Where it was dropped.
        to: NoteId,
    },
}

/// What is under way.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub enum Gesture {
    /// Nothing; maybe a string under the pointer.
    #[default]
    None,
    /// Nothing, with the pointer over a string.
    Hover(TwineId),
    /// The button went down on a note, not moved yet.
    Pressed {
        /// The note.
        note: NoteId,
        /// Where, in logical pixels.
        at: [f64; 2],
    },
    /// Notes follow the pointer.
    Move {
        /// Which.
        notes: Vec<NoteId>,
        /// How far, in world units.
        by: [f64; 2],
    },
    /// A note's corner follows the pointer.
    Resize {
        /// Which note.
        note: NoteId,
        /// Its new size.
        size: [f64; 2],
    },
    /// The view follows the pointer.
    Pan,
    /// A box opens, in world units.
    Box {
        /// One corner.
        from: [f64; 2],
        /// The other.
        to: [f64; 2],
    },
    /// A string is pulled from a pin.
    Pull {
        /// Its note.
        from: NoteId,
        /// The loose end, in world units.
        to: [f64; 2],
    },
}

impl Gesture {
    /// Notes drawn with an offset.
    #[must_use]
    pub fn lifted(&self) -> &[NoteId] {
        if let Self::Move { notes, .. } = self { notes } else { &[] }
    }

    /// The string under the pointer.
    #[must_use]
    pub fn hovered_twine(&self) -> Option<TwineId> {
        if let Self::Hover(id) = self { Some(*id) } else { None }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Tool>()
        .init_resource::<Gate>()
        .init_resource::<Gesture>()
        .add_message::<CanvasEvent>()
        .add_systems(
            Update,
            (wheel::wheel, pointer::pointer)
                .chain()
                .in_set(CanvasSystems::Input)
                .run_if(resource_exists::<ButtonInput<MouseButton>>),
        );
}
