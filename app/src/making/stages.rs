//! A work that is made in stages: each stage is a ghost of its own beside the agent, tied to what it
//! is made from and to the whole.

use oto_api_types::{Job, JobStage};
use oto_board::placement::place_beside;
use oto_board::{
    Board, Edit, JobId, Note, NoteId, NoteKind, Recipe, Twine, TwineId, TwineRole, Work, WorkState,
};

use super::{blank, paper_of, size_of};
use crate::convert::run::work_kind;
use crate::home::EMBEDDED;
use crate::mint;

/// The work a job makes or made.
pub(crate) fn note_of_job(board: &Board, job: JobId) -> Option<&Note> {
    board.notes().find(|n| {
        n.kind.work().is_some_and(|w| match &w.state {
            WorkState::Making { job: j, .. }
            | WorkState::Failed { job: j, .. }
            | WorkState::Canceled { job: j } => *j == job,
            WorkState::Done { run, .. } => board.run(*run).is_some_and(|r| r.job == job),
        })
    })
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

/// The edit for one stage of a job, after the stages it is made from have their notes.
pub(crate) fn begin_stage(board: &Board, whole: &Job, stage: &JobStage) -> Begun {
    let job_id = |id: &str| id.parse::<JobId>().ok();
    let Some(film) = job_id(&whole.id).and_then(|id| note_of_job(board, id)) else {
        return Begun::Known;
    };
    let (Some(job), Some(of)) = (job_id(&stage.id), film.kind.work()) else { return Begun::Known };
    let agent = of.recipe.agent;
    let color = board.note(agent).and_then(|n| n.kind.agent()).map_or(0, |a| a.twine_color);
    let tie = |from: NoteId, to: NoteId, role: TwineRole| Twine {
        id: TwineId(mint::id()),
        from,
        to,
        role,
        agent: Some(agent),
        color,
        label: String::new(),
    };
    if let Some(note) = note_of_job(board, job) {
        let tied = board.twines_of(note.id).any(|t| t.from == note.id && t.to == film.id);
        if tied {
            return Begun::Known;
        }
        let twines = vec![tie(note.id, film.id, TwineRole::MadeFrom)];
        return Begun::Tied(Box::new(Edit::AddNotes { notes: Vec::new(), twines }));
    }
    if board.run_of_job(job).is_some() {
        // Its note was taken away; the film keeps what it made.
        return Begun::Known;
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
    let before = board.twines_of(film.id).filter(|t| t.to == film.id);
    if let Some(note) = before.filter_map(|t| board.note(t.from)).find(is_it) {
        let home = EMBEDDED.to_owned();
        return Begun::Ghost(Box::new(Edit::RetryWork { id: note.id, home, job }));
    }
    let params: Vec<(String, String)> = stage.params.clone().into_iter().collect();
    let id = NoteId(mint::id());
    let size = size_of(kind, &params, "");
    let from_stages = stage.from_stages.iter().filter_map(|key| {
        let other = whole.stages.iter().find(|s| s.key == *key)?;
        Some(note_of_job(board, job_id(&other.id)?)?.id)
    });
    let from_inputs = stage.from_inputs.iter().filter_map(|at| of.recipe.sources.get(*at).copied());
    let mut twines: Vec<Twine> = from_stages
        .chain(from_inputs)
        .filter(|id| board.note(*id).is_some())
        .map(|from| tie(from, id, TwineRole::MadeFrom))
        .collect();
    if board.note(agent).is_some() {
        twines.push(tie(agent, id, TwineRole::MadeBy));
    }
    twines.push(tie(id, film.id, TwineRole::MadeFrom));
    // All that is asked stands in the prompt; what it is made from shows in its strings.
    let recipe = Recipe {
        agent,
        engine: stage.engine.clone(),
        model: stage.model.clone(),
        prompt: stage.prompt.clone(),
        seed: stage.seed,
        params,
        sources: Vec::new(),
    };
    let state = WorkState::Making { home: EMBEDDED.to_owned(), job };
    let mut note = blank(
        id,
        NoteKind::Work(Box::new(Work { kind, recipe, state })),
        place_beside(board, agent, size, id),
        size,
        board.top_rank().saturating_add(1),
    );
    note.title.clone_from(&stage.title);
    note.color = paper_of(kind);
    Begun::Ghost(Box::new(Edit::BeginWork { note, twines }))
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
