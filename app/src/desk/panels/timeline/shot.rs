//! The selected shot: how long, what it shows, how it comes and moves, what is said and written.

use bevy_egui::egui;
use egui::{DragValue, Sense, TextEdit, Ui, pos2, vec2};
use oto_canvas::OpenBoard;
use oto_media::timeline::{Motion, TransitionKind, Visual};

use super::super::style::{button, faint, semi};
use super::looks::{Looks, crossed};
use super::{View, Wish, choice, row, tool};
use crate::desk::bridge::timeline::Target;
use crate::desk::third_party::egui::color;
use crate::desk::timeline::Editor;

/// Width of the title of a work.
const TITLE: f32 = 84.0;
/// Longest edge of the picture the focus is moved on.
const PAD: f32 = 96.0;

pub(super) fn show(ui: &mut Ui, editor: &mut Editor, view: &mut View<'_>, open: &OpenBoard) {
    keep_typed(ui, editor, view.looks);
    let shot = editor.selected();
    head(ui, editor, view, shot);
    visual(ui, editor, view, open, shot);
    let t = view.t;
    let now = editor.timeline().shots[shot].clone();
    if !matches!(now.visual, Visual::Card { .. }) {
        row(ui, t, &view.say("timeline-motion"), |ui| {
            let motions = Motion::ALL.map(|m| (m, view.say(motion_key(m))));
            if let Some(motion) = choice(ui, "motion", now.motion, &motions) {
                editor.set_motion(shot, motion);
            }
        });
    }
    if shot > 0 {
        row(ui, t, &view.say("timeline-transition"), |ui| {
            let kinds = TransitionKind::ALL.map(|k| (k, view.say(transition_key(k))));
            if let Some(kind) = choice(ui, "transition", now.transition.kind, &kinds) {
                let frames = match now.transition.frames {
                    0 => editor.usual_transition(),
                    frames => frames,
                };
                editor.set_transition(shot, kind, frames);
            }
            if now.transition.kind != TransitionKind::Cut {
                let most = editor.longest_transition(shot);
                if let Some(frames) = seconds(ui, editor, now.transition.frames, 1..=most.max(1)) {
                    editor.set_transition(shot, now.transition.kind, frames);
                }
            }
        });
    }
    voice(ui, editor, view, shot);
    captions(ui, editor, view, shot);
}

fn head(ui: &mut Ui, editor: &mut Editor, view: &View<'_>, shot: usize) {
    ui.horizontal(|ui| {
        let number = [("n", (shot + 1).to_string())];
        let values = number.each_ref().map(|(name, value)| (*name, value.as_str()));
        ui.label(semi(view.desk.words.with("timeline-shot", &values), 13.0));
        let least = editor.shortest(shot);
        let frames = editor.timeline().shots[shot].frames;
        if let Some(frames) = seconds(ui, editor, frames, least..=u32::MAX) {
            editor.trim(shot, frames);
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let several = editor.timeline().shots.len() > 1;
            ui.add_enabled_ui(several, |ui| {
                let name = view.say("timeline-remove");
                if tool(ui, egui_phosphor::regular::TRASH, &name).clicked() {
                    editor.remove(shot);
                }
            });
        });
    });
}

/// A number of frames as seconds; the new one when it was changed.
fn seconds(
    ui: &mut Ui,
    editor: &Editor,
    frames: u32,
    range: std::ops::RangeInclusive<u32>,
) -> Option<u32> {
    let fps = editor.timeline().fps;
    let of = |frames: u32| fps.ms_at(frames) as f64 / 1000.0;
    let mut value = of(frames);
    let field = DragValue::new(&mut value)
        .range(of(*range.start())..=of(*range.end()))
        .speed(0.02)
        .fixed_decimals(2)
        .suffix(" s");
    let changed = ui.add(field).changed();
    let frames = fps.frame_at((value.max(0.0) * 1000.0) as u64);
    changed.then(|| frames.clamp(*range.start(), *range.end()))
}

/// What the shot shows, and what can be done with it by its kind.
fn visual(ui: &mut Ui, editor: &mut Editor, view: &mut View<'_>, open: &OpenBoard, shot: usize) {
    let t = view.t;
    match editor.timeline().shots[shot].visual.clone() {
        Visual::Card { text } => {
            let mut words = text;
            let field = TextEdit::multiline(&mut words)
                .id(egui::Id::new(("card", shot)))
                .desired_rows(2)
                .desired_width(f32::INFINITY)
                .hint_text(view.say("timeline-card-hint"));
            if ui.add(field).changed() {
                editor.set_card_text(shot, &words);
            }
            row(ui, t, &view.say("timeline-picture"), |ui| {
                replace(ui, view, Target::Shot(shot), "timeline-none");
            });
        }
        Visual::Still { asset, focus } => {
            let name = view.say("timeline-picture");
            row(ui, t, &name, |ui| works(ui, view, Target::Shot(shot), &asset));
            let size_px = asset.parse().ok().and_then(|a| open.board().asset(a)).map(|a| a.size_px);
            let size_px = size_px.filter(|s| s[0] > 0 && s[1] > 0).unwrap_or([16, 9]);
            row(ui, t, &view.say("timeline-focus"), |ui| {
                if let Some(at) = focus_pad(ui, editor, view, &asset, size_px, focus) {
                    editor.set_focus(shot, at);
                }
            });
        }
        Visual::Film { asset, in_ms } => {
            let name = view.say("timeline-film");
            row(ui, t, &name, |ui| works(ui, view, Target::Shot(shot), &asset));
            row(ui, t, &view.say("timeline-film-start"), |ui| {
                let mut start = in_ms as f64 / 1000.0;
                let last = asset.parse().ok().and_then(|a| open.board().asset(a));
                let last = last.map_or(86_400.0, |a| a.duration_ms as f64 / 1000.0);
                let field = DragValue::new(&mut start).range(0.0..=last).speed(0.05).suffix(" s");
                if ui.add(field).changed() {
                    editor.set_film_start(shot, (start * 1000.0) as u64);
                }
            });
        }
    }
}

