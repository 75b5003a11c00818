//! Every transaction goes to the writer in the frame in which it was made.

use bevy::prelude::*;
use bevy::window::RequestRedraw;
use oto_canvas::{BoardChanged, CanvasSystems, EditRefused, OpenBoard};
use oto_storage::SaveState;

use crate::desk::state::{Desk, Level, UiState};

pub(super) fn plugin(app: &mut App) {
    app.add_systems(Update, (pass_on, watch).chain().in_set(CanvasSystems::Mirror));
}

fn pass_on(
    mut changes: MessageReader<BoardChanged>,
    mut refused: MessageReader<EditRefused>,
    mut desk: ResMut<Desk>,
    mut ui: ResMut<UiState>,
) {
    let desk = &mut *desk;
    desk.backlog.extend(changes.read().map(|change| (*change.transaction).clone()));
    while let Some(transaction) = desk.backlog.pop_front() {
        let seq = transaction.seq;
        if let Err(back) = desk.writer.send(transaction) {
            desk.backlog.push_front(back);
            break;
        }
        desk.sent = seq;
    }
    for refusal in refused.read() {
        ui.log(Level::Error, refusal.reason.clone());
        ui.toast(refusal.reason.clone(), None);
    }
}

/// Frames go on until what was sent is on disk, so that "Saved" follows. While the disk refuses,
/// no edit is taken; what waits is kept in order, and editing goes on when it is written.
fn watch(
    desk: Res<Desk>,
    ticker: Res<crate::desk::ticker::Ticker>,
    mut open: ResMut<OpenBoard>,
    mut ui: ResMut<UiState>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    match desk.writer.state() {
        SaveState::Saved(done) => {
            if open.read_only.is_some() {
                open.read_only = None;
            }
            if done < desk.sent || !desk.backlog.is_empty() {
                redraw.write(RequestRedraw);
            }
        }
        SaveState::NotSaved(reason) => {
            if open.read_only.is_none() {
                ui.log(Level::Error, reason.clone());
                let sentence = desk.words.with("save-failed", &[("reason", &reason)]);
                open.read_only = Some(sentence);
            }
            ticker.after(std::time::Duration::from_millis(500));
        }
    }
}
