//! What opens in the middle: commands, engines and keys, shortcuts.

use bevy_egui::egui;
use egui::{RichText, ScrollArea, TextEdit};
use oto_api_types::EngineConfig;
use oto_backend_client::account;
use secrecy::SecretString;

use super::Scene;
use super::style::{button, faint, frame, primary, semi};
use crate::desk::command::{is_available, rows};
use crate::desk::state::{Dialog, HomeState, UiState};

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
                Dialog::Engines => engines(ui, scene),
                Dialog::Shortcuts => shortcuts(ui, scene),
            }
        });
    if modal.should_close() {
        scene.ui.dialog = None;
    }
}

/// A list that keeps its height whatever it holds.
fn tall(height: f32) -> ScrollArea {
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

fn engines(ui: &mut egui::Ui, scene: &mut Scene) {
    while let Some((engine, outcome)) = scene.keys.answer() {
        let told = outcome.map_or_else(|e| e.to_string(), |()| scene.desk.say("engines-key-kept"));
        scene.ui.form.told.insert(engine, told);
    }
    let t = scene.desk.theme.panel.clone();
    ui.label(semi(scene.desk.say("engines-title"), 15.0));
    tall(440.0).show(ui, |ui| {
        for engine in scene.ui.engines.clone() {
            ui.horizontal(|ui| {
                ui.add_sized(
                    [170.0, 20.0],
                    egui::Label::new(semi(&engine.label, 13.0))
                        .truncate()
                        .halign(egui::Align::LEFT),
                );
                let HomeState::Ready(home) = &scene.desk.home else { return };
                if button(ui, &scene.desk.say("engines-check")).clicked() {
                    home.client.check(engine.id.clone());
                }
                if engine.base_url.is_some()
                    && button(ui, &scene.desk.say("engines-remove")).clicked()
                {
                    home.client.remove_engine(engine.id.clone());
                }
            });
            if let Some(url) = &engine.base_url {
                ui.label(faint(&t, url).size(12.0));
                key_row(ui, scene, &engine.id, url);
            }
            if let Some(told) = scene.ui.form.told.get(&engine.id) {
                ui.label(RichText::new(told).size(12.0));
            }
            ui.separator();
        }
        if !scene.ui.found.is_empty() {
            ui.label(semi(scene.desk.say("engines-found"), 13.0));
            for found in scene.ui.found.clone() {
                ui.horizontal(|ui| {
                    ui.label(format!("{} · {}", found.label, found.models.len()));
                    if button(ui, &scene.desk.say("engines-use")).clicked()
                        && let HomeState::Ready(home) = &scene.desk.home
                    {
                        let model = found.models.first().cloned().unwrap_or_default();
                        let config = EngineConfig {
                            adapter: found.adapter.clone(),
                            base_url: found.base_url.clone(),
                            model,
                        };
                        home.client.add_engine(found.server.clone(), config);
                    }
                });
            }
        }
        add_form(ui, scene);
    });
}

fn key_row(ui: &mut egui::Ui, scene: &mut Scene, engine: &str, url: &str) {
    let hint = scene.desk.say("engines-key");
    ui.horizontal(|ui| {
        let typed = scene.ui.form.keys.entry(engine.to_owned()).or_default();
        ui.add(TextEdit::singleline(typed).password(true).hint_text(hint).desired_width(260.0));
        if button(ui, &scene.desk.say("engines-save-key")).clicked() {
            // Typed text leaves the form at once; the keyring answers on its own thread.
            let key = scene.ui.form.keys.remove(engine).unwrap_or_default();
            scene.keys.keep(
                engine.to_owned(),
                account(engine, url),
                SecretString::from(key.trim().to_owned()),
            );
        }
    });
}

/// Which kind of engine; its usual name and address stand in the form and can be changed.
fn adapter_row(ui: &mut egui::Ui, scene: &mut Scene) {
    let UiState { form, adapters: known, .. } = &mut *scene.ui;
    let chosen = known.iter().find(|a| a.id == form.adapter).or(known.first());
    let Some(chosen) = chosen else { return };
    if form.adapter.is_empty() {
        form.adapter.clone_from(&chosen.id);
    }
    let mut pick = None;
    egui::ComboBox::from_id_salt("adapter")
        .width(340.0)
        .height(320.0)
        .selected_text(&chosen.label)
        .show_ui(ui, |ui| {
            for adapter in known.iter() {
                if ui.selectable_label(adapter.id == chosen.id, &adapter.label).clicked() {
                    pick = Some(adapter);
                }
            }
        });
    if let Some(adapter) = pick {
        form.adapter.clone_from(&adapter.id);
        form.name.clone_from(&adapter.id);
        form.address.clone_from(&adapter.base_url);
    }
}

fn add_form(ui: &mut egui::Ui, scene: &mut Scene) {
    ui.add_space(6.0);
    ui.label(semi(scene.desk.say("engines-add"), 13.0));
    adapter_row(ui, scene);
    let labels = ["engines-name", "engines-address", "engines-model"].map(|k| scene.desk.say(k));
    let form = &mut scene.ui.form;
    for (label, text) in
        labels.into_iter().zip([&mut form.name, &mut form.address, &mut form.model])
    {
        ui.add(TextEdit::singleline(text).hint_text(label).desired_width(340.0));
    }
    let t = scene.desk.theme.panel.clone();
    let ready = !scene.ui.form.name.trim().is_empty() && !scene.ui.form.address.trim().is_empty();
    ui.horizontal(|ui| {
        let add = ui
            .add_enabled_ui(ready, |ui| primary(ui, &t, &scene.desk.say("engines-add")).clicked())
            .inner;
        if add && let HomeState::Ready(home) = &scene.desk.home {
            let form = &scene.ui.form;
            let config = EngineConfig {
                adapter: form.adapter.clone(),
                base_url: form.address.trim().to_owned(),
                model: form.model.trim().to_owned(),
            };
            home.client.add_engine(form.name.trim().to_owned(), config);
        }
        if button(ui, &scene.desk.say("engines-look")).clicked()
            && let HomeState::Ready(home) = &scene.desk.home
        {
            home.client.discover();
        }
    });
    if let Some(told) = scene.ui.form.told.get(scene.ui.form.name.trim()) {
        ui.label(RichText::new(told).size(12.0));
    }
}
