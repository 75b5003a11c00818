//! Everything a user can invoke, once: label, shortcut, availability. Menus, palette and key list
//! derive from it.

mod agents;
mod keys;
mod run;
mod wall;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use oto_board::NoteId;
use oto_canvas::{BoardCamera, CanvasSystems, EditRequest, OpenBoard, Palette, Selection};

use super::bridge::films::FilmsOnWall;
use super::bridge::media::Preview;
use super::state::{Desk, UiState};

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Undo,
    Redo,
    Delete,
    Fit,
    FitSelection,
    /// To the nearest note when none is in view, else to everything.
    Back,
    /// The view before the last jump.
    ViewBack,
    ViewForward,
    /// Plays or stops the selected films on the wall.
    PlayHere,
    /// Keeps this view under the next number.
    Bookmark,
    /// Goes to a kept view, from 0.
    GoTo(usize),
    /// Forgets a kept view.
    ForgetBookmark(usize),
    ActualSize,
    ZoomIn,
    ZoomOut,
    Palette,
    Search,
    Focus,
    Run,
    Stop,
    Variation,
    Remix,
    Star,
    Duplicate,
    SelectAll,
    NewNote,
    NewAgent(usize),
    Engines,
    Usage,
    /// Opens or closes the list of notices.
    Notices,
    Shortcuts,
    Dark,
    Download,
    /// Opens the dialog that hangs a work on the shared wall.
    Publish,
    /// Opens the window of the shared wall.
    Walk,
    Edit,
    Raise,
    Nudge([i32; 2]),
    /// Looks at a note and selects it.
    Show(NoteId),
    /// Runs one agent with these sources.
    RunAgent(NoteId, Vec<NoteId>),
    /// Renders a film again from a changed timeline, given as JSON.
    RenderTimeline(NoteId, Box<str>),
    /// Makes a failed or stopped work again.
    Retry(NoteId),
    /// Stops the job of a ghost.
    StopJob(NoteId),
    Open(NoteId),
    ClosePreview,
    CloseDialog,
    /// A change asked for by a panel.
    Apply(Box<oto_board::Edit>),
}

/// A row of the palette and of the list of shortcuts.
pub(super) struct Row {
    pub(super) command: Command,
    pub(super) label: &'static str,
    pub(super) keys: &'static str,
}

macro_rules! rows {
    ($($command:expr, $label:literal, $keys:literal;)+) => {
        /// Every command of the palette, in its order.
        pub(super) fn rows() -> Vec<Row> {
            vec![$(Row { command: $command, label: $label, keys: $keys }),+]
        }
    };
}

rows! {
    Command::Run, "command-run", "Ctrl+Enter";
    Command::Stop, "command-stop", "Ctrl+Alt+Enter";
    Command::Variation, "command-variation", "V";
    Command::Remix, "command-remix", "R";
    Command::NewAgent(0), "command-new-writer", "";
    Command::NewAgent(1), "command-new-painter", "";
    Command::NewAgent(2), "command-new-voice", "";
    Command::NewAgent(3), "command-new-film", "";
    Command::NewNote, "command-new-note", "N";
    Command::PlayHere, "command-play-here", "P";
    Command::Edit, "command-edit", "Enter";
    Command::Undo, "command-undo", "Ctrl+Z";
    Command::Redo, "command-redo", "Ctrl+Shift+Z";
    Command::Duplicate, "command-duplicate", "Ctrl+D";
    Command::SelectAll, "command-select-all", "Ctrl+A";
    Command::Delete, "command-delete", "Delete";
    Command::Star, "command-star", "S";
    Command::Raise, "command-raise", "Page Up";
    Command::Download, "command-download", "Ctrl+S";
    Command::Publish, "command-publish", "";
    Command::Walk, "command-walk", "";
    Command::Fit, "command-fit", "Shift+1";
    Command::FitSelection, "command-fit-selection", "Shift+2";
    Command::Back, "command-back", "Home";
    Command::ViewBack, "command-view-back", "Alt+Left";
    Command::ViewForward, "command-view-forward", "Alt+Right";
    Command::Bookmark, "command-bookmark", "B";
    Command::ActualSize, "command-actual-size", "Ctrl+0";
    Command::ZoomIn, "command-zoom-in", "Ctrl++";
    Command::ZoomOut, "command-zoom-out", "Ctrl+-";
    Command::Search, "command-search", "Ctrl+F";
    Command::Palette, "command-palette", "Ctrl+K";
    Command::Focus, "command-focus", "Ctrl+.";
    Command::Engines, "command-engines", "";
    Command::Usage, "command-usage", "";
    Command::Notices, "command-notices", "";
    Command::Shortcuts, "command-shortcuts", "?";
    Command::Dark, "command-dark", "";
}

/// What commands work on.
#[derive(SystemParam)]
pub(super) struct Bench<'w> {
    pub(super) desk: ResMut<'w, Desk>,
    pub(super) ui: ResMut<'w, UiState>,
    pub(super) open: Res<'w, OpenBoard>,
    pub(super) camera: ResMut<'w, BoardCamera>,
    pub(super) selection: ResMut<'w, Selection>,
    pub(super) palette: ResMut<'w, Palette>,
    pub(super) preview: Option<ResMut<'w, Preview>>,
    pub(super) films: Option<ResMut<'w, FilmsOnWall>>,
    pub(super) chores: Res<'w, super::bridge::chores::Chores>,
    pub(super) sharing: ResMut<'w, super::bridge::sharing::Sharing>,
    pub(super) waker: Res<'w, super::state::Waker>,
    pub(super) edits: MessageWriter<'w, EditRequest>,
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(
        Update,
        (keys::keys, keys::canvas_events, carry_out, run::commit_typing, run::before_closing)
            .chain()
            .in_set(CanvasSystems::Commands),
    );
}

/// Whether a command makes sense now; what does not is greyed everywhere.
pub(super) fn is_available(command: &Command, open: &OpenBoard, selection: &Selection) -> bool {
    match command {
        Command::Undo => open.history().can_undo().is_some(),
        Command::Redo => open.history().can_redo().is_some(),
        Command::Delete => !selection.is_empty(),
        Command::Star | Command::Duplicate | Command::Raise | Command::FitSelection => {
            !selection.ids().is_empty()
        }
        Command::Variation | Command::Remix | Command::Download | Command::Publish => {
            let done = |id: NoteId| {
                open.board()
                    .note(id)
                    .is_some_and(|n| n.kind.work().is_some_and(|w| w.asset().is_some()))
            };
            selection.single().is_some_and(done)
        }
        Command::Edit => selection.single().is_some(),
        _ => true,
    }
}

fn carry_out(mut bench: Bench, mut redraw: MessageWriter<bevy::window::RequestRedraw>) {
    let queue = std::mem::take(&mut bench.ui.queue);
    if !queue.is_empty() {
        redraw.write(bevy::window::RequestRedraw);
    }
    for command in queue {
        if !is_available(&command, &bench.open, &bench.selection) && bench.ui.preview.is_none() {
            continue;
        }
        match &command {
            Command::Run
            | Command::Stop
            | Command::Variation
            | Command::Remix
            | Command::RunAgent(..)
            | Command::RenderTimeline(..)
            | Command::Retry(_)
            | Command::StopJob(_) => run::carry_out(&mut bench, command),
            Command::NewNote
            | Command::NewAgent(_)
            | Command::Edit
            | Command::Open(_)
            | Command::Publish
            | Command::Walk
            | Command::Download => {
                agents::carry_out(&mut bench, command);
            }
            _ => wall::carry_out(&mut bench, command),
        }
    }
}
