//! Engines: which there are, what each says of itself, and the adding of one. Their keys are in `keys`.

use bevy_egui::egui;
use egui::{RichText, TextEdit};
use oto_api_types::{Engine, EngineConfig, JobKind};
use oto_backend_client::account;

use super::Scene;
use super::dialogs::tall;
use super::style::{button, faint, primary, semi};
use crate::cli::OPENROUTER;
use crate::desk::state::{HomeState, UiState};

/// A field of one line.
pub(super) fn line(text: &mut String, width: f32) -> TextEdit<'_> {
    TextEdit::singleline(text).desired_width(width).margin(egui::Margin::symmetric(8, 6))
}

/// What an engine makes, in the words of the filters.
fn kinds_of(scene: &Scene, engine: &Engine) -> String {
    let word = |kind: &JobKind| {
        Some(match kind {
            JobKind::Text => "filter-text",
            JobKind::Image => "filter-image",
            JobKind::Voice => "filter-voice",
            JobKind::Video => "filter-film",
            JobKind::Unknown => return None,
        })
    };
    let words: Vec<_> =
        engine.kinds.iter().filter_map(word).map(|k| scene.desk.say(k).to_lowercase()).collect();
    words.join(", ")
}

/// Draws it.
pub(super) fn show(ui: &mut egui::Ui, scene: &mut Scene) {
    super::keys::look(scene);
    super::keys::unlock_here(ui, scene);
    let t = scene.desk.theme.panel.clone();
    ui.label(semi(scene.desk.say("engines-title"), 15.0));
    tall(440.0).show(ui, |ui| {
        for engine in scene.ui.engines.clone() {
            ui.horizontal(|ui| {
                let left = egui::Layout::left_to_right(egui::Align::Center);
                ui.allocate_ui_with_layout(egui::vec2(300.0, 28.0), left, |ui| {
                    ui.set_min_width(300.0);
                    ui.add(egui::Label::new(semi(&engine.label, 13.0)).truncate());
                    ui.add(egui::Label::new(faint(&t, kinds_of(scene, &engine)).size(12.0)));
                });
                let HomeState::Ready(home) = &scene.desk.home else { return };
                if button(ui, &scene.desk.say("engines-check")).clicked() {
                    home.client.check(engine.id.clone());
                }
                if engine.base_url.is_some()
                    && button(ui, &scene.desk.say("engines-remove")).clicked()
                {
                    // Its key goes with it.
                    let url = engine.base_url.clone().unwrap_or_default();
                    let account = account(&engine.id, &url);
                    scene.keys.forget(&home.keys, &home.dates, engine.id.clone(), account);
                    home.client.remove_engine(engine.id.clone());
                }
            });
            if let Some(url) = &engine.base_url {
                ui.label(faint(&t, url).size(12.0));
                super::keys::row(ui, scene, &engine.id, url);
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
        ui.add(line(text, 324.0).hint_text(label));
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
        if button(ui, &scene.desk.say("engines-connect")).clicked()
            && let HomeState::Ready(home) = &scene.desk.home
        {
            let [name, address] = OPENROUTER;
            scene.keys.connect(&home.keys, account(name, address));
        }
    });
    if let Some(told) = scene.ui.form.told.get(OPENROUTER[0]) {
        ui.label(RichText::new(told).size(12.0));
    }
    if let Some(told) = scene.ui.form.told.get(scene.ui.form.name.trim()) {
        ui.label(RichText::new(told).size(12.0));
    }
}
