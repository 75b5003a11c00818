//! Making something, step by step, the same for the window and the command line: agents from the
//! tray, a ghost note with its strings, a result that fills it.

pub(crate) mod stages;

use std::path::Path;

use anyhow::{Context, Result};
use oto_api_types::{Job, JobStatus};
use oto_board::note::NOTE_EDGE;
use oto_board::placement::{place_beside, place_near};
use oto_board::{
    Agent, AssetId, Board, Edit, JobId, Note, NoteId, NoteKind, Recipe, RunId, Twine, TwineId,
    TwineRole, Work, WorkKind, WorkState,
};
use oto_storage::AssetStore;

use crate::convert::publish::SHARED_WALL;
use crate::convert::run::{run_of, work_kind};
use crate::home::EMBEDDED;
use crate::mint;

/// Paper colours by kind: cream, white, mint, sky.
fn paper_of(kind: WorkKind) -> u8 {
    match kind {
        WorkKind::Text => 0,
        WorkKind::Image => 1,
        WorkKind::Voice => 3,
        WorkKind::Video => 2,
    }
}

/// An agent of the tray.
pub(crate) struct TrayAgent {
    pub(crate) name: &'static str,
    pub(crate) makes: WorkKind,
    pub(crate) engine: &'static str,
    /// Blue, red, green, violet.
    pub(crate) twine_color: u8,
}

/// The tray, in its order.
pub(crate) const TRAY: [TrayAgent; 4] = [
    TrayAgent { name: "Writer", makes: WorkKind::Text, engine: "local-text", twine_color: 1 },
    TrayAgent { name: "Painter", makes: WorkKind::Image, engine: "local-image", twine_color: 0 },
    TrayAgent { name: "Voice", makes: WorkKind::Voice, engine: "local-voice", twine_color: 2 },
    TrayAgent { name: "Film", makes: WorkKind::Video, engine: "local-film", twine_color: 3 },
];

/// A note with nothing on it.
pub(crate) fn blank(
    id: NoteId,
    kind: NoteKind,
    center: [f64; 2],
    size: [f64; 2],
    rank: u32,
) -> Note {
    Note {
        id,
        kind,
        center,
        size,
        tilt_deg: Note::tilt_of(id),
        rank,
        color: 0,
        title: String::new(),
        text: String::new(),
        starred: false,
        created_at_ms: mint::now_ms(),
    }
}

/// A new agent of the tray near a point.
pub(crate) fn new_agent(board: &Board, from: &TrayAgent, wish: [f64; 2]) -> Note {
    let agent = Agent {
        makes: from.makes,
        engine: from.engine.to_owned(),
        model: String::new(),
        prompt: String::new(),
        params: Vec::new(),
        twine_color: from.twine_color,
    };
    let size = [220.0, 220.0];
    let center = place_near(board, wish, size);
    let mut note = blank(
        NoteId(mint::id()),
        NoteKind::Agent(Box::new(agent)),
        center,
        size,
        board.top_rank().saturating_add(1),
    );
    from.name.clone_into(&mut note.title);
    note
}

/// An agent that makes what a work's recipe says, beside the work.
pub(crate) fn agent_of_recipe(board: &Board, note: &Note, work: &Work) -> Note {
    let name = TRAY.iter().find(|t| t.makes == work.kind).map_or("Agent", |t| t.name);
    let size = [220.0, 220.0];
    let wish = [note.center[0] - note.size[0], note.center[1]];
    let agent = Agent {
        makes: work.kind,
        engine: work.recipe.engine.clone(),
        model: work.recipe.model.clone(),
        prompt: work.recipe.prompt.clone(),
        params: work.recipe.params.clone(),
        twine_color: TRAY.iter().find(|t| t.makes == work.kind).map_or(0, |t| t.twine_color),
    };
    let kind = NoteKind::Agent(Box::new(agent));
    let center = place_near(board, wish, size);
    let rank = board.top_rank().saturating_add(1);
    let mut made = blank(NoteId(mint::id()), kind, center, size, rank);
    name.clone_into(&mut made.title);
    made
}

