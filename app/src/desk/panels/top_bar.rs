//! Wordmark, board, search, filters, where jobs run, whether all is saved, the bell.

use std::collections::BTreeSet;

use bevy_egui::egui;
use egui::{Align, Layout, RichText};
use oto_board::WorkKind;
use oto_board::query::{NoteFilter, search};
use oto_storage::SaveState;

use super::style::{chip, faint, frame, semi};
use super::{Scene, screen};
use crate::desk::command::Command;
use crate::desk::state::HomeState;
use crate::desk::third_party::egui::{MARKER, color, family};

const FILTERS: [(NoteFilter, &str); 6] = [
    (NoteFilter::All, "filter-all"),
    (NoteFilter::Works(WorkKind::Text), "filter-text"),
    (NoteFilter::Works(WorkKind::Image), "filter-image"),
    (NoteFilter::Works(WorkKind::Voice), "filter-voice"),
    (NoteFilter::Works(WorkKind::Video), "filter-film"),
    (NoteFilter::Agents, "filter-agents"),
];

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let gap = t.gap;
    let width = screen(context).width() - 2.0 * gap;
    egui::Area::new("top bar".into()).fixed_pos([gap, gap]).show(context, |ui| {
        let panel = frame(&t).inner_margin(egui::Margin::symmetric(12, 6));
        panel.show(ui, |ui| {
            ui.set_width(width - 26.0);
            ui.set_height(32.0);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(RichText::new("oTo").font(family(MARKER, 24.0)).color(color(t.accent)));
                ui.add_space(4.0);
                let name =
                    scene.desk.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                ui.add(egui::Button::new(semi(name, 13.0)).corner_radius(8));
                let wall = faint(&t, scene.desk.say("wall-title")).size(13.0);
                if ui.add(egui::Button::new(wall).corner_radius(8)).clicked() {
                    scene.ui.queue.push(Command::Walk);
                }
                let free = width - 760.0;
                ui.add_space((free * 0.25).max(6.0));
                search_field(ui, scene, (width * 0.24).clamp(120.0, 320.0));
                ui.add_space(4.0);
                if width > 900.0 {
                    filters(ui, scene);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| status(ui, scene));
            });
        });
    });
}

fn search_field(ui: &mut egui::Ui, scene: &mut Scene, width: f32) {
    let hint = scene.desk.say("search-hint");
    let field = egui::TextEdit::singleline(&mut scene.ui.search)
        .hint_text(hint)
        .desired_width(width)
        .margin(egui::Margin::symmetric(10, 6));
    let response = ui.add(field);
    if std::mem::take(&mut scene.ui.focus_search) {
        response.request_focus();
    }
    if response.changed() {
        let query = scene.ui.search.trim().to_owned();
        let found =
            || search(scene.open.board(), &query).iter().map(|n| n.id).collect::<BTreeSet<_>>();
        scene.lit.only = (!query.is_empty()).then(found);
    }
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    if entered && let Some(first) = search(scene.open.board(), &scene.ui.search).first() {
        scene.ui.queue.push(Command::Show(first.id));
    }
    if response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Escape)) {
        scene.ui.search.clear();
        scene.lit.only = None;
    }
}

fn filters(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    ui.spacing_mut().item_spacing.x = 5.0;
    for (filter, key) in FILTERS {
        if chip(ui, &t, &scene.desk.say(key), scene.lit.filter == filter).clicked() {
            scene.lit.filter = filter;
        }
    }
}

fn status(ui: &mut egui::Ui, scene: &mut Scene) {
    super::notices::bell(ui, scene);
    let t = &scene.desk.theme.panel;
    let saved = match (&scene.open.read_only, scene.desk.writer.state()) {
        (Some(reason), _) => semi(reason.clone(), 12.5).color(color(t.accent)),
        (None, SaveState::Saved(done)) if done >= scene.desk.sent => {
            faint(t, scene.desk.say("save-saved"))
        }
        (None, SaveState::Saved(_)) => faint(t, scene.desk.say("save-saving")),
        (None, SaveState::NotSaved(reason)) => {
            semi(scene.desk.words.with("save-failed", &[("reason", &reason)]), 12.5)
                .color(color(t.accent))
        }
    };
    ui.label(saved);
    let (dot, words) = match &scene.desk.home {
        HomeState::Ready(_) => (t.good, scene.desk.say("home-local")),
        HomeState::Starting => (t.faint, scene.desk.say("home-starting")),
        HomeState::Failed(reason) => {
            (t.accent, scene.desk.words.with("home-failed", &[("reason", reason)]))
        }
    };
    ui.add(egui::Label::new(words).truncate());
    let (rect, _) = ui.allocate_exact_size(egui::vec2(10.0, 10.0), egui::Sense::hover());
    ui.painter().circle_filled(rect.center(), 4.5, color(dot));
}
