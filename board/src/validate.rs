//! All violations of what must hold on a board: listed, not stopped at the first.

use std::collections::{BTreeSet, HashMap};

use crate::{Board, Change, NoteId, NoteKind, Rec, Transaction, WorkState};

/// Every violation, in words. Empty on a sound board.
#[must_use]
pub fn validate(board: &Board) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut tied_to: HashMap<NoteId, BTreeSet<u32>> = HashMap::new();
    for slot in 0..board.twine_slot_count() {
        let Some(twine) = board.twine_at(slot) else { continue };
        for end in [twine.from, twine.to] {
            tied_to.entry(end).or_default().insert(slot);
        }
        let stands = |bounds| board.twine_spatial.stands_at(slot, bounds);
        let found = board.twine_curve(slot).is_some_and(|curve| stands(curve.bounds()));
        if !found {
            wrong.push(format!("string {} is not found where it hangs", twine.id));
        }
    }
    for (slot, place) in board.notes.iter().enumerate() {
        let Some(place) = place else { continue };
        let note = &place.note;
        if board.note_slot(note.id) != Some(slot as u32) {
            wrong.push(format!("note {} is not indexed under its slot", note.id));
        }
        if !note.is_drawable() {
            wrong.push(format!("note {} cannot be drawn", note.id));
        }
        if note.rank > board.top_rank {
            wrong.push(format!("note {} lies above the top rank", note.id));
        }
        let found = board.spatial.stands_at(slot as u32, note.bounds());
        if !found {
            wrong.push(format!("note {} is not found where it lies", note.id));
        }
        let tied: BTreeSet<u32> = place.twines.as_slice().iter().copied().collect();
        let real = tied_to.remove(&note.id).unwrap_or_default();
        if tied != real {
            wrong.push(format!("note {} does not know its strings", note.id));
        }
        if let NoteKind::Work(work) = &note.kind
            && let WorkState::Done { asset, run } = &work.state
        {
            if board.run(*run).is_none() {
                wrong.push(format!("work {} has no run", note.id));
            }
            if board.asset(*asset).is_none() {
                wrong.push(format!("work {} has no asset record", note.id));
            }
        }
    }
    for twine in board.twines() {
        if board.note(twine.from).is_none() || board.note(twine.to).is_none() {
            wrong.push(format!("string {} has a loose end", twine.id));
        }
    }
    for run in board.runs() {
        for output in &run.outputs {
            if board.asset(output.asset).is_none() {
                wrong.push(format!("run {} lacks the record of an asset", run.id));
            }
        }
    }
    wrong
}

/// Plays a transaction read from the journal onto a board, as it was made.
///
/// # Errors
/// When it does not fit, which means journal and board differ.
pub fn replay(board: &mut Board, transaction: &Transaction) -> Result<(), crate::EditError> {
    let meta = crate::TxMeta {
        op: transaction.op,
        origin: transaction.origin,
        step: transaction.step,
        at_ms: transaction.at_ms,
        selection_hint: transaction.selection_hint.clone(),
    };
    // Replay repeats what was already allowed, so the guard of foreign origins is not asked again.
    let meta = crate::TxMeta { origin: crate::Origin::User, ..meta };
    board.transact(meta, |tx| {
        for change in &transaction.changes {
            match change {
                Change::Note(Rec::Inserted(note)) => tx.insert_note(note.clone())?,
                Change::Note(Rec::Updated { after, .. }) => {
                    tx.update_note(after.id, |note| *note = after.clone())?;
                }
                Change::Note(Rec::Removed(note)) => tx.remove_note(note.id)?,
                Change::Twine(Rec::Inserted(twine)) => tx.insert_twine(twine.clone())?,
                Change::Twine(Rec::Updated { before, after }) => {
                    tx.remove_twine(before.id)?;
                    tx.insert_twine(after.clone())?;
                }
                Change::Twine(Rec::Removed(twine)) => tx.remove_twine(twine.id)?,
                Change::Run(run) => tx.insert_run(run.clone())?,
                Change::Asset(asset) => tx.insert_asset(asset.clone()),
            }
        }
        Ok(())
    })?;
    Ok(())
}