/// A new plain note near a point.
pub(crate) fn new_plain(board: &Board, text: &str, color: u8, wish: [f64; 2]) -> Note {
    let size = [190.0, 190.0];
    let center = place_near(board, wish, size);
    let mut note = blank(
        NoteId(mint::id()),
        NoteKind::Plain,
        center,
        size,
        board.top_rank().saturating_add(1),
    );
    text.clone_into(&mut note.text);
    note.color = color;
    note
}

/// The size of a print whose picture has this shape (width over height).
fn print_size(shape: f64) -> [f64; 2] {
    // Margins: 14 left and right, 30 above, 46 below.
    let width = if shape >= 1.0 { 250.0 } else { 190.0 };
    let picture = width - 28.0;
    [width, picture / shape.clamp(0.3, 3.0) + 76.0]
}

fn size_of(kind: WorkKind, params: &[(String, String)], text: &str) -> [f64; 2] {
    let aspect = params.iter().find(|(k, _)| k == "aspect").map(|(_, v)| v.as_str());
    let shape = |default: f64| match aspect {
        Some("16:9") => 16.0 / 9.0,
        Some("9:16") => 9.0 / 16.0,
        Some("1:1") => 1.0,
        Some("4:3") => 4.0 / 3.0,
        _ => default,
    };
    match kind {
        WorkKind::Text if text.chars().count() > 260 => [270.0, 270.0],
        WorkKind::Text if text.chars().count() > 90 => [230.0, 230.0],
        WorkKind::Text | WorkKind::Voice => [NOTE_EDGE, NOTE_EDGE],
        WorkKind::Image => print_size(shape(4.0 / 3.0)),
        WorkKind::Video => print_size(shape(16.0 / 9.0)),
    }
}

/// A string that a run of an agent leaves, in its colour.
pub(crate) fn tie(board: &Board, agent: NoteId, ends: [NoteId; 2], role: TwineRole) -> Twine {
    let color = board.note(agent).and_then(|n| n.kind.agent()).map_or(0, |a| a.twine_color);
    Twine {
        id: TwineId(mint::id()),
        from: ends[0],
        to: ends[1],
        role,
        agent: Some(agent),
        color,
        label: String::new(),
    }
}

/// The ghost of a work beside its agent, tied to it and to its sources, waiting for a job.
pub(crate) fn begin(board: &Board, recipe: Recipe, kind: WorkKind, job: JobId) -> (NoteId, Edit) {
    let id = NoteId(mint::id());
    let size = size_of(kind, &recipe.params, "");
    let center = place_beside(board, recipe.agent, size, id);
    let tied = |from: NoteId, role: TwineRole| tie(board, recipe.agent, [from, id], role);
    let mut twines = vec![tied(recipe.agent, TwineRole::MadeBy)];
    twines.extend(recipe.sources.iter().map(|s| tied(*s, TwineRole::MadeFrom)));
    let state = WorkState::Making { home: EMBEDDED.to_owned(), job };
    let mut note = blank(
        id,
        NoteKind::Work(Box::new(Work { kind, recipe, state })),
        center,
        size,
        board.top_rank().saturating_add(1),
    );
    note.color = paper_of(kind);
    (id, Edit::BeginWork { note, twines })
}

/// The golden note that stands for the author of a published work, when there is none yet.
pub(crate) fn author_of_wall(
    board: &Board,
    work: &oto_api_types::Work,
    wish: [f64; 2],
) -> Option<Edit> {
    if note_of_author(board, &work.author.handle).is_some() {
        return None;
    }
    let agent = Agent {
        makes: work_kind(work.kind)?,
        engine: SHARED_WALL.to_owned(),
        model: String::new(),
        prompt: String::new(),
        params: Vec::new(),
        twine_color: 5,
    };
    let size = [200.0, 200.0];
    let center = place_near(board, wish, size);
    let kind = NoteKind::Agent(Box::new(agent));
    let rank = board.top_rank().saturating_add(1);
    let mut note = blank(NoteId(mint::id()), kind, center, size, rank);
    note.title = format!("@{}", work.author.handle);
    Some(Edit::AddNotes { notes: vec![note], twines: Vec::new() })
}

