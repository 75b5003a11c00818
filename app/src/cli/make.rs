//! `oto make`: one run of an agent, through the same edits and the same job contract as the window.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use oto_api_types::Job;
use oto_backend_client::Event;
use oto_board::{Edit, JobId, Note, NoteId, NoteKind, Origin, Recipe, StepId, TxMeta, WorkState};
use oto_storage::{Loaded, Writer, create_board, open_board};
use serde_json::json;

use super::notes::note_json;
use super::{find_note, print_json, shot};
use crate::convert::run::job_of;
use crate::data::DataDir;
use crate::home::LocalHome;
use crate::making::stages::{Begun, begin_stage, note_of_job};
use crate::making::{self, TRAY};
use crate::{mint, sample};

#[derive(Debug, Args)]
pub(super) struct MakeArgs {
    /// The board.
    board: PathBuf,
    /// The agent's name: Writer, Painter, Voice, Film, or one on the board.
    #[arg(long)]
    agent: String,
    /// What to make.
    #[arg(long, default_value = "")]
    prompt: String,
    /// A note to make it from, by id or title.
    #[arg(long, value_name = "NOTE")]
    from: Vec<String>,
    /// Seed; a new one each time when left out.
    #[arg(long)]
    seed: Option<u64>,
    /// Another engine than the agent's.
    #[arg(long)]
    engine: Option<String>,
    /// Another model than the agent's.
    #[arg(long)]
    model: Option<String>,
    /// A parameter of the engine.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct TourArgs {
    /// Where the sample board is made; a fresh one in the data folder when left out.
    board: Option<PathBuf>,
}

/// A board open for writing, without a window.
struct Desk {
    loaded: Loaded,
    writer: Writer,
    data: DataDir,
    /// Stages begun here, in their order.
    stages: Vec<JobId>,
    /// Results whose release at their home was not confirmed.
    releasing: u32,
    /// Ctrl+C was pressed.
    interrupted: Arc<AtomicBool>,
}

impl Desk {
    /// Applies an edit and waits until it is on disk.
    fn apply(&mut self, edit: Edit, origin: Origin) -> Result<()> {
        let meta = TxMeta {
            op: edit.op(),
            origin,
            step: StepId(mint::id()),
            at_ms: mint::now_ms(),
            selection_hint: Vec::new(),
        };
        let Some(made) = self.loaded.board.transact(meta, |tx| edit.apply(tx))? else {
            return Ok(());
        };
        let seq = made.seq;
        if self.writer.send(made).is_err() {
            bail!("the board cannot be written any more; free some disk space and try again");
        }
        self.writer.wait_for(seq)?;
        Ok(())
    }

    fn agent(&mut self, name: &str) -> Result<NoteId> {
        let is_it = |n: &&Note| {
            n.kind.agent().is_some()
                && (n.title.eq_ignore_ascii_case(name) || n.id.to_string() == name)
        };
        if let Some(note) = self.loaded.board.notes().find(is_it) {
            return Ok(note.id);
        }
        let Some(tray) = TRAY.iter().find(|t| t.name.eq_ignore_ascii_case(name)) else {
            let known: Vec<&str> = TRAY.iter().map(|t| t.name).collect();
            bail!("there is no agent “{name}” on this board; the tray has {}", known.join(", "));
        };
        let row = self.loaded.board.notes().filter(|n| n.kind.agent().is_some()).count() as f64;
        let note = making::new_agent(
            &self.loaded.board,
            tray,
            [(row % 2.0) * 640.0, (row / 2.0).floor() * 400.0],
        );
        let id = note.id;
        self.apply(Edit::AddNotes { notes: vec![note], twines: Vec::new() }, Origin::User)?;
        Ok(id)
    }

    /// What an agent's settings ask for.
    fn recipe(&self, agent: NoteId, sources: Vec<NoteId>, seed: u64) -> Result<Recipe> {
        let note = self.loaded.board.note(agent);
        let settings = note.and_then(|n| n.kind.agent()).context("the agent is gone")?;
        Ok(sample::recipe_of(agent, settings, sources, seed))
    }

