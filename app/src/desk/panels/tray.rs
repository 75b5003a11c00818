//! The agents, as small golden notes.

use bevy_egui::egui;
use egui::{Align2, Color32, Mesh, Pos2, Rect, Sense, Shape};

use super::Scene;
use super::style::{faint, frame, icon};
use crate::desk::command::Command;
use crate::desk::third_party::egui::{MARKER, color, family};
use crate::making::TRAY;
use crate::theme::tokens::BoardTokens;

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    egui::Area::new("tray".into()).fixed_pos([t.gap, 74.0]).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::symmetric(8, 10)).show(ui, |ui| {
            ui.set_width(52.0);
            ui.vertical_centered(|ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                for (index, agent) in TRAY.iter().enumerate() {
                    let label = scene.desk.say(&format!("tray-{}", agent.name));
                    let (rect, response) =
                        ui.allocate_exact_size(egui::vec2(46.0, 46.0), Sense::click());
                    response.widget_info(|| {
                        egui::WidgetInfo::labeled(egui::WidgetType::Button, true, &label)
                    });
                    let letter = label.chars().next().unwrap_or('?').to_string();
                    let pin = color(scene.desk.theme.board.twines[usize::from(agent.twine_color)]);
                    let grow = if response.hovered() { 1.0 } else { 0.0 };
                    golden(ui, &scene.desk.theme.board, rect, &letter, pin, index, grow);
                    ui.label(faint(&t, &label).size(11.5));
                    ui.add_space(5.0);
                    if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                        scene.ui.queue.push(Command::NewAgent(index));
                    }
                }
                let plus = ui
                    .add(egui::Button::new(icon(egui_phosphor::regular::PLUS, 15.0)).frame(false));
                plus.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::WidgetType::Button, true, "note")
                });
                if plus.on_hover_text(scene.desk.say("command-new-note")).clicked() {
                    scene.ui.queue.push(Command::NewNote);
                }
            });
        });
    });
}

/// A small golden post-it with its pin, slightly turned.
fn golden(
    ui: &egui::Ui,
    tokens: &BoardTokens,
    rect: Rect,
    letter: &str,
    pin: Color32,
    index: usize,
    grow: f32,
) {
    let painter = ui.painter();
    let shade = |alpha: f32| color(tokens.shadow).gamma_multiply(alpha);
    let turn = [-0.05f32, 0.04, -0.03, 0.05][index % 4];
    let middle = rect.center();
    let half = 19.0 + grow;
    let at = |x: f32, y: f32| -> Pos2 {
        let (sin, cos) = turn.sin_cos();
        middle + egui::vec2(x * cos - y * sin, x * sin + y * cos)
    };
    let corners = |grow: f32, dy: f32| {
        [
            at(-half - grow, -half - grow + dy),
            at(half + grow, -half - grow + dy),
            at(half + grow, half + grow + dy),
            at(-half - grow, half + grow + dy),
        ]
    };
    for (wider, alpha) in [(2.5, 0.06), (1.5, 0.10), (0.5, 0.16)] {
        let shadow = shade(alpha);
        painter.add(Shape::convex_polygon(
            corners(wider, 2.5).to_vec(),
            shadow,
            egui::Stroke::NONE,
        ));
    }
    let stops = [0.0, 0.45, 0.62, 1.0];
    let mut mesh = Mesh::default();
    for (i, (y, gold)) in stops.iter().zip(tokens.gold).enumerate() {
        let c = color(gold);
        let y = -half + 2.0 * half * y;
        mesh.colored_vertex(at(-half, y), c);
        mesh.colored_vertex(at(half, y), c);
        if i > 0 {
            let n = i as u32 * 2;
            mesh.add_triangle(n - 2, n - 1, n);
            mesh.add_triangle(n - 1, n + 1, n);
        }
    }
    painter.add(Shape::mesh(mesh));
    painter.circle_filled(at(1.5, -half + 6.0), 4.0, shade(0.27));
    painter.circle_filled(at(0.0, -half + 4.5), 4.0, pin);
    painter.circle_filled(at(-1.2, -half + 3.2), 1.2, Color32::from_white_alpha(150));
    painter.text(
        at(0.0, 4.0),
        Align2::CENTER_CENTER,
        letter,
        family(MARKER, 14.0),
        color(tokens.ink_gold),
    );
}
