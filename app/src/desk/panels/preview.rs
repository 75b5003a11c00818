//! The work that is open: text, picture, voice or film; what can be done with it; how it was made.

use bevy_egui::egui;
use egui::{Color32, ColorImage, RichText, ScrollArea, Sense, TextureOptions, pos2, vec2};
use oto_board::query::lineage;
use oto_board::{AssetId, Note, NoteId, Run, WorkKind};

use super::style::{button, button_with_key, faint, frame, icon, primary, semi};
use super::{PREVIEW_WIDTH, Scene, screen, timeline};
use crate::desk::clock;
use crate::desk::command::Command;
use crate::desk::third_party::egui::{BRUSH, color, family};

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    let Some(id) = scene.ui.preview else { return timeline::close(scene) };
    let Some(note) = scene.open.board().note(id).cloned() else {
        scene.ui.queue.push(Command::ClosePreview);
        return;
    };
    if let (Some(work), Some(preview)) = (note.kind.work(), scene.preview.as_mut())
        && let Some(asset) = work.asset()
    {
        preview.open(asset, scene.desk.data.assets().path(asset), work.kind);
    }
    let t = scene.desk.theme.panel.clone();
    let area = screen(context);
    let top = 74.0;
    let height = area.height() - top - t.gap - 46.0;
    let at = [area.right() - t.gap - PREVIEW_WIDTH, top];
    egui::Area::new("preview".into()).fixed_pos(at).show(context, |ui| {
        frame(&t).inner_margin(egui::Margin::same(14)).show(ui, |ui| {
            ui.set_width(PREVIEW_WIDTH - 30.0);
            ui.set_height(height - 30.0);
            ui.horizontal(|ui| {
                let title = if note.title.is_empty() {
                    note.kind.word().to_owned()
                } else {
                    note.title.clone()
                };
                let left = egui::Layout::left_to_right(egui::Align::Center);
                ui.allocate_ui_with_layout(vec2(PREVIEW_WIDTH - 66.0, 26.0), left, |ui| {
                    ui.set_width(PREVIEW_WIDTH - 66.0);
                    ui.add(
                        egui::Label::new(RichText::new(title).font(family(BRUSH, t.heading_size)))
                            .truncate(),
                    );
                });
                let close =
                    ui.add(egui::Button::new(icon(egui_phosphor::regular::X, 14.0)).frame(false));
                close.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::WidgetType::Button, true, "close")
                });
                if close.clicked() {
                    scene.ui.queue.push(Command::ClosePreview);
                }
            });
            ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                if !timeline::show(ui, scene, &note) {
                    media(ui, scene, &note);
                    timeline::offer(ui, scene, &note);
                    ui.add_space(4.0);
                    actions(ui, scene, &note);
                }
                ui.add_space(8.0);
                thread(ui, scene, note.id);
            });
        });
    });
}

