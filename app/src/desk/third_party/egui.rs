//! bevy_egui: fonts, style, and what it takes to be at rest when nothing happens.

use std::sync::Arc;

use bevy::prelude::*;
use bevy_egui::{
    EguiContext, EguiGlobalSettings, EguiInput, EguiPlugin, EguiPreUpdateSet, PrimaryEguiContext,
    egui,
};
use egui::{
    Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Stroke, TextStyle,
};

use crate::theme::tokens::{Hex, PanelTokens};
use crate::theme::{INTER, INTER_SEMI, NOTE_FONTS};

/// SemiBold, for headings and buttons.
pub(crate) const SEMI: &str = "semi";
/// Phosphor first: Inter uses some of its code points for other things.
pub(crate) const ICONS: &str = "icons";
/// Permanent Marker.
pub(crate) const MARKER: &str = "marker";
/// Caveat Brush.
pub(crate) const BRUSH: &str = "brush";

pub(crate) fn color(hex: Hex) -> Color32 {
    Color32::from_rgb(hex.0[0], hex.0[1], hex.0[2])
}

pub(crate) fn family(name: &'static str, size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(name.into()))
}

pub(crate) fn plugin(app: &mut App) {
    app.add_plugins(EguiPlugin { bindless_mode_array_size: None });
    app.world_mut().resource_mut::<EguiGlobalSettings>().auto_create_primary_context = false;
    app.add_systems(
        PreUpdate,
        rest.after(EguiPreUpdateSet::ProcessInput).before(EguiPreUpdateSet::BeginPass),
    );
}

/// bevy_egui 0.42 tells egui the modifier keys in every update, and egui answers every event with
/// a repaint: without this the window never rests. Fixed in 0.43, which needs another Bevy.
fn rest(mut contexts: Query<(&mut EguiContext, &mut EguiInput)>) {
    for (mut context, mut input) in &mut contexts {
        let now = context.get_mut().input(|i| i.modifiers);
        input.events.retain(|e| !matches!(e, egui::Event::ModifiersChanged(m) if *m == now));
    }
}

pub(crate) fn spawn_camera(mut commands: Commands) {
    commands.spawn((oto_canvas::board_camera(), PrimaryEguiContext));
}

pub(crate) fn fonts(mut contexts: Query<&mut EguiContext, With<PrimaryEguiContext>>) {
    let Ok(mut context) = contexts.single_mut() else { return };
    let mut fonts = FontDefinitions::empty();
    let mut add = |name: &str, bytes: &'static [u8]| {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    };
    add("inter", INTER);
    add("inter-semi", INTER_SEMI);
    add("marker", NOTE_FONTS[0].1);
    add("brush", NOTE_FONTS[1].1);
    for (family, first) in [
        (FontFamily::Proportional, "inter"),
        (FontFamily::Monospace, "inter"),
        (FontFamily::Name(SEMI.into()), "inter-semi"),
        (FontFamily::Name(MARKER.into()), "marker"),
        (FontFamily::Name(BRUSH.into()), "brush"),
    ] {
        fonts
            .families
            .insert(family, vec![first.to_owned(), "phosphor".to_owned(), "inter".to_owned()]);
    }
    fonts
        .families
        .insert(FontFamily::Name(ICONS.into()), vec!["phosphor".to_owned(), "inter".to_owned()]);
    egui_phosphor::add_to_fonts(&mut fonts, egui_phosphor::Variant::Regular);
    context.get_mut().set_fonts(fonts);
}

/// The quiet, paper-like look of all panels.
pub(crate) fn restyle(context: &egui::Context, t: &PanelTokens, dark: bool) {
    context.set_theme(if dark {
        egui::ThemePreference::Dark
    } else {
        egui::ThemePreference::Light
    });
    context.options_mut(|o| {
        o.zoom_with_keyboard = false;
        o.quit_shortcuts.clear();
    });
    context.all_styles_mut(|style| {
        style.text_styles = [
            (TextStyle::Small, FontId::proportional(t.small_size)),
            (TextStyle::Body, FontId::proportional(t.text_size)),
            (TextStyle::Button, FontId::proportional(t.text_size)),
            (TextStyle::Monospace, FontId::proportional(t.small_size)),
            (TextStyle::Heading, family(SEMI, t.text_size + 1.0)),
        ]
        .into();
        style.animation_time = 0.0;
        style.spacing.item_spacing = egui::vec2(8.0, 6.0);
        style.spacing.button_padding = egui::vec2(12.0, 6.0);
        let v = &mut style.visuals;
        // A blinking caret would keep the window awake.
        v.text_cursor.blink = false;
        v.text_cursor.stroke = Stroke::new(1.6, color(t.accent));
        v.override_text_color = Some(color(t.ink));
        v.weak_text_color = Some(color(t.faint));
        v.panel_fill = color(t.fill);
        v.window_fill = color(t.fill);
        v.window_stroke = Stroke::new(1.0, color(t.line));
        v.extreme_bg_color = color(t.button);
        v.selection.bg_fill = color(t.accent).gamma_multiply(0.25);
        v.selection.stroke = Stroke::new(1.0, color(t.ink));
        let line = Stroke::new(1.0, color(t.line));
        for (state, fill) in [
            (&mut v.widgets.noninteractive, t.fill),
            (&mut v.widgets.inactive, t.button),
            (&mut v.widgets.hovered, t.button_hover),
            (&mut v.widgets.active, t.button_hover),
            (&mut v.widgets.open, t.button_hover),
        ] {
            state.bg_fill = color(fill);
            state.weak_bg_fill = color(fill);
            state.bg_stroke = line;
            state.fg_stroke = Stroke::new(1.0, color(t.ink));
            state.corner_radius = CornerRadius::same(8);
            state.expansion = 0.0;
        }
    });
}
