//! Writing on a note, at its place on the wall: the prompt of an agent with engine, format, Run and
//! cost; the words of a plain note; the stop button of a ghost; trying again on a failed one.

use std::time::Instant;

use bevy_egui::egui;
use egui::{Color32, FontId, Frame, Margin, RichText, Stroke, TextEdit, pos2, vec2};
use oto_board::{Agent, Edit, Note, NoteId, NoteKind, WorkState};

use super::Scene;
use super::agent_settings;
use super::style::{button, faint, icon};
use crate::convert::run::{job_kind, job_of};
use crate::desk::command::Command;
use crate::desk::estimates::{self, Next};
use crate::desk::state::{Editing, HomeState};
use crate::desk::third_party::egui::{BRUSH, MARKER, SEMI, color, family};
use crate::making;
use crate::sample::recipe_of;
use crate::theme::tokens::BoardTokens;

/// Smaller than this on the screen, notes cannot be written on.
const LEAST_ZOOM: f64 = 0.3;

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    ghosts(context, scene);
    let Some(editing) = scene.ui.editing.clone() else { return scene.ui.estimate.close() };
    let Some(note) = scene.open.board().note(editing.note).cloned() else { return };
    if scene.camera.zoom < LEAST_ZOOM {
        return;
    }
    let zoom = scene.camera.zoom as f32;
    let at = scene.camera.screen_from_world([note.rect().min[0], note.rect().min[1]]);
    let size = vec2(note.size[0] as f32, note.size[1] as f32) * zoom;
    let area = egui::Area::new(egui::Id::new(("editor", note.id.0 as u64)))
        .order(egui::Order::Background)
        .constrain(false)
        .fade_in(false)
        .fixed_pos(pos2(at[0] as f32, at[1] as f32));
    area.show(context, |ui| {
        ui.set_min_size(size);
        ui.set_max_size(size);
        match &note.kind {
            NoteKind::Agent(agent) if editing.prompt => {
                prompt(ui, scene, editing, &note, agent, zoom, size);
            }
            _ => words(ui, scene, editing, zoom, size),
        }
    });
}

fn changed(scene: &mut Scene, editing: Editing) {
    scene.ui.editing = Some(editing);
}

fn field(
    ui: &mut egui::Ui,
    editing: &mut Editing,
    font: FontId,
    ink: Color32,
    hint: String,
    size: egui::Vec2,
) -> bool {
    let id = egui::Id::new(("words", editing.note.0 as u64));
    let rows = (size.y / (font.size * 1.2)).max(1.0) as usize;
    let text = TextEdit::multiline(&mut editing.buffer)
        .id(id)
        .font(font.clone())
        .text_color(ink)
        .frame(Frame::NONE)
        .hint_text(RichText::new(hint).font(font).color(ink.gamma_multiply(0.55)))
        .desired_width(size.x)
        .desired_rows(rows.min(12))
        .return_key(egui::KeyboardShortcut::new(egui::Modifiers::NONE, egui::Key::Enter));
    let response = egui::ScrollArea::vertical()
        .max_height(size.y)
        .min_scrolled_height(size.y)
        .auto_shrink([false, false])
        .show(ui, |ui| ui.add(text))
        .inner;
    if std::mem::take(&mut editing.focus) {
        response.request_focus();
        let mut state = egui::text_edit::TextEditState::load(ui.ctx(), id).unwrap_or_default();
        let end = egui::text::CCursor::new(editing.buffer.chars().count());
        state.cursor.set_char_range(Some(egui::text::CCursorRange::one(end)));
        state.store(ui.ctx(), id);
        ui.request_repaint();
    }
    response.changed()
}

fn words(ui: &mut egui::Ui, scene: &mut Scene, mut editing: Editing, zoom: f32, size: egui::Vec2) {
    let ink = color(scene.desk.theme.board.ink);
    let hint = scene.desk.say("note-hint");
    Frame::new().inner_margin(Margin::same((16.0 * zoom).min(100.0) as i8)).show(ui, |ui| {
        ui.add_space(24.0 * zoom);
        let inner = vec2(size.x - 32.0 * zoom, size.y - 60.0 * zoom);
        if field(ui, &mut editing, family(BRUSH, 22.0 * zoom), ink, hint, inner) {
            editing.changed = Some(Instant::now());
        }
    });
    changed(scene, editing);
}

