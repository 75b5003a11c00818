//! The strip of shots: a ruler with the playhead, below it a small picture of each shot, as wide as
//! it is long. Drag a shot to take it elsewhere, its right edge to trim it, the ruler to look.

use bevy_egui::egui;
use egui::{
    Align2, Color32, CursorIcon, FontId, Key, Modifiers, PointerButton, Rect, ScrollArea, Sense,
    Stroke, StrokeKind, Ui, pos2, vec2,
};
use oto_media::timeline::{Fps, TransitionKind};

use super::looks::{Drag, crossed};
use super::{View, Wish};
use crate::desk::bridge::timeline::Target;
use crate::desk::third_party::egui::color;
use crate::desk::timeline::Editor;

/// Width of a second, and of the shortest shot.
const SECOND: f32 = 20.0;
const LEAST: f32 = 42.0;
const GAP: f32 = 3.0;
const RULER: f32 = 16.0;
const HEIGHT: f32 = RULER + 62.0;
/// How near to the right edge of a shot a press trims it.
const EDGE: f32 = 6.0;

/// Where shots lie on the strip.
#[derive(Debug, Clone, PartialEq)]
struct Layout {
    /// First frame and length, left edge and width of each shot.
    shots: Vec<(u32, u32, f32, f32)>,
}

impl Layout {
    fn new(lengths: impl Iterator<Item = u32>, fps: Fps) -> Self {
        let (mut frame, mut left) = (0u32, 0.0f32);
        let shots = lengths.map(|frames| {
            let width = (fps.ms_at(frames) as f32 / 1000.0 * SECOND).max(LEAST);
            let shot = (frame, frames, left, width);
            frame += frames;
            left += width + GAP;
            shot
        });
        Self { shots: shots.collect() }
    }

    fn width(&self) -> f32 {
        self.shots.last().map_or(0.0, |(_, _, left, width)| left + width)
    }

    fn x_of(&self, frame: u32) -> f32 {
        let shot = self.shots.iter().rfind(|s| s.0 <= frame).or(self.shots.first());
        shot.map_or(0.0, |(first, frames, left, width)| {
            left + width
                * ((frame.saturating_sub(*first)) as f32 / (*frames).max(1) as f32).min(1.0)
        })
    }

    fn frame_at(&self, x: f32) -> u32 {
        let Some((first, frames, left, width)) = self.shots.get(self.shot_at(x)) else { return 0 };
        let part = ((x - left) / width).clamp(0.0, 1.0);
        first + ((part * *frames as f32) as u32).min(frames.saturating_sub(1))
    }

    fn shot_at(&self, x: f32) -> usize {
        self.shots.iter().rposition(|s| s.2 <= x).unwrap_or_default()
    }

    /// The shot whose right edge is here.
    fn edge_at(&self, x: f32) -> Option<usize> {
        self.shots.iter().position(|s| (s.2 + s.3 - x).abs() <= EDGE)
    }

    /// The place a shot gets that is dropped here.
    fn place_at(&self, x: f32, shot: usize) -> usize {
        let before = self.shots.iter().filter(|s| s.2 + s.3 / 2.0 < x).count();
        let place = if before > shot { before - 1 } else { before };
        place.min(self.shots.len().saturating_sub(1))
    }

    /// The length whose right edge is here.
    fn length_at(&self, shot: usize, x: f32, fps: Fps) -> u32 {
        let left = self.shots.get(shot).map_or(0.0, |s| s.2);
        fps.frame_at((f64::from((x - left).max(1.0) / SECOND) * 1000.0) as u64).max(1)
    }
}

fn id() -> egui::Id {
    egui::Id::new("film strip")
}

/// The keys go to the strip.
pub(super) fn focus(ui: &Ui) {
    ui.memory_mut(|m| m.request_focus(id()));
}

pub(super) fn show(ui: &mut Ui, editor: &mut Editor, view: &mut View<'_>) {
    let fps = editor.timeline().fps;
    let trimmed = match view.looks.drag {
        Some(Drag::Trim { shot, frames }) => Some((shot, frames)),
        _ => None,
    };
    let length = |(i, frames): (usize, u32)| match trimmed {
        Some((shot, wish)) if shot == i => wish,
        _ => frames,
    };
    let lengths = editor.timeline().shots.iter().map(|s| s.frames).enumerate().map(length);
    let layout = Layout::new(lengths, fps);
    // A wheel over the strip moves the strip.
    ui.style_mut().always_scroll_the_only_direction = true;
    let area = ScrollArea::horizontal().id_salt("film strip").auto_shrink([false, true]);
    area.show(ui, |ui| {
        let (_, rect) = ui.allocate_space(vec2(layout.width().max(ui.available_width()), HEIGHT));
        let response = ui.interact(rect, id(), Sense::click_and_drag());
        let name = view.say("timeline-strip");
        response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Other, true, &name));
        paint(ui, editor, view, &layout, rect);
        if view.playing {
            follow_head(ui, &layout, rect, view.at_frame);
        }
        let x = |at: egui::Pos2| at.x - rect.left();
        if let Some(at) = response.hover_pos().filter(|at| at.y > rect.top() + RULER) {
            let edge = layout.edge_at(x(at)).is_some();
            ui.set_cursor_icon(if edge { CursorIcon::ResizeHorizontal } else { CursorIcon::Grab });
        }
        if let Some(at) =
            response.interact_pointer_pos().filter(|_| response.clicked_by(PointerButton::Primary))
        {
            response.request_focus();
            let shot = layout.shot_at(x(at));
            if at.y < rect.top() + RULER {
                view.wishes.push(Wish::Seek(layout.frame_at(x(at))));
            } else {
                editor.select(shot);
                if editor.shot_at(view.at_frame) != shot {
                    view.wishes.push(Wish::Seek(layout.shots[shot].0));
                }
            }
        }
        dragged(ui, editor, view, &layout, &response, rect);
        if response.has_focus() {
            keys(ui, editor, view);
        }
    });
}