    /// One event of the home. True when it ended the given job.
    fn handle(&mut self, home: &LocalHome, event: Event, job: JobId) -> Result<bool> {
        match event {
            Event::Job(told) => {
                if told.id == job.to_string()
                    && let Some(progress) = &told.progress
                    && !told.status.is_final()
                {
                    eprint!("\r{:3.0} %  {:40}", progress.value * 100.0, progress.message);
                    // Progress is a comfort only.
                    std::io::stderr().flush().ok();
                }
                self.begin_stages(home, &told)?;
                if let Some(edit) = making::ended(&self.loaded.board, &told) {
                    self.apply(edit, Origin::Job)?;
                    return Ok(told.id == job.to_string());
                }
            }
            Event::Finished { job: told, folder } => {
                making::adopt(&told, &folder, &self.data.assets())?;
                if let Some(edit) = making::finish(&self.loaded.board, &told)? {
                    self.apply(edit, Origin::Job)?;
                    // Only now, with everything on disk here.
                    home.client.release(told.id.clone());
                    self.releasing += 1;
                }
                return Ok(told.id == job.to_string());
            }
            Event::Released { .. } => self.releasing = self.releasing.saturating_sub(1),
            Event::JobLost { id, error } => {
                let Ok(lost) = id.parse::<JobId>() else { return Ok(false) };
                if error.may_pass() {
                    anyhow::bail!(
                        "{error}; the job goes on, and the next `oto make` on this board follows it"
                    );
                }
                if let Some(note) = making::waiting_for(&self.loaded.board, lost) {
                    let edit = Edit::FailWork {
                        id: note.id,
                        job: lost,
                        reason: Some(lost_sentence(&error)),
                    };
                    self.apply(edit, Origin::Job)?;
                }
                return Ok(lost == job);
            }
            _ => {}
        }
        Ok(false)
    }

    /// Stages of a job get their ghosts and are followed.
    fn begin_stages(&mut self, home: &LocalHome, whole: &Job) -> Result<()> {
        if whole.stages.is_empty() {
            return Ok(());
        }
        let film = whole.id.parse().ok().and_then(|id| note_of_job(&self.loaded.board, id));
        let Some(film) = film.map(|n| n.id) else { return Ok(()) };
        for stage in &whole.stages {
            let Ok(job) = stage.id.parse::<JobId>() else { continue };
            if self.stages.contains(&job) {
                continue;
            }
            self.stages.push(job);
            match begin_stage(&self.loaded.board, film, whole, stage) {
                Begun::Ghost(edit) => {
                    self.apply(*edit, Origin::Job)?;
                    home.client.follow(stage.id.clone(), self.data.downloads());
                }
                Begun::Tied(edit) => self.apply(*edit, Origin::Job)?,
                Begun::Known => {}
            }
        }
        Ok(())
    }

    /// A stage whose end is not on the board yet.
    fn has_open_stages(&self) -> bool {
        self.stages.iter().any(|job| making::waiting_for(&self.loaded.board, *job).is_some())
    }

    /// Makes one work and waits for its end.
    fn make(&mut self, home: &LocalHome, recipe: Recipe) -> Result<NoteId> {
        let kind = self
            .loaded
            .board
            .note(recipe.agent)
            .and_then(|n| n.kind.agent())
            .map(|a| a.makes)
            .context("the agent is gone")?;
        let job = JobId(mint::id());
        let (note, begin) = making::begin(&self.loaded.board, recipe.clone(), kind, job);
        self.apply(begin, Origin::User)?;
        // Only now, after the ack, may the job be sent.
        let (new_job, uploads) = job_of(kind, &recipe, &self.loaded.board, &self.data.assets());
        home.client.make(job.to_string(), new_job, uploads, self.data.downloads());
        let mut ended = false;
        let mut stopping = false;
        while !ended || self.has_open_stages() {
            if self.interrupted.swap(false, Ordering::Relaxed) {
                if stopping {
                    bail!(
                        "left; the job goes on, and the next `oto make` on this board follows it"
                    );
                }
                stopping = true;
                eprintln!("\noto: stopping …");
                home.client.cancel(job.to_string());
            }
            if let Some(event) = home.client.wait_event(Duration::from_millis(100)) {
                ended |= self.handle(home, event, job)?;
            }
        }
        self.release(home);
        Ok(note)
    }

