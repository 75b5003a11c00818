//! What was made and what it cost: sums, limits, and a bar for each engine, agent or day.

use std::collections::BTreeMap;

use bevy_egui::egui;
use egui::{Color32, CornerRadius, Rect, Sense, TextEdit, pos2, vec2};
use oto_api_types::{Budget, UsageRow};

use super::Scene;
use super::dialogs::tall;
use super::style::{button, chip, faint, semi};
use crate::desk::clock;
use crate::desk::state::HomeState;
use crate::desk::third_party::egui::color;
use crate::figures::{date_of, dollars, micro_of, short_count};
use crate::spending::{By, bars, sums};
use crate::theme::tokens::PanelTokens;

/// Days that are shown.
pub(crate) const DAYS: u32 = 30;

/// Draws it.
pub(super) fn show(ui: &mut egui::Ui, scene: &mut Scene) {
    let t = scene.desk.theme.panel.clone();
    ui.label(semi(scene.desk.say("usage-title"), 15.0));
    let usage = scene.ui.usage.clone();
    for (label, spent, limit) in [
        ("usage-today", usage.today_micro, usage.budget.day_micro),
        ("usage-month", usage.month_micro, usage.budget.month_micro),
    ] {
        ui.horizontal(|ui| {
            ui.label(scene.desk.say(label));
            ui.label(semi(dollars(spent), 13.0));
            if let Some(limit) = limit {
                let of = scene.desk.words.with("usage-of", &[("limit", &dollars(limit))]);
                ui.label(faint(&t, of));
            }
        });
    }
    limits(ui, scene, usage.budget);
    ui.separator();
    if usage.items.is_empty() {
        ui.label(faint(&t, scene.desk.say("usage-nothing")));
        return;
    }
    ui.horizontal(|ui| {
        for by in By::ALL {
            let label = scene.desk.say(&format!("usage-by-{}", by.word()));
            if chip(ui, &t, &label, scene.ui.usage_by == by).clicked() {
                scene.ui.usage_by = by;
            }
        }
    });
    let by = scene.ui.usage_by;
    tall(300.0).show(ui, |ui| {
        if by == By::Day {
            days(ui, color(t.accent), color(t.line), &usage.items);
            ui.add_space(8.0);
        }
        let sums = sums(&usage.items, by);
        for ((name, sum), length) in sums.iter().zip(bars(&sums)) {
            row(ui, scene, &t, name, sum, length);
        }
        ui.add_space(6.0);
        let note = scene.desk.words.with("usage-note", &[("version", &usage.prices)]);
        ui.label(faint(&t, note).size(11.5));
    });
}

fn limits(ui: &mut egui::Ui, scene: &mut Scene, now: Budget) {
    let labels = ["usage-day-limit", "usage-month-limit"].map(|k| scene.desk.say(k));
    let set = scene.desk.say("usage-set");
    let mut wanted = None;
    ui.horizontal(|ui| {
        for (label, text) in labels.into_iter().zip(&mut scene.ui.limits) {
            let field = TextEdit::singleline(text)
                .hint_text(label)
                .desired_width(150.0)
                .margin(egui::Margin::symmetric(8, 6));
            ui.add(field);
        }
        if button(ui, &set).clicked() {
            let [day, month] = &scene.ui.limits;
            let day = limit_of(day, now.day_micro);
            let month = limit_of(month, now.month_micro);
            wanted = day.zip(month);
            scene.ui.bad_limit = wanted.is_none();
        }
    });
    if scene.ui.bad_limit {
        ui.label(scene.desk.say("usage-bad-limit"));
    }
    if let Some((day_micro, month_micro)) = wanted
        && let HomeState::Ready(home) = &scene.desk.home
    {
        home.client.set_budget(Budget { day_micro, month_micro }, DAYS);
        scene.ui.limits = Default::default();
    }
}

/// A limit as it is typed: “-” takes it away, and nothing leaves it as it is. None when it is
/// neither that nor an amount.
fn limit_of(text: &str, now: Option<i64>) -> Option<Option<i64>> {
    match text.trim() {
        "" => Some(now),
        "-" => Some(None),
        amount => micro_of(amount).map(Some),
    }
}

