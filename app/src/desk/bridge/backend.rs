//! The home of jobs: started after the first frame, fed with jobs whose ghosts are on disk, heard
//! when they change.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bevy::prelude::*;
use bevy::window::RequestRedraw;
use oto_api_types::{Job, JobStatus};
use oto_backend_client::Event;
use oto_board::{Change, Edit, JobId, Note, NoteId, Origin, WorkState};
use oto_canvas::{BoardChanged, CanvasSystems, EditRequest, MakingLook, MakingLooks, OpenBoard};
use oto_storage::SaveState;

use crate::cli::lost_sentence;
use crate::convert::run::job_of;
use crate::desk::notices::{self, Notice, Topic};
use crate::desk::state::{Desk, HomeState, Level, Pending, UiState, Waker};
use crate::desk::{clock, panels};

use super::chores::{Chore, Chores};
use super::proxies::Proxies;
use super::sharing::Sharing;
use crate::home::LocalHome;
use crate::making::stages::{Begun, begin_stage, note_of_job};
use crate::{making, mint, sample};

/// The home on its way from the thread that starts it.
#[derive(Resource)]
struct Arriving(Mutex<Receiver<anyhow::Result<LocalHome>>>);

pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, start)
        .add_systems(
            Update,
            (arrive, hear, grow_stages, take_chores, grow_sample, look)
                .chain()
                .in_set(CanvasSystems::Events),
        )
        .add_systems(
            Update,
            (note_begun, send).chain().after(CanvasSystems::Edit).in_set(CanvasSystems::Mirror),
        );
}

fn start(mut commands: Commands, desk: Res<Desk>, waker: Res<Waker>) {
    let (tell, told) = channel();
    commands.insert_resource(Arriving(Mutex::new(told)));
    let (data, wake) = (desk.data.clone(), Arc::clone(&waker.0));
    let thread = std::thread::Builder::new().name("oto-home".to_owned()).spawn(move || {
        let home = LocalHome::start(&data, Arc::clone(&wake));
        // The window may be gone already.
        tell.send(home).ok();
        wake();
    });
    if let Err(error) = thread {
        tracing::error!(%error, "the backend could not be started");
    }
}

fn arrive(
    arriving: Option<Res<Arriving>>,
    mut desk: ResMut<Desk>,
    mut ui: ResMut<UiState>,
    open: Res<OpenBoard>,
) {
    let Some(arriving) = arriving else { return };
    let Ok(home) = arriving.0.lock().unwrap_or_else(PoisonError::into_inner).try_recv() else {
        return;
    };
    match home {
        Ok(home) => {
            home.client.engines();
            home.client.adapters();
            home.client.discover();
            home.client.usage(panels::USAGE_DAYS);
            // What an earlier start left unfinished is followed again; nothing is sent twice.
            let fresh: Vec<JobId> = desk.pending.iter().map(|p| p.job).collect();
            for (_, job) in making::all_waiting(open.board()) {
                if !fresh.contains(&job) {
                    ui.begun.insert(job, Instant::now());
                    home.client.follow(job.to_string(), desk.data.downloads());
                }
            }
            desk.home = HomeState::Ready(Box::new(home));
        }
        Err(error) => {
            let reason = format!("{error:#}");
            ui.log(Level::Error, reason.clone());
            let text = desk.words.with("home-failed", &[("reason", &reason)]);
            ui.notices.add(Notice::new(Topic::Unreachable, "home", "oTo", &text));
            desk.home = HomeState::Failed(reason);
        }
    }
}

/// Ghosts that came or went with this frame's transactions: a new one is sent once it is on disk,
/// one that comes back is followed again, one that goes takes its job with it. Results are released
/// at their home once their record is on disk here.
fn note_begun(
    mut changes: MessageReader<BoardChanged>,
    mut desk: ResMut<Desk>,
    mut ui: ResMut<UiState>,
) {
    let making = |note: &Note| match &note.kind.work()?.state {
        WorkState::Making { job, .. } => Some(*job),
        _ => None,
    };
    for change in changes.read() {
        let transaction = &change.transaction;
        for record in &transaction.changes {
            match record {
                Change::Note(rec) => {
                    let (before, after) =
                        (rec.before().and_then(making), rec.after().and_then(making));
                    if before == after {
                        continue;
                    }
                    if let Some(job) = after {
                        if ui.begun.insert(job, Instant::now()).is_none() {
                            desk.pending.push_back(Pending { seq: transaction.seq, job });
                        } else if let HomeState::Ready(home) = &desk.home {
                            home.client.follow(job.to_string(), desk.data.downloads());
                        }
                    }
                    // A job's own end needs no stop.
                    if let (Some(job), HomeState::Ready(home)) = (before, &desk.home)
                        && transaction.origin != Origin::Job
                    {
                        home.client.cancel(job.to_string());
                    }
                }
                Change::Run(run) => {
                    desk.releases.push_back(Pending { seq: transaction.seq, job: run.job });
                }
                _ => {}
            }
        }
    }
}

