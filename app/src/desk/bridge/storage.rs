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
    mut open: ResMut<OpenBoard>,
    mut ui: ResMut<UiState>,
) {
    for change in changes.read() {
        let seq = change.transaction.seq;
        match desk.writer.send((*change.transaction).clone()) {
            Ok(()) => desk.sent = seq,
            Err(_) => {
                open.read_only = Some(
                    "The disk does not keep up; wait a moment, then open the board again."
                        .to_owned(),
                );
            }
        }
    }
    for refusal in refused.read() {
        ui.log(Level::Error, refusal.reason.clone());
        ui.toast(refusal.reason.clone(), None);
    }
}

/// Frames go on until what was sent is on disk, so that "Saved" follows.
fn watch(
    desk: Res<Desk>,
    mut open: ResMut<OpenBoard>,
    mut ui: ResMut<UiState>,
    mut redraw: MessageWriter<RequestRedraw>,
) {
    match desk.writer.state() {
        SaveState::Saved(done) if done < desk.sent => {
            redraw.write(RequestRedraw);
        }
        SaveState::Saved(_) => {}
        SaveState::NotSaved(reason) => {
            if open.read_only.is_none() {
                ui.log(Level::Error, reason.clone());
                let sentence = desk.words.with("save-failed", &[("reason", &reason)]);
                open.read_only = Some(sentence);
            }
        }
    }
}
