//! The bell in the top bar and the list that it opens.

use bevy_egui::egui;
use egui::{Align, CornerRadius, Layout, Popup, PopupCloseBehavior, RectAlign, Sense, vec2};
use egui_phosphor::regular as icons;

use super::Scene;
use super::dialogs::tall;
use super::style::{button, faint, frame, icon, semi};
use crate::desk::clock;
use crate::desk::command::Command;
use crate::desk::notices::{Notice, Topic};
use crate::desk::third_party::egui::color;
use crate::mint;
use crate::theme::tokens::{Hex, PanelTokens};

const WIDTH: f32 = 380.0;

/// The bell with the number of what was not read yet.
pub(super) fn bell(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let unread = scene.ui.notices.unread();
    let sign = if unread > 0 { icons::BELL_RINGING } else { icons::BELL };
    let bell = ui.add(egui::Button::new(icon(sign, 17.0)).frame(false).min_size(vec2(26.0, 26.0)));
    let count = unread.to_string();
    let label = match unread {
        0 => scene.desk.say("notices-title"),
        _ => scene.desk.words.with("notices-unread", &[("count", &count)]),
    };
    bell.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, &label));
    if unread > 0 {
        let at = bell.rect.right_top() + vec2(-5.0, 7.0);
        let shown = if unread > 99 { "99+".to_owned() } else { count };
        let font = egui::FontId::proportional(9.5);
        let words = ui.painter().layout_no_wrap(shown, font, color(t.on_accent));
        let size = vec2(words.size().x.max(7.0) + 7.0, 14.0);
        let badge = egui::Rect::from_center_size(at, size);
        ui.painter().rect_filled(badge, CornerRadius::same(7), color(t.accent));
        ui.painter().galley(badge.center() - words.size() / 2.0, words, color(t.on_accent));
    }
    let bell = bell.on_hover_text(label);
    if bell.clicked() {
        scene.ui.notices_open = !scene.ui.notices_open;
    }
    let mut open = scene.ui.notices_open;
    Popup::from_response(&bell)
        .open_bool(&mut open)
        .align(RectAlign::BOTTOM_END)
        .gap(12.0)
        .frame(frame(&t))
        .close_behavior(PopupCloseBehavior::CloseOnClickOutside)
        .show(|ui| list(ui, scene, &t));
    scene.ui.notices_open = open && scene.ui.notices_open;
    // How long ago it was goes on while the list is open.
    let minute = std::time::Duration::from_secs(60);
    if open && scene.ticks.notices.is_none_or(|at| at.elapsed() >= minute) {
        scene.ticks.notices = Some(std::time::Instant::now());
        scene.ticker.after(minute);
    }
}

fn list(ui: &mut egui::Ui, scene: &mut Scene, t: &PanelTokens) {
    ui.set_width(WIDTH);
    ui.horizontal(|ui| {
        ui.label(semi(scene.desk.say("notices-title"), 14.0));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let any = scene.ui.notices.shown().next().is_some();
            ui.add_enabled_ui(any, |ui| {
                if button(ui, &scene.desk.say("notices-clear")).clicked() {
                    scene.ui.notices.clear();
                }
            });
            ui.add_enabled_ui(scene.ui.notices.unread() > 0, |ui| {
                if button(ui, &scene.desk.say("notices-read-all")).clicked() {
                    scene.ui.notices.read_all();
                }
            });
        });
    });
    ui.separator();
    let mut clicked = None;
    let shown: Vec<(usize, Notice)> =
        scene.ui.notices.shown().map(|(index, notice)| (index, notice.clone())).collect();
    if shown.is_empty() {
        ui.label(faint(t, scene.desk.say("notices-none")));
        return;
    }
    tall(420.0).show(ui, |ui| {
        let now = mint::now_ms();
        for (index, notice) in &shown {
            if row(ui, scene, t, notice, now) {
                clicked = Some((*index, notice.note()));
            }
        }
    });
    if let Some((index, note)) = clicked {
        scene.ui.notices.read(index);
        if let Some(note) = note.filter(|n| scene.open.board().note(*n).is_some()) {
            scene.ui.queue.push(Command::Show(note));
            scene.ui.notices_open = false;
        }
    }
}

/// Words that let a click through to the row they stand on.
fn words(text: egui::RichText) -> egui::Label {
    egui::Label::new(text).selectable(false)
}

/// One notice; true when it was clicked.
fn row(ui: &mut egui::Ui, scene: &Scene, t: &PanelTokens, notice: &Notice, now: i64) -> bool {
    let (sign, ink) = sign_of(notice.topic, t);
    let (ago, n) = clock::ago(now - notice.at_ms);
    let ago = scene.desk.words.with(ago, &[("n", &n.to_string())]);
    let drawn = ui.horizontal_top(|ui| {
        ui.set_width(WIDTH - 14.0);
        ui.add(words(icon(sign, 18.0).color(color(ink))));
        ui.vertical(|ui| {
            ui.horizontal(|ui| {
                if !notice.read {
                    let (dot, _) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
                    ui.painter().circle_filled(dot.center(), 3.5, color(t.accent));
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    ui.add(words(faint(t, ago).size(11.5)));
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.add(words(semi(&notice.title, 12.5)).truncate());
                    });
                });
            });
            ui.add(words(egui::RichText::new(&notice.text).size(12.5)).wrap());
        });
    });
    let response = drawn.response.interact(Sense::click());
    let label = format!("{}: {}", notice.title, notice.text);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, &label));
    ui.separator();
    let elsewhere = notice.note().is_some_and(|n| scene.open.board().note(n).is_none());
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if elsewhere {
        return response.on_hover_text(scene.desk.say("notices-elsewhere")).clicked();
    }
    response.clicked()
}

fn sign_of(topic: Topic, t: &PanelTokens) -> (&'static str, Hex) {
    match topic {
        Topic::Failed => (icons::WARNING_CIRCLE, t.accent),
        Topic::KeyRefused => (icons::KEY, t.accent),
        Topic::NoCredit => (icons::COINS, t.accent),
        Topic::Unreachable => (icons::CLOUD_SLASH, t.accent),
        Topic::Waiting => (icons::HOURGLASS, t.faint),
        Topic::Budget => (icons::WALLET, t.ink),
        Topic::Ready => (icons::CHECK_CIRCLE, t.good),
        Topic::Other => (icons::INFO, t.faint),
    }
}