fn send(mut desk: ResMut<Desk>, open: Res<OpenBoard>, mut redraw: MessageWriter<RequestRedraw>) {
    let SaveState::Saved(done) = desk.writer.state() else { return };
    let desk = &mut *desk;
    if let HomeState::Ready(home) = &desk.home {
        while desk.releases.front().is_some_and(|r| r.seq <= done) {
            if let Some(release) = desk.releases.pop_front() {
                home.client.release(release.job.to_string());
            }
        }
    }
    while let Some(pending) = desk.pending.front() {
        let HomeState::Ready(home) = &desk.home else { return };
        if pending.seq > done {
            redraw.write(RequestRedraw);
            return;
        }
        let job = pending.job;
        desk.pending.pop_front();
        let Some(work) = making::waiting_for(open.board(), job).and_then(|n| n.kind.work()) else {
            continue;
        };
        let (new_job, uploads) = job_of(work.kind, &work.recipe, open.board(), &desk.data.assets());
        home.client.make(job.to_string(), new_job, uploads, desk.data.downloads());
    }
}

/// A work failed: it is counted, written in the console and told.
fn failed(desk: &Desk, ui: &mut UiState, agent: &str, note: NoteId, reason: &str) {
    ui.errors += 1;
    let text = desk.words.with("toast-failed", &[("agent", agent), ("reason", reason)]);
    ui.log(Level::Error, text.clone());
    ui.toast(text, Some(note));
}

