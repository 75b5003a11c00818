//! Undo and redo by step. An undo is a transaction like any other: it restores *fields*, and only
//! where they still have the value the step gave them; what a job or somebody else changed since
//! is left alone and counted. The stacks are rebuilt from the journal, so undo survives a restart.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{
    Board, Change, EditError, Note, NoteId, Op, Origin, Rec, StepId, Transaction, Tx, TxMeta,
};

/// What an undo or redo could not restore, and what to select afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoReport {
    /// Notes left as they are because something else changed them since.
    pub left_alone: Vec<NoteId>,
    /// What was selected when the step was made.
    pub selection: Vec<NoteId>,
}

#[derive(Debug, Clone)]
struct Step {
    op: Op,
    /// What undo takes back: the original transactions, or the last redo.
    forward: Vec<Arc<Transaction>>,
    /// What redo takes back: the last undo.
    backward: Option<Arc<Transaction>>,
}

/// The undo and redo stacks of one board.
#[derive(Debug, Clone, Default)]
pub struct History {
    done: Vec<StepId>,
    undone: Vec<StepId>,
    steps: HashMap<StepId, Step>,
}

/// How many steps can be undone; older ones are in the journal still.
const MAX_STEPS: usize = 10_000;

impl History {
    /// Takes note of a transaction, in journal order. Called for every one, also at opening.
    pub fn record(&mut self, transaction: &Transaction) {
        match transaction.origin {
            Origin::User | Origin::Import => self.push(transaction),
            Origin::Undo(step) => {
                self.done.retain(|s| *s != step);
                if let Some(entry) = self.steps.get_mut(&step) {
                    entry.backward = Some(Arc::new(transaction.clone()));
                    self.undone.push(step);
                }
            }
            Origin::Redo(step) => {
                self.undone.retain(|s| *s != step);
                if let Some(entry) = self.steps.get_mut(&step) {
                    entry.forward = vec![Arc::new(transaction.clone())];
                    entry.backward = None;
                    self.done.push(step);
                }
            }
            Origin::Job | Origin::Remote => {}
        }
    }

    fn push(&mut self, transaction: &Transaction) {
        for step in self.undone.drain(..) {
            self.steps.remove(&step);
        }
        let entry = self.steps.entry(transaction.step).or_insert_with(|| Step {
            op: transaction.op,
            forward: Vec::new(),
            backward: None,
        });
        entry.forward.push(Arc::new(transaction.clone()));
        if self.done.last() != Some(&transaction.step) {
            self.done.push(transaction.step);
        }
        if self.done.len() > MAX_STEPS {
            let oldest = self.done.remove(0);
            self.steps.remove(&oldest);
        }
    }

    /// What undo would take back.
    #[must_use]
    pub fn can_undo(&self) -> Option<Op> {
        self.done.last().and_then(|s| self.steps.get(s)).map(|s| s.op)
    }

    /// What redo would bring back.
    #[must_use]
    pub fn can_redo(&self) -> Option<Op> {
        self.undone.last().and_then(|s| self.steps.get(s)).map(|s| s.op)
    }

    /// Takes the last step back. `None` when there is nothing to undo, or nothing of it was left.
    ///
    /// # Errors
    /// When the board refuses, which leaves it unchanged.
    pub fn undo(
        &mut self,
        board: &mut Board,
        new_step: StepId,
        at_ms: i64,
    ) -> Result<Option<(Transaction, UndoReport)>, EditError> {
        let Some(step) = self.done.last().copied() else { return Ok(None) };
        let Some(entry) = self.steps.get(&step) else { return Ok(None) };
        let (op, back) = (entry.op, entry.forward.clone());
        let outcome = self.revert(board, op, Origin::Undo(step), new_step, at_ms, &back)?;
        if outcome.is_none() {
            self.done.pop();
            self.steps.remove(&step);
        }
        Ok(outcome)
    }

