//! Commands about the wall: the view, the selection, history, dialogs.

use oto_board::{Edit, Note, NoteId, TwineId};
use oto_canvas::{EditRequest, Request};
use oto_storage::view_state::View;

use super::{Bench, Command};
use crate::desk::bridge::films;
use crate::desk::state::{Dialog, HomeState};
use crate::mint;
use crate::theme::Theme;

pub(super) fn carry_out(bench: &mut Bench, command: Command) {
    let middle = [bench.camera.size[0] / 2.0, bench.camera.size[1] / 2.0];
    match command {
        Command::Undo | Command::Redo => step(bench, command == Command::Undo),
        Command::Delete => delete(bench),
        Command::Fit => {
            let (center, zoom) = bench.camera.fitting(bench.open.board().bounds(), 1.2);
            bench.camera.go_to(center, zoom);
        }
        Command::Back => back_to_content(bench),
        Command::ViewBack | Command::ViewForward => {
            bench.camera.go_back(command == Command::ViewForward);
        }
        Command::PlayHere => {
            if let Some(films) = &mut bench.films {
                let ids = bench.selection.iter().collect::<Vec<_>>();
                let (open, desk, ui) = (&bench.open, &bench.desk, &mut bench.ui);
                films::toggle(films, open, desk, ui, ids.into_iter());
            }
        }
        Command::Bookmark => bookmark(bench),
        Command::GoTo(index) => {
            let views = bench.desk.library.bookmarks_of(&bench.desk.path);
            if let Some(view) = views.get(index).copied() {
                bench.camera.go_to(view.center, view.zoom);
            }
        }
        Command::ForgetBookmark(index) => {
            let desk = &mut *bench.desk;
            desk.library.forget_bookmark(&desk.path, index);
            keep_library(bench);
        }
        Command::FitSelection => fit_notes(bench, &bench.selection.ids()),
        Command::ActualSize => {
            let center = bench.camera.center;
            bench.camera.go_to(center, 1.0);
        }
        Command::ZoomIn => bench.camera.zoom_at(middle, 1.25),
        Command::ZoomOut => bench.camera.zoom_at(middle, 0.8),
        Command::Palette => {
            let open = bench.ui.dialog == Some(Dialog::Palette);
            bench.ui.dialog = (!open).then_some(Dialog::Palette);
            bench.ui.palette_query.clear();
            bench.ui.palette_at = None;
        }
        Command::Engines => {
            bench.ui.dialog = Some(Dialog::Engines);
            // Keys may have been used or changed since.
            bench.ui.form.keys.looked.clear();
            if let HomeState::Ready(home) = &bench.desk.home {
                home.client.engines();
                home.client.discover();
            }
        }
        Command::Usage => {
            bench.ui.dialog = Some(Dialog::Usage);
            if let HomeState::Ready(home) = &bench.desk.home {
                home.client.usage(crate::desk::panels::USAGE_DAYS);
            }
        }
        Command::Notices => bench.ui.notices_open = !bench.ui.notices_open,
        Command::Shortcuts => bench.ui.dialog = Some(Dialog::Shortcuts),
        Command::CloseDialog => {
            if let Some(dialog) = bench.ui.dialog.take() {
                crate::desk::panels::leave_locked(Some(dialog), &bench.desk.home);
                return;
            }
            if bench.selection.is_empty() {
                bench.ui.queue.push(Command::ClosePreview);
            }
            bench.selection.set([]);
        }
        Command::Apply(edit) => {
            bench.edits.write(EditRequest::user(*edit));
        }
        Command::Search => bench.ui.focus_search = true,
        Command::Focus => bench.ui.focus_mode = !bench.ui.focus_mode,
        Command::SelectAll => {
            let all: Vec<NoteId> = bench.open.board().notes().map(|n| n.id).collect();
            bench.selection.set(all);
        }
        Command::Star => {
            let ids = bench.selection.ids();
            let all_starred =
                ids.iter().all(|id| bench.open.board().note(*id).is_some_and(|n| n.starred));
            bench.edits.write(EditRequest::user(Edit::StarNotes { ids, starred: !all_starred }));
        }
        Command::Raise => {
            let ids = bench.selection.ids();
            bench.edits.write(EditRequest::user(Edit::RaiseNotes { ids }));
        }
        Command::Duplicate => duplicate(bench),
        Command::Nudge(by) => {
            let ids = bench.selection.ids();
            if !ids.is_empty() {
                bench
                    .edits
                    .write(EditRequest::user(Edit::MoveNotes { ids, by: by.map(f64::from) }));
            }
        }
        Command::Show(id) => {
            fit_notes(bench, &[id]);
            bench.selection.set([id]);
        }
        Command::ClosePreview => {
            bench.ui.preview = None;
            if let Some(preview) = &mut bench.preview {
                preview.close();
            }
        }
        Command::Dark => {
            let dark = !bench.desk.settings.dark;
            if let Ok(theme) = Theme::read(dark) {
                *bench.palette = theme.palette();
                bench.desk.theme = theme;
                bench.desk.settings.dark = dark;
                let path = bench.desk.data.settings();
                if let Err(error) = bench.desk.settings.write(&path) {
                    bench.ui.toast(error.to_string(), None);
                }
            }
        }
        _ => {}
    }
}