fn hear(
    desk: Res<Desk>,
    open: Res<OpenBoard>,
    chores: Res<Chores>,
    mut ui: ResMut<UiState>,
    mut edits: MessageWriter<EditRequest>,
) {
    let HomeState::Ready(home) = &desk.home else { return };
    let agent_of = |job: &str| {
        let id = job.parse::<JobId>().ok()?;
        let note = making::waiting_for(open.board(), id)?;
        let agent = open.board().note(note.kind.work()?.recipe.agent);
        Some((note.id, agent.map_or_else(String::new, |a| a.title.clone())))
    };
    while let Some(event) = home.client.try_event() {
        match event {
            Event::Job(job) => {
                if let Some(edit) = making::ended(open.board(), &job) {
                    if let (Edit::FailWork { reason: Some(reason), .. }, Some((note, agent))) =
                        (&edit, agent_of(&job.id))
                    {
                        // A part is told by the film it is of.
                        if job.id.parse().is_ok_and(|id| ui.stages.contains(&id)) {
                            ui.log(Level::Error, reason.clone());
                        } else {
                            failed(&desk, &mut ui, &agent, note, reason);
                            ui.notices.add(notices::of_failed(&job, &agent, note, reason));
                        }
                    }
                    edits.write(EditRequest::job(edit));
                }
                stage_ghosts(&open, &mut ui, &job);
                if notices::waits_long(&job, mint::now_ms())
                    && let Some((note, agent)) = agent_of(&job.id)
                {
                    let why = job.progress.as_ref().map_or("", |p| p.message.as_str());
                    let notice = Notice::new(Topic::Waiting, &job.id, &agent, why);
                    ui.notices.add(notice.on(Some(note)));
                }
                // How the limits stand is looked at when something may have been paid.
                let budget = ui.usage.budget;
                if job.status.is_final() && budget.day_micro.or(budget.month_micro).is_some() {
                    home.client.usage(panels::USAGE_DAYS);
                }
                if let Ok(id) = job.id.parse() {
                    ui.jobs.insert(id, *job);
                }
            }
            Event::Finished { job, folder } => {
                // Hashing and syncing a film takes a while: not in a frame.
                let (store, kept) = (desk.data.assets(), job.clone());
                chores.run(move || {
                    let outcome =
                        making::adopt(&kept, &folder, &store).map_err(|e| format!("{e:#}"));
                    Chore::Adopted { job: kept, outcome }
                });
            }
            Event::NeverSent { id } => {
                if let (Ok(job), Some((note, _))) = (id.parse::<JobId>(), agent_of(&id)) {
                    edits.write(EditRequest::job(Edit::FailWork { id: note, job, reason: None }));
                }
            }
            Event::JobLost { id, error } if error.may_pass() => {
                // The job goes on at its home; it is followed again, not given up.
                ui.log(Level::Error, error.to_string());
                if let Some((note, agent)) = agent_of(&id) {
                    let notice = notices::of_lost(&error, &id, &agent, &error.to_string());
                    ui.notices.add(notice.on(Some(note)));
                }
                home.client.follow(id, desk.data.downloads());
            }
            Event::JobLost { id, error } => {
                if let (Ok(job), Some((note, agent))) = (id.parse::<JobId>(), agent_of(&id)) {
                    let reason = lost_sentence(&error);
                    failed(&desk, &mut ui, &agent, note, &reason);
                    let notice = notices::of_lost(&error, &id, &agent, &reason);
                    ui.notices.add(notice.on(Some(note)));
                    edits.write(EditRequest::job(Edit::FailWork {
                        id: note,
                        job,
                        reason: Some(reason),
                    }));
                }
            }
            Event::Released { .. } => {}
            Event::Engines(Ok(engines)) => ui.engines = engines,
            Event::Engines(Err(error)) => ui.log(Level::Error, error.to_string()),
            Event::Adapters(adapters) => ui.adapters = adapters,
            Event::Usage(Ok(usage)) => {
                for notice in notices::of_limits(&usage, &desk.words, mint::now_ms()) {
                    let text = notice.text.clone();
                    if ui.notices.add(notice) {
                        ui.toast(text, None);
                    }
                }
                ui.usage = usage;
            }
            Event::Usage(Err(error)) => ui.log(Level::Error, error.to_string()),
            Event::Found(found) => ui.found = found,
            Event::Checked { id, result } => match result {
                Ok(check) => {
                    ui.form.told.insert(id.clone(), check.sentence.clone());
                    ui.checks.insert(id, check);
                }
                Err(error) => {
                    ui.form.told.insert(id, error.to_string());
                }
            },
            Event::Tried { id, result } => ui.form.tried.push((id, result)),
            Event::Estimated { about, estimate } => ui.estimate.heard(about, estimate),
            Event::EngineChanged { id, result } => {
                let text = result.map_or_else(|e| e.to_string(), |()| "✓".to_owned());
                ui.form.told.insert(id, text);
            }
        }
    }
}

/// Stages that were not heard of yet get their turn.
fn stage_ghosts(open: &OpenBoard, ui: &mut UiState, whole: &Job) {
    let new: Vec<usize> = (0..whole.stages.len())
        .filter(|i| whole.stages[*i].id.parse().is_ok_and(|id| ui.stages.insert(id)))
        .collect();
    if new.is_empty() {
        return;
    }
    let note = whole.id.parse().ok().and_then(|id| note_of_job(open.board(), id));
    if let Some(film) = note.map(|n| n.id) {
        let whole = Arc::new(whole.clone());
        ui.staging.extend(new.into_iter().map(|i| (film, Arc::clone(&whole), i)));
    }
}

/// Ghosts of stages, one a frame: each finds its place among those before it, and its strings lead
/// to notes that are there.
fn grow_stages(
    open: Res<OpenBoard>,
    mut ui: ResMut<UiState>,
    mut edits: MessageWriter<EditRequest>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    let Some((film, whole, i)) = ui.bypass_change_detection().staging.pop_front() else { return };
    let Some(stage) = whole.stages.get(i) else { return };
    redraw.write(RequestRedraw);
    match begin_stage(open.board(), film, &whole, stage) {
        Begun::Ghost(edit) => {
            if let Ok(job) = stage.id.parse() {
                // Its home has it: it is followed, not sent.
                ui.begun.insert(job, Instant::now());
            }
            edits.write(EditRequest::job(*edit));
        }
        Begun::Tied(edit) => {
            edits.write(EditRequest::job(*edit));
        }
        Begun::Known => {}
    }
}

