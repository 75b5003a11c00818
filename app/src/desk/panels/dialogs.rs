//! What opens in the middle: commands, shortcuts, engines and keys, usage, a passphrase.

use bevy_egui::egui;
use egui::{ScrollArea, TextEdit};

use super::style::{faint, frame, semi};
use super::{Scene, engines, keys, usage};
use crate::desk::command::{is_available, rows};
use crate::desk::state::Dialog;

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let Some(dialog) = scene.ui.dialog else { return };
    let t = scene.desk.theme.panel.clone();
    let backdrop = egui::Color32::from_rgba_unmultiplied(40, 30, 15, 60);
    let modal = egui::Modal::new(egui::Id::new(("dialog", dialog as u8)))
        .backdrop_color(backdrop)
        .frame(frame(&t))
        .show(context, |ui| {
            ui.set_width(if dialog == Dialog::Palette { 460.0 } else { 560.0 });
            match dialog {
                Dialog::Palette => palette(ui, scene),
                Dialog::Engines => engines::show(ui, scene),
                Dialog::Shortcuts => shortcuts(ui, scene),
                Dialog::Usage => usage::show(ui, scene),
                Dialog::Unlock => keys::unlock(ui, scene),
            }
        });
    if modal.should_close() {
        keys::leave(scene);
        scene.ui.dialog = None;
    }
}

/// A list that keeps its height whatever it holds.
pub(super) fn tall(height: f32) -> ScrollArea {
    ScrollArea::vertical()
        .max_height(height)
        .min_scrolled_height(height)
        .auto_shrink([false, false])
}

fn palette(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let hint = scene.desk.say("palette-hint");
    let field = ui.add(
        TextEdit::singleline(&mut scene.ui.palette_query)
            .hint_text(hint)
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8)),
    );
    field.request_focus();
    let query = scene.ui.palette_query.to_lowercase();
    let fits: Vec<_> = rows()
        .into_iter()
        .map(|r| (scene.desk.say(r.label), r))
        .filter(|(label, _)| label.to_lowercase().contains(&query))
        .collect();
    let enter = ui.input(|i| i.key_pressed(egui::Key::Enter));
    let mut chosen = None;
    tall(340.0).show(ui, |ui| {
        for (label, row) in &fits {
            let available = is_available(&row.command, &scene.open, &scene.selection);
            ui.add_enabled_ui(available, |ui| {
                ui.horizontal(|ui| {
                    let clicked = ui
                        .add_sized([300.0, 26.0], egui::Button::new(label.as_str()).frame(false))
                        .clicked();
                    ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                        ui.label(faint(&t, row.keys).size(11.5))
                    });
                    if available && (clicked || (enter && chosen.is_none())) {
                        chosen = Some(row.command.clone());
                    }
                });
            });
        }
    });
    if let Some(command) = chosen {
        scene.ui.dialog = None;
        scene.ui.queue.push(command);
    }
}

fn shortcuts(ui: &mut egui::Ui, scene: &Scene) {
    let t = &scene.desk.theme.panel;
    ui.label(semi(scene.desk.say("shortcuts-title"), 15.0));
    tall(420.0).show(ui, |ui| {
        egui::Grid::new("shortcuts").num_columns(2).spacing([40.0, 6.0]).show(ui, |ui| {
            for row in rows().into_iter().filter(|r| !r.keys.is_empty()) {
                ui.label(scene.desk.say(row.label));
                ui.label(faint(t, row.keys));
                ui.end_row();
            }
        });
    });
}