fn media(ui: &mut egui::Ui, scene: &mut Scene, note: &Note) {
    let t = scene.desk.theme.panel.clone();
    let Some(work) = note.kind.work() else { return };
    let Some(asset) = work.asset() else { return };
    if work.kind == WorkKind::Text {
        ScrollArea::vertical().id_salt("text").max_height(230.0).show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new(&note.text).size(14.0)).selectable(true));
        });
        return;
    }
    let info = scene.open.board().asset(asset).cloned();
    let Some(preview) = scene.preview.as_mut() else { return };
    if let Some(reason) = &preview.failed {
        ui.label(RichText::new(reason).color(color(t.accent)));
        return;
    }
    let width = PREVIEW_WIDTH - 30.0;
    match work.kind {
        WorkKind::Voice => {
            let (rect, response) =
                ui.allocate_exact_size(vec2(width, 84.0), Sense::click_and_drag());
            let wave = color(scene.desk.theme.board.wave);
            let bars = preview.wave.len().max(1);
            let done = preview.at_ms as f32 / preview.length_ms.max(1) as f32;
            for (i, loud) in preview.wave.iter().enumerate() {
                let x = rect.left() + (i as f32 + 0.5) * width / bars as f32;
                let half = 2.0 + f32::from(*loud) / 255.0 * 36.0;
                let ink =
                    if (i as f32) < done * bars as f32 { wave } else { wave.gamma_multiply(0.45) };
                ui.painter().line_segment(
                    [pos2(x, rect.center().y - half), pos2(x, rect.center().y + half)],
                    egui::Stroke::new(2.2, ink),
                );
            }
            scrub(preview, &response, rect);
        }
        _ => {
            let shape = preview.shape.unwrap_or([16, 9]);
            let height = (width * shape[1] as f32 / shape[0].max(1) as f32).min(300.0);
            let fitted = vec2(height * shape[0] as f32 / shape[1].max(1) as f32, height);
            // The bar lies under the film: captions stand at its lower edge.
            let is_film = work.kind == WorkKind::Video;
            let below = if is_film { 18.0 } else { 0.0 };
            let (rect, response) =
                ui.allocate_exact_size(vec2(width, height + below), Sense::click_and_drag());
            let middle = rect.center() - vec2(0.0, below / 2.0);
            let inner = egui::Rect::from_center_size(middle, fitted);
            let texture = texture(ui, "preview texture", asset, preview.picture.take());
            paint(ui, texture, inner, color(t.line));
            if is_film {
                let bar = egui::Rect::from_min_max(
                    pos2(inner.left() + 6.0, inner.bottom() + 9.0),
                    pos2(inner.right() - 6.0, inner.bottom() + 13.0),
                );
                let done = preview.at_ms as f32 / preview.length_ms.max(1) as f32;
                let x = bar.left() + bar.width() * done;
                ui.painter().rect_filled(bar, 2, color(t.line));
                ui.painter().rect_filled(
                    egui::Rect::from_min_max(bar.min, pos2(x, bar.bottom())),
                    2,
                    color(t.accent),
                );
                ui.painter().circle_filled(pos2(x, bar.center().y), 5.5, color(t.accent));
                let on_bar = response.interact_pointer_pos().is_some_and(|p| p.y > inner.bottom());
                if on_bar {
                    scrub(preview, &response, bar);
                } else if response.clicked() {
                    preview.toggle();
                }
            }
        }
    }
    ui.horizontal(|ui| {
        if matches!(work.kind, WorkKind::Voice | WorkKind::Video) {
            let shown = if preview.playing {
                egui_phosphor::regular::PAUSE
            } else {
                egui_phosphor::regular::PLAY
            };
            let play = ui.add(egui::Button::new(icon(shown, 16.0)).frame(false));
            play.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, "play"));
            if play.clicked() {
                preview.toggle();
            }
            ui.label(clock::exact(preview.at_ms));
            ui.label(faint(&t, format!("/ {}", clock::exact(preview.length_ms))));
        }
        if let Some(info) = info {
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                let kind = info.mime.rsplit('/').next().unwrap_or_default().to_uppercase();
                let size = if info.size_px[0] > 0 {
                    format!("{}×{} · ", info.size_px[0], info.size_px[1])
                } else {
                    String::new()
                };
                ui.label(
                    faint(&t, format!("{size}{kind} · {}", clock::bytes(info.size_bytes)))
                        .size(12.0),
                );
            });
        }
    });
}

fn scrub(
    preview: &mut crate::desk::bridge::media::Preview,
    response: &egui::Response,
    bar: egui::Rect,
) {
    if let Some(at) = response.interact_pointer_pos() {
        let part = ((at.x - bar.left()) / bar.width()).clamp(0.0, 1.0);
        preview.seek((f64::from(part) * preview.length_ms as f64) as u64);
    }
}

/// A picture with round corners, or the place of one.
pub(super) fn paint(
    ui: &egui::Ui,
    texture: Option<egui::TextureId>,
    rect: egui::Rect,
    empty: Color32,
) {
    let Some(texture) = texture else {
        ui.painter().rect_filled(rect, 8, empty);
        return;
    };
    let whole = egui::Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    egui::Image::new(egui::load::SizedTexture::new(texture, rect.size()))
        .corner_radius(8)
        .uv(whole)
        .paint_at(ui, rect);
}

/// Two textures in turn: one that was just filled is on the GPU only in the next frame, so the
/// other one is shown meanwhile.
#[derive(Clone, Default)]
struct Pair {
    of: Option<AssetId>,
    textures: [Option<egui::TextureHandle>; 2],
    front: usize,
}

pub(super) fn texture(
    ui: &egui::Ui,
    place: &'static str,
    asset: AssetId,
    picture: Option<oto_media::picture::Picture>,
) -> Option<egui::TextureId> {
    let key = egui::Id::new(place);
    let mut pair: Pair = ui.data(|d| d.get_temp(key)).unwrap_or_default();
    if pair.of != Some(asset) {
        pair = Pair { of: Some(asset), ..Pair::default() };
    }
    let shown = pair.textures[pair.front].as_ref().map(egui::TextureHandle::id);
    if let Some(picture) = picture {
        let size = [picture.width as usize, picture.height as usize];
        let image = ColorImage::from_rgba_unmultiplied(size, &picture.rgba);
        pair.front = 1 - pair.front;
        let place = &mut pair.textures[pair.front];
        match place {
            Some(handle) if handle.size() == size => handle.set(image, TextureOptions::LINEAR),
            _ => *place = Some(ui.load_texture("preview", image, TextureOptions::LINEAR)),
        }
        ui.request_repaint();
    }
    ui.data_mut(|d| d.insert_temp(key, pair));
    shown
}

