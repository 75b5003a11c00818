//! Commands that make something, and the typing that leads to it.

use std::time::{Duration, Instant};

use bevy::prelude::*;
use oto_board::{Edit, JobId, NoteId, NoteKind, Origin, TwineRole, WorkKind, WorkState};
use oto_canvas::{EditRequest, Request, Step};
use oto_media::timeline::Timeline;

use super::{Bench, Command};
use crate::desk::state::HomeState;
use crate::desk::timeline::holders::holders;
use crate::desk::timeline::{aspect_of, aspect_word};
use crate::home::EMBEDDED;
use crate::making::stages::tied_sources;
use crate::{making, mint, sample};

/// A pause in typing after which the words are kept.
const PAUSE: Duration = Duration::from_millis(700);

pub(super) fn carry_out(bench: &mut Bench, command: Command) {
    match command {
        Command::Run => {
            let ids = bench.selection.ids();
            let is_agent = |id: &NoteId| {
                bench.open.board().note(*id).is_some_and(|n| n.kind.agent().is_some())
            };
            let agent = bench
                .ui
                .editing
                .as_ref()
                .filter(|e| e.prompt)
                .map(|e| e.note)
                .or_else(|| ids.iter().copied().find(is_agent));
            match agent {
                Some(agent) => {
                    let sources: Vec<NoteId> =
                        ids.iter().copied().filter(|id| !is_agent(id)).collect();
                    run_agent(bench, agent, sources);
                }
                None => {
                    let text = bench.desk.say("toast-no-agent");
                    bench.ui.toast(text, None);
                }
            }
        }
        Command::RunAgent(agent, sources) => run_agent(bench, agent, sources),
        Command::RenderTimeline(film, json) => render_timeline(bench, film, json.into()),
        Command::Stop => {
            let ids = bench.selection.ids();
            let ids = if ids.is_empty() {
                making::all_waiting(bench.open.board()).into_iter().map(|(n, _)| n).collect()
            } else {
                ids
            };
            ids.into_iter().for_each(|id| stop_job(bench, id));
        }
        Command::StopJob(id) => stop_job(bench, id),
        Command::Retry(id) => {
            let job = JobId(mint::id());
            bench.edits.write(EditRequest::user(Edit::RetryWork {
                id,
                home: EMBEDDED.to_owned(),
                job,
            }));
        }
        Command::Variation => again(bench, true),
        Command::Remix => {
            let work = bench
                .selection
                .single()
                .or(bench.ui.preview)
                .and_then(|id| bench.open.board().note(id))
                .filter(|n| n.kind.work().is_some())
                .cloned();
            let Some(note) = work else { return };
            let Some(work) = note.kind.work() else { return };
            let recipe = work.recipe.clone();
            let maker = bench.open.board().note(recipe.agent).and_then(|n| n.kind.agent());
            if maker.is_some_and(|a| a.makes != work.kind) {
                // A stage of a film: it gets an agent of its own kind, with its recipe.
                let agent = making::agent_of_recipe(bench.open.board(), &note, work);
                let typed = super::agents::editing(agent.id, true, recipe.prompt);
                end_editing(bench);
                bench.selection.set([agent.id]);
                let edit = Edit::AddNotes { notes: vec![agent], twines: Vec::new() };
                bench.edits.write(EditRequest::user(edit));
                bench.ui.queue.push(Command::Show(typed.note));
                bench.ui.editing = Some(typed);
            } else if maker.is_some() {
                // The recipe is opened for editing on its agent.
                let mut typed = super::agents::editing(recipe.agent, true, recipe.prompt);
                typed.changed = Some(Instant::now());
                end_editing(bench);
                bench.selection.set([recipe.agent]);
                bench.ui.editing = Some(typed);
                bench.ui.queue.push(Command::Show(recipe.agent));
            }
        }
        _ => {}
    }
}

/// A ghost appears beside its agent; the job is sent when the ghost is on disk.
fn run_agent(bench: &mut Bench, agent: NoteId, sources: Vec<NoteId>) {
    let Some(note) = bench.open.board().note(agent) else { return };
    let Some(mut configured) = note.kind.agent().cloned() else { return };
    if let Some(editing) = bench.ui.editing.as_mut().filter(|e| e.note == agent && e.prompt) {
        // The Enter of Ctrl+Enter is no part of the prompt.
        editing.buffer.truncate(editing.buffer.trim_end().len());
        configured.prompt.clone_from(&editing.buffer);
        editing.changed = None;
        let edit = Edit::SetAgent { id: agent, agent: configured.clone() };
        bench.edits.write(EditRequest {
            request: Request::Edit(Box::new(edit)),
            origin: Origin::User,
            step: Step::Part(editing.step),
        });
    }
    if configured.prompt.trim().is_empty() && sources.is_empty() {
        let text = bench.desk.say("toast-no-agent");
        bench.ui.toast(text, None);
        return;
    }
    let recipe = sample::recipe_of(agent, &configured, sources, mint::id() as u64 & 0xffff_ffff);
    let (_, edit) = making::begin(bench.open.board(), recipe, configured.makes, JobId(mint::id()));
    bench.edits.write(EditRequest::user(edit));
}

