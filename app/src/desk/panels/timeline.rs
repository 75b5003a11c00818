//! A film under the scissors, in the place of the film in the preview: its picture at the playhead,
//! the strip of shots, the selected shot, the whole film, and Render. What is changed is
//! [`crate::desk::timeline::Editor`]; what is drawn comes from [`crate::desk::bridge::timeline`].

mod film;
mod give;
mod looks;
mod shot;
mod strip;

use bevy_egui::egui;
use egui::{RichText, Sense, vec2};
use oto_board::{AssetId, Note, NoteId, OutputRole, WorkKind};

use super::style::{button, faint, icon, primary};
use super::{PREVIEW_WIDTH, Scene, preview};
use crate::desk::bridge::timeline::{Target, TimelineUnread};
use crate::desk::clock;
use crate::desk::command::Command;
use crate::desk::state::Desk;
use crate::desk::third_party::egui::color;
use crate::desk::timeline::Editor;
use crate::theme::tokens::PanelTokens;

pub(super) use looks::Looks;

/// Width inside the panel, beside its scroll bar.
const WIDTH: f32 = PREVIEW_WIDTH - 40.0;
/// Most height of the picture: strip and settings must stay in sight.
const TALLEST: f32 = 220.0;
/// Width of the names of rows, and the height of a row.
const NAME: [f32; 2] = [74.0, 28.0];

/// What the parts of the panel ask for besides changes of the timeline.
#[derive(Debug, Clone, PartialEq)]
enum Wish {
    Seek(u32),
    Toggle,
    Split,
    /// A note of the wall for this.
    Replace(Target),
    NoReplace,
}

/// What the parts of the panel look at.
struct View<'a> {
    t: &'a PanelTokens,
    desk: &'a Desk,
    looks: &'a mut Looks,
    absent: &'a std::collections::BTreeSet<String>,
    at_frame: u32,
    playing: bool,
    picking: Option<Target>,
    /// A note is dragged on the wall.
    lifted: bool,
    /// Where it would be dropped.
    under: Option<Target>,
    wishes: Vec<Wish>,
}

impl View<'_> {
    fn say(&self, key: &str) -> String {
        self.desk.say(key)
    }

    /// Takes a place as the one a dragged note would be dropped on; true while it is over it.
    fn drops_on(&mut self, ui: &egui::Ui, rect: egui::Rect, target: Target) -> bool {
        let over = self.lifted && ui.rect_contains_pointer(rect);
        if over {
            self.under = Some(target);
        }
        over
    }
}

/// The timeline a finished film was made with.
fn timeline_of(scene: &Scene, note: &Note) -> Option<AssetId> {
    let work = note.kind.work().filter(|w| w.kind == WorkKind::Video)?;
    scene.open.board().run(work.run()?)?.output(OutputRole::Timeline)
}

/// Nothing is cut any more.
pub(super) fn close(scene: &mut Scene) {
    if let Some(cut) = scene.cut.as_mut()
        && cut.of.is_some()
    {
        cut.close();
        scene.looks.forget();
    }
}

/// The way in, under a film that has a timeline.
pub(super) fn offer(ui: &mut egui::Ui, scene: &mut Scene, note: &Note) {
    let Some(asset) = timeline_of(scene, note) else { return };
    let text = scene.desk.say("timeline-open");
    let clicked = button(ui, &text).on_hover_text(scene.desk.say("timeline-open-why")).clicked();
    if let (true, Some(cut)) = (clicked, scene.cut.as_mut()) {
        cut.open(asset, scene.desk.data.assets().path(asset));
        if let Some(preview) = scene.preview.as_mut().filter(|p| p.playing) {
            preview.toggle();
        }
    }
}

/// The panel, if this film is being cut. False when it is not.
pub(super) fn show(ui: &mut egui::Ui, scene: &mut Scene, note: &Note) -> bool {
    let asset = timeline_of(scene, note);
    let of = scene.cut.as_ref().and_then(|c| c.of);
    let Some(asset) = asset.filter(|a| of == Some(*a)) else {
        close(scene);
        return false;
    };
    ui.scope(|ui| {
        ui.set_max_width(WIDTH);
        table(ui, scene, note, asset);
    });
    true
}

