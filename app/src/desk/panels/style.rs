//! The pieces all panels are made of.

use bevy_egui::egui;
use egui::{Color32, CornerRadius, Frame, Margin, Response, RichText, Shadow, Stroke, Ui};

use crate::desk::third_party::egui::{ICONS, SEMI, color, family};
use crate::theme::tokens::PanelTokens;

/// A panel's paper.
pub(in crate::desk) fn frame(t: &PanelTokens) -> Frame {
    let [r, g, b] = t.shadow.0;
    Frame::new()
        .fill(color(t.fill))
        .stroke(Stroke::new(1.0, color(t.line)))
        .corner_radius(CornerRadius::same(t.radius))
        .inner_margin(Margin::same(12))
        .shadow(Shadow {
            offset: [0, 5],
            blur: 20,
            spread: 0,
            color: Color32::from_rgba_unmultiplied(r, g, b, 46),
        })
}

/// An ordinary button.
pub(in crate::desk) fn button(ui: &mut Ui, text: &str) -> Response {
    ui.add(egui::Button::new(RichText::new(text).font(family(SEMI, 12.5))).corner_radius(8))
}

/// A button with its key shown as a keycap.
pub(in crate::desk) fn button_with_key(
    ui: &mut Ui,
    t: &PanelTokens,
    text: &str,
    key: &str,
) -> Response {
    let title = egui::WidgetText::from(RichText::new(text).font(family(SEMI, 12.5)));
    let cap = RichText::new(key).size(10.5).color(color(t.faint));
    ui.add(egui::Button::new((title, cap)).corner_radius(8))
}

/// The one main action.
pub(in crate::desk) fn primary(ui: &mut Ui, t: &PanelTokens, text: &str) -> Response {
    let words = RichText::new(text).font(family(SEMI, 12.5)).color(color(t.on_accent));
    ui.add(egui::Button::new(words).fill(color(t.accent)).stroke(Stroke::NONE).corner_radius(8))
}

/// A pill; the active one is reversed.
pub(in crate::desk) fn chip(ui: &mut Ui, t: &PanelTokens, text: &str, active: bool) -> Response {
    let (ink, fill) = if active { (t.fill, t.ink) } else { (t.ink, t.button) };
    let words = RichText::new(text).size(12.5).color(color(ink));
    let stroke = if active { Stroke::NONE } else { Stroke::new(1.0, color(t.line)) };
    ui.spacing_mut().button_padding = egui::vec2(11.0, 4.0);
    ui.add(egui::Button::new(words).fill(color(fill)).stroke(stroke).corner_radius(14))
}

/// Second-rank words.
pub(in crate::desk) fn faint(t: &PanelTokens, text: impl Into<String>) -> RichText {
    RichText::new(text).color(color(t.faint))
}

/// SemiBold words.
pub(in crate::desk) fn semi(text: impl Into<String>, size: f32) -> RichText {
    RichText::new(text).font(family(SEMI, size))
}

/// An icon drawn with one stroke width.
pub(in crate::desk) fn icon(icon: &str, size: f32) -> RichText {
    RichText::new(icon).font(family(ICONS, size))
}
