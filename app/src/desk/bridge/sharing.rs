//! Publishing from the desk, and works that come from the shared wall: the server is asked on a
//! thread of its own, what was taken in the wall's window is looked for when this one wakes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bevy::prelude::*;
use bevy::window::RequestRedraw;
use oto_api_types::{Account, DeviceCode, Work};
use oto_backend_client::server::checked_address;
use oto_backend_client::{Ask, Server, Told};
use oto_board::{JobId, NoteId, WorkKind};
use oto_canvas::{BoardCamera, CanvasSystems, EditRequest, OpenBoard};

use super::chores::{Chore, Chores};
use crate::convert::publish::{Choices, as_job, new_work, outcome};
use crate::desk::state::{Desk, Level, UiState, Waker};
use crate::desk::ticker::Ticker;
use crate::home::credentials;
use crate::inbox::{self, Waiting};
use crate::{making, mint};

/// How often the inbox is looked into while the window is there.
const LOOK: Duration = Duration::from_secs(2);

/// What is decided in the dialog.
pub(crate) struct Form {
    pub(crate) note: NoteId,
    pub(crate) choices: Choices,
    pub(crate) busy: bool,
    /// What came of it.
    pub(crate) done: Option<Work>,
    pub(crate) failed: String,
}

/// The server that things are shared at.
#[derive(Resource, Default)]
pub(crate) struct Sharing {
    server: Option<Server>,
    /// As it is typed.
    pub(crate) address: String,
    pub(crate) account: Option<Account>,
    pub(crate) code: Option<DeviceCode>,
    pub(crate) form: Option<Form>,
    looked: Option<Instant>,
    /// When something came into the inbox or left it, as it was seen last.
    changed: Option<SystemTime>,
    /// Works on their way onto the board: file in the inbox, work, job.
    coming: Vec<(PathBuf, Waiting, JobId)>,
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Sharing>()
        .add_systems(Update, (hear, look_into_inbox).chain().in_set(CanvasSystems::Events));
}

impl Sharing {
    /// Opens the dialog for a work, and asks who is signed in.
    pub(crate) fn open(&mut self, note: NoteId, choices: Choices, desk: &Desk, waker: &Waker) {
        self.form = Some(Form { note, choices, busy: false, done: None, failed: String::new() });
        if self.address.is_empty() {
            self.address.clone_from(&desk.settings.server);
        }
        if self.server.is_none() && !self.address.is_empty() {
            self.connect(desk, waker);
        } else if let Some(server) = &self.server {
            server.ask(Ask::Account);
        }
    }

    /// Works that wait in the inbox.
    pub(super) fn arrived(&mut self, waiting: Vec<(PathBuf, Waiting)>) {
        for (path, waiting) in waiting {
            if !self.coming.iter().any(|(known, ..)| *known == path) {
                self.coming.push((path, waiting, JobId(mint::id())));
            }
        }
    }

    fn fail(&mut self, reason: String) {
        if let Some(form) = &mut self.form {
            form.failed = reason;
            form.busy = false;
        }
    }

    fn connect(&mut self, desk: &Desk, waker: &Waker) {
        let started = checked_address(&self.address).and_then(|address| {
            Server::start(&address, credentials(&desk.data), Arc::clone(&waker.0))
                .map(|server| (address, server))
                .map_err(|e| e.to_string())
        });
        match started {
            Ok((address, server)) => {
                self.address = address;
                server.ask(Ask::Account);
                self.server = Some(server);
            }
            Err(reason) => self.fail(reason),
        }
    }

    /// Signs in at the address that was typed.
    pub(crate) fn sign_in(&mut self, desk: &Desk, waker: &Waker) {
        self.fail(String::new());
        self.server = None;
        self.connect(desk, waker);
        if let Some(server) = &self.server {
            server.ask(Ask::SignIn { client: crate::cli::client_name() });
        }
    }