fn note_of_author<'b>(board: &'b Board, handle: &str) -> Option<&'b Note> {
    let name = format!("@{handle}");
    board
        .notes()
        .find(|n| n.title == name && n.kind.agent().is_some_and(|a| a.engine == SHARED_WALL))
}

/// A published work begins to come onto the board, beside the note of its author, which is there.
pub(crate) fn begin_from_wall(
    board: &Board,
    work: &oto_api_types::Work,
    server: &str,
    job: JobId,
) -> Option<Edit> {
    let author = note_of_author(board, &work.author.handle)?.id;
    let told = work.recipe.clone().unwrap_or_default();
    let recipe = Recipe {
        agent: author,
        engine: SHARED_WALL.to_owned(),
        model: work.id.clone(),
        prompt: told.prompt,
        seed: told.seed,
        params: Vec::new(),
        sources: Vec::new(),
    };
    let (_, mut edit) = begin(board, recipe, work_kind(work.kind)?, job);
    if let Edit::BeginWork { note, .. } = &mut edit
        && let NoteKind::Work(begun) = &mut note.kind
    {
        begun.state = WorkState::Making { home: server.to_owned(), job };
    }
    Some(edit)
}

/// The work that waits for a job.
pub(crate) fn waiting_for(board: &Board, job: JobId) -> Option<&Note> {
    board.notes().find(|n| {
        n.kind
            .work()
            .is_some_and(|w| matches!(&w.state, WorkState::Making { job: j, .. } if *j == job))
    })
}

/// Every work that waits for a job.
pub(crate) fn all_waiting(board: &Board) -> Vec<(NoteId, JobId)> {
    let job_of = |n: &Note| match &n.kind.work()?.state {
        WorkState::Making { job, .. } => Some((n.id, *job)),
        _ => None,
    };
    board.notes().filter_map(job_of).collect()
}

/// Takes a finished job's files over into the asset store. Files first, then the record: a crash
/// between the two loses nothing, the job is asked again.
pub(crate) fn adopt(job: &Job, folder: &Path, store: &AssetStore) -> Result<()> {
    for output in &job.outputs {
        let asset: AssetId =
            output.hash.parse().context("the backend named a file in a way oTo cannot read")?;
        store.adopt(&folder.join(&output.hash), asset)?;
    }
    // Empty now; what could not be removed is of no use to anybody.
    std::fs::remove_dir(folder).ok();
    Ok(())
}

/// The edit that fills the work of a finished job whose files were taken over; none when no work
/// waits for it.
pub(crate) fn finish(board: &Board, job: &Job) -> Result<Option<Edit>> {
    let id: JobId = job.id.parse().context("the backend named the job in a way oTo cannot read")?;
    let Some(note) = waiting_for(board, id) else { return Ok(None) };
    let Some(work) = note.kind.work() else { return Ok(None) };
    let mut sources = work.recipe.sources.clone();
    sources.extend(stages::tied_sources(board, note.id, &work.recipe));
    let (run, assets) = run_of(job, &work.recipe, &sources, board, RunId(mint::id()))?;
    let main = assets.first().map_or([0, 0], |a| a.size_px);
    let size = match work.kind {
        WorkKind::Image | WorkKind::Video if main[0] > 0 && main[1] > 0 => {
            Some(print_size(f64::from(main[0]) / f64::from(main[1])))
        }
        WorkKind::Text => Some(size_of(WorkKind::Text, &[], &job.text)),
        _ => None,
    };
    Ok(Some(Edit::FinishWork {
        id: note.id,
        run,
        assets,
        title: job.title.clone(),
        text: job.text.clone(),
        size,
    }))
}

/// The edit for a job that ended without a result; none while it goes on.
pub(crate) fn ended(board: &Board, job: &Job) -> Option<Edit> {
    let id: JobId = job.id.parse().ok()?;
    let note = waiting_for(board, id)?;
    let reason = match job.status {
        JobStatus::Failed | JobStatus::Expired => Some(
            job.error
                .as_ref()
                .map_or_else(|| "This did not work. Try again.".to_owned(), |e| e.message.clone()),
        ),
        JobStatus::Canceled => None,
        _ => return None,
    };
    Some(Edit::FailWork { id: note.id, job: id, reason })
}
