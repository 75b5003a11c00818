//! The only writer of a board. It keeps the present record as `before`, then writes.

use crate::board::{NoteSlot, spatial_bounds};
use crate::{AssetInfo, Board, Change, EditError, Note, NoteId, Origin, Rec, Run, Twine, TwineId};

/// A transaction under way.
pub struct Tx<'b> {
    board: &'b mut Board,
    changes: Vec<Change>,
}

impl<'b> Tx<'b> {
    pub(crate) fn new(board: &'b mut Board) -> Self {
        Self { board, changes: Vec::new() }
    }

    pub(crate) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// The board as it is now, with what this transaction did so far.
    #[must_use]
    pub fn board(&self) -> &Board {
        self.board
    }

    /// Puts a note on the board.
    ///
    /// # Errors
    /// When its id is taken or it cannot be drawn.
    pub fn insert_note(&mut self, note: Note) -> Result<(), EditError> {
        if self.board.note_slots.contains_key(&note.id) {
            return Err(EditError::IdTaken(note.id.to_string()));
        }
        if !note.is_drawable() {
            return Err(EditError::NotDrawable);
        }
        self.put_note(note.clone());
        self.changes.push(Change::Note(Rec::Inserted(note)));
        Ok(())
    }

    /// Changes a note. An update that changes nothing leaves no trace.
    ///
    /// # Errors
    /// When there is no such note, or it could not be drawn afterwards.
    pub fn update_note(&mut self, id: NoteId, f: impl FnOnce(&mut Note)) -> Result<(), EditError> {
        let before = self.board.note(id).ok_or(EditError::NoSuchNote(id))?.clone();
        let mut after = before.clone();
        f(&mut after);
        after.id = id;
        if after == before {
            return Ok(());
        }
        if !after.is_drawable() {
            return Err(EditError::NotDrawable);
        }
        self.write_note(&before, after.clone());
        self.changes.push(Change::Note(Rec::Updated { before, after }));
        Ok(())
    }

    /// Takes a note off the board, and its twines with it.
    ///
    /// # Errors
    /// When there is no such note.
    pub fn remove_note(&mut self, id: NoteId) -> Result<(), EditError> {
        let slot = self.board.note_slot(id).ok_or(EditError::NoSuchNote(id))?;
        let twines: Vec<TwineId> = self.board.twines_of(id).map(|t| t.id).collect();
        for twine in twines {
            self.remove_twine(twine)?;
        }
        if let Some(note) = self.take_note(slot) {
            self.changes.push(Change::Note(Rec::Removed(note)));
        }
        Ok(())
    }

    /// Ties a string.
    ///
    /// # Errors
    /// When its id is taken, an end is missing, or both ends are the same.
    pub fn insert_twine(&mut self, twine: Twine) -> Result<(), EditError> {
        if self.board.twine_slots.contains_key(&twine.id) {
            return Err(EditError::IdTaken(twine.id.to_string()));
        }
        if twine.from == twine.to {
            return Err(EditError::TwineToItself);
        }
        for end in [twine.from, twine.to] {
            self.board.note_slot(end).ok_or(EditError::NoSuchNote(end))?;
        }
        self.put_twine(twine.clone());
        self.changes.push(Change::Twine(Rec::Inserted(twine)));
        Ok(())
    }

    /// Cuts a string.
    ///
    /// # Errors
    /// When there is no such string.
    pub fn remove_twine(&mut self, id: TwineId) -> Result<(), EditError> {
        let slot = self.board.twine_slot(id).ok_or(EditError::NoSuchTwine(id))?;
        if let Some(twine) = self.take_twine(slot) {
            self.changes.push(Change::Twine(Rec::Removed(twine)));
        }
        Ok(())
    }

    /// Writes a run down for ever.
    ///
    /// # Errors
    /// When its id is taken or its job already became a run.
    pub fn insert_run(&mut self, run: Run) -> Result<(), EditError> {
        if self.board.run_index.contains_key(&run.id) {
            return Err(EditError::IdTaken(run.id.to_string()));
        }
        if self.board.run_of_job.contains_key(&run.job) {
            return Err(EditError::IdTaken(run.job.to_string()));
        }
        self.board.run_index.insert(run.id, self.board.runs.len());
        self.board.run_of_job.insert(run.job, self.board.runs.len());
        self.board.runs.push(run.clone());
        self.changes.push(Change::Run(run));
        Ok(())
    }