    /// Sends the work of the dialog.
    pub(crate) fn publish(&mut self, open: &OpenBoard, desk: &Desk) {
        let Some(form) = &mut self.form else { return };
        let note = open.board().note(form.note);
        let work = note.and_then(|n| new_work(open.board(), n, &form.choices));
        let (Some(note), Some(work), Some(server)) = (note, work, &self.server) else { return };
        let asset = note.kind.work().filter(|w| w.kind != WorkKind::Text).and_then(|w| w.asset());
        let media = asset.map(|asset| desk.data.assets().path(asset));
        form.busy = true;
        form.failed.clear();
        server.ask(Ask::Publish { work: Box::new(work), media });
    }
}

fn hear(
    mut sharing: ResMut<Sharing>,
    mut desk: ResMut<Desk>,
    mut ui: ResMut<UiState>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    while let Some(told) = sharing.server.as_ref().and_then(Server::try_told) {
        // Letters that were never drawn before are there a frame later.
        redraw.write(RequestRedraw);
        match told {
            Told::Code(code) => sharing.code = Some(code),
            Told::Account(account) => {
                // An answer of before does not end a sign-in that is under way.
                if account.is_some() {
                    sharing.code = None;
                }
                sharing.account = account.map(|a| *a);
                if sharing.account.is_some() && desk.settings.server != sharing.address {
                    desk.settings.server.clone_from(&sharing.address);
                    if let Err(error) = desk.settings.write(&desk.data.settings()) {
                        ui.log(Level::Error, error.to_string());
                    }
                }
            }
            Told::Published(work) => {
                let text = desk.words.with(outcome(&work), &[("title", &work.title)]);
                ui.log(Level::Info, text.clone());
                match &mut sharing.form {
                    Some(form) => {
                        form.busy = false;
                        form.done = Some(*work);
                    }
                    None => ui.toast(text, None),
                }
            }
            Told::Failed { error, .. } => {
                sharing.code = None;
                ui.log(Level::Error, error.to_string());
                match sharing.form.is_some() {
                    true => sharing.fail(error.to_string()),
                    false => ui.toast(error.to_string(), None),
                }
            }
            _ => {}
        }
    }
}

/// Hangs what was taken in the wall's window: the author's golden note first, then the work beside it
/// as a ghost, then what it is made of.
fn look_into_inbox(
    mut sharing: ResMut<Sharing>,
    desk: Res<Desk>,
    open: Res<OpenBoard>,
    camera: Res<BoardCamera>,
    chores: Res<Chores>,
    ticker: Res<Ticker>,
    mut edits: MessageWriter<EditRequest>,
) {
    let board = open.board();
    let mut coming = std::mem::take(&mut sharing.coming);
    coming.retain(|(path, waiting, job)| {
        if board.run_of_job(*job).is_some() {
            // It hangs; nothing waits any more.
            std::fs::remove_file(path).ok();
            return false;
        }
        if making::waiting_for(board, *job).is_some() {
            return true;
        }
        match making::begin_from_wall(board, &waiting.work, &waiting.server, *job) {
            Some(edit) => {
                edits.write(EditRequest::job(edit));
                let job = as_job(
                    &waiting.work,
                    &job.to_string(),
                    &waiting.server,
                    waiting.hash.clone(),
                    mint::now_ms(),
                );
                let (folder, store) = (desk.data.inbox(), desk.data.assets());
                chores.run(move || {
                    let outcome =
                        making::adopt(&job, &folder, &store).map_err(|e| format!("{e:#}"));
                    Chore::Adopted { job: Box::new(job), outcome }
                });
            }
            None => {
                let wish = camera.center;
                if let Some(edit) = making::author_of_wall(board, &waiting.work, wish) {
                    edits.write(EditRequest::job(edit));
                }
            }
        }
        true
    });
    sharing.coming = coming;
    if sharing.looked.is_some_and(|at| at.elapsed() < LOOK) || open.read_only.is_some() {
        return;
    }
    sharing.looked = Some(Instant::now());
    if !sharing.coming.is_empty() {
        ticker.after(Duration::from_millis(50));
    }
    // Only a folder that changed is read, and not in a frame.
    let changed = std::fs::metadata(desk.data.inbox()).and_then(|m| m.modified()).ok();
    if changed.is_some() && changed != sharing.changed {
        sharing.changed = changed;
        let data = desk.data.clone();
        chores.run(move || Chore::Waiting(inbox::waiting(&data)));
    }
}
