//! The whole wall, small; a click looks there. Beside it the zoom.

use bevy_egui::egui;
use egui::{Rect, Sense, Stroke, StrokeKind, vec2};
use oto_board::NoteKind;

use super::style::{frame, icon};
use super::{Scene, screen};
use crate::desk::command::Command;
use crate::desk::third_party::egui::color;

const SIZE: [f32; 2] = [166.0, 92.0];
/// More notes than this are thinned out: the map stays a map.
const MOST: usize = 4_000;

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let bottom = screen(context).bottom() - t.gap;
    let map_top = bottom - SIZE[1] - 26.0;
    egui::Area::new("minimap".into()).fixed_pos([t.gap, map_top]).show(context, |ui| {
        frame(&t).show(ui, |ui| map(ui, scene));
    });
    egui::Area::new("zoom".into()).fixed_pos([t.gap + SIZE[0] + 34.0, bottom - 34.0]).show(
        context,
        |ui| {
            frame(&t).inner_margin(egui::Margin::symmetric(8, 4)).show(ui, |ui| {
                ui.horizontal(|ui| {
                    for (text, command) in [
                        (egui_phosphor::regular::MINUS, Command::ZoomOut),
                        ("", Command::ActualSize),
                        (egui_phosphor::regular::PLUS, Command::ZoomIn),
                    ] {
                        let label = if text.is_empty() {
                            egui::RichText::new(format!("{:.0} %", scene.camera.zoom * 100.0))
                        } else {
                            icon(text, 13.0)
                        };
                        if ui.add(egui::Button::new(label).frame(false)).clicked() {
                            scene.ui.queue.push(command);
                        }
                    }
                });
            });
        },
    );
}

fn map(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let (area, response) = ui.allocate_exact_size(SIZE.into(), Sense::click_and_drag());
    let board = scene.open.board();
    let view = scene.camera.view();
    let all = board.bounds().union(view).grown(60.0);
    let [w, h] = all.size();
    let scale = (f64::from(SIZE[0]) / w).min(f64::from(SIZE[1]) / h);
    let middle = all.center();
    let on_map = |p: [f64; 2]| {
        area.center()
            + vec2(((p[0] - middle[0]) * scale) as f32, ((p[1] - middle[1]) * scale) as f32)
    };
    let painter = ui.painter_at(area);
    let board_tokens = &scene.desk.theme.board;
    let step = (board.n_notes() / MOST).max(1);
    for note in board.notes().step_by(step) {
        let paper = match note.kind {
            NoteKind::Agent(_) => board_tokens.gold[0],
            _ => board_tokens.papers[usize::from(note.color) % board_tokens.papers.len()],
        };
        let fill = color(paper);
        let half = vec2((note.size[0] * scale / 2.0) as f32, (note.size[1] * scale / 2.0) as f32)
            .max(vec2(1.5, 1.5));
        let rect = Rect::from_center_size(on_map(note.center), half * 2.0);
        painter.rect(rect, 0, fill, Stroke::new(0.5, color(t.line)), StrokeKind::Middle);
    }
    let frame = Rect::from_two_pos(on_map(view.min), on_map(view.max));
    painter.rect_stroke(frame, 1, Stroke::new(1.4, color(t.accent)), StrokeKind::Inside);
    if let Some(at) = response.interact_pointer_pos() {
        let by = at - area.center();
        let world = [middle[0] + f64::from(by.x) / scale, middle[1] + f64::from(by.y) / scale];
        let zoom = scene.camera.zoom;
        scene.camera.jump(world, zoom);
        ui.request_repaint();
    }
}