fn dragged(
    ui: &Ui,
    editor: &mut Editor,
    view: &mut View<'_>,
    layout: &Layout,
    response: &egui::Response,
    rect: Rect,
) {
    let fps = editor.timeline().fps;
    if response.drag_started_by(PointerButton::Primary)
        && let Some(from) = ui.input(|i| i.pointer.press_origin())
    {
        response.request_focus();
        let x = from.x - rect.left();
        view.looks.drag = Some(if from.y < rect.top() + RULER {
            Drag::Head
        } else if let Some(shot) = layout.edge_at(x) {
            Drag::Trim { shot, frames: layout.shots[shot].1 }
        } else {
            Drag::Move { shot: layout.shot_at(x) }
        });
    }
    let Some(at) = response.interact_pointer_pos() else { return };
    let x = at.x - rect.left();
    if response.dragged() {
        match &mut view.looks.drag {
            Some(Drag::Head) => view.wishes.push(Wish::Seek(layout.frame_at(x))),
            Some(Drag::Trim { shot, frames }) => {
                *frames = layout.length_at(*shot, x, fps).max(editor.shortest(*shot));
            }
            _ => {}
        }
        scroll_at_edges(ui, at);
    }
    if response.drag_stopped() {
        match view.looks.drag.take() {
            Some(Drag::Move { shot }) => drop(editor.move_shot(shot, layout.place_at(x, shot))),
            Some(Drag::Trim { shot, frames }) => {
                editor.select(shot);
                editor.trim(shot, frames);
            }
            _ => {}
        }
        editor.settle();
    }
}

/// A drag that comes to the end of what is seen goes on.
fn scroll_at_edges(ui: &Ui, at: egui::Pos2) {
    let seen = ui.clip_rect();
    let by = if at.x > seen.right() - 16.0 {
        -8.0
    } else if at.x < seen.left() + 16.0 {
        8.0
    } else {
        return;
    };
    ui.scroll_with_delta(vec2(by, 0.0));
    ui.request_repaint();
}

/// The playhead stays in sight while it runs.
fn follow_head(ui: &Ui, layout: &Layout, rect: Rect, frame: u32) {
    let x = rect.left() + layout.x_of(frame);
    if !ui.clip_rect().x_range().contains(x) {
        let head = Rect::from_min_max(pos2(x, rect.top()), pos2(x + 120.0, rect.bottom()));
        ui.scroll_to_rect(head, Some(egui::Align::Min));
    }
}

fn keys(ui: &Ui, editor: &mut Editor, view: &mut View<'_>) {
    let filter = egui::EventFilter { horizontal_arrows: true, ..Default::default() };
    ui.memory_mut(|m| m.set_focus_lock_filter(id(), filter));
    let pressed = |modifiers, key| ui.input_mut(|i| i.consume_key(modifiers, key));
    let undo = Modifiers::COMMAND;
    if pressed(undo | Modifiers::SHIFT, Key::Z) || pressed(undo, Key::Y) {
        editor.redo();
    } else if pressed(undo, Key::Z) {
        editor.undo();
    } else if pressed(Modifiers::NONE, Key::Delete) || pressed(Modifiers::NONE, Key::Backspace) {
        editor.remove(editor.selected());
    } else if pressed(Modifiers::NONE, Key::Space) {
        view.wishes.push(Wish::Toggle);
    } else if pressed(Modifiers::NONE, Key::ArrowLeft) {
        view.wishes.push(Wish::Seek(view.at_frame.saturating_sub(1)));
    } else if pressed(Modifiers::NONE, Key::ArrowRight) {
        view.wishes.push(Wish::Seek(view.at_frame + 1));
    }
}