fn actions(ui: &mut egui::Ui, scene: &mut Scene, note: &Note) {
    let t = scene.desk.theme.panel.clone();
    let done = note.kind.work().is_some_and(|w| w.asset().is_some());
    if !done {
        return;
    }
    ui.horizontal_wrapped(|ui| {
        let mut wished = None;
        if primary(ui, &t, &scene.desk.say("preview-download")).clicked() {
            wished = Some(Command::Download);
        }
        if button(ui, &scene.desk.say("publish-button")).clicked() {
            wished = Some(Command::Publish);
        }
        if button_with_key(ui, &t, &scene.desk.say("preview-remix"), "R").clicked() {
            wished = Some(Command::Remix);
        }
        if button_with_key(ui, &t, &scene.desk.say("preview-variation"), "V").clicked() {
            wished = Some(Command::Variation);
        }
        if let Some(command) = wished {
            scene.selection.set([note.id]);
            scene.ui.queue.push(command);
        }
    });
}

fn thread(ui: &mut egui::Ui, scene: &mut Scene, id: NoteId) {
    let t = scene.desk.theme.panel.clone();
    let made = lineage(scene.open.board(), id);
    ui.label(semi(scene.desk.say("preview-thread"), 13.0));
    ui.add_space(2.0);
    if made.runs.is_empty() {
        ui.label(faint(&t, scene.desk.say("thread-nothing")));
        return;
    }
    let n = made.runs.len();
    let mut wished = None;
    for (i, (note, run)) in made.runs.iter().enumerate() {
        let title = scene.open.board().note(*note).map_or_else(String::new, |n| n.title.clone());
        let twine = scene
            .open
            .board()
            .note(run.agent)
            .and_then(|a| a.kind.agent())
            .map_or(4, |a| a.twine_color);
        let ink = color(scene.desk.theme.board.twines[usize::from(twine) % 16]);
        let row = ui.horizontal_top(|ui| {
            ui.add_space(20.0);
            ui.vertical(|ui| {
                ui.horizontal_wrapped(|ui| {
                    ui.spacing_mut().item_spacing.x = 4.0;
                    ui.label(semi(&run.agent_name, 12.5));
                    ui.label(scene.desk.say("thread-made"));
                    ui.label(RichText::new(title).italics());
                });
                ui.label(faint(&t, told(scene, run)).size(12.0));
                if i + 1 == n {
                    ui.label(faint(&t, &run.label).size(11.5));
                }
            });
        });
        let rect = row.response.rect;
        let x = rect.left() + 8.0;
        if i + 1 < n {
            ui.painter().line_segment(
                [pos2(x, rect.top() + 8.0), pos2(x, rect.bottom() + 14.0)],
                egui::Stroke::new(2.0, ink),
            );
        }
        ui.painter().circle_filled(pos2(x, rect.top() + 9.0), 5.0, ink);
        let clicked = row
            .response
            .interact(Sense::click())
            .on_hover_cursor(egui::CursorIcon::PointingHand)
            .clicked();
        if clicked {
            wished = Some(*note);
        }
        ui.add_space(5.0);
    }
    ui.add_space(4.0);
    if button(ui, &scene.desk.say("preview-show")).clicked() {
        scene.ui.queue.push(Command::Show(id));
    }
    if let Some(note) = wished {
        scene.ui.preview = Some(note);
        scene.ui.queue.push(Command::Show(note));
    }
}

fn told(scene: &Scene, run: &Run) -> String {
    let engine = if run.model.is_empty() {
        run.engine.clone()
    } else {
        format!("{} · {}", run.engine, run.model)
    };
    let seed = scene.desk.words.with("thread-seed", &[("seed", &run.seed.to_string())]);
    let cost = match run.cost_micro {
        Some(0) => scene.desk.say("thread-free"),
        Some(micro) => format!("{:.4}", micro as f64 / 1e6),
        None => scene.desk.say("run-paid"),
    };
    let seconds = (run.finished_at_ms - run.started_at_ms) as f64 / 1000.0;
    format!("{engine} · {seed} · {cost} · {seconds:.1} s")
}
