//! The panels of the wall's window: a bar, the work that is looked at, what was found, short words.

use std::time::Instant;

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align, Layout, RichText, ScrollArea, vec2};
use oto_backend_client::Ask;
use oto_canvas::BoardCamera;

use super::{Walk, heard};
use crate::desk::panels::style::{button, chip, faint, frame, icon, primary, semi};
use crate::desk::third_party::egui::{BRUSH, MARKER, SEMI, color, family, restyle};
use crate::desk::ticker::Ticker;
use crate::inbox;

/// Width of the work's panel.
const WIDTH: f32 = 330.0;

pub(super) fn all(
    mut contexts: EguiContexts,
    mut walk: ResMut<Walk>,
    mut camera: ResMut<BoardCamera>,
    ticker: Res<Ticker>,
) -> Result {
    let context = contexts.ctx_mut()?.clone();
    let walk = &mut *walk;
    if !walk.styled {
        restyle(&context, &walk.theme.panel, walk.theme.dark);
        walk.styled = true;
        context.request_repaint();
    }
    bar(&context, walk, &mut camera);
    if walk.open.is_some() {
        work(&context, walk, &mut camera);
    } else if !walk.found.is_empty() || !walk.people.is_empty() {
        found(&context, walk, &mut camera);
    }
    if walk.code.is_some() {
        code(&context, walk);
    }
    said(&context, walk, &ticker);
    Ok(())
}

fn bar(context: &egui::Context, walk: &mut Walk, camera: &mut BoardCamera) {
    let t = walk.theme.panel.clone();
    let width = context.viewport_rect().width() - 2.0 * t.gap;
    egui::Area::new("wall bar".into()).fixed_pos([t.gap, t.gap]).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
            ui.set_width(width - 26.0);
            ui.set_height(32.0);
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.label(RichText::new("oTo").font(family(MARKER, 24.0)).color(color(t.accent)));
                ui.label(semi(walk.words.get("wall-title"), 13.0));
                let told = [
                    ("works", walk.extent.works.to_string()),
                    ("people", walk.extent.plots.to_string()),
                ];
                let told = told.each_ref().map(|(k, v)| (*k, v.as_str()));
                ui.label(faint(&t, walk.words.with("wall-counts", &told)).size(12.0));
                ui.add_space(12.0);
                search(ui, walk);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    account(ui, walk, camera);
                });
            });
        });
    });
}

fn search(ui: &mut egui::Ui, walk: &mut Walk) {
    let hint = walk.words.get("wall-search");
    let field = egui::TextEdit::singleline(&mut walk.search)
        .hint_text(hint)
        .desired_width(280.0)
        .margin(egui::Margin::symmetric(10, 6));
    let response = ui.add(field);
    if response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) {
        let words = walk.search.trim().to_owned();
        walk.found.clear();
        walk.people.clear();
        if !words.is_empty() {
            walk.open = None;
            walk.server.ask(Ask::FindPeople(words.clone()));
            walk.server
                .ask(Ask::FindWorks { query: vec![("q", words), ("sort", "hot".to_owned())] });
        }
    }
}

fn account(ui: &mut egui::Ui, walk: &Walk, camera: &mut BoardCamera) {
    let t = walk.theme.panel.clone();
    match walk.account.clone() {
        Some(account) => {
            if button(ui, &walk.words.get("wall-sign-out")).clicked() {
                walk.server.ask(Ask::SignOut);
            }
            ui.label(semi(format!("@{}", account.handle), 13.0));
            if chip(ui, &t, &walk.words.get("wall-home"), false).clicked() {
                let half = account.home.side / 2.0;
                camera.go_to([account.home.x + half, account.home.y + half], 0.5);
            }
        }
        None => {
            if walk.code.is_none() && primary(ui, &t, &walk.words.get("wall-sign-in")).clicked() {
                walk.server.ask(Ask::SignIn { client: crate::cli::client_name() });
            }
        }
    }
    if chip(ui, &t, &walk.words.get("wall-middle"), false).clicked() {
        camera.go_to([4096.0, 4096.0], 0.3);
    }
}

