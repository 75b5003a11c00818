//! A board from records read from disk, one by one and without a journal.

use crate::{AssetInfo, Board, EditError, Note, Run, Twine};

/// Takes records in any order, notes before the strings that tie them. Records that cannot stand (an id
/// twice, a string without its notes, coordinates that cannot be drawn) are left out and named.
#[derive(Debug, Default)]
pub struct BoardBuilder {
    board: Board,
    left_out: Vec<String>,
}

impl BoardBuilder {
    fn note_that(&mut self, what: &str, outcome: Result<(), EditError>) {
        if let Err(error) = outcome {
            self.left_out.push(format!("{what}: {error}"));
        }
    }

    /// Adds an asset record; the same one twice is one.
    pub fn asset(&mut self, asset: AssetInfo) {
        self.board.put_asset(asset);
    }

    /// Adds a run.
    pub fn run(&mut self, run: Run) {
        let outcome = self.board.put_run(run);
        self.note_that("run", outcome);
    }

    /// Adds a note.
    pub fn note(&mut self, note: Note) {
        match self.board.may_insert_note(&note) {
            Ok(()) => self.board.put_note(note),
            refused => self.note_that("note", refused),
        }
    }

    /// Adds a string.
    pub fn twine(&mut self, twine: Twine) {
        match self.board.may_insert_twine(&twine) {
            Ok(()) => self.board.put_twine(twine),
            refused => self.note_that("string", refused),
        }
    }

    /// The board as of transaction `seq`, and sentences about what was left out.
    #[must_use]
    pub fn finish(mut self, seq: u64) -> (Board, Vec<String>) {
        self.board.seq = seq;
        (self.board, self.left_out)
    }
}