fn table(ui: &mut egui::Ui, scene: &mut Scene, note: &Note, asset: AssetId) {
    let t = scene.desk.theme.panel.clone();
    let back = ui.horizontal(|ui| {
        let caret = icon(egui_phosphor::regular::CARET_LEFT, 12.0);
        let words = RichText::new(scene.desk.say("timeline-close")).size(12.5);
        ui.add(egui::Button::new((caret, words)).frame(false)).clicked()
    });
    if back.inner {
        return close(scene);
    }
    let Some(cut) = scene.cut.as_mut() else { return };
    if let Some(unread) = &cut.unread {
        let (key, why) = match unread {
            TimelineUnread::OtherVersion => ("timeline-other-version", ""),
            TimelineUnread::Damaged(why) => ("timeline-damaged", why.as_str()),
        };
        ui.label(RichText::new(scene.desk.say(key)).color(color(t.accent)));
        ui.label(faint(&t, why).size(12.0));
        return;
    }
    let Some(mut editor) = cut.editor.take() else {
        ui.label(faint(&t, scene.desk.say("preview-loading")));
        return;
    };
    let revision = editor.revision();
    let given = cut.given.take();
    scene.looks.follow(&scene.open, &editor, asset);
    let absent = std::mem::take(&mut cut.absent);
    let mut view = View {
        t: &t,
        desk: &scene.desk,
        looks: &mut scene.looks,
        absent: &absent,
        at_frame: cut.at_frame,
        playing: cut.playing,
        picking: cut.picking,
        lifted: !scene.gesture.lifted().is_empty(),
        under: None,
        wishes: Vec::new(),
    };
    view.looks.fill(ui, std::mem::take(&mut cut.thumbs));
    picture(ui, &editor, &mut view, asset, cut.picture.take());
    transport(ui, &editor, &mut view, cut.opening);
    if let Some(reason) = &cut.failed {
        ui.label(RichText::new(reason).size(12.0).color(color(t.accent)));
    }
    strip::show(ui, &mut editor, &mut view);
    hints(ui, &editor, &view);
    ui.add_space(2.0);
    shot::show(ui, &mut editor, &mut view, &scene.open);
    ui.separator();
    film::show(ui, &mut editor, &mut view);
    let render = foot(ui, &mut editor, &view);
    let (wishes, under) = (std::mem::take(&mut view.wishes), view.under);
    for (key, alone) in scene.looks.take_wanted() {
        cut.want_thumb(key, alone, &scene.desk.data.assets());
    }
    let mut told = None;
    if let Some((target, from)) = given {
        told = give::give(&mut editor, scene.open.board(), target, from).err();
    }
    if !ui.input(|i| i.pointer.any_down()) && !ui.ctx().text_edit_focused() {
        editor.settle();
    }
    let json = render.then(|| editor.timeline().to_json());
    let frames = editor.timeline().frames();
    if wishes.contains(&Wish::Split) {
        editor.split(cut.at_frame.min(frames.saturating_sub(1)));
    }
    let changed = editor.revision() != revision;
    cut.editor = Some(editor);
    (cut.absent, cut.under) = (absent, under);
    if changed {
        cut.changed();
        ui.request_repaint();
    }
    for wish in wishes {
        match wish {
            Wish::Seek(frame) => cut.seek(frame),
            Wish::Toggle => cut.toggle(&scene.desk.data.assets()),
            Wish::Replace(target) => match selected(&scene.selection, note.id) {
                // One selected note is meant; none or many: the next one that is clicked.
                Some(from) => cut.given = Some((target, from)),
                None => cut.picking = Some(target),
            },
            Wish::NoReplace => cut.picking = None,
            Wish::Split => {}
        }
        ui.request_repaint();
    }
    cut.refresh(&scene.desk.data.assets());
    if let Some(key) = told {
        let text = scene.desk.say(key);
        scene.ui.toast(text, None);
    }
    if let Some(json) = json {
        scene.ui.queue.push(Command::RenderTimeline(note.id, json.into()));
    }
}

/// The only other note that is selected.
fn selected(selection: &oto_canvas::Selection, film: NoteId) -> Option<NoteId> {
    let mut others = selection.iter().filter(|id| *id != film);
    others.next().filter(|_| others.next().is_none())
}

fn picture(
    ui: &mut egui::Ui,
    editor: &Editor,
    view: &mut View<'_>,
    asset: AssetId,
    arrived: Option<oto_media::picture::Picture>,
) {
    let [w, h] = editor.timeline().size.map(|v| v.max(1) as f32);
    let height = (WIDTH * h / w).min(TALLEST);
    let (rect, response) = ui.allocate_exact_size(vec2(WIDTH, height), Sense::click());
    let inner = egui::Rect::from_center_size(rect.center(), vec2(height * w / h, height));
    let texture = preview::texture(ui, "cut texture", asset, arrived);
    preview::paint(ui, texture, inner, color(view.t.line));
    let shot = &editor.timeline().shots[editor.shot_at(view.at_frame)];
    if shot.visual.asset().is_some_and(|a| view.absent.contains(a)) {
        looks::crossed(ui.painter(), inner, view.t);
    }
    if view.drops_on(ui, inner, Target::Shot(editor.shot_at(view.at_frame))) {
        let line = egui::Stroke::new(2.0, color(view.desk.theme.board.select));
        ui.painter().rect_stroke(inner, 8, line, egui::StrokeKind::Inside);
    }
    if response.clicked() {
        strip::focus(ui);
        view.wishes.push(Wish::Toggle);
    }
}