    /// Follows what an earlier start left unfinished, until each is done or says why not. What
    /// cannot be settled now is left for the next time.
    fn settle(&mut self, home: &LocalHome) -> Result<()> {
        for (_, job) in making::all_waiting(&self.loaded.board) {
            eprintln!("oto: finishing an earlier work of this board first");
            home.client.follow(job.to_string(), self.data.downloads());
            let mut stopping = false;
            loop {
                if self.interrupted.swap(false, Ordering::Relaxed) {
                    if stopping {
                        bail!("left; the earlier work goes on the next time");
                    }
                    stopping = true;
                    eprintln!("\noto: stopping the earlier work … (Ctrl+C again to leave it)");
                    home.client.cancel(job.to_string());
                }
                let event = home.client.wait_event(Duration::from_millis(100));
                match event.map(|e| self.handle(home, e, job)) {
                    Some(Ok(false)) | None => {}
                    Some(Err(error)) => {
                        eprintln!("oto: an earlier work could not be finished: {error:#}");
                        break;
                    }
                    Some(Ok(true)) => break,
                }
            }
            if stopping {
                bail!("stopped");
            }
        }
        Ok(())
    }

    /// Waits a moment until the home has let go of what is here now, so that nothing is kept twice.
    fn release(&mut self, home: &LocalHome) {
        let patience = Instant::now();
        while self.releasing > 0 && patience.elapsed() < Duration::from_secs(2) {
            let event = home.client.wait_event(Duration::from_millis(50));
            if matches!(event, Some(Event::Released { .. })) {
                self.releasing -= 1;
            }
        }
    }
}

/// Becomes true at Ctrl+C.
fn interrupts() -> Result<Arc<AtomicBool>> {
    let pressed = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&pressed))
        .context("Ctrl+C cannot be heard")?;
    Ok(pressed)
}

/// Why a job that is not known at its home has no result.
pub(crate) fn lost_sentence(error: &oto_backend_client::ClientError) -> String {
    if error.is_not_found() {
        "oTo was closed before this was sent. Nothing was made or paid: try again.".to_owned()
    } else {
        error.to_string()
    }
}

fn params_of(set: &[String]) -> Result<Vec<(String, String)>> {
    let mut params = Vec::new();
    for pair in set {
        match pair.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                let value = match value.strip_prefix('@') {
                    // Workflows are too long for a line.
                    Some(path) => std::fs::read_to_string(path)
                        .with_context(|| format!("{path} could not be read for --set {key}"))?,
                    None => value.to_owned(),
                };
                params.push((key.to_owned(), value));
            }
            _ => bail!("--set wants KEY=VALUE, not “{pair}”"),
        }
    }
    params.sort();
    Ok(params)
}

pub(super) fn run(data: &DataDir, args: &MakeArgs) -> Result<()> {
    let params = params_of(&args.set)?;
    let (loaded, writer) = open_board(&data.board(&args.board))?;
    let mut desk = Desk {
        loaded,
        writer,
        data: data.clone(),
        stages: Vec::new(),
        releasing: 0,
        interrupted: interrupts()?,
    };
    let sources =
        args.from.iter().map(|f| find_note(&desk.loaded.board, f)).collect::<Result<Vec<_>>>()?;
    if args.prompt.trim().is_empty() && sources.is_empty() {
        bail!("say what to make with --prompt, or name notes to make it from with --from");
    }
    let home = LocalHome::start(data, Arc::new(|| {}))?;
    desk.settle(&home)?;
    let agent = desk.agent(&args.agent)?;
    let seed = args.seed.unwrap_or_else(|| mint::id() as u64 & 0xffff_ffff);
    let mut recipe = desk.recipe(agent, sources, seed)?;
    recipe.prompt.clone_from(&args.prompt);
    recipe.engine = args.engine.clone().unwrap_or(recipe.engine);
    recipe.model = args.model.clone().unwrap_or(recipe.model);
    for (key, value) in params {
        recipe.params.retain(|(k, _)| *k != key);
        recipe.params.push((key, value));
    }
    recipe.params.sort();
    let started = Instant::now();
    let id = desk.make(&home, recipe)?;
    eprintln!();
    report(&desk, id, started.elapsed(), args.json)
}

