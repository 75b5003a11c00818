//! The coloured string between two notes.

use crate::{NoteId, TwineId};

/// What a twine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TwineRole {
    /// From an agent to what it made.
    MadeBy,
    /// From a source to what was made of it.
    MadeFrom,
    /// Drawn by hand.
    Reference,
}

/// A string from one note's pin to another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twine {
    /// Its name for ever.
    pub id: TwineId,
    /// Agent or source.
    pub from: NoteId,
    /// The work.
    pub to: NoteId,
    /// What it says.
    pub role: TwineRole,
    /// The agent whose run tied it; none for strings drawn by hand.
    pub agent: Option<NoteId>,
    /// Index into the palette of agent colours.
    pub color: u8,
    /// Words on it; empty for none.
    pub label: String,
}
