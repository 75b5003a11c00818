//! The whole wall, small; a click looks there. Below it the zoom, kept views, and what is in view.

use bevy_egui::egui;
use egui::{Color32, ColorImage, Rect, Sense, Stroke, StrokeKind, TextureHandle, vec2};
use oto_board::geom::Rect as Area;
use oto_board::{Board, NoteKind};

use super::style::{faint, frame, icon};
use super::{Scene, screen};
use crate::desk::command::Command;
use crate::desk::third_party::egui::color;
use crate::theme::tokens::BoardTokens;

const SIZE: [f32; 2] = [166.0, 92.0];
/// Pixels of the map for each point.
const FINE: usize = 2;
/// Up to this many each note is drawn; of more, pages of the index are.
const MOST: usize = 20_000;
/// Notes in view from which their number is told.
const MANY: usize = 150;

/// The map as it was drawn last, and of what.
#[derive(Default)]
pub(super) struct Map {
    of: Option<(u64, usize, bool)>,
    area: Option<Area>,
    texture: Option<TextureHandle>,
    /// Notes in view, for this view and board.
    count: Option<((u64, [f64; 5]), usize)>,
}

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let bottom = screen(context).bottom() - t.gap;
    let map_top = bottom - SIZE[1] - 26.0;
    egui::Area::new("minimap".into()).fixed_pos([t.gap, map_top]).show(context, |ui| {
        frame(&t).show(ui, |ui| map(ui, scene));
    });
    let left = t.gap + SIZE[0] + 34.0;
    egui::Area::new("zoom".into()).fixed_pos([left, bottom - 34.0]).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::symmetric(8, 4)).show(ui, |ui| {
            ui.horizontal(|ui| zoom(ui, scene));
        });
    });
    let (n, total) = (count(scene), scene.open.board().n_notes());
    if n == 0 && total > 0 {
        let middle = [screen(context).center().x, bottom - 64.0];
        egui::Area::new("back".into()).pivot(egui::Align2::CENTER_BOTTOM).fixed_pos(middle).show(
            context,
            |ui| {
                let words = scene.desk.say("map-back");
                if super::style::button_with_key(ui, &t, &words, "Home").clicked() {
                    scene.ui.queue.push(Command::Back);
                }
            },
        );
    }
}

/// Notes in view; counted when view or board have changed.
fn count(scene: &mut Scene) -> usize {
    let c = &scene.camera;
    let now = (scene.open.board().seq(), [c.center[0], c.center[1], c.zoom, c.size[0], c.size[1]]);
    match scene.map.count {
        Some((of, n)) if of == now => n,
        _ => {
            // A note that only peeps in is in view too.
            let n = scene.open.board().count_in(c.view().grown(150.0));
            scene.map.count = Some((now, n));
            n
        }
    }
}

/// "1,204".
pub(super) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn zoom(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let percent = scene.camera.zoom * 100.0;
    let digits = if percent < 10.0 { 1 } else { 0 };
    for (text, command) in [
        (egui_phosphor::regular::MINUS, Command::ZoomOut),
        ("", Command::ActualSize),
        (egui_phosphor::regular::PLUS, Command::ZoomIn),
    ] {
        let label = if text.is_empty() {
            egui::RichText::new(format!("{percent:.digits$} %"))
        } else {
            icon(text, 13.0)
        };
        if ui.add(egui::Button::new(label).frame(false)).clicked() {
            scene.ui.queue.push(command);
        }
    }
    let kept = scene.desk.library.bookmarks_of(&scene.desk.path).len();
    for index in 0..kept {
        let label = egui::RichText::new((index + 1).to_string()).size(12.0);
        let response = ui
            .add(egui::Button::new(label).corner_radius(8).small())
            .on_hover_text(scene.desk.say("map-forget"));
        if response.clicked() {
            scene.ui.queue.push(Command::GoTo(index));
        } else if response.secondary_clicked() {
            scene.ui.queue.push(Command::ForgetBookmark(index));
        }
    }
    let n = count(scene);
    if n >= MANY {
        ui.label(faint(&t, scene.desk.words.with("map-count", &[("n", &grouped(n))])));
    }
    let left_out = scene.counters.twines_left_out() as usize;
    if left_out > 0 {
        let told = scene.desk.words.with("map-left-out", &[("n", &grouped(left_out))]);
        ui.label(faint(&t, told));
    }
}

