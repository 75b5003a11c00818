//! The only writer of a board. It keeps the present record as `before`, then writes.

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
        self.board.may_insert_note(&note)?;
        self.board.put_note(note.clone());
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
        self.board.write_note(after.clone());
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
        if let Some(note) = self.board.take_note(slot) {
            self.changes.push(Change::Note(Rec::Removed(note)));
        }
        Ok(())
    }

    /// Ties a string.
    ///
    /// # Errors
    /// When its id is taken, an end is missing, or both ends are the same.
    pub fn insert_twine(&mut self, twine: Twine) -> Result<(), EditError> {
        self.board.may_insert_twine(&twine)?;
        self.board.put_twine(twine.clone());
        self.changes.push(Change::Twine(Rec::Inserted(twine)));
        Ok(())
    }

    /// Cuts a string.
    ///
    /// # Errors
    /// When there is no such string.
    pub fn remove_twine(&mut self, id: TwineId) -> Result<(), EditError> {
        let slot = self.board.twine_slot(id).ok_or(EditError::NoSuchTwine(id))?;
        if let Some(twine) = self.board.take_twine(slot) {
            self.changes.push(Change::Twine(Rec::Removed(twine)));
        }
        Ok(())
    }

    /// Writes a run down for ever.
    ///
    /// # Errors
    /// When its id is taken or its job already became a run.
    pub fn insert_run(&mut self, run: Run) -> Result<(), EditError> {
        self.board.put_run(run.clone())?;
        self.changes.push(Change::Run(run));
        Ok(())
    }

    /// Makes an asset known. The same asset twice is one record.
    pub fn insert_asset(&mut self, asset: AssetInfo) {
        if self.board.put_asset(asset.clone()) {
            self.changes.push(Change::Asset(asset));
        }
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
                        self.board.take_note(slot);
                    }
                }
                Change::Note(Rec::Updated { before, .. }) => self.board.write_note(before),
                Change::Note(Rec::Removed(note)) => self.board.put_note(note),
                Change::Twine(Rec::Inserted(twine)) => {
                    if let Some(slot) = self.board.twine_slot(twine.id) {
                        self.board.take_twine(slot);
                    }
                }
                Change::Twine(Rec::Updated { before, .. }) => {
                    if let Some(slot) = self.board.twine_slot(before.id) {
                        self.board.take_twine(slot);
                        self.board.put_twine(before);
                    }
                }
                Change::Twine(Rec::Removed(twine)) => self.board.put_twine(twine),
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
}