/// To the nearest note when none is in view, else to everything.
fn back_to_content(bench: &mut Bench) {
    let board = bench.open.board();
    let view = bench.camera.view();
    if board.n_notes() > 0
        && board.count_in(view) == 0
        && let Some(note) = board.nearest(bench.camera.center)
    {
        let (center, zoom) = (note.center, bench.camera.zoom.clamp(0.35, 1.2));
        bench.camera.go_to(center, zoom);
    } else {
        bench.ui.queue.push(Command::Fit);
    }
}

fn bookmark(bench: &mut Bench) {
    let view = View { center: bench.camera.center, zoom: bench.camera.zoom };
    let desk = &mut *bench.desk;
    let kept = desk.library.add_bookmark(&desk.path, view);
    let text = match kept {
        Some(number) => bench.desk.words.with("toast-bookmark", &[("number", &number.to_string())]),
        None => bench.desk.say("toast-bookmarks-full"),
    };
    bench.ui.toast(text, None);
    keep_library(bench);
}

fn keep_library(bench: &mut Bench) {
    let path = bench.desk.data.library();
    if let Err(error) = bench.desk.library.write(&path) {
        bench.ui.toast(error.to_string(), None);
    }
}

fn fit_notes(bench: &mut Bench, ids: &[NoteId]) {
    let rects = ids.iter().filter_map(|id| bench.open.board().note(*id)).map(Note::rect);
    let rect = rects.fold(oto_board::geom::Rect::EMPTY, |all, r| all.union(r));
    if !rect.is_empty() {
        let (center, zoom) = bench.camera.fitting(rect, 1.0);
        bench.camera.go_to(center, zoom);
    }
}

fn step(bench: &mut Bench, undo: bool) {
    let history = bench.open.history();
    let op = if undo { history.can_undo() } else { history.can_redo() };
    let Some(op) = op else { return };
    super::run::end_editing(bench);
    let what = bench.desk.say(op.label());
    let text =
        bench.desk.words.with(if undo { "toast-undo" } else { "toast-redo" }, &[("what", &what)]);
    bench.ui.toast(text, None);
    bench.edits.write(EditRequest::history(if undo { Request::Undo } else { Request::Redo }));
}

fn delete(bench: &mut Bench) {
    if let Some(twine) = bench.selection.twine {
        bench.edits.write(EditRequest::user(Edit::CutTwines { ids: vec![twine] }));
        return;
    }
    let ids = bench.selection.ids();
    if ids.is_empty() {
        return;
    }
    // A ghost that goes takes its job with it.
    for id in &ids {
        super::run::stop_job(bench, *id);
    }
    if bench.ui.preview.is_some_and(|p| ids.contains(&p)) {
        bench.ui.queue.push(Command::ClosePreview);
    }
    super::run::end_editing(bench);
    bench.edits.write(EditRequest::user(Edit::RemoveNotes { ids }));
}

fn duplicate(bench: &mut Bench) {
    let board = bench.open.board();
    let mut notes = Vec::new();
    let mut twines = Vec::new();
    for id in bench.selection.ids() {
        let Some(note) = board.note(id) else { continue };
        // A ghost is a job under way: there is one of it.
        if note.kind.work().is_some_and(|w| w.asset().is_none()) {
            continue;
        }
        let copy = NoteId(mint::id());
        let center = [note.center[0] + 40.0, note.center[1] + 40.0];
        notes.push(Note {
            id: copy,
            center,
            rank: board.top_rank().saturating_add(1 + notes.len() as u32),
            created_at_ms: mint::now_ms(),
            ..note.clone()
        });
        twines.extend(board.twines_of(id).filter(|t| t.to == id).map(|t| oto_board::Twine {
            id: TwineId(mint::id()),
            to: copy,
            ..t.clone()
        }));
    }
    let ids: Vec<NoteId> = notes.iter().map(|n| n.id).collect();
    if !ids.is_empty() {
        bench.edits.write(EditRequest::user(Edit::AddNotes { notes, twines }));
        bench.selection.set(ids);
    }
}
