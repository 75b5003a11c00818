//! A change of the board that is on disk whole or not at all.

use crate::{Change, NoteId, Op, StepId};

/// Who asked for a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The user, here.
    User,
    /// A file read in.
    Import,
    /// Undo of this step.
    Undo(StepId),
    /// Redo of this step.
    Redo(StepId),
    /// A job's result.
    Job,
    /// Somebody else.
    Remote,
}

/// What a transaction is told besides its edit.
#[derive(Debug, Clone)]
pub struct TxMeta {
    /// Its name.
    pub op: Op,
    /// Who asked.
    pub origin: Origin,
    /// The undoable step it belongs to.
    pub step: StepId,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What was selected, to be restored by undo.
    pub selection_hint: Vec<NoteId>,
}

/// One journal row.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// 1, 2, 3 … without a gap.
    pub seq: u64,
    /// The undoable step.
    pub step: StepId,
    /// Its name.
    pub op: Op,
    /// Who asked.
    pub origin: Origin,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// What happened, in order.
    pub changes: Vec<Change>,
    /// What was selected before.
    pub selection_hint: Vec<NoteId>,
}
