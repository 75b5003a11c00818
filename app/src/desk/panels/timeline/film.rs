//! What holds for the whole film: style, shape, captions, music.

use bevy_egui::egui;
use egui::{Slider, Ui};
use oto_media::timeline::{Captions, Style};

use super::super::style::chip;
use super::shot::{replace, works};
use super::{View, choice, row, tool};
use crate::desk::bridge::timeline::Target;
use crate::desk::timeline::{ASPECTS, Editor, GAIN_DB, aspect_of};

pub(super) fn show(ui: &mut Ui, editor: &mut Editor, view: &mut View<'_>) {
    let t = view.t;
    row(ui, t, &view.say("timeline-style"), |ui| {
        let styles: Vec<(Style, String)> = Style::ALL
            .into_iter()
            .zip(Style::NAMES)
            .map(|(style, name)| (style, view.say(&format!("style-{name}"))))
            .collect();
        if let Some(style) = choice(ui, "style", editor.timeline().style, &styles) {
            editor.set_style(style);
        }
    });
    row(ui, t, &view.say("timeline-aspect"), |ui| {
        let now = aspect_of(editor.timeline());
        for (aspect, word) in ASPECTS {
            if chip(ui, t, word, now == Some(aspect)).clicked() {
                editor.set_aspect(aspect);
            }
        }
    });
    row(ui, t, &view.say("timeline-captions"), |ui| {
        let modes = [
            (Captions::Style, view.say("captions-style")),
            (Captions::Burnt, view.say("captions-burnt")),
            (Captions::Beside, view.say("captions-beside")),
        ];
        if let Some(mode) = choice(ui, "captions", editor.timeline().captions, &modes) {
            editor.set_captions(mode);
        }
    });
    music(ui, editor, view);
}

fn music(ui: &mut Ui, editor: &mut Editor, view: &mut View<'_>) {
    let bed = editor.timeline().bed.clone();
    let t = view.t;
    let mut none = false;
    row(ui, t, &view.say("timeline-music"), |ui| match &bed {
        Some(bed) => {
            works(ui, view, Target::Music, &bed.asset);
            let name = view.say("timeline-music-remove");
            none = tool(ui, egui_phosphor::regular::X, &name).clicked();
        }
        None => replace(ui, view, Target::Music, "timeline-music-add"),
    });
    if none {
        editor.set_bed(None);
    } else if let Some(bed) = bed {
        row(ui, t, &view.say("timeline-music-gain"), |ui| {
            let mut gain = bed.gain_db;
            let slider = Slider::new(&mut gain, GAIN_DB[0]..=GAIN_DB[1]).suffix(" dB");
            if ui.add(slider.fixed_decimals(0)).changed() {
                editor.set_bed_gain(gain);
            }
        });
    }
}
