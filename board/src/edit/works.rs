//! The life of a work: begun, finished, failed, made again.

use crate::{
    AssetInfo, EditError, JobId, Note, NoteId, NoteKind, OutputRole, Run, Twine, Tx, Work,
    WorkState,
};

fn work_of(tx: &Tx<'_>, id: NoteId) -> Result<Work, EditError> {
    let note = tx.board().note(id).ok_or(EditError::NoSuchNote(id))?;
    note.kind.work().cloned().ok_or(EditError::WrongKind(id, "a work"))
}

fn set_state(tx: &mut Tx<'_>, id: NoteId, state: WorkState) -> Result<(), EditError> {
    tx.update_note(id, |note| {
        if let NoteKind::Work(work) = &mut note.kind {
            work.state = state;
        }
    })
}

pub(super) fn begin(tx: &mut Tx<'_>, note: Note, twines: Vec<Twine>) -> Result<(), EditError> {
    if note.kind.work().is_none() {
        return Err(EditError::WrongKind(note.id, "a work"));
    }
    super::notes::add(tx, vec![note], twines)
}

/// A job that already became a run is left alone, so a result delivered twice counts once.
pub(super) fn finish(
    tx: &mut Tx<'_>,
    id: NoteId,
    run: Run,
    assets: Vec<AssetInfo>,
    (title, text, size): (String, String, Option<[f64; 2]>),
) -> Result<(), EditError> {
    if tx.board().run_of_job(run.job).is_some() {
        return Ok(());
    }
    // The note may be gone (undone, deleted): the result is kept all the same.
    let waits = match tx.board().note(id) {
        Some(_) => {
            matches!(&work_of(tx, id)?.state, WorkState::Making { job, .. } if *job == run.job)
        }
        None => false,
    };
    let Some(asset) = run.output(OutputRole::Main) else {
        return Err(EditError::WrongKind(id, "a work with a result"));
    };
    for info in assets {
        tx.insert_asset(info);
    }
    let state = WorkState::Done { asset, run: run.id };
    tx.insert_run(run)?;
    if !waits {
        return Ok(());
    }
    tx.update_note(id, |note| {
        note.title = title;
        note.text = text;
        note.size = size.unwrap_or(note.size);
    })?;
    set_state(tx, id, state)
}

pub(super) fn fail(
    tx: &mut Tx<'_>,
    id: NoteId,
    job: JobId,
    reason: Option<String>,
) -> Result<(), EditError> {
    let work = work_of(tx, id)?;
    if !matches!(&work.state, WorkState::Making { job: making, .. } if *making == job) {
        return Ok(());
    }
    let state = match reason {
        Some(reason) => WorkState::Failed { job, reason },
        None => WorkState::Canceled { job },
    };
    set_state(tx, id, state)
}

pub(super) fn retry(
    tx: &mut Tx<'_>,
    id: NoteId,
    home: String,
    job: JobId,
) -> Result<(), EditError> {
    let work = work_of(tx, id)?;
    if matches!(work.state, WorkState::Making { .. } | WorkState::Done { .. }) {
        return Err(EditError::WrongKind(id, "a failed or stopped work"));
    }
    set_state(tx, id, WorkState::Making { home, job })
}
