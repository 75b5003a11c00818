//! The panels of the wall's window: a bar, the work that is looked at, what was found, short words.

mod found;
mod work;

use std::time::Instant;

use bevy::prelude::*;
use bevy_egui::{EguiContexts, egui};
use egui::{Align, Layout, RichText};
use oto_backend_client::Ask;
use oto_canvas::BoardCamera;

use super::Walk;
use crate::desk::panels::style::{button, chip, faint, frame, primary, semi};
use crate::desk::third_party::egui::{MARKER, SEMI, color, family, restyle};
use crate::desk::ticker::Ticker;

/// Width of the panel at the right.
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
        work::work(&context, walk, &mut camera);
    } else if walk.notices.is_some() {
        found::notices(&context, walk);
    } else if walk.found.is_some() || !walk.people.is_empty() {
        found::found(&context, walk, &mut camera);
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
        walk.people.clear();
        // Without words everything is found, in the order that is chosen.
        if words.is_empty() {
            walk.find(Vec::new());
        } else {
            walk.server.ask(Ask::FindPeople(words.clone()));
            walk.find(vec![("q", words)]);
        }
    }
}

fn account(ui: &mut egui::Ui, walk: &mut Walk, camera: &mut BoardCamera) {
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
            if chip(ui, &t, &walk.words.get("wall-following"), false).clicked() {
                walk.people.clear();
                walk.sort = super::Sort::New;
                walk.find(vec![("followed", "true".to_owned())]);
            }
            let n = walk.unread.to_string();
            let notices = match walk.unread {
                0 => walk.words.get("wall-notices"),
                _ => walk.words.with("wall-notices-new", &[("n", &n)]),
            };
            if chip(ui, &t, &notices, walk.unread > 0).clicked() {
                walk.open = None;
                walk.server.ask(Ask::Notices);
                walk.server.ask(Ask::ReadNotices);
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
