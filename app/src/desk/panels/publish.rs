//! The dialog in which a work is published: where, as whom, what is shown, what others may do.

use bevy_egui::egui;
use egui::RichText;
use oto_api_types::Visibility;

use super::Scene;
use super::style::{button, chip, faint, frame, primary, semi};
use crate::convert::publish::outcome;
use crate::desk::third_party::egui::{SEMI, color, family};

/// Licences that are offered.
const LICENCES: [&str; 5] =
    ["CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC0-1.0", "all-rights-reserved"];

pub(super) fn show(context: &egui::Context, scene: &mut Scene) {
    if scene.sharing.form.is_none() {
        return;
    }
    let t = scene.desk.theme.panel.clone();
    let modal = egui::Modal::new("publish".into())
        .backdrop_color(egui::Color32::from_rgba_unmultiplied(40, 30, 15, 60))
        .frame(frame(&t).inner_margin(egui::Margin::same(20)))
        .show(context, |ui| {
            ui.set_width(440.0);
            ui.label(semi(scene.desk.say("publish-title"), 15.0));
            ui.add_space(6.0);
            if done(ui, scene) {
                return;
            }
            if scene.sharing.account.is_some() {
                choices(ui, scene);
            } else {
                sign_in(ui, scene);
            }
            let failed = scene.sharing.form.as_ref().map_or("", |f| f.failed.as_str());
            if !failed.is_empty() {
                ui.add_space(4.0);
                ui.label(RichText::new(failed).color(color(t.accent)));
            }
        });
    if modal.should_close() {
        scene.sharing.form = None;
        scene.sharing.code = None;
    }
}

/// It hangs: what can be done now.
fn done(ui: &mut egui::Ui, scene: &mut Scene) -> bool {
    let t = scene.desk.theme.panel.clone();
    let Some(work) = scene.sharing.form.as_ref().and_then(|f| f.done.clone()) else {
        return false;
    };
    ui.label(scene.desk.words.with(outcome(&work), &[("title", &work.title)]));
    if let Some(link) = &work.link {
        ui.add(egui::Label::new(faint(&t, link)).wrap());
    }
    ui.add_space(8.0);
    ui.horizontal(|ui| {
        if primary(ui, &t, &scene.desk.say("publish-walk")).clicked() {
            scene.ui.queue.push(crate::desk::command::Command::Walk);
            scene.sharing.form = None;
        }
        if let Some(link) = &work.link
            && button(ui, &scene.desk.say("publish-copy")).clicked()
        {
            ui.ctx().copy_text(link.clone());
        }
    });
    true
}

fn sign_in(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    if let Some(code) = scene.sharing.code.clone() {
        ui.label(scene.desk.say("wall-code"));
        ui.label(RichText::new(&code.user_code).font(family(SEMI, 32.0)));
        ui.label(faint(&t, &code.verification_uri));
        ui.add_space(6.0);
        if primary(ui, &t, &scene.desk.say("wall-open-browser")).clicked() {
            let page = egui::OpenUrl::new_tab(&code.verification_uri_complete);
            ui.ctx().open_url(page);
        }
        return;
    }
    ui.label(scene.desk.say("publish-server"));
    let field = egui::TextEdit::singleline(&mut scene.sharing.address)
        .hint_text("https://")
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(10, 7));
    ui.add(field);
    ui.add_space(6.0);
    if primary(ui, &t, &scene.desk.say("wall-sign-in")).clicked() {
        scene.sharing.sign_in(&scene.desk, &scene.waker);
    }
}

fn choices(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    let say = |key: &str| scene.desk.say(key);
    let words = [
        "publish-name",
        "publish-seen",
        "publish-public",
        "publish-link",
        "publish-private",
        "publish-licence",
        "publish-reuse",
        "publish-recipe",
        "publish-sources",
        "publish-go",
        "publish-busy",
    ]
    .map(say);
    let handle = scene.sharing.account.as_ref().map_or("", |a| a.handle.as_str()).to_owned();
    ui.label(faint(&t, format!("@{handle} · {}", scene.sharing.address)).size(12.0));
    let Some(form) = scene.sharing.form.as_mut() else { return };
    let c = &mut form.choices;
    ui.label(semi(&words[0], 12.5));
    let field = egui::TextEdit::singleline(&mut c.title)
        .desired_width(f32::INFINITY)
        .margin(egui::Margin::symmetric(10, 7));
    ui.add(field);
    ui.label(semi(&words[1], 12.5));
    ui.horizontal(|ui| {
        for (seen, word) in [
            (Visibility::Public, &words[2]),
            (Visibility::Link, &words[3]),
            (Visibility::Private, &words[4]),
        ] {
            if chip(ui, &t, word, c.visibility == seen).clicked() {
                c.visibility = seen;
            }
        }
    });
    ui.label(semi(&words[5], 12.5));
    ui.horizontal_wrapped(|ui| {
        for licence in LICENCES {
            if chip(ui, &t, licence, c.licence == licence).clicked() {
                licence.clone_into(&mut c.licence);
            }
        }
    });
    ui.checkbox(&mut c.may_reuse, &words[6]);
    ui.checkbox(&mut c.shows_recipe, &words[7]);
    ui.checkbox(&mut c.shows_sources, &words[8]);
    ui.add_space(8.0);
    if form.busy {
        ui.label(faint(&t, &words[10]));
    } else if primary(ui, &t, &words[9]).clicked() {
        scene.sharing.publish(&scene.open, &scene.desk);
    }
}