fn transport(ui: &mut egui::Ui, editor: &Editor, view: &mut View<'_>, opening: bool) {
    ui.horizontal(|ui| {
        let shown = if view.playing || opening {
            egui_phosphor::regular::PAUSE
        } else {
            egui_phosphor::regular::PLAY
        };
        if tool(ui, shown, &view.say("preview-play")).clicked() {
            view.wishes.push(Wish::Toggle);
        }
        let fps = editor.timeline().fps;
        ui.label(clock::exact(fps.ms_at(view.at_frame)));
        let length = format!("/ {}", clock::exact(editor.timeline().duration_ms()));
        ui.label(faint(view.t, if opening { view.say("preview-loading") } else { length }));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if tool(ui, egui_phosphor::regular::SCISSORS, &view.say("timeline-split")).clicked() {
                view.wishes.push(Wish::Split);
            }
        });
    });
}

/// What is not there, and what is waited for.
fn hints(ui: &mut egui::Ui, editor: &Editor, view: &View<'_>) {
    let used = editor.timeline().assets();
    let n = used.iter().filter(|a| view.absent.contains(*a)).count();
    if n > 0 {
        let text = view.desk.words.with("timeline-absent", &[("n", &n.to_string())]);
        ui.label(RichText::new(text).size(12.0).color(color(view.t.accent)));
    }
    if view.picking.is_some() {
        ui.label(RichText::new(view.say("timeline-pick")).size(12.0));
    }
}

/// Undo, redo, revert and Render; true when the film is to be rendered.
fn foot(ui: &mut egui::Ui, editor: &mut Editor, view: &View<'_>) -> bool {
    ui.add_space(4.0);
    ui.horizontal(|ui| {
        let undo = egui_phosphor::regular::ARROW_U_UP_LEFT;
        let redo = egui_phosphor::regular::ARROW_U_UP_RIGHT;
        let mut step = |able: bool, shown: &str, key: &str| {
            ui.add_enabled_ui(able, |ui| tool(ui, shown, &view.say(key)).clicked()).inner
        };
        if step(editor.can_undo(), undo, "command-undo") {
            editor.undo();
        }
        if step(editor.can_redo(), redo, "command-redo") {
            editor.redo();
        }
        let changed = editor.is_changed();
        ui.add_enabled_ui(changed, |ui| {
            if button(ui, &view.say("timeline-revert")).clicked() {
                editor.revert();
            }
            let right = egui::Layout::right_to_left(egui::Align::Center);
            ui.with_layout(right, |ui| {
                primary(ui, view.t, &view.say("timeline-render"))
                    .on_hover_text(view.say("timeline-render-why"))
                    .clicked()
            })
            .inner
        })
        .inner
    })
    .inner
}

/// A button that is only an icon, with its name for the pointer and for a screen reader.
fn tool(ui: &mut egui::Ui, shown: &str, name: &str) -> egui::Response {
    let response = ui.add(egui::Button::new(icon(shown, 16.0)).frame(false));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::WidgetType::Button, true, name));
    response.on_hover_text(name)
}

/// A menu of a few choices with their words; the one that was chosen, when it is another.
fn choice<T: Copy + PartialEq>(
    ui: &mut egui::Ui,
    name: &str,
    now: T,
    choices: &[(T, String)],
) -> Option<T> {
    let mut chosen = now;
    let shown = choices.iter().find(|(value, _)| *value == now).map_or("", |(_, text)| text);
    let menu = egui::ComboBox::from_id_salt(name).selected_text(shown).width(112.0);
    menu.show_ui(ui, |ui| {
        for (value, text) in choices {
            ui.selectable_value(&mut chosen, *value, text);
        }
    });
    (chosen != now).then_some(chosen)
}

/// A row with its name at the left.
fn row<R>(
    ui: &mut egui::Ui,
    t: &PanelTokens,
    name: &str,
    add: impl FnOnce(&mut egui::Ui) -> R,
) -> R {
    ui.horizontal(|ui| {
        let left = egui::Layout::left_to_right(egui::Align::Center);
        ui.allocate_ui_with_layout(NAME.into(), left, |ui| {
            ui.set_min_size(NAME.into());
            ui.add(egui::Label::new(faint(t, name).size(12.5)).truncate());
        });
        add(ui)
    })
    .inner
}