fn paint(ui: &Ui, editor: &Editor, view: &mut View<'_>, layout: &Layout, rect: Rect) {
    let t = view.t;
    let painter = ui.painter();
    let select = color(view.desk.theme.board.select);
    let timeline = editor.timeline();
    let seen = ui.clip_rect();
    let has_focus = ui.memory(|m| m.has_focus(id()));
    painter.hline(rect.x_range(), rect.top() + RULER - 4.0, Stroke::new(1.0, color(t.line)));
    for (i, (_, frames, left, width)) in layout.shots.iter().enumerate() {
        let min = pos2(rect.left() + left, rect.top() + RULER);
        let place = Rect::from_min_size(min, vec2(*width, HEIGHT - RULER));
        if !seen.intersects(place) {
            continue;
        }
        let shot = &timeline.shots[i];
        let gone = shot.visual.asset().is_some_and(|a| view.absent.contains(a));
        match view.looks.thumb(timeline, i) {
            Some(Some(texture)) if !gone => cover(painter, texture, place, timeline.size),
            None if !gone => drop(painter.rect_filled(place, 4, color(t.line))),
            _ => crossed(painter, place, t),
        }
        let seconds = format!("{:.1} s", timeline.fps.ms_at(*frames) as f32 / 1000.0);
        label(painter, view, place, &seconds);
        if i > 0 && shot.transition.kind != TransitionKind::Cut && shot.transition.frames > 0 {
            let at = pos2(place.left() - GAP / 2.0, place.center().y);
            let points = [(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0)];
            let points = points.map(|(x, y)| at + vec2(x, y)).to_vec();
            let line = Stroke::new(1.0, color(t.ink));
            painter.add(egui::Shape::convex_polygon(points, color(t.fill), line));
        }
        if view.drops_on(ui, place, Target::Shot(i)) || i == editor.selected() {
            painter.rect_stroke(place, 4, Stroke::new(2.0, select), StrokeKind::Inside);
        }
        if matches!(view.looks.drag, Some(Drag::Move { shot }) if shot == i) {
            painter.rect_filled(place, 4, color(t.fill).gamma_multiply(0.6));
        }
    }
    let pointer = ui.input(|i| i.pointer.interact_pos());
    if let (Some(Drag::Move { shot }), Some(at)) = (view.looks.drag, pointer) {
        let place = layout.place_at(at.x - rect.left(), shot);
        let (_, _, left, width) = layout.shots[place];
        let x =
            rect.left() + if place > shot { left + width + GAP / 2.0 } else { left - GAP / 2.0 };
        painter.vline(x, rect.y_range(), Stroke::new(3.0, select));
    }
    let x = rect.left() + layout.x_of(view.at_frame);
    let red = color(t.accent);
    painter.vline(x, rect.y_range(), Stroke::new(1.5, red));
    painter.circle_filled(pos2(x, rect.top() + 5.0), if has_focus { 5.5 } else { 4.5 }, red);
}

/// How long a shot is, on a strip of paper so that it is legible on any picture.
fn label(painter: &egui::Painter, view: &View<'_>, place: Rect, text: &str) {
    let (ink, paper) = (color(view.t.ink), color(view.t.fill).gamma_multiply(0.85));
    let at = place.left_bottom() + vec2(4.0, -3.0);
    let galley = painter.layout_no_wrap(text.to_owned(), FontId::proportional(10.5), ink);
    let words = Align2::LEFT_BOTTOM.anchor_size(at, galley.size());
    painter.rect_filled(words.expand2(vec2(3.0, 1.0)), 3, paper);
    painter.galley(words.min, galley, ink);
}

/// A picture that fills a place; what is too much is cut off on both sides.
fn cover(painter: &egui::Painter, texture: egui::TextureId, place: Rect, size: [u32; 2]) {
    let shape = size[0].max(1) as f32 / size[1].max(1) as f32;
    let room = place.width() / place.height().max(1.0);
    let part = if shape > room { vec2(room / shape, 1.0) } else { vec2(1.0, shape / room) };
    let uv = Rect::from_center_size(pos2(0.5, 0.5), part);
    painter
        .add(egui::epaint::RectShape::filled(place, 4, Color32::WHITE).with_texture(texture, uv));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_frames_belong_together() {
        let layout = Layout::new([30, 300, 3, 90].into_iter(), Fps::DEFAULT);
        assert_eq!(layout.shots[0].3, LEAST);
        assert_eq!(layout.shots[1].3, 10.0 * SECOND);
        for frame in [0, 12, 29, 30, 200, 329, 330, 332, 333, 422] {
            let found = layout.frame_at(layout.x_of(frame) + 0.01);
            assert!(found.abs_diff(frame) <= 1, "{frame}: {found}");
        }
        assert_eq!((layout.frame_at(-50.0), layout.frame_at(9_999.0)), (0, 422));
        assert_eq!((layout.shot_at(-1.0), layout.shot_at(50.0)), (0, 1));
        assert_eq!((layout.edge_at(LEAST + 2.0), layout.edge_at(100.0)), (Some(0), None));
    }

    #[test]
    fn a_dropped_shot_lands_where_the_line_is() {
        let layout = Layout::new([60; 4].into_iter(), Fps::DEFAULT);
        let middle = |i: usize| layout.shots[i].2 + layout.shots[i].3 / 2.0;
        assert_eq!(layout.place_at(-9.0, 2), 0);
        assert_eq!(layout.place_at(middle(2) + 1.0, 2), 2);
        assert_eq!(layout.place_at(middle(3) + 1.0, 0), 3);
        assert_eq!(layout.place_at(middle(1) + 1.0, 0), 1);
        assert_eq!(layout.length_at(0, 60.0, Fps::DEFAULT), 90);
    }
}
