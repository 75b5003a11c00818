//! The open board with its history. It changes only in `edit::apply`.

use bevy::prelude::Resource;
use oto_board::{Board, Edit, EditError, History, Origin, StepId, Transaction, TxMeta, UndoReport};

/// The board of the window.
#[derive(Resource, Debug, Default)]
pub struct OpenBoard {
    board: Board,
    history: History,
    /// Why edits are refused, when they are.
    pub read_only: Option<String>,
    /// Grows when another board is put in place.
    generation: u64,
}

impl OpenBoard {
    /// Puts a board in place, as read from disk.
    pub fn put(&mut self, board: Board, history: History) {
        self.board = board;
        self.history = history;
        self.read_only = None;
        self.generation += 1;
    }

    /// The records.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// What can be undone and redone.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn apply(
        &mut self,
        edit: Edit,
        meta: TxMeta,
    ) -> Result<Option<Transaction>, EditError> {
        let made = self.board.transact(meta, |tx| edit.apply(tx))?;
        if let Some(transaction) = &made {
            self.history.record(transaction);
        }
        Ok(made)
    }

    pub(crate) fn step_back(
        &mut self,
        undo: bool,
        step: StepId,
        at_ms: i64,
    ) -> Result<Option<(Transaction, UndoReport)>, EditError> {
        if undo {
            self.history.undo(&mut self.board, step, at_ms)
        } else {
            self.history.redo(&mut self.board, step, at_ms)
        }
    }

    pub(crate) fn meta(
        &self,
        edit: &Edit,
        origin: Origin,
        step: StepId,
        at_ms: i64,
        selection: Vec<oto_board::NoteId>,
    ) -> TxMeta {
        TxMeta { op: edit.op(), origin, step, at_ms, selection_hint: selection }
    }
}