    /// Brings the last undone step back.
    ///
    /// # Errors
    /// When the board refuses, which leaves it unchanged.
    pub fn redo(
        &mut self,
        board: &mut Board,
        new_step: StepId,
        at_ms: i64,
    ) -> Result<Option<(Transaction, UndoReport)>, EditError> {
        let Some(step) = self.undone.last().copied() else { return Ok(None) };
        let Some(entry) = self.steps.get(&step) else { return Ok(None) };
        let (op, back) = (entry.op, entry.backward.iter().cloned().collect::<Vec<_>>());
        let outcome = self.revert(board, op, Origin::Redo(step), new_step, at_ms, &back)?;
        if outcome.is_none() {
            self.undone.pop();
            self.steps.remove(&step);
        }
        Ok(outcome)
    }

    fn revert(
        &mut self,
        board: &mut Board,
        op: Op,
        origin: Origin,
        step: StepId,
        at_ms: i64,
        transactions: &[Arc<Transaction>],
    ) -> Result<Option<(Transaction, UndoReport)>, EditError> {
        let selection = transactions.first().map_or_else(Vec::new, |t| t.selection_hint.clone());
        let mut report = UndoReport { left_alone: Vec::new(), selection: selection.clone() };
        let meta = TxMeta { op, origin, step, at_ms, selection_hint: selection };
        let made = board.transact(meta, |tx| {
            for transaction in transactions.iter().rev() {
                for change in transaction.changes.iter().rev() {
                    take_back(tx, change, &mut report)?;
                }
            }
            Ok(())
        })?;
        let Some(transaction) = made else { return Ok(None) };
        self.record(&transaction);
        report.left_alone.sort_unstable();
        report.left_alone.dedup();
        Ok(Some((transaction, report)))
    }
}

fn take_back(tx: &mut Tx<'_>, change: &Change, report: &mut UndoReport) -> Result<(), EditError> {
    match change {
        Change::Note(Rec::Inserted(note)) => match tx.board().note(note.id) {
            Some(_) => tx.remove_note(note.id),
            None => Ok(()),
        },
        Change::Note(Rec::Removed(note)) => match tx.board().note(note.id) {
            Some(_) => Ok(()),
            None => tx.insert_note(note.clone()),
        },
        Change::Note(Rec::Updated { before, after }) => {
            if tx.board().note(after.id).is_none() {
                report.left_alone.push(after.id);
                return Ok(());
            }
            let mut complete = true;
            tx.update_note(after.id, |now| complete = restore_fields(now, before, after))?;
            if !complete {
                report.left_alone.push(after.id);
            }
            Ok(())
        }
        Change::Twine(Rec::Inserted(twine)) => match tx.board().twine(twine.id) {
            Some(_) => tx.remove_twine(twine.id),
            None => Ok(()),
        },
        Change::Twine(Rec::Removed(twine)) => {
            let ends_there = [twine.from, twine.to].iter().all(|n| tx.board().note(*n).is_some());
            match tx.board().twine(twine.id) {
                None if ends_there => tx.insert_twine(twine.clone()),
                _ => Ok(()),
            }
        }
        // Runs and assets are written down for ever, and no edit updates a twine in place.
        Change::Twine(Rec::Updated { .. }) | Change::Run(_) | Change::Asset(_) => Ok(()),
    }
}

/// Gives each field that the step changed its old value back, where it still has the new one.
/// Returns false when a field had to be left alone.
fn restore_fields(now: &mut Note, before: &Note, after: &Note) -> bool {
    let mut complete = true;
    macro_rules! restore {
        ($($field:ident),+) => {$(
            if before.$field != after.$field {
                if now.$field == after.$field {
                    now.$field = before.$field.clone();
                } else if now.$field != before.$field {
                    complete = false;
                }
            }
        )+};
    }
    restore!(kind, center, size, tilt_deg, rank, color, title, text, starred);
    complete
}