/// The wall as pixels: notes one by one, or the density of pages.
fn picture(board: &Board, area: Area, tokens: &BoardTokens, [w, h]: [usize; 2]) -> ColorImage {
    let mut image = ColorImage::filled([w, h], Color32::TRANSPARENT);
    let [width, height] = area.size();
    let scale = (w as f64 / width).min(h as f64 / height);
    let middle = area.center();
    let to = |p: [f64; 2]| {
        [(p[0] - middle[0]) * scale + w as f64 / 2.0, (p[1] - middle[1]) * scale + h as f64 / 2.0]
    };
    let mut fill = |rect: Area, paper: Color32, strength: f64| {
        let (min, max) = (to(rect.min), to(rect.max));
        let whole = |low: f64, high: f64, most: usize| {
            let first = low.round().clamp(0.0, most as f64 - 1.0) as usize;
            first..(high.round().clamp(0.0, most as f64) as usize).max(first + 1)
        };
        for y in whole(min[1], max[1], h) {
            for x in whole(min[0], max[0], w) {
                let pixel = &mut image.pixels[y * w + x];
                *pixel = pixel.lerp_to_gamma(paper, strength as f32);
            }
        }
    };
    let paper_of = |slot: u32| {
        let note = board.note_at(slot);
        let paper = match note.map(|n| &n.kind) {
            Some(NoteKind::Agent(_)) => tokens.gold[0],
            _ => tokens.papers[usize::from(note.map_or(0, |n| n.color)) % tokens.papers.len()],
        };
        // A little darker than the paper, or it would not show on the panel.
        color(paper).lerp_to_gamma(Color32::from_rgb(90, 70, 30), 0.18)
    };
    for (cell, slots) in board.pages() {
        if board.n_notes() <= MOST {
            for slot in slots {
                if let Some(note) = board.note_at(*slot) {
                    fill(note.rect(), paper_of(*slot), 0.9);
                }
            }
        } else {
            // A page holds about 250 notes when they lie side by side.
            let strength = (slots.len() as f64 / 250.0).sqrt().clamp(0.12, 0.9);
            let inside = cell.intersection(area);
            fill(inside, paper_of(slots[slots.len() / 2]), strength);
        }
    }
    image
}

fn map(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let (place, response) = ui.allocate_exact_size(SIZE.into(), Sense::click_and_drag());
    let board = scene.open.board();
    let now = (board.seq(), board.n_notes(), scene.desk.theme.dark);
    if scene.map.of != Some(now) || scene.map.texture.is_none() {
        let all = board.bounds().grown(60.0);
        let all = if board.n_notes() == 0 { scene.camera.view() } else { all };
        let size = [SIZE[0] as usize * FINE, SIZE[1] as usize * FINE];
        let image = picture(board, all, &scene.desk.theme.board, size);
        let options = egui::TextureOptions::LINEAR;
        match &mut scene.map.texture {
            Some(texture) => texture.set(image, options),
            None => scene.map.texture = Some(ui.ctx().load_texture("map", image, options)),
        }
        scene.map.of = Some(now);
        scene.map.area = Some(all);
    }
    let (Some(texture), Some(all)) = (&scene.map.texture, scene.map.area) else { return };
    let painter = ui.painter_at(place);
    let uv = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
    painter.image(texture.id(), place, uv, Color32::WHITE);
    let [w, h] = all.size();
    let scale = (f64::from(SIZE[0]) / w).min(f64::from(SIZE[1]) / h);
    let middle = all.center();
    let on_map = |p: [f64; 2]| {
        place.center()
            + vec2(((p[0] - middle[0]) * scale) as f32, ((p[1] - middle[1]) * scale) as f32)
    };
    let view = scene.camera.view();
    // A view larger than the map is all of it.
    let seen = view.intersection(all);
    let mut frame = Rect::from_two_pos(on_map(seen.min), on_map(seen.max));
    if seen.is_empty() {
        frame = Rect::from_center_size(place.clamp(on_map(view.center())), vec2(0.0, 0.0));
    }
    if frame.width() < 5.0 || frame.height() < 4.0 {
        frame = Rect::from_center_size(frame.center(), frame.size().max(vec2(5.0, 4.0)));
    }
    painter.rect_stroke(frame, 1, Stroke::new(1.4, color(t.accent)), StrokeKind::Inside);
    if let Some(at) = response.interact_pointer_pos() {
        let by = at - place.center();
        let world = [middle[0] + f64::from(by.x) / scale, middle[1] + f64::from(by.y) / scale];
        let zoom = scene.camera.zoom;
        scene.camera.jump(world, zoom);
        ui.request_repaint();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_204), "1,204");
        assert_eq!(grouped(12_345_678), "12,345,678");
    }
}
