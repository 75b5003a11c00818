//! A work that is made in stages: each stage is a ghost of its own beside the agent, tied to what it
//! is made from and to the whole.

use oto_api_types::{Job, JobStage};
use oto_board::{Board, Edit, JobId, Note, NoteId, Recipe, TwineId, TwineRole, WorkState};

use super::{begin, tie};
use crate::convert::run::work_kind;
use crate::home::EMBEDDED;

fn is_of_job(board: &Board, note: &Note, job: JobId) -> bool {
    note.kind.work().is_some_and(|w| match &w.state {
        WorkState::Making { job: j, .. }
        | WorkState::Failed { job: j, .. }
        | WorkState::Canceled { job: j } => *j == job,
        WorkState::Done { run, .. } => board.run(*run).is_some_and(|r| r.job == job),
    })
}

/// The work a job makes or made. Looks at every note.
pub(crate) fn note_of_job(board: &Board, job: JobId) -> Option<&Note> {
    board.notes().find(|n| is_of_job(board, n, job))
}

/// What a stage of a job asks of the board.
pub(crate) enum Begun {
    /// A ghost with its strings; its job is to be followed, not sent.
    Ghost(Box<Edit>),
    /// It was made before: only its string to the whole is missing.
    Tied(Box<Edit>),
    /// Nothing.
    Known,
}

/// The edit for one stage of the job that makes `film`, after the stages it is made from have their
/// notes. Those hang on the film by their strings, so no other note is looked at.
pub(crate) fn begin_stage(board: &Board, film: NoteId, whole: &Job, stage: &JobStage) -> Begun {
    let of = board.note(film).and_then(|n| n.kind.work());
    let (Some(of), Ok(job)) = (of, stage.id.parse::<JobId>()) else { return Begun::Known };
    let agent = of.recipe.agent;
    let tied = |from: NoteId, to: NoteId| tie(board, agent, [from, to], TwineRole::MadeFrom);
    let parts =
        || board.twines_of(film).filter(|t| t.to == film).filter_map(|t| board.note(t.from));
    if parts().any(|n| is_of_job(board, n, job)) {
        return Begun::Known;
    }
    if board.run_of_job(job).is_some() {
        // Made for a film that failed, or its note was taken away: the film keeps what it made.
        return match note_of_job(board, job) {
            Some(note) => {
                let twines = vec![tied(note.id, film)];
                Begun::Tied(Box::new(Edit::AddNotes { notes: Vec::new(), twines }))
            }
            None => Begun::Known,
        };
    }
    let Some(kind) = work_kind(stage.kind) else { return Begun::Known };
    // One that failed the last time is tried again where it hangs.
    let is_it = |n: &&Note| {
        n.kind.work().is_some_and(|w| {
            matches!(w.state, WorkState::Failed { .. } | WorkState::Canceled { .. })
                && (w.kind, w.recipe.seed) == (kind, stage.seed)
                && (&w.recipe.engine, &w.recipe.prompt) == (&stage.engine, &stage.prompt)
        })
    };
    if let Some(note) = parts().find(is_it) {
        let home = EMBEDDED.to_owned();
        return Begun::Ghost(Box::new(Edit::RetryWork { id: note.id, home, job }));
    }
    // All that is asked stands in the prompt; what it is made from shows in its strings.
    let recipe = Recipe {
        agent,
        engine: stage.engine.clone(),
        model: stage.model.clone(),
        prompt: stage.prompt.clone(),
        seed: stage.seed,
        params: stage.params.clone().into_iter().collect(),
        sources: Vec::new(),
    };
    let (id, mut edit) = begin(board, recipe, kind, job);
    let from_stages = stage.from_stages.iter().filter_map(|key| {
        let other = whole.stages.iter().find(|s| s.key == *key)?.id.parse().ok()?;
        Some(parts().find(|n| is_of_job(board, n, other))?.id)
    });
    let from_inputs = stage.from_inputs.iter().filter_map(|at| of.recipe.sources.get(*at).copied());
    if let Edit::BeginWork { note, twines } = &mut edit {
        note.title.clone_from(&stage.title);
        twines.extend(from_stages.chain(from_inputs).map(|from| tied(from, id)));
        twines.push(tied(id, film));
        // What was taken away meanwhile is not tied to.
        twines.retain(|t| t.from == id || board.note(t.from).is_some());
    }
    Begun::Ghost(Box::new(edit))
}

/// Notes a work is tied to as made from, besides the sources of its recipe.
pub(crate) fn tied_sources(board: &Board, work: NoteId, recipe: &Recipe) -> Vec<NoteId> {
    let mut found: Vec<(TwineId, NoteId)> = board
        .twines_of(work)
        .filter(|t| t.to == work && t.role == TwineRole::MadeFrom)
        .filter(|t| !recipe.sources.contains(&t.from))
        .map(|t| (t.id, t.from))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|(_, id)| id).collect()
}
