//! What was found, in an order and of a kind; and what one was told.

use bevy_egui::egui;
use egui::{RichText, ScrollArea, vec2};
use oto_backend_client::Ask;
use oto_canvas::BoardCamera;

use super::WIDTH;
use crate::desk::panels::style::{chip, faint, frame, icon, semi};
use crate::desk::third_party::egui::{BRUSH, family};
use crate::desk::wall::{Sort, Walk};

/// Kinds of works, and the word of each.
const KINDS: [(Option<&str>, &str); 5] = [
    (None, "wall-all"),
    (Some("text"), "wall-texts"),
    (Some("image"), "wall-pictures"),
    (Some("voice"), "wall-voices"),
    (Some("video"), "wall-films"),
];

/// A panel at the right with a title. True when it is closed.
fn panel(
    context: &egui::Context,
    walk: &mut Walk,
    name: &str,
    title: &str,
    inside: impl FnOnce(&mut egui::Ui, &mut Walk),
) -> bool {
    let t = walk.theme.panel.clone();
    let area = context.viewport_rect();
    let at = [area.right() - t.gap - WIDTH, 74.0];
    let mut closed = false;
    egui::Area::new(egui::Id::new(name)).fixed_pos(at).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::same(14)).show(ui, |ui| {
            ui.set_width(WIDTH - 30.0);
            ui.set_max_height(area.height() - 120.0);
            ui.horizontal(|ui| {
                ui.allocate_ui(vec2(WIDTH - 66.0, 22.0), |ui| {
                    ui.set_min_width(WIDTH - 66.0);
                    ui.label(semi(title, 14.0));
                });
                let close = egui::Button::new(icon(egui_phosphor::regular::X, 14.0)).frame(false);
                closed = ui.add(close).clicked();
            });
            inside(ui, walk);
        });
    });
    closed
}

pub(super) fn found(context: &egui::Context, walk: &mut Walk, camera: &mut BoardCamera) {
    let title = match walk.query.first() {
        Some(("followed", _)) => walk.words.get("wall-following"),
        _ => walk.words.get("wall-found"),
    };
    let closed = panel(context, walk, "wall found", &title, |ui, walk| {
        filters(ui, walk);
        ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
            people(ui, walk, camera);
            works(ui, walk, camera);
        });
    });
    if closed {
        walk.found = None;
        walk.people.clear();
    }
}

fn filters(ui: &mut egui::Ui, walk: &mut Walk) {
    let t = walk.theme.panel.clone();
    let (mut sort, mut kind) = (walk.sort, walk.kind);
    ui.horizontal_wrapped(|ui| {
        for one in Sort::ALL {
            let word = walk.words.get(&format!("wall-{}", one.word()));
            if chip(ui, &t, &word, one == sort).clicked() {
                sort = one;
            }
        }
    });
    ui.horizontal_wrapped(|ui| {
        for (one, word) in KINDS {
            if chip(ui, &t, &walk.words.get(word), one == kind).clicked() {
                kind = one;
            }
        }
    });
    ui.add_space(4.0);
    if (sort, kind) != (walk.sort, walk.kind) {
        (walk.sort, walk.kind) = (sort, kind);
        walk.find(walk.query.clone());
    }
}

fn people(ui: &mut egui::Ui, walk: &Walk, camera: &mut BoardCamera) {
    let t = &walk.theme.panel;
    let me = walk.account.as_ref().map(|a| a.id.as_str());
    for person in &walk.people {
        ui.horizontal(|ui| {
            let text = format!("{} · @{} · {}", person.name, person.handle, person.works);
            if ui.add(egui::Button::new(semi(text, 13.0)).frame(false)).clicked() {
                let half = person.home.side / 2.0;
                camera.go_to([person.home.x + half, person.home.y + half], 0.5);
            }
            if me.is_some_and(|me| me != person.id) {
                let word = if person.is_followed { "wall-followed" } else { "wall-follow" };
                if chip(ui, t, &walk.words.get(word), person.is_followed).clicked() {
                    let wanted = !person.is_followed;
                    walk.server.ask(Ask::Follow { person: person.id.clone(), wanted });
                }
            }
        });
    }
}

fn works(ui: &mut egui::Ui, walk: &mut Walk, camera: &mut BoardCamera) {
    let t = walk.theme.panel.clone();
    let mut go = None;
    for work in walk.found.iter().flatten() {
        let line = ui.horizontal(|ui| {
            let title = RichText::new(&work.title).font(family(BRUSH, 18.0));
            let shown = ui.add(egui::Button::new(title).frame(false).truncate());
            ui.label(faint(&t, &work.author.name).size(12.0));
            shown.clicked()
        });
        if line.inner {
            go = Some(work.clone());
        }
    }
    if walk.found.as_ref().is_some_and(Vec::is_empty) && walk.people.is_empty() {
        ui.label(faint(&t, walk.words.get("wall-nothing-found")));
    }
    if let Some(work) = go {
        if let Some(at) = work.at {
            camera.go_to(at, 0.8);
        }
        walk.look_at(work.id);
    }
}

/// What one was told; a line leads to the work it is about.
pub(super) fn notices(context: &egui::Context, walk: &mut Walk) {
    let title = walk.words.get("wall-notices");
    let mut go = None;
    let closed = panel(context, walk, "wall notices", &title, |ui, walk| {
        let t = walk.theme.panel.clone();
        ScrollArea::vertical().auto_shrink([false, true]).show(ui, |ui| {
            for notice in walk.notices.iter().flatten() {
                let who = notice.by.as_ref().map_or("oTo", |by| by.name.as_str());
                ui.add_space(4.0);
                ui.label(semi(who, 12.5));
                let text = RichText::new(&notice.text);
                let text = if notice.read { text } else { text.strong() };
                match &notice.work {
                    Some(work) => {
                        if ui.add(egui::Button::new(text).frame(false).wrap()).clicked() {
                            go = Some(work.clone());
                        }
                    }
                    None => drop(ui.add(egui::Label::new(text).wrap())),
                }
            }
            if walk.notices.as_ref().is_some_and(Vec::is_empty) {
                ui.label(faint(&t, walk.words.get("wall-no-notices")));
            }
        });
    });
    if let Some(work) = go {
        walk.goes = true;
        walk.look_at(work);
    } else if closed {
        walk.notices = None;
    }
}