/// Films that arrived get their small ones, so that they are there when they are looked at.
fn ask_proxies(proxies: &mut Proxies, job: &Job, desk: &Desk) {
    let films = job.outputs.iter().filter(|o| o.content_type.starts_with("video/"));
    for asset in films.filter_map(|o| o.hash.parse().ok()) {
        proxies.ask(asset, desk.data.assets().path(asset));
    }
}

/// What the chores thread has done.
fn take_chores(
    chores: Res<Chores>,
    desk: Res<Desk>,
    open: Res<OpenBoard>,
    mut proxies: Option<ResMut<Proxies>>,
    mut sharing: ResMut<Sharing>,
    mut ui: ResMut<UiState>,
    mut edits: MessageWriter<EditRequest>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    while let Some(chore) = chores.take() {
        match chore {
            Chore::Adopted { job, outcome } => {
                let waiting =
                    job.id.parse().ok().and_then(|id| making::waiting_for(open.board(), id));
                let edit = outcome.and_then(|()| {
                    making::finish(open.board(), &job).map_err(|e| format!("{e:#}"))
                });
                match edit {
                    Ok(Some(edit)) => {
                        if let Some(proxies) = &mut proxies {
                            ask_proxies(proxies, &job, &desk);
                        }
                        edits.write(EditRequest::job(edit));
                        ui.done += 1;
                        let text = desk.words.with("toast-ready", &[("title", &job.title)]);
                        if job.id.parse().is_ok_and(|id| ui.stages.contains(&id)) {
                            ui.log(Level::Info, text);
                        } else {
                            let note = waiting.map(|n| n.id);
                            let notice = Notice::new(Topic::Ready, &job.id, &job.title, &text);
                            ui.notices.add(notice.on(note));
                            ui.toast(text, note);
                        }
                    }
                    // The note is gone; the result stays at its home.
                    Ok(None) => {}
                    Err(error) => {
                        ui.log(Level::Error, error.clone());
                        let note = waiting.map(|n| n.id);
                        let notice = Notice::new(Topic::Failed, &job.id, &job.title, &error);
                        ui.notices.add(notice.on(note));
                        ui.toast(error, note);
                    }
                }
            }
            Chore::Waiting(waiting) => {
                sharing.arrived(waiting);
                redraw.write(RequestRedraw);
            }
            Chore::Downloaded(Ok(path)) => {
                let path = path.display().to_string();
                let text = desk.words.with("toast-saved-file", &[("path", &path)]);
                ui.toast(text, None);
            }
            Chore::Downloaded(Err(error)) => ui.toast(error, None),
        }
    }
}

/// The tutorial of a first start, one edit a frame.
fn grow_sample(
    mut desk: ResMut<Desk>,
    open: Res<OpenBoard>,
    mut edits: MessageWriter<EditRequest>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    let Some(step) = desk.sample_step else { return };
    match sample::STEPS.get(step) {
        Some(make) => {
            if let Some(edit) = make(open.board(), &desk.words) {
                edits.write(EditRequest::user(edit));
            }
            desk.sample_step = Some(step + 1);
            redraw.write(RequestRedraw);
        }
        None => desk.sample_step = None,
    }
}

/// Words and rings of ghosts.
fn look(ui: Res<UiState>, open: Res<OpenBoard>, desk: Res<Desk>, mut looks: ResMut<MakingLooks>) {
    let mut now = MakingLooks::default();
    for (note, job) in making::all_waiting(open.board()) {
        let told = ui.jobs.get(&job);
        let progress = told.and_then(|j| j.progress.as_ref());
        let elapsed = ui.begun.get(&job).map_or(0, |t| t.elapsed().as_millis() as u64);
        let waiting = told.is_none_or(|j| j.status == JobStatus::Queued);
        now.0.insert(
            note,
            MakingLook {
                progress: progress.map_or(0.0, |p| p.value),
                message: match progress {
                    Some(p) if !p.message.is_empty() => p.message.clone(),
                    _ if waiting => "…".to_owned(),
                    _ => String::new(),
                },
                detail: desk.words.with("making-elapsed", &[("time", &clock::short(elapsed))]),
            },
        );
    }
    if *looks != now {
        *looks = now;
    }
}
