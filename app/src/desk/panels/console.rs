//! One line about jobs; opened, the log of this start.

use bevy_egui::egui;
use egui::RichText;

use super::style::{button, faint, frame, semi};
use super::{PREVIEW_WIDTH, Scene, screen};
use crate::desk::state::Level;
use crate::desk::third_party::egui::color;
use crate::making;

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let area = screen(context);
    let width = PREVIEW_WIDTH;
    let height = if scene.ui.console_open { 220.0 } else { 34.0 };
    let at = [area.right() - t.gap - width, area.bottom() - t.gap - height];
    egui::Area::new("console".into()).fixed_pos(at).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::symmetric(12, 6)).show(ui, |ui| {
            ui.set_width(width - 26.0);
            ui.set_height(height - 14.0);
            let running = making::all_waiting(scene.open.board()).len().to_string();
            let (done, failed) = (scene.ui.done.to_string(), scene.ui.errors.to_string());
            let line = scene.desk.words.with(
                "console-summary",
                &[("running", &running), ("done", &done), ("failed", &failed)],
            );
            let head = ui.horizontal(|ui| {
                ui.label(semi(scene.desk.say("console-title"), 13.0));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    ui.label(faint(&t, line).size(12.5))
                });
            });
            let head = head.response.interact(egui::Sense::click());
            if head.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                scene.ui.console_open = !scene.ui.console_open;
            }
            if scene.ui.console_open {
                ui.separator();
                egui::ScrollArea::vertical()
                    .stick_to_bottom(true)
                    .auto_shrink([false, false])
                    .max_height(height - 84.0)
                    .show(ui, |ui| {
                        for (level, text) in &scene.ui.console {
                            let ink = if *level == Level::Error { t.accent } else { t.ink };
                            ui.label(RichText::new(text).size(12.0).color(color(ink)));
                        }
                    });
                if button(ui, &scene.desk.say("console-copy")).clicked() {
                    let all: Vec<&str> =
                        scene.ui.console.iter().map(|(_, text)| text.as_str()).collect();
                    ui.copy_text(all.join("\n"));
                }
            }
        });
    });
}
