//! What is selected, and what is lit by filter or pulled string. Neither is an edit.

use std::collections::BTreeSet;

use bevy::prelude::*;
use oto_board::query::NoteFilter;
use oto_board::{Board, NoteId, TwineId};

/// Selected notes, and at most one string.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Selection {
    notes: BTreeSet<NoteId>,
    /// The selected string.
    pub twine: Option<TwineId>,
}

impl Selection {
    /// In a stable order.
    #[must_use]
    pub fn ids(&self) -> Vec<NoteId> {
        self.notes.iter().copied().collect()
    }

    /// In a stable order, one by one.
    pub fn iter(&self) -> impl Iterator<Item = NoteId> {
        self.notes.iter().copied()
    }

    /// How many notes are selected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// The only selected note.
    #[must_use]
    pub fn single(&self) -> Option<NoteId> {
        if self.notes.len() == 1 { self.notes.first().copied() } else { None }
    }

    /// True when the note is selected.
    #[must_use]
    pub fn holds(&self, id: NoteId) -> bool {
        self.notes.contains(&id)
    }

    /// True when nothing is selected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty() && self.twine.is_none()
    }

    /// Selects exactly these.
    pub fn set(&mut self, ids: impl IntoIterator<Item = NoteId>) {
        self.notes = ids.into_iter().collect();
        self.twine = None;
    }

    /// Adds a note, or takes it out.
    pub fn toggle(&mut self, id: NoteId) {
        if !self.notes.remove(&id) {
            self.notes.insert(id);
        }
        self.twine = None;
    }

    pub(crate) fn forget_missing(&mut self, board: &Board) {
        self.notes.retain(|id| board.note(*id).is_some());
        self.twine = self.twine.filter(|id| board.twine(*id).is_some());
    }
}

/// Which notes are lit; the others are dimmed.
#[derive(Resource, Debug, Clone, Default, PartialEq)]
pub struct Lit {
    /// By kind.
    pub filter: NoteFilter,
    /// Found by a search, or held by a pulled string; all when none.
    pub only: Option<BTreeSet<NoteId>>,
}

impl Lit {
    /// True when the note is lit.
    #[must_use]
    pub fn lights(&self, note: &oto_board::Note) -> bool {
        self.filter.lights(note) && self.only.as_ref().is_none_or(|only| only.contains(&note.id))
    }
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Selection>().init_resource::<Lit>();
}