/// A name, its cost and a bar; under it what was made.
fn row(ui: &mut egui::Ui, scene: &Scene, t: &PanelTokens, name: &str, sum: &UsageRow, length: f32) {
    let name = if name.is_empty() { scene.desk.say("usage-nobody") } else { name.to_owned() };
    ui.horizontal(|ui| {
        let left = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(vec2(150.0, 20.0), left, |ui| {
            ui.set_min_width(150.0);
            ui.add(egui::Label::new(semi(name, 12.5)).truncate());
        });
        let width = (ui.available_width() - 90.0).max(40.0);
        let (area, _) = ui.allocate_exact_size(vec2(width, 14.0), Sense::hover());
        // A hair of it is seen however little it is.
        let end = area.left() + (area.width() * length).max(2.0);
        let bar = Rect::from_min_max(area.min, pos2(end, area.bottom()));
        ui.painter().rect_filled(area, CornerRadius::same(3), color(t.line).gamma_multiply(0.4));
        ui.painter().rect_filled(bar, CornerRadius::same(3), color(t.accent));
        ui.label(dollars(sum.cost_micro));
    });
    ui.label(faint(t, told(scene, sum)).size(12.0));
}

/// How much was made, of what, and what is not known, as far as there is something to tell.
fn told(scene: &Scene, sum: &UsageRow) -> String {
    let words = &scene.desk.words;
    let (made, calls) = (sum.succeeded.to_string(), sum.calls.to_string());
    let mut parts = vec![words.with("usage-made", &[("made", &made), ("calls", &calls)])];
    if sum.tokens_in + sum.tokens_out > 0 {
        let (before, after) = (short_count(sum.tokens_in), short_count(sum.tokens_out));
        parts.push(words.with("usage-tokens", &[("before", &before), ("after", &after)]));
    }
    if sum.media_ms > 0 {
        let time = clock::short(sum.media_ms.unsigned_abs());
        parts.push(words.with("usage-media", &[("time", &time)]));
    }
    if sum.bytes > 0 {
        parts.push(clock::bytes(sum.bytes.unsigned_abs()));
    }
    if sum.unknown > 0 {
        parts.push(words.with("usage-unknown", &[("n", &sum.unknown.to_string())]));
    }
    parts.join(" · ")
}

/// Jobs of each day as bars; the pointer tells the day.
fn days(ui: &mut egui::Ui, ink: Color32, line: Color32, rows: &[UsageRow]) {
    let Some(last) = rows.iter().map(|r| r.day).max() else { return };
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), 84.0), Sense::hover());
    let mut sums: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(row.day).or_default();
        *sum = (sum.0 + row.calls, sum.1 + row.cost_micro);
    }
    let most = sums.values().map(|s| s.0).max().unwrap_or(1).max(1) as f32;
    let width = area.width() / DAYS as f32;
    ui.painter().hline(area.x_range(), area.bottom(), (1.0, line));
    for (day, (calls, _)) in &sums {
        let from_right = (last - day) as f32;
        let x = area.right() - (from_right + 1.0) * width;
        let height = *calls as f32 / most * (area.height() - 4.0);
        let bar = Rect::from_min_max(
            pos2(x + 2.0, area.bottom() - height),
            pos2(x + width - 2.0, area.bottom()),
        );
        ui.painter().rect_filled(bar, CornerRadius::same(2), ink);
    }
    if let Some(at) = response.hover_pos() {
        let day = last - ((area.right() - at.x) / width).floor() as i64;
        let (calls, cost) = sums.get(&day).copied().unwrap_or_default();
        response.on_hover_text(format!("{} · {calls} · {}", date_of(day), dollars(cost)));
    }
}

#[cfg(test)]
mod tests {
    use super::limit_of;

    #[test]
    fn limits_are_read_as_they_are_typed() {
        assert_eq!(limit_of("2,50", None), Some(Some(2_500_000)));
        assert_eq!(limit_of("-", Some(5)), Some(None));
        assert_eq!((limit_of("", Some(5)), limit_of("much", Some(5))), (Some(Some(5)), None));
    }
}
