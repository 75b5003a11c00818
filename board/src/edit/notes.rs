//! Edits of notes that need more than one line.

use crate::{Agent, EditError, Note, NoteId, NoteKind, Twine, Tx};

pub(super) fn add(tx: &mut Tx<'_>, notes: Vec<Note>, twines: Vec<Twine>) -> Result<(), EditError> {
    for note in notes {
        tx.insert_note(note)?;
    }
    twines.into_iter().try_for_each(|twine| tx.insert_twine(twine))
}

pub(super) fn shift(tx: &mut Tx<'_>, ids: &[NoteId], by: [f64; 2]) -> Result<(), EditError> {
    ids.iter().try_for_each(|id| {
        tx.update_note(*id, |note| {
            note.center[0] += by[0];
            note.center[1] += by[1];
        })
    })
}

pub(super) fn raise(tx: &mut Tx<'_>, mut ids: Vec<NoteId>) -> Result<(), EditError> {
    let rank = |tx: &Tx<'_>, id: NoteId| tx.board().note(id).map_or(0, |n| n.rank);
    ids.sort_by_key(|id| rank(tx, *id));
    for id in ids {
        let top = tx.board().top_rank();
        if rank(tx, id) < top {
            tx.update_note(id, |note| note.rank = top.saturating_add(1))?;
        }
    }
    Ok(())
}

pub(super) fn set_agent(tx: &mut Tx<'_>, id: NoteId, agent: Agent) -> Result<(), EditError> {
    let note = tx.board().note(id).ok_or(EditError::NoSuchNote(id))?;
    if note.kind.agent().is_none() {
        return Err(EditError::WrongKind(id, "an agent"));
    }
    tx.update_note(id, |note| note.kind = NoteKind::Agent(Box::new(agent)))
}