/// The whole picture with a dot on what is kept in view; its new place while it is dragged.
fn focus_pad(
    ui: &mut Ui,
    editor: &Editor,
    view: &mut View<'_>,
    asset: &str,
    size_px: [u32; 2],
    focus: [f32; 2],
) -> Option<[f32; 2]> {
    let longest = size_px[0].max(size_px[1]) as f32;
    let size = vec2(size_px[0] as f32, size_px[1] as f32) * (PAD / longest);
    let (rect, response) =
        ui.allocate_exact_size(size.max(vec2(24.0, 24.0)), Sense::click_and_drag());
    let response = response.on_hover_text(view.say("timeline-focus-why"));
    match view.looks.whole(editor.timeline(), asset, size_px) {
        Some(Some(texture)) => {
            let all = egui::Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            ui.painter().image(texture, rect, all, egui::Color32::WHITE);
        }
        Some(None) => crossed(ui.painter(), rect, view.t),
        None => drop(ui.painter().rect_filled(rect, 4, color(view.t.line))),
    }
    let at = rect.min + vec2(focus[0] * rect.width(), focus[1] * rect.height());
    ui.painter().circle(at, 5.0, color(view.t.accent), (1.5, color(view.t.on_accent)));
    let to =
        response.interact_pointer_pos().filter(|_| response.dragged() || response.clicked())?;
    Some([(to.x - rect.left()) / rect.width(), (to.y - rect.top()) / rect.height()])
}

/// The name of a work, a sign when it is not there, and the way to another.
pub(super) fn works(ui: &mut Ui, view: &mut View<'_>, target: Target, asset: &str) {
    let gone = view.absent.contains(asset);
    let name = view.looks.name(asset).unwrap_or_default().to_owned();
    if gone {
        ui.label(faint(view.t, view.say("timeline-gone")).color(color(view.t.accent)));
    } else {
        let left = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(vec2(TITLE, 20.0), left, |ui| {
            ui.set_min_width(TITLE);
            ui.add(egui::Label::new(name).truncate());
        });
    }
    replace(ui, view, target, "timeline-replace");
}

/// Takes a note of the wall; the same button gives it up while one is waited for.
pub(super) fn replace(ui: &mut Ui, view: &mut View<'_>, target: Target, key: &str) {
    let waits = view.picking == Some(target);
    let words = view.say(if waits { "timeline-cancel" } else { key });
    let response = button(ui, &words).on_hover_text(view.say("timeline-replace-why"));
    view.drops_on(ui, response.rect, target);
    if response.clicked() {
        view.wishes.push(if waits { Wish::NoReplace } else { Wish::Replace(target) });
    }
}

fn voice(ui: &mut Ui, editor: &mut Editor, view: &mut View<'_>, shot: usize) {
    let Some(asset) = editor.voice_of(shot).map(|c| c.asset.clone()) else { return };
    let mut silent = false;
    row(ui, view.t, &view.say("timeline-voice"), |ui| {
        works(ui, view, Target::Shot(shot), &asset);
        let name = view.say("timeline-voice-remove");
        silent = tool(ui, egui_phosphor::regular::X, &name).clicked();
    });
    if silent {
        editor.set_voice(shot, None);
    }
}

fn cue_id(cue: usize) -> egui::Id {
    egui::Id::new(("cue", cue))
}

/// What was typed becomes the caption when the keys go elsewhere.
fn keep_typed(ui: &Ui, editor: &mut Editor, looks: &mut Looks) {
    let focused = ui.memory(|m| m.focused());
    if let Some((cue, text)) = looks.typed.take_if(|(cue, _)| focused != Some(cue_id(*cue))) {
        editor.set_cue_text(cue, &text);
    }
}

fn captions(ui: &mut Ui, editor: &Editor, view: &mut View<'_>, shot: usize) {
    let cues = editor.cues_of(shot);
    if !cues.is_empty() {
        ui.label(faint(view.t, view.say("timeline-captions-of-shot")).size(12.5));
    }
    for i in cues {
        let cue = &editor.timeline().cues[i];
        let typed = view.looks.typed.as_ref().filter(|(of, _)| *of == i);
        let mut text = typed.map_or_else(|| cue.text.clone(), |(_, text)| text.clone());
        ui.horizontal(|ui| {
            let field = TextEdit::multiline(&mut text)
                .id(cue_id(i))
                .desired_rows(1)
                .desired_width(ui.available_width() - if cue.estimated { 22.0 } else { 0.0 });
            if ui.add(field).changed() {
                view.looks.typed = Some((i, text));
            }
            if cue.estimated {
                ui.label(faint(view.t, "≈")).on_hover_text(view.say("timeline-estimated"));
            }
        });
    }
}

fn motion_key(motion: Motion) -> &'static str {
    match motion {
        Motion::Auto => "motion-auto",
        Motion::None => "motion-none",
        Motion::In => "motion-in",
        Motion::Out => "motion-out",
        Motion::Left => "motion-left",
        Motion::Right => "motion-right",
    }
}

fn transition_key(kind: TransitionKind) -> &'static str {
    match kind {
        TransitionKind::Cut => "transition-cut",
        TransitionKind::Dissolve => "transition-dissolve",
        TransitionKind::Dip => "transition-dip",
        TransitionKind::Slide => "transition-slide",
        TransitionKind::Wipe => "transition-wipe",
        TransitionKind::Peel => "transition-peel",
    }
}