/// A film made from a changed timeline: the recipe of the film it comes from, with the timeline,
/// from the notes that hold what it shows and plays.
fn render_timeline(bench: &mut Bench, film: NoteId, json: String) {
    let board = bench.open.board();
    let work = board.note(film).and_then(|n| n.kind.work());
    let (Some(work), Ok(timeline)) = (work, Timeline::parse(&json)) else { return };
    let mut recipe = work.recipe.clone();
    if board.note(recipe.agent).is_none() {
        let text = bench.desk.say("timeline-no-agent");
        return bench.ui.toast(text, None);
    }
    "local-film".clone_into(&mut recipe.engine);
    recipe.model.clear();
    recipe.params.retain(|(name, _)| name != "timeline" && name != "aspect");
    if let Some(aspect) = aspect_of(&timeline) {
        recipe.params.push(("aspect".to_owned(), aspect_word(aspect).to_owned()));
    }
    recipe.params.push(("timeline".to_owned(), json));
    recipe.params.sort();
    let mut sources: Vec<NoteId> = Vec::new();
    for (_, note) in holders(board, &timeline, &recipe.sources) {
        if !sources.contains(&note) {
            sources.push(note);
        }
    }
    recipe.sources = sources;
    let (_, edit) = making::begin(board, recipe, WorkKind::Video, JobId(mint::id()));
    bench.edits.write(EditRequest::user(edit));
}

fn again(bench: &mut Bench, new_seed: bool) {
    let id = bench.selection.single().or(bench.ui.preview);
    let Some(id) = id else { return };
    let work = bench.open.board().note(id).and_then(|n| n.kind.work()).cloned();
    let Some(work) = work.filter(|w| w.asset().is_some()) else { return };
    let mut recipe = work.recipe;
    if new_seed {
        recipe.seed = mint::id() as u64 & 0xffff_ffff;
        // A film that was cut keeps its seed in its timeline.
        for (_, json) in recipe.params.iter_mut().filter(|(name, _)| name == "timeline") {
            if let Ok(mut timeline) = Timeline::parse(json) {
                timeline.seed = recipe.seed;
                *json = timeline.to_json();
            }
        }
    }
    recipe.sources.retain(|s| bench.open.board().note(*s).is_some());
    if bench.open.board().note(recipe.agent).is_some() {
        // A film makes its parts anew; a part hangs where the one it varies hangs.
        let is_film = work.kind == WorkKind::Video;
        let tied = if is_film { Vec::new() } else { tied_sources(bench.open.board(), id, &recipe) };
        let agent = recipe.agent;
        let (new, mut edit) =
            making::begin(bench.open.board(), recipe, work.kind, JobId(mint::id()));
        if let Edit::BeginWork { twines, .. } = &mut edit {
            let board = bench.open.board();
            let ties = tied.into_iter();
            twines.extend(
                ties.map(|from| making::tie(board, agent, [from, new], TwineRole::MadeFrom)),
            );
        }
        bench.edits.write(EditRequest::user(edit));
    }
}

/// Asks the home to stop a ghost's job; what comes of it is told by the job.
pub(super) fn stop_job(bench: &Bench, id: NoteId) {
    let state = bench.open.board().note(id).and_then(|n| n.kind.work()).map(|w| &w.state);
    if let (Some(WorkState::Making { job, .. }), HomeState::Ready(home)) = (state, &bench.desk.home)
    {
        home.client.cancel(job.to_string());
    }
}

/// Words typed on a note are kept at each pause and at the end, all as one step of undo.
pub(super) fn commit_typing(
    mut bench: Bench,
    mut redraw: MessageWriter<bevy::window::RequestRedraw>,
) {
    let selected = bench.selection.single();
    let Some(editing) = bench.ui.editing.clone() else { return };
    let exists = bench.open.board().note(editing.note).is_some();
    // A note just asked for is selected before it is there.
    let ended = selected != Some(editing.note);
    if let Some(changed) = editing.changed {
        if !ended && changed.elapsed() < PAUSE {
            redraw.write(bevy::window::RequestRedraw);
            return;
        }
        if let Some(edit) = edit_of(&bench, &editing) {
            bench.edits.write(EditRequest {
                request: Request::Edit(Box::new(edit)),
                origin: Origin::User,
                step: Step::Part(editing.step),
            });
        }
        if exists && let Some(open) = bench.ui.editing.as_mut() {
            open.changed = None;
        }
    }
    if ended {
        bench.ui.editing = None;
    }
}

/// Keeps what was typed and ends the typing. Called wherever another note is written on, a note goes,
/// or the window closes.
pub(super) fn end_editing(bench: &mut Bench) {
    let Some(editing) = bench.ui.editing.take() else { return };
    if editing.changed.is_some()
        && let Some(edit) = edit_of(bench, &editing)
    {
        bench.edits.write(EditRequest {
            request: Request::Edit(Box::new(edit)),
            origin: Origin::User,
            step: Step::Part(editing.step),
        });
    }
}

/// The last words before the window closes.
pub(super) fn before_closing(
    mut closing: MessageReader<bevy::window::WindowCloseRequested>,
    mut bench: Bench,
) {
    if closing.read().next().is_some() {
        end_editing(&mut bench);
    }
}

fn edit_of(bench: &Bench, editing: &crate::desk::state::Editing) -> Option<Edit> {
    let note = bench.open.board().note(editing.note)?;
    if !editing.prompt {
        return Some(Edit::WriteText {
            id: note.id,
            title: note.title.clone(),
            text: editing.buffer.clone(),
        });
    }
    let NoteKind::Agent(agent) = &note.kind else { return None };
    Some(Edit::SetAgent {
        id: note.id,
        agent: oto_board::Agent { prompt: editing.buffer.clone(), ..(**agent).clone() },
    })
}