fn prompt(
    ui: &mut egui::Ui,
    scene: &mut Scene,
    mut editing: Editing,
    note: &Note,
    agent: &Agent,
    zoom: f32,
    size: egui::Vec2,
) {
    let ink = color(scene.desk.theme.board.ink_gold);
    let t = scene.desk.theme.panel.clone();
    let hint = scene.desk.say("run-hint");
    let small = (12.0 * zoom).clamp(9.0, 13.0);
    let margin = 14.0 * zoom;
    ui.spacing_mut().item_spacing = vec2(5.0, 4.0) * zoom.min(1.2);
    Frame::new()
        .inner_margin(Margin {
            left: margin as i8,
            right: margin as i8,
            top: (26.0 * zoom) as i8,
            bottom: 0,
        })
        .show(ui, |ui| {
            ui.label(RichText::new(&note.title).font(family(MARKER, 22.0 * zoom)).color(ink));
            let controls = 50.0 * zoom.max(0.95);
            let inner = vec2(
                size.x - 2.0 * margin,
                (size.y - 34.0 * zoom - 30.0 * zoom - controls - 16.0 * zoom).max(20.0),
            );
            if field(ui, &mut editing, family(BRUSH, 19.0 * zoom), ink, hint, inner) {
                editing.changed = Some(Instant::now());
            }
            ui.horizontal(|ui| {
                ui.spacing_mut().button_padding = vec2(8.0, 2.5) * zoom.min(1.2);
                if let Some(engine) = engine_menu(ui, scene, agent, small) {
                    set_agent(
                        scene,
                        note.id,
                        Agent {
                            engine,
                            params: Vec::new(),
                            prompt: editing.buffer.clone(),
                            ..agent.clone()
                        },
                    );
                }
                let chosen = format_menu(ui, scene, agent, small);
                let chosen = agent_settings::menu(ui, scene, agent, small).or(chosen);
                if let Some((name, value)) = chosen {
                    let mut params = agent.params.clone();
                    params.retain(|(k, _)| *k != name);
                    params.push((name, value));
                    params.sort();
                    set_agent(
                        scene,
                        note.id,
                        Agent { params, prompt: editing.buffer.clone(), ..agent.clone() },
                    );
                }
            });
            ui.horizontal(|ui| {
                let run = format!("{}  Ctrl+Enter", scene.desk.say("run-button"));
                ui.spacing_mut().button_padding = vec2(12.0, 4.5) * zoom.min(1.2);
                let label = RichText::new(run).font(family(SEMI, small)).color(color(t.on_accent));
                if ui
                    .add(
                        egui::Button::new(label)
                            .fill(color(t.accent))
                            .stroke(Stroke::NONE)
                            .corner_radius(12),
                    )
                    .clicked()
                {
                    let sources: Vec<NoteId> =
                        scene.selection.ids().into_iter().filter(|id| *id != note.id).collect();
                    scene.ui.queue.push(Command::RunAgent(note.id, sources));
                }
                let cost = cost(scene, note.id, agent, &editing.buffer);
                ui.label(RichText::new(cost).size(small).color(ink.gamma_multiply(0.8)));
            });
        });
    changed(scene, editing);
}

/// What a run would cost, as the home says; asked after a pause when something changed.
fn cost(scene: &mut Scene, id: NoteId, agent: &Agent, prompt: &str) -> String {
    let HomeState::Ready(home) = &scene.desk.home else { return scene.desk.say("run-paid") };
    let sources: Vec<NoteId> = scene.selection.ids().into_iter().filter(|s| *s != id).collect();
    let about = estimates::about(id, agent, prompt, &sources);
    match scene.ui.estimate.want(id, about, Instant::now()) {
        Next::Nothing => {}
        Next::Wait(pause) => scene.ticker.after(pause),
        Next::Ask => {
            let agent = Agent { prompt: prompt.to_owned(), ..agent.clone() };
            let recipe = recipe_of(id, &agent, sources, 0);
            let (board, store) = (scene.open.board(), scene.desk.data.assets());
            let (job, _) = job_of(agent.makes, &recipe, board, &store);
            home.client.estimate(about, job);
        }
    }
    scene.ui.estimate.shown(&scene.desk.words)
}

fn set_agent(scene: &mut Scene, id: NoteId, agent: Agent) {
    scene.ui.queue.push(Command::Apply(Box::new(Edit::SetAgent { id, agent })));
}

