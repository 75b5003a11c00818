//! Everything drawn with egui: each panel reads data and emits commands.

mod agent_settings;
mod console;
mod dialogs;
mod engines;
mod keys;
mod minimap;
mod note_editor;
mod notices;
mod preview;
mod publish;
pub(super) mod style;
mod timeline;
mod toasts;
mod top_bar;
mod tray;
mod usage;

pub(super) use keys::leave_locked;
pub(super) use usage::DAYS as USAGE_DAYS;

use bevy::ecs::system::SystemParam;
use bevy::prelude::*;
use bevy_egui::input::EguiWantsInput;
use bevy_egui::{EguiContexts, egui};
use oto_canvas::{BoardCamera, Counters, Gate, Gesture, Lit, OpenBoard, Selection, Suppressed};

use super::bridge::media::Preview;
use super::bridge::sharing::Sharing;
use super::bridge::timeline::Cut;
use super::state::{Desk, UiState, Waker};
use super::third_party::egui::restyle;

/// Logical pixels that panels take: left, top, right, bottom.
pub(super) const INSETS: [f64; 4] = [100.0, 74.0, 24.0, 24.0];
/// Width of the preview.
const PREVIEW_WIDTH: f32 = 330.0;

/// What panels look at.
#[derive(SystemParam)]
pub(super) struct Scene<'w, 's> {
    desk: Res<'w, Desk>,
    ui: ResMut<'w, UiState>,
    open: Res<'w, OpenBoard>,
    camera: ResMut<'w, BoardCamera>,
    selection: ResMut<'w, Selection>,
    lit: ResMut<'w, Lit>,
    suppressed: ResMut<'w, Suppressed>,
    preview: Option<ResMut<'w, Preview>>,
    cut: Option<ResMut<'w, Cut>>,
    gesture: Res<'w, Gesture>,
    ticker: Res<'w, super::ticker::Ticker>,
    keys: Res<'w, super::bridge::keys::KeyBridge>,
    ticks: Local<'s, Ticks>,
    map: Local<'s, minimap::Map>,
    looks: Local<'s, timeline::Looks>,
    counters: Res<'w, Counters>,
    sharing: ResMut<'w, Sharing>,
    waker: Res<'w, Waker>,
}

/// What the ticker was asked for already.
#[derive(Default)]
struct Ticks {
    toasts: usize,
    making: Option<std::time::Instant>,
    notices: Option<std::time::Instant>,
}

/// Whether panels take the pointer and the keys, from what egui said last.
pub(super) fn gate(
    wants: Res<EguiWantsInput>,
    mut gate: ResMut<Gate>,
    ui: Res<UiState>,
    sharing: Res<Sharing>,
) {
    let is_asked = ui.dialog.is_some() || sharing.form.is_some();
    let now = Gate {
        over_panel: wants.is_pointer_over_area() || wants.is_using_pointer() || is_asked,
        typing: wants.wants_keyboard_input(),
    };
    if *gate != now {
        *gate = now;
    }
}

pub(super) fn all(mut contexts: EguiContexts, mut scene: Scene) -> Result {
    let context = contexts.ctx_mut()?.clone();
    let dark = scene.desk.theme.dark;
    if scene.ui.styled != Some(dark) {
        restyle(&context, &scene.desk.theme.panel, dark);
        scene.ui.styled = Some(dark);
    }
    let right = if scene.ui.preview.is_some() { f64::from(PREVIEW_WIDTH) + 28.0 } else { 24.0 };
    let insets = if scene.ui.focus_mode { [24.0; 4] } else { [INSETS[0], INSETS[1], right, 60.0] };
    if scene.camera.insets != insets {
        scene.camera.insets = insets;
    }
    note_editor::show(&context, &mut scene);
    if !scene.ui.focus_mode {
        top_bar::show(&context, &mut scene);
        tray::show(&context, &mut scene);
        minimap::show(&context, &mut scene);
        console::show(&context, &mut scene);
        preview::show(&context, &mut scene);
    }
    keys::listen(&context, &mut scene);
    toasts::show(&context, &mut scene);
    dialogs::show(&context, &mut scene);
    publish::show(&context, &mut scene);
    if !scene.ui.queue.is_empty() {
        context.request_repaint();
    }
    let writing = scene.ui.editing.as_ref().map(|e| e.note);
    if scene.suppressed.0 != writing {
        scene.suppressed.0 = writing;
        context.request_repaint();
    }
    Ok(())
}

/// The window in points.
fn screen(context: &egui::Context) -> egui::Rect {
    context.viewport_rect()
}
