//! All that can be set for an agent's engine, behind one button on its note: the same parameters as
//! `--set` on the command line.

use bevy_egui::egui;
use egui::{PopupCloseBehavior, RichText, TextEdit, vec2};
use oto_api_types::{JobKind, Parameter};
use oto_board::Agent;

use super::Scene;
use super::style::{chip, faint, frame, icon};
use crate::desk::third_party::egui::color;

const WIDTH: f32 = 330.0;

/// The value that is set for a parameter now.
pub(super) fn value_of<'a>(agent: &'a Agent, parameter: &'a Parameter) -> &'a str {
    let own = agent.params.iter().find(|(k, _)| *k == parameter.name);
    own.map_or(parameter.default.as_str(), |(_, v)| v.as_str())
}

/// What an engine must make to be chosen for a stage; none when the parameter is no engine.
fn stage_kinds(name: &str) -> Option<&'static [JobKind]> {
    match name {
        "script.engine" => Some(&[JobKind::Text]),
        "voice.engine" | "music.engine" => Some(&[JobKind::Voice]),
        "visual.engine" => Some(&[JobKind::Image, JobKind::Video]),
        _ => None,
    }
}

/// A button that opens the settings; the parameter that was changed, and its new value.
pub(super) fn menu(
    ui: &mut egui::Ui,
    scene: &Scene,
    agent: &Agent,
    size: f32,
) -> Option<(String, String)> {
    let engine = scene.ui.engines.iter().find(|e| e.id == agent.engine)?;
    if engine.params.is_empty() {
        return None;
    }
    let t = &scene.desk.theme.panel;
    let ink = color(scene.desk.theme.board.ink_gold);
    let sliders = icon(egui_phosphor::regular::SLIDERS_HORIZONTAL, size * 1.2).color(ink);
    let fill = color(scene.desk.theme.board.papers[0]).gamma_multiply(0.75);
    let response =
        ui.add(egui::Button::new(sliders).fill(fill).stroke(egui::Stroke::NONE).corner_radius(12));
    let name = scene.desk.say("agent-settings");
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, &name));
    let response = response.on_hover_text(&name);
    let mut changed = None;
    egui::Popup::from_toggle_button_response(&response)
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .frame(frame(t).inner_margin(egui::Margin::same(12)))
        .width(WIDTH)
        .show(|ui| {
            ui.set_width(WIDTH);
            ui.spacing_mut().item_spacing = vec2(5.0, 6.0);
            egui::ScrollArea::vertical().max_height(420.0).show(ui, |ui| {
                for parameter in &engine.params {
                    if let Some(value) = row(ui, scene, agent, parameter) {
                        changed = Some((parameter.name.clone(), value));
                    }
                }
            });
        });
    changed
}

fn row(ui: &mut egui::Ui, scene: &Scene, agent: &Agent, parameter: &Parameter) -> Option<String> {
    let t = &scene.desk.theme.panel;
    let key = format!("param-{}", parameter.name.replace('.', "-"));
    let said = scene.desk.say(&key);
    // Parameters of engines elsewhere have the provider's names.
    let label = if said == key { parameter.name.clone() } else { said };
    let now = value_of(agent, parameter);
    let mut chosen = None;
    ui.label(faint(t, label).size(12.0));
    ui.horizontal_wrapped(|ui| {
        if let Some(kinds) = stage_kinds(&parameter.name) {
            let fits = |e: &&oto_api_types::Engine| e.kinds.iter().any(|k| kinds.contains(k));
            for engine in scene.ui.engines.iter().filter(fits).filter(|e| e.id != agent.engine) {
                if chip(ui, t, &engine.label, engine.id == now).clicked() {
                    chosen = Some(engine.id.clone());
                }
            }
        } else if parameter.choices.is_empty() {
            let id = ui.id().with(("param", &parameter.name));
            let mut typed: String = ui.data(|d| d.get_temp(id)).unwrap_or_else(|| now.to_owned());
            let field = TextEdit::singleline(&mut typed)
                .hint_text(RichText::new("auto").size(13.0))
                .desired_width(WIDTH - 20.0);
            let response = ui.add(field);
            if response.lost_focus() && typed != now {
                chosen = Some(typed.trim().to_owned());
            }
            if response.has_focus() {
                ui.data_mut(|d| d.insert_temp(id, typed));
            } else {
                ui.data_mut(|d| d.remove::<String>(id));
            }
        } else {
            for choice in &parameter.choices {
                if chip(ui, t, choice, choice == now).clicked() {
                    chosen = Some(choice.clone());
                }
            }
            if !parameter.choices.iter().any(|c| c == now) && !now.is_empty() {
                // Set on the command line or by an older version.
                chip(ui, t, now, true);
            }
        }
    });
    chosen
}