fn menu<T: Clone>(
    ui: &mut egui::Ui,
    tokens: &BoardTokens,
    shown: String,
    size: f32,
    choices: &[(String, T)],
) -> Option<T> {
    let mut chosen = None;
    let ink = color(tokens.ink_gold);
    let fill = color(tokens.papers[0]).gamma_multiply(0.75);
    let caret = icon(egui_phosphor::regular::CARET_DOWN, size * 0.85).color(ink);
    let words = egui::WidgetText::from(RichText::new(shown).size(size).color(ink));
    let response =
        ui.add(egui::Button::new((words, caret)).fill(fill).stroke(Stroke::NONE).corner_radius(12));
    egui::Popup::menu(&response).show(|ui| {
        for (text, value) in choices {
            if ui.button(text).clicked() {
                chosen = Some(value.clone());
            }
        }
    });
    chosen
}

fn engine_menu(ui: &mut egui::Ui, scene: &Scene, agent: &Agent, size: f32) -> Option<String> {
    let kind = job_kind(agent.makes);
    let choices: Vec<(String, String)> = scene
        .ui
        .engines
        .iter()
        .filter(|e| e.kinds.contains(&kind))
        .map(|e| (e.label.clone(), e.id.clone()))
        .collect();
    let shown = if agent.engine.starts_with("local-") {
        "local draft".to_owned()
    } else {
        agent.engine.clone()
    };
    menu(ui, &scene.desk.theme.board, shown, size, &choices)
}

/// The format of a picture or film, else the engine's first choice: form of a text, language.
fn format_menu(
    ui: &mut egui::Ui,
    scene: &Scene,
    agent: &Agent,
    size: f32,
) -> Option<(String, String)> {
    let engine = scene.ui.engines.iter().find(|e| e.id == agent.engine)?;
    let with_choices = || engine.params.iter().filter(|p| p.choices.len() > 1);
    let parameter =
        with_choices().find(|p| p.name == "aspect").or_else(|| with_choices().next())?;
    let now = agent_settings::value_of(agent, parameter).to_owned();
    let shown = if now == "auto" { parameter.name.clone() } else { now };
    let choices: Vec<(String, String)> =
        parameter.choices.iter().map(|c| (c.clone(), c.clone())).collect();
    menu(ui, &scene.desk.theme.board, shown, size, &choices)
        .map(|value| (parameter.name.clone(), value))
}

/// Buttons on ghosts and on failed works.
fn ghosts(context: &egui::Context, scene: &mut Scene) {
    if scene.camera.zoom < LEAST_ZOOM {
        return;
    }
    let t = scene.desk.theme.panel.clone();
    let view = scene.camera.view();
    let mut wished = Vec::new();
    for note in scene.open.board().notes_in(view) {
        let Some(work) = note.kind.work() else { continue };
        let (key, command) = match work.state {
            WorkState::Making { .. } => ("stop-button", Command::StopJob(note.id)),
            WorkState::Failed { .. } | WorkState::Canceled { .. } => {
                ("retry-button", Command::Retry(note.id))
            }
            WorkState::Done { .. } => continue,
        };
        let at = scene
            .camera
            .screen_from_world([note.center[0], note.center[1] + note.size[1] / 2.0 - 15.0]);
        let area = egui::Area::new(egui::Id::new(("ghost", note.id.0 as u64)))
            .order(egui::Order::Background)
            .constrain(false)
            .fade_in(false)
            .pivot(egui::Align2::CENTER_CENTER)
            .fixed_pos(pos2(at[0] as f32, at[1] as f32));
        area.show(context, |ui| {
            let words = scene.desk.say(key);
            let clicked = if matches!(command, Command::StopJob(_)) {
                let cross = icon(egui_phosphor::regular::X, 11.0).color(color(t.faint));
                ui.add(egui::Button::new((cross, faint(&t, words).size(12.0))).frame(false))
                    .clicked()
            } else {
                button(ui, &words).clicked()
            };
            if clicked {
                wished.push(command);
            }
        });
    }
    scene.ui.queue.extend(wished);
    // Elapsed times go on while something is made, twice a second.
    let pause = std::time::Duration::from_millis(500);
    let due = scene.ticks.making.is_none_or(|at| at.elapsed() >= pause);
    if due && !making::all_waiting(scene.open.board()).is_empty() {
        scene.ticks.making = Some(Instant::now());
        scene.ticker.after(pause);
    }
}
