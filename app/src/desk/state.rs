//! What the window knows besides the board.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bevy::prelude::Resource;
use oto_api_types::{Adapter, CheckResult, Engine, Found, Job, Usage};
use oto_backend_client::{ClientError, CredentialError, Place};
use oto_board::{JobId, NoteId, StepId};
use oto_storage::Writer;
use oto_storage::view_state::Library;

use super::command::Command;
use super::estimates::Estimates;
use super::notices::Notices;
use crate::data::DataDir;
use crate::home::LocalHome;
use crate::settings::Settings;
use crate::spending::By;
use crate::theme::Theme;
use crate::words::Words;

/// The home of jobs.
pub(super) enum HomeState {
    Starting,
    Ready(Box<LocalHome>),
    Failed(String),
}

/// A job whose turn comes when a transaction is on disk.
pub(super) struct Pending {
    pub(super) seq: u64,
    pub(super) job: JobId,
}

/// Everything outside the board and the screen.
#[derive(Resource)]
pub(super) struct Desk {
    pub(super) data: DataDir,
    pub(super) path: PathBuf,
    pub(super) writer: Writer,
    pub(super) home: HomeState,
    pub(super) library: Library,
    pub(super) settings: Settings,
    pub(super) words: Words,
    pub(super) theme: Theme,
    pub(super) pending: VecDeque<Pending>,
    /// Results to be released at their home once their record is on disk.
    pub(super) releases: VecDeque<Pending>,
    /// Transactions the writer had no room for.
    pub(super) backlog: VecDeque<oto_board::Transaction>,
    /// Last transaction handed to the writer.
    pub(super) sent: u64,
    pub(super) sample_step: Option<usize>,
}

impl Desk {
    pub(super) fn say(&self, key: &str) -> String {
        self.words.get(key)
    }
}

/// What is being typed on a note.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Editing {
    pub(super) note: NoteId,
    /// The prompt of an agent, or the words of a note.
    pub(super) prompt: bool,
    pub(super) buffer: String,
    pub(super) step: StepId,
    /// When the buffer changed last, while it differs from the board.
    pub(super) changed: Option<Instant>,
    pub(super) focus: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Toast {
    pub(super) text: String,
    pub(super) show: Option<NoteId>,
    pub(super) until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Error,
}

/// A dialog in the middle of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialog {
    Palette,
    Engines,
    Shortcuts,
    Usage,
    /// The passphrase of the file of keys.
    Unlock,
}

/// A key that is being entered, and how far that is.
#[derive(Default)]
pub(super) struct Entering {
    pub(super) engine: String,
    pub(super) account: String,
    pub(super) typed: String,
    /// Where it is to be kept; chosen by the user where there is no keyring.
    pub(super) place: Option<Place>,
    pub(super) step: EnteringStep,
}

#[derive(Default, PartialEq)]
pub(super) enum EnteringStep {
    #[default]
    Typing,
    /// The engine is asked, or the key is being kept.
    Busy,
    /// It did not pass: why.
    Doubt(String),
}

/// What is known of keys, and what is typed about them.
#[derive(Default)]
pub(super) struct KeyForm {
    pub(super) entering: Option<Entering>,
    /// Where each engine's key is.
    pub(super) places: BTreeMap<String, Result<Option<Place>, CredentialError>>,
    /// Day of its last use.
    pub(super) used: BTreeMap<String, i64>,
    /// Accounts that were looked at last.
    pub(super) looked: Vec<(String, String)>,
    /// The engine whose key is about to be removed.
    pub(super) removing: Option<String>,
    /// The passphrase and the same again.
    pub(super) passphrase: [String; 2],
    pub(super) opening: bool,
    pub(super) told: String,
}

/// Form of the engines dialog.
#[derive(Default)]
pub(super) struct EngineForm {
    /// Adapter; empty for the first.
    pub(super) adapter: String,
    pub(super) name: String,
    pub(super) address: String,
    pub(super) model: String,
    pub(super) keys: KeyForm,
    pub(super) told: BTreeMap<String, String>,
    /// What engines said to keys that were tried.
    pub(super) tried: Vec<(String, Result<CheckResult, ClientError>)>,
}

/// What panels show and keep.
#[derive(Resource, Default)]
pub(super) struct UiState {
    pub(super) queue: Vec<Command>,
    pub(super) preview: Option<NoteId>,
    pub(super) editing: Option<Editing>,
    pub(super) search: String,
    pub(super) focus_search: bool,
    pub(super) dialog: Option<Dialog>,
    pub(super) palette_query: String,
    pub(super) palette_at: Option<[f64; 2]>,
    pub(super) focus_mode: bool,
    pub(super) console_open: bool,
    pub(super) console: VecDeque<(Level, String)>,
    pub(super) toasts: Vec<Toast>,
    pub(super) notices: Notices,
    pub(super) notices_open: bool,
    pub(super) jobs: HashMap<JobId, Job>,
    pub(super) begun: HashMap<JobId, Instant>,
    /// Stages whose ghosts are still to come: the note of their whole, the whole, and their place in
    /// it.
    pub(super) staging: VecDeque<(NoteId, Arc<Job>, usize)>,
    /// Jobs that are stages: their ends are told by their whole.
    pub(super) stages: HashSet<JobId>,
    pub(super) done: u32,
    pub(super) errors: u32,
    pub(super) engines: Vec<Engine>,
    pub(super) adapters: Vec<Adapter>,
    /// What was made and what it cost, as it was last asked.
    pub(super) usage: Usage,
    /// What the agent that is written on would cost.
    pub(super) estimate: Estimates,
    /// What it is summed up by.
    pub(super) usage_by: By,
    /// Limits for a day and a month as they are typed.
    pub(super) limits: [String; 2],
    /// What was typed there is no amount.
    pub(super) bad_limit: bool,
    pub(super) found: Vec<Found>,
    pub(super) checks: BTreeMap<String, CheckResult>,
    pub(super) form: EngineForm,
    pub(super) styled: Option<bool>,
}

impl UiState {
    pub(super) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.console.push_back((level, text.into()));
        if self.console.len() > 500 {
            self.console.pop_front();
        }
    }

    pub(super) fn toast(&mut self, text: impl Into<String>, show: Option<NoteId>) {
        let text = text.into();
        self.log(Level::Info, text.clone());
        self.toasts.push(Toast {
            text,
            show,
            until: Instant::now() + std::time::Duration::from_secs(6),
        });
        if self.toasts.len() > 3 {
            self.toasts.remove(0);
        }
    }
}

/// Wakes the sleeping window.
#[derive(Resource, Clone)]
pub(super) struct Waker(pub(super) Arc<dyn Fn() + Send + Sync>);