fn report(desk: &Desk, id: NoteId, took: Duration, as_json: bool) -> Result<()> {
    let board = &desk.loaded.board;
    let note = board.note(id).context("the work is gone")?;
    let NoteKind::Work(work) = &note.kind else { bail!("this is no work") };
    match &work.state {
        WorkState::Failed { reason, .. } => bail!("{reason}"),
        WorkState::Canceled { .. } => bail!("stopped"),
        WorkState::Making { .. } => bail!("not finished"),
        WorkState::Done { run, .. } => {
            let run = board.run(*run).context("the run is missing")?;
            if !as_json {
                let path = work.asset().map(|a| desk.data.assets().path(a));
                println!(
                    "{}  {}  {}",
                    note.id,
                    note.kind.word(),
                    path.unwrap_or_default().display()
                );
                eprintln!("{}", run.label);
                return Ok(());
            }
            let twines: Vec<_> = board
                .twines_of(id)
                .map(|t| {
                    let role = match t.role {
                        oto_board::TwineRole::MadeBy => "made_by",
                        oto_board::TwineRole::MadeFrom => "made_from",
                        oto_board::TwineRole::Reference => "reference",
                    };
                    json!({ "from": t.from.to_string(), "to": t.to.to_string(), "agent": t.agent.map(|a| a.to_string()), "role": role })
                })
                .collect();
            let parts = desk.stages.iter().filter_map(|job| note_of_job(board, *job));
            let notes: Vec<_> = std::iter::once(note)
                .chain(parts)
                .map(|n| note_json(n, board, &desk.data))
                .collect();
            print_json(&json!({
                "run": run.id.to_string(),
                "notes": notes,
                "twines": twines,
                "cost": run.cost_micro,
                "engine": run.engine,
                "seed": run.seed,
                "label": run.label,
                "took_ms": took.as_millis() as u64,
            }));
            Ok(())
        }
    }
}

/// One work of each kind on a fresh board, and a picture of it.
pub(super) fn tour(data: &DataDir, args: &TourArgs) -> Result<()> {
    let path = match &args.board {
        Some(path) => data.board(path),
        None => data.boards().join(format!("tour-{}.oto", mint::now_ms())),
    };
    let (loaded, writer) = create_board(&path)?;
    let mut desk = Desk {
        loaded,
        writer,
        data: data.clone(),
        stages: Vec::new(),
        releasing: 0,
        interrupted: interrupts()?,
    };
    let home = LocalHome::start(data, Arc::new(|| {}))?;
    let prompt = "Lisbon at dawn, tram 28 climbing a wet street";
    let mut made: Vec<NoteId> = Vec::new();
    for name in ["Writer", "Painter", "Voice", "Film"] {
        let agent = desk.agent(name)?;
        let sources = match name {
            "Voice" => made[..1].to_vec(),
            "Film" => made.clone(),
            _ => Vec::new(),
        };
        let mut recipe = desk.recipe(agent, sources, 28)?;
        prompt.clone_into(&mut recipe.prompt);
        let started = Instant::now();
        let id = desk.make(&home, recipe)?;
        eprintln!("\n{name}: {:.1} s", started.elapsed().as_secs_f64());
        report(&desk, id, started.elapsed(), false)?;
        made.push(id);
    }
    drop(home);
    let picture = path.with_extension("png");
    shot::take(data, &path, &picture, [1280, 800], None, false)?;
    println!("{}", picture.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_pairs() {
        let set = ["aspect=1:1".to_owned(), "style=flow=x".to_owned()];
        assert_eq!(
            params_of(&set).unwrap(),
            [("aspect".to_owned(), "1:1".to_owned()), ("style".to_owned(), "flow=x".to_owned())]
        );
        assert!(
            params_of(&["nonsense".to_owned()]).is_err() && params_of(&["=x".to_owned()]).is_err()
        );
    }
}