/// The code to be typed in a browser.
fn code(context: &egui::Context, walk: &Walk) {
    let t = walk.theme.panel.clone();
    let Some(code) = walk.code.clone() else { return };
    egui::Area::new("wall code".into()).anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0]).show(
        context,
        |ui| {
            frame(&t).inner_margin(egui::Margin::same(22)).show(ui, |ui| {
                ui.set_width(360.0);
                ui.vertical_centered(|ui| {
                    ui.label(semi(walk.words.get("wall-sign-in"), 15.0));
                    ui.add_space(6.0);
                    ui.label(walk.words.get("wall-code"));
                    ui.add_space(6.0);
                    ui.add(egui::Label::new(
                        RichText::new(&code.user_code).font(family(SEMI, 34.0)),
                    ));
                    ui.label(faint(&t, &code.verification_uri));
                    ui.add_space(10.0);
                    if primary(ui, &t, &walk.words.get("wall-open-browser")).clicked() {
                        let page = egui::OpenUrl::new_tab(&code.verification_uri_complete);
                        context.open_url(page);
                    }
                });
            });
        },
    );
}

fn work(context: &egui::Context, walk: &mut Walk, camera: &mut BoardCamera) {
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
            let by = format!("{} · @{}", work.author.name, work.author.handle);
            if ui.add(egui::Button::new(faint(&t, by)).frame(false)).clicked() {
                walk.server.ask(Ask::FindPeople(work.author.handle.clone()));
            }
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
    ui.horizontal_wrapped(|ui| {
        ui.add_enabled_ui(signed_in, |ui| {
            let heart = if work.is_liked { "wall-unlike" } else { "wall-like" };
            let text = format!("{} · {}", walk.words.get(heart), work.likes);
            if button(ui, &text).clicked() {
                walk.server.ask(Ask::Like { work: work.id.clone(), wanted: !work.is_liked });
            }
        });
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
            walk.server.ask(Ask::FindWorks { query: vec![("made_from", work.id.clone())] });
            walk.open = None;
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

fn found(context: &egui::Context, walk: &mut Walk, camera: &mut BoardCamera) {
    let t = walk.theme.panel.clone();
    let area = context.viewport_rect();
    let at = [area.right() - t.gap - WIDTH, 74.0];
    let mut go = None;
    egui::Area::new("wall found".into()).fixed_pos(at).show(context, |ui| {
        frame(&t).show(ui, |ui| {
            ui.set_width(WIDTH - 30.0);
            ui.set_max_height(area.height() - 120.0);
            ScrollArea::vertical().show(ui, |ui| {
                for person in &walk.people {
                    let text = format!("{} · @{} · {}", person.name, person.handle, person.works);
                    if ui.add(egui::Button::new(semi(text, 13.0)).frame(false)).clicked() {
                        let half = person.home.side / 2.0;
                        camera.go_to([person.home.x + half, person.home.y + half], 0.5);
                    }
                }
                for work in &walk.found {
                    let line = ui.horizontal(|ui| {
                        let title = RichText::new(&work.title).font(family(BRUSH, 18.0));
                        let shown = ui.add(egui::Button::new(title).frame(false));
                        ui.label(faint(&t, &work.author.name).size(12.0));
                        shown.clicked()
                    });
                    if line.inner {
                        go = Some(work.clone());
                    }
                }
                ui.allocate_space(vec2(WIDTH - 40.0, 1.0));
            });
        });
    });
    if let Some(work) = go {
        if let Some(at) = work.at {
            camera.go_to(at, 0.8);
        }
        walk.look_at(work.id);
    }
}

fn said(context: &egui::Context, walk: &mut Walk, ticker: &Ticker) {
    let now = Instant::now();
    walk.said.retain(|(_, until)| *until > now);
    let Some((text, until)) = walk.said.back().cloned() else { return };
    ticker.after(until.saturating_duration_since(now));
    let t = walk.theme.panel.clone();
    egui::Area::new("wall said".into()).anchor(egui::Align2::CENTER_BOTTOM, [0.0, -24.0]).show(
        context,
        |ui| {
            egui::Frame::new()
                .fill(color(t.toast))
                .corner_radius(10)
                .inner_margin(egui::Margin::symmetric(16, 9))
                .show(ui, |ui| {
                    ui.set_max_width(560.0);
                    ui.label(RichText::new(text).color(color(t.on_toast)));
                });
        },
    );
}
