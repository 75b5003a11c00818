//! Short messages at the bottom; each goes by itself.

use std::time::Instant;

use bevy_egui::egui;
use egui::{CornerRadius, Frame, Margin, RichText};

use super::{Scene, screen};
use crate::desk::command::Command;
use crate::desk::third_party::egui::color;

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let now = Instant::now();
    scene.ui.toasts.retain(|t| t.until > now);
    let n = scene.ui.toasts.len();
    if n > scene.ticks.toasts {
        scene.ticker.after(std::time::Duration::from_millis(6_050));
    }
    scene.ticks.toasts = n;
    let t = scene.desk.theme.panel.clone();
    let bottom = screen(context).bottom() - 24.0;
    let middle = screen(context).center().x;
    for (i, toast) in scene.ui.toasts.clone().iter().rev().enumerate() {
        let at = egui::pos2(middle, bottom - i as f32 * 46.0);
        egui::Area::new(egui::Id::new(("toast", i)))
            .pivot(egui::Align2::CENTER_BOTTOM)
            .fixed_pos(at)
            .show(context, |ui| {
                Frame::new()
                    .fill(color(t.toast))
                    .corner_radius(CornerRadius::same(10))
                    .inner_margin(Margin::symmetric(16, 9))
                    .show(ui, |ui| {
                        ui.set_max_width(560.0);
                        ui.horizontal(|ui| {
                            ui.add(
                                egui::Label::new(
                                    RichText::new(&toast.text).color(color(t.on_toast)),
                                )
                                .wrap(),
                            );
                            if let Some(note) =
                                toast.show.filter(|n| scene.open.board().note(*n).is_some())
                            {
                                let link = egui::Button::new(
                                    RichText::new(scene.desk.say("preview-show"))
                                        .underline()
                                        .color(color(t.on_toast)),
                                )
                                .frame(false);
                                if ui.add(link).clicked() {
                                    scene.ui.queue.push(Command::Show(note));
                                }
                            }
                        });
                    });
            });
    }
}
