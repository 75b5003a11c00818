//! The work that is looked at: who made it, what can be done, how it was made, what is said.

use bevy_egui::egui;
use egui::{Align, Layout, RichText, ScrollArea, vec2};
use oto_backend_client::Ask;
use oto_canvas::BoardCamera;

use super::WIDTH;
use crate::desk::panels::style::{button, chip, faint, frame, icon, primary, semi};
use crate::desk::third_party::egui::{BRUSH, color, family};
use crate::desk::wall::{Walk, heard};
use crate::inbox;

pub(super) fn work(context: &egui::Context, walk: &mut Walk, camera: &mut BoardCamera) {
    let t = walk.theme.panel.clone();
    let area = context.viewport_rect();
    let top = 74.0;
    let at = [area.right() - t.gap - WIDTH, top];
    let height = area.height() - top - t.gap;
    let mut closed = false;
    egui::Area::new("wall work".into()).fixed_pos(at).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::same(14)).show(ui, |ui| {
            ui.set_width(WIDTH - 30.0);
            ui.set_height(height - 30.0);
            let Some(opened) = &walk.open else { return };
            let Some(work) = opened.work.clone() else {
                ui.label(faint(&t, "…"));
                return;
            };
            ui.horizontal(|ui| {
                let title = RichText::new(&work.title).font(family(BRUSH, t.heading_size));
                ui.allocate_ui_with_layout(
                    vec2(WIDTH - 66.0, 26.0),
                    Layout::left_to_right(Align::Center),
                    |ui| {
                        ui.set_min_width(WIDTH - 66.0);
                        ui.add(egui::Label::new(title).truncate());
                    },
                );
                let close =
                    ui.add(egui::Button::new(icon(egui_phosphor::regular::X, 14.0)).frame(false));
                closed = close.clicked();
            });
            author(ui, walk, &work, camera);
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                if !work.text.is_empty() {
                    ui.add(egui::Label::new(RichText::new(&work.text).size(14.0)).selectable(true));
                    ui.add_space(6.0);
                }
                actions(ui, walk, &work);
                ui.add_space(8.0);
                facts(ui, walk, &work, camera);
                comments(ui, walk, &work.id);
            });
        });
    });
    if closed {
        walk.open = None;
    }
}

fn actions(ui: &mut egui::Ui, walk: &mut Walk, work: &oto_api_types::Work) {
    let t = walk.theme.panel.clone();
    let signed_in = walk.account.is_some();
    ui.horizontal(|ui| {
        if !signed_in {
            ui.disable();
        }
        votes(ui, walk, work);
        let heart = if work.is_liked { "wall-unlike" } else { "wall-like" };
        let text = format!("{} · {}", walk.words.get(heart), work.likes);
        if button(ui, &text).clicked() {
            walk.server.ask(Ask::Like { work: work.id.clone(), wanted: !work.is_liked });
        }
    });
    ui.horizontal(|ui| {
        if work.may_reuse && primary(ui, &t, &walk.words.get("wall-use")).clicked() {
            take(walk, work);
        }
        if let Some(link) = &work.link
            && button(ui, &walk.words.get("wall-share")).clicked()
        {
            ui.ctx().copy_text(link.clone());
            let text = walk.words.get("wall-link-copied");
            walk.say(text);
        }
        ui.add_enabled_ui(signed_in, |ui| {
            if button(ui, &walk.words.get("wall-report")).clicked() {
                let (work, reason) = (work.id.clone(), "other".to_owned());
                walk.server.ask(Ask::Report { work, reason });
            }
        });
    });
    if !signed_in {
        ui.label(faint(&t, walk.words.get("wall-sign-in-first")).size(12.0));
    }
}

/// Up or down; the same once more takes it back.
fn votes(ui: &mut egui::Ui, walk: &Walk, work: &oto_api_types::Work) {
    use egui_phosphor::regular::{ARROW_FAT_DOWN, ARROW_FAT_UP};
    let t = &walk.theme.panel;
    let both = [(ARROW_FAT_UP, 1, "wall-vote-up"), (ARROW_FAT_DOWN, -1, "wall-vote-down")];
    for (sign, value, word) in both {
        let mut shown = icon(sign, 15.0);
        if work.own_vote == value {
            shown = shown.color(color(t.accent));
        }
        let pressed = ui.add(egui::Button::new(shown)).on_hover_text(walk.words.get(word));
        if pressed.clicked() {
            let value = if work.own_vote == value { 0 } else { value };
            walk.server.ask(Ask::Vote { work: work.id.clone(), value });
        }
        if value == 1 {
            ui.label(work.votes.to_string());
        }
    }
}