    /// Makes an asset known. The same asset twice is one record.
    pub fn insert_asset(&mut self, asset: AssetInfo) {
        if self.board.asset_index.contains_key(&asset.id) {
            return;
        }
        self.board.asset_index.insert(asset.id, self.board.assets.len());
        self.board.assets.push(asset.clone());
        self.changes.push(Change::Asset(asset));
    }

    pub(crate) fn guard_against_emptying(
        &self,
        origin: Origin,
        live: usize,
    ) -> Result<(), EditError> {
        let removed =
            self.changes.iter().filter(|c| matches!(c, Change::Note(Rec::Removed(_)))).count();
        let foreign = matches!(origin, Origin::Import | Origin::Job | Origin::Remote);
        if foreign && removed > 20 && removed * 2 > live {
            return Err(EditError::WouldEmptyBoard { removed, live });
        }
        Ok(())
    }

    pub(crate) fn roll_back(mut self) {
        for change in std::mem::take(&mut self.changes).into_iter().rev() {
            match change {
                Change::Note(Rec::Inserted(note)) => {
                    if let Some(slot) = self.board.note_slot(note.id) {
                        self.take_note(slot);
                    }
                }
                Change::Note(Rec::Updated { before, after }) => self.write_note(&after, before),
                Change::Note(Rec::Removed(note)) => self.put_note(note),
                Change::Twine(Rec::Inserted(twine)) => {
                    if let Some(slot) = self.board.twine_slot(twine.id) {
                        self.take_twine(slot);
                    }
                }
                Change::Twine(Rec::Updated { before, .. }) => {
                    if let Some(slot) = self.board.twine_slot(before.id) {
                        self.board.twines[slot as usize] = Some(before);
                    }
                }
                Change::Twine(Rec::Removed(twine)) => self.put_twine(twine),
                Change::Run(run) => {
                    self.board.runs.pop();
                    self.board.run_index.remove(&run.id);
                    self.board.run_of_job.remove(&run.job);
                }
                Change::Asset(asset) => {
                    self.board.assets.pop();
                    self.board.asset_index.remove(&asset.id);
                }
            }
        }
    }

    fn put_note(&mut self, note: Note) {
        let board = &mut *self.board;
        let slot = board.free_notes.pop().unwrap_or(board.notes.len() as u32);
        board.note_slots.insert(note.id, slot);
        board.spatial.insert(slot, spatial_bounds(&note));
        board.top_rank = board.top_rank.max(note.rank);
        let filled = Some(NoteSlot { note, twines: Vec::new() });
        match board.notes.get_mut(slot as usize) {
            Some(place) => *place = filled,
            None => board.notes.push(filled),
        }
    }

    fn write_note(&mut self, old: &Note, new: Note) {
        let board = &mut *self.board;
        let Some(slot) = board.note_slot(new.id) else { return };
        let (from, to) = (spatial_bounds(old), spatial_bounds(&new));
        if from != to {
            board.spatial.remove(slot, from);
            board.spatial.insert(slot, to);
        }
        board.top_rank = board.top_rank.max(new.rank);
        if let Some(place) = board.notes[slot as usize].as_mut() {
            place.note = new;
        }
    }

    fn take_note(&mut self, slot: u32) -> Option<Note> {
        let board = &mut *self.board;
        let taken = board.notes[slot as usize].take()?.note;
        board.note_slots.remove(&taken.id);
        board.spatial.remove(slot, spatial_bounds(&taken));
        board.free_notes.push(slot);
        Some(taken)
    }

    fn put_twine(&mut self, twine: Twine) {
        let board = &mut *self.board;
        let slot = board.free_twines.pop().unwrap_or(board.twines.len() as u32);
        board.twine_slots.insert(twine.id, slot);
        for end in [twine.from, twine.to] {
            if let Some(place) =
                board.note_slots.get(&end).and_then(|s| board.notes[*s as usize].as_mut())
            {
                place.twines.push(slot);
            }
        }
        match board.twines.get_mut(slot as usize) {
            Some(place) => *place = Some(twine),
            None => board.twines.push(Some(twine)),
        }
    }

    fn take_twine(&mut self, slot: u32) -> Option<Twine> {
        let board = &mut *self.board;
        let taken = board.twines[slot as usize].take()?;
        board.twine_slots.remove(&taken.id);
        for end in [taken.from, taken.to] {
            if let Some(place) =
                board.note_slots.get(&end).and_then(|s| board.notes[*s as usize].as_mut())
            {
                place.twines.retain(|s| *s != slot);
            }
        }
        board.free_twines.push(slot);
        Some(taken)
    }
}
