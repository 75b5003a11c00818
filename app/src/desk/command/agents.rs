//! Commands that put notes on the wall, open them, and bring works out of it.

use std::path::PathBuf;

use oto_board::{Edit, NoteId, NoteKind, StepId};
use oto_canvas::EditRequest;
use oto_media::sniff::{Sniffed, sniff};

use super::{Bench, Command};
use crate::convert::publish::Choices;
use crate::desk::bridge::chores::Chore;
use crate::desk::state::Editing;
use crate::making::{self, TRAY};
use crate::mint;

pub(super) fn carry_out(bench: &mut Bench, command: Command) {
    match command {
        Command::NewAgent(index) => {
            let Some(tray) = TRAY.get(index) else { return };
            let at = bench.ui.palette_at.take().unwrap_or_else(|| free_middle(bench));
            let note = making::new_agent(bench.open.board(), tray, at);
            let id = note.id;
            bench
                .edits
                .write(EditRequest::user(Edit::AddNotes { notes: vec![note], twines: Vec::new() }));
            bench.selection.set([id]);
            super::run::end_editing(bench);
            bench.ui.editing = Some(editing(id, true, String::new()));
        }
        Command::NewNote => {
            let at = bench.ui.palette_at.take().unwrap_or_else(|| free_middle(bench));
            // Cream, sky, mint, rose, lilac, apricot in turn.
            let color = [0, 2, 3, 4, 5, 6][bench.open.board().n_notes() % 6];
            let note = making::new_plain(bench.open.board(), "", color, at);
            let id = note.id;
            bench
                .edits
                .write(EditRequest::user(Edit::AddNotes { notes: vec![note], twines: Vec::new() }));
            bench.selection.set([id]);
            super::run::end_editing(bench);
            bench.ui.editing = Some(editing(id, false, String::new()));
        }
        Command::Edit => {
            if let Some(id) = bench.selection.single() {
                open(bench, id);
            }
        }
        Command::Open(id) => open(bench, id),
        Command::Download => download(bench),
        Command::Publish => publish(bench),
        Command::Walk => walk(bench),
        _ => {}
    }
}

/// The middle of the part of the window that panels leave free, on the wall.
fn free_middle(bench: &Bench) -> [f64; 2] {
    let [left, top, right, bottom] = bench.camera.insets;
    let size = bench.camera.size;
    bench.camera.world_from_screen([(left + size[0] - right) / 2.0, (top + size[1] - bottom) / 2.0])
}

pub(super) fn editing(note: NoteId, prompt: bool, buffer: String) -> Editing {
    Editing { note, prompt, buffer, step: StepId(mint::id()), changed: None, focus: true }
}

/// Agents and plain notes are written on, works are looked at.
fn open(bench: &mut Bench, id: NoteId) {
    if bench.ui.editing.as_ref().is_some_and(|e| e.note == id) {
        return;
    }
    super::run::end_editing(bench);
    let Some(note) = bench.open.board().note(id) else { return };
    match &note.kind {
        NoteKind::Agent(agent) => bench.ui.editing = Some(editing(id, true, agent.prompt.clone())),
        NoteKind::Plain | NoteKind::Frame => {
            bench.ui.editing = Some(editing(id, false, note.text.clone()));
        }
        NoteKind::Work(_) => bench.ui.preview = Some(id),
    }
}

fn download_folder() -> PathBuf {
    directories::UserDirs::new()
        .and_then(|d| d.download_dir().map(PathBuf::from).or_else(|| Some(d.home_dir().to_owned())))
        .unwrap_or_else(std::env::temp_dir)
}

/// A file name from a title that every system accepts.
fn file_name(title: &str) -> String {
    let kept: String = title
        .chars()
        .map(|c| if c.is_alphanumeric() || " -_.,'".contains(c) { c } else { ' ' })
        .collect();
    let short: String =
        kept.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(60).collect();
    let trimmed = short.trim_matches(['.', ' ']);
    if trimmed.is_empty() { "oTo".to_owned() } else { trimmed.to_owned() }
}

fn publish(bench: &mut Bench) {
    let id = bench.selection.single().or(bench.ui.preview);
    if let Some(note) = id.and_then(|id| bench.open.board().note(id)) {
        let choices = Choices::of(note);
        bench.sharing.open(note.id, choices, &bench.desk, &bench.waker);
    }
}

/// The wall has a window of its own: the same program, started once more.
fn walk(bench: &mut Bench) {
    let started = std::env::current_exe().and_then(|program| {
        let mut command = std::process::Command::new(program);
        command.arg("--data-dir").arg(bench.desk.data.root()).arg("wall");
        if bench.desk.settings.server.is_empty() && !bench.sharing.address.is_empty() {
            command.arg(&bench.sharing.address);
        }
        command.stdin(std::process::Stdio::null()).spawn()
    });
    match started {
        // It ends when its window is closed; who waits for it then is a thread of its own.
        Ok(mut child) => {
            let waker = std::sync::Arc::clone(&bench.waker.0);
            let wait = move || {
                child.wait().ok();
                // What was taken there is hung at once.
                waker();
            };
            if let Err(error) = std::thread::Builder::new().name("oto-wall".to_owned()).spawn(wait)
            {
                tracing::warn!(%error, "nobody waits for the wall's window");
            }
        }
        Err(error) => bench.ui.toast(error.to_string(), None),
    }
}

fn download(bench: &mut Bench) {
    let id = bench.selection.single().or(bench.ui.preview);
    let note = id.and_then(|id| bench.open.board().note(id));
    let Some((note, asset)) = note.and_then(|n| Some((n, n.kind.work()?.asset()?))) else { return };
    let (title, store) = (file_name(&note.title), bench.desk.data.assets());
    bench.chores.run(move || {
        let outcome = (|| {
            let bytes = store.read(asset)?;
            let extension = sniff(&bytes).map_or("bin", Sniffed::extension);
            let folder = download_folder();
            let named = |n: u32| {
                if n == 0 {
                    format!("{title}.{extension}")
                } else {
                    format!("{title} {n}.{extension}")
                }
            };
            // A file that is there is never replaced.
            let path = (0..1_000)
                .map(|n| folder.join(named(n)))
                .find(|p| !p.exists())
                .unwrap_or_else(|| folder.join(format!("{asset}.{extension}")));
            oto_storage::files::write_whole(&path, &bytes)?;
            Ok(path)
        })();
        Chore::Downloaded(outcome.map_err(|e: oto_storage::StorageError| e.to_string()))
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn titles_become_names_that_every_system_accepts() {
        assert_eq!(super::file_name("Lisbon at dawn…"), "Lisbon at dawn");
        assert_eq!(super::file_name("../../etc/passwd"), "etc passwd");
        assert_eq!(super::file_name("a/b:c*?\"<>|"), "a b c");
        assert_eq!(super::file_name("…"), "oTo");
    }
}