/// Who made it: their place, and whether one follows them.
fn author(ui: &mut egui::Ui, walk: &Walk, work: &oto_api_types::Work, camera: &mut BoardCamera) {
    let t = &walk.theme.panel;
    let by = format!("{} · @{}", work.author.name, work.author.handle);
    let author = walk.open.as_ref().and_then(|o| o.author.clone());
    let is_me = walk.account.as_ref().is_some_and(|a| a.id == work.author.id);
    ui.horizontal(|ui| {
        if ui.add(egui::Button::new(faint(t, by)).frame(false)).clicked()
            && let Some(author) = &author
        {
            let half = author.home.side / 2.0;
            camera.go_to([author.home.x + half, author.home.y + half], 0.5);
        }
        let Some(author) = &author else { return };
        if walk.account.is_none() || is_me {
            return;
        }
        let word = if author.is_followed { "wall-followed" } else { "wall-follow" };
        if chip(ui, t, &walk.words.get(word), author.is_followed).clicked() {
            let wanted = !author.is_followed;
            walk.server.ask(Ask::Follow { person: author.id.clone(), wanted });
        }
    });
}

/// Fetches the media, then lets the work wait for the desk.
fn take(walk: &mut Walk, work: &oto_api_types::Work) {
    match &work.asset {
        None => heard::take(walk, work),
        Some(hash) => match inbox::media_path(&walk.data, hash) {
            Ok(into) => {
                walk.taking.insert(hash.clone(), work.clone());
                walk.server.ask(Ask::Fetch { hash: hash.clone(), into });
            }
            Err(error) => walk.say(format!("{error:#}")),
        },
    }
}

fn facts(ui: &mut egui::Ui, walk: &mut Walk, work: &oto_api_types::Work, camera: &mut BoardCamera) {
    let t = walk.theme.panel.clone();
    ui.label(faint(&t, &work.licence).size(12.0));
    if let Some(recipe) = &work.recipe {
        ui.label(semi(walk.words.get("preview-thread"), 13.0));
        let draft = if recipe.draft { walk.words.get("wall-draft") } else { String::new() };
        ui.label(format!("{} · {} {} {draft}", recipe.agent, recipe.engine, recipe.model));
        if !recipe.prompt.is_empty() {
            ui.add(egui::Label::new(RichText::new(&recipe.prompt).italics()).wrap());
        }
    }
    if !work.sources.is_empty() {
        ui.label(semi(walk.words.get("wall-made-from"), 13.0));
        for source in &work.sources {
            match &source.work {
                Some(id) => {
                    let link =
                        egui::Button::new(RichText::new(&source.title).underline()).frame(false);
                    if ui.add(link).clicked() {
                        go_to(walk, id, camera);
                        walk.look_at(id.clone());
                    }
                }
                None => drop(ui.label(&source.title)),
            }
        }
    }
    if work.reuses > 0 {
        let n = work.reuses.to_string();
        let text = walk.words.with("wall-reuses", &[("n", &n)]);
        if ui.add(egui::Button::new(RichText::new(text).underline()).frame(false)).clicked() {
            walk.people.clear();
            walk.find(vec![("made_from", work.id.clone())]);
        }
    }
}

/// Goes where a work hangs, if it is in sight.
fn go_to(walk: &Walk, id: &str, camera: &mut BoardCamera) {
    let at = id.parse().ok().and_then(|note| walk.items.get(&note)).map(|i| [i.x, i.y]);
    if let Some(at) = at {
        camera.go_to(at, camera.zoom.max(0.5));
    }
}

fn comments(ui: &mut egui::Ui, walk: &mut Walk, id: &str) {
    let t = walk.theme.panel.clone();
    ui.add_space(8.0);
    ui.label(semi(walk.words.get("wall-comments"), 13.0));
    let said = walk.open.as_ref().map(|o| o.comments.clone()).unwrap_or_default();
    for comment in said.iter().filter(|c| !c.deleted) {
        ui.add_space(3.0);
        ui.label(semi(&comment.author.name, 12.5));
        ui.add(egui::Label::new(&comment.text).wrap());
    }
    if walk.account.is_none() {
        return;
    }
    ui.add_space(6.0);
    let field = egui::TextEdit::multiline(&mut walk.comment)
        .hint_text(walk.words.get("wall-comment-hint"))
        .desired_rows(2)
        .desired_width(f32::INFINITY);
    ui.add(field);
    let can = !walk.comment.trim().is_empty();
    ui.add_enabled_ui(can, |ui| {
        if primary(ui, &t, &walk.words.get("wall-say")).clicked() {
            walk.server.ask(Ask::Say { work: id.to_owned(), text: walk.comment.clone() });
        }
    });
}
