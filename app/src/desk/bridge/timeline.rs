//! The film under the scissors, drawn on a thread of its own: one order in flight, the newest wins.
//! What is asked for and what came back; the drawing itself is in `timeline/room.rs`.

mod room;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::input::ButtonState;
use bevy::input::mouse::MouseButtonInput;
use bevy::prelude::*;
use oto_board::{AssetId, NoteId};
use oto_canvas::{CanvasSystems, Gesture};
use oto_media::picture::Picture;
use oto_media::timeline::Timeline;
use oto_media::worker::Workers;
use oto_storage::AssetStore;

use self::room::{Answer, Order, Unread};
use super::sound::Player;
use crate::desk::state::{Level, UiState, Waker};
use crate::desk::timeline::Editor;

pub(crate) use self::room::Unread as TimelineUnread;

/// What a work of the wall is given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A shot: its picture, its voice or its words, by the kind of the work.
    Shot(usize),
    /// The music under the film.
    Music,
}

/// The cut that is open, and those that were.
#[derive(Resource)]
pub(crate) struct Cut {
    orders: Sender<Order>,
    answers: Mutex<Receiver<Answer>>,
    /// The timeline that is open.
    pub(crate) of: Option<AssetId>,
    /// None while it is read, and when it cannot be.
    pub(crate) editor: Option<Editor>,
    pub(crate) unread: Option<Unread>,
    /// Changes of other films, kept until oTo closes.
    kept: BTreeMap<AssetId, Editor>,
    /// A frame that came; taken by the panel to make a texture.
    pub(crate) picture: Option<Picture>,
    /// Small pictures that came; none for what cannot be shown.
    pub(crate) thumbs: Vec<(u64, Option<Picture>)>,
    wanted: BTreeSet<u64>,
    /// Assets whose files are not there or cannot be read.
    pub(crate) absent: BTreeSet<String>,
    pub(crate) failed: Option<String>,
    pub(crate) at_frame: u32,
    pub(crate) playing: bool,
    /// Pictures and sound are made ready to play.
    pub(crate) opening: bool,
    player: Option<(u64, Player)>,
    /// Revision and frame of what is on its way: one at most.
    asked: Option<(u64, u32)>,
    /// The same of what is shown.
    shown: Option<(u64, u32)>,
    /// Where a note that is dragged on the wall would be dropped.
    pub(crate) under: Option<Target>,
    /// What the next note that is clicked is for.
    pub(crate) picking: Option<Target>,
    /// A note that was dropped or clicked for it.
    pub(crate) given: Option<(Target, NoteId)>,
}

impl Cut {
    /// Opens a timeline, unless it is open.
    pub(crate) fn open(&mut self, asset: AssetId, path: PathBuf) {
        if self.of == Some(asset) {
            return;
        }
        self.close();
        self.of = Some(asset);
        self.editor = self.kept.remove(&asset);
        if self.editor.is_none() {
            self.orders.send(Order::Load { asset, path }).ok();
        }
    }

    /// Nothing is shown any more; what was changed is kept.
    pub(crate) fn close(&mut self) {
        let Some(asset) = self.of.take() else { return };
        if let Some(editor) = self.editor.take().filter(Editor::can_go_on) {
            self.kept.insert(asset, editor);
        }
        self.orders.send(Order::Close).ok();
        (self.unread, self.failed, self.picture, self.player) = (None, None, None, None);
        (self.under, self.picking, self.given, self.shown) = (None, None, None, None);
        (self.playing, self.opening, self.asked, self.at_frame) = (false, false, None, 0);
        self.thumbs.clear();
        self.wanted.clear();
        self.absent.clear();
    }

    /// Asks for the frame at the playhead, unless it is shown or another one is on its way.
    pub(crate) fn refresh(&mut self, store: &AssetStore) {
        let (Some(asset), Some(editor), None) = (self.of, &self.editor, self.asked) else {
            return;
        };
        let timeline = editor.timeline();
        self.at_frame = self.at_frame.min(timeline.frames().saturating_sub(1));
        let wish = (editor.revision(), self.at_frame);
        if self.shown == Some(wish) {
            return;
        }
        self.asked = Some(wish);
        let (timeline, files) = (Box::new(timeline.clone()), files_of(timeline, store));
        let order = Order::Show { asset, revision: wish.0, timeline, files, frame: wish.1 };
        self.orders.send(order).ok();
    }

    /// Asks for a small picture, once.
    pub(crate) fn want_thumb(&mut self, key: u64, alone: Timeline, store: &AssetStore) {
        if self.wanted.insert(key) {
            let files = files_of(&alone, store);
            self.orders.send(Order::Thumb { key, timeline: Box::new(alone), files }).ok();
        }
    }

    /// The timeline was changed: what plays is no longer what is.
    pub(crate) fn changed(&mut self) {
        self.pause();
        self.player = None;
        self.failed = None;
    }

    /// Goes to a frame.
    pub(crate) fn seek(&mut self, frame: u32) {
        let last = self.editor.as_ref().map_or(0, |e| e.timeline().frames().saturating_sub(1));
        self.at_frame = frame.min(last);
        if self.playing {
            self.start();
        }
    }

    /// Starts or stops playing; from the start when it was over.
    pub(crate) fn toggle(&mut self, store: &AssetStore) {
        if self.playing || self.opening {
            return self.pause();
        }
        let (Some(asset), Some(editor)) = (self.of, &self.editor) else { return };
        let timeline = editor.timeline();
        if self.at_frame + 2 >= timeline.frames() {
            self.at_frame = 0;
        }
        if self.player.as_ref().is_some_and(|(of, _)| *of == editor.revision()) {
            return self.start();
        }
        self.opening = true;
        let order = Order::Prepare {
            asset,
            revision: editor.revision(),
            files: files_of(timeline, store),
            timeline: Box::new(timeline.clone()),
        };
        self.orders.send(order).ok();
    }

    fn start(&mut self) {
        let (Some(editor), Some((_, player))) = (&self.editor, &mut self.player) else { return };
        player.pause();
        player.play(editor.timeline().fps.ms_at(self.at_frame));
        self.playing = true;
    }

    fn pause(&mut self) {
        if let Some((_, player)) = &mut self.player {
            player.pause();
        }
        (self.playing, self.opening) = (false, false);
    }

    /// Gives a clicked note to what waits for one. True when something did.
    pub(crate) fn pick(&mut self, note: NoteId) -> bool {
        let Some(target) = self.picking.take() else { return false };
        self.given = Some((target, note));
        true
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Loaded { asset, read } if self.of == Some(asset) && self.editor.is_none() => {
                match read {
                    Ok(timeline) => self.editor = Some(Editor::new(*timeline)),
                    Err(unread) => self.unread = Some(unread),
                }
            }
            Answer::Thumb { key, picture } if self.wanted.remove(&key) => {
                self.thumbs.push((key, picture));
            }
            Answer::Frame { asset, revision, frame, picture, absent } if self.of == Some(asset) => {
                self.asked = None;
                self.failed = None;
                self.shown = Some((revision, frame));
                self.picture = Some(picture);
                self.absent = absent;
            }
            Answer::Sound { asset, revision, samples } if self.of == Some(asset) => {
                let Some(editor) = self.editor.as_ref().filter(|e| e.revision() == revision) else {
                    self.opening = false;
                    return;
                };
                let length_ms = editor.timeline().duration_ms();
                self.player = Some((revision, Player::new(Arc::new(samples), length_ms)));
                if std::mem::take(&mut self.opening) {
                    self.start();
                }
            }
            Answer::Failed { asset, reason } if self.of == Some(asset) => {
                // Not asked for again: it would fail again.
                self.shown = self.asked.take().or(self.shown);
                self.opening = false;
                self.failed = Some(reason);
            }
            // An answer for what is no longer open.
            _ => {}
        }
    }
}

/// Where the files of a timeline are, if they are.
fn files_of(timeline: &Timeline, store: &AssetStore) -> BTreeMap<String, PathBuf> {
    let path = |hash: String| Some((hash.clone(), store.path(hash.parse::<AssetId>().ok()?)));
    timeline.assets().into_iter().filter_map(path).collect()
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, start)
        .add_systems(Update, (answers, take_drop).in_set(CanvasSystems::Events));
}

fn start(mut commands: Commands, waker: Res<Waker>, mut ui: ResMut<UiState>) {
    let workers = match Workers::of_this_program() {
        Ok(workers) => workers,
        Err(error) => return ui.log(Level::Error, error.to_string()),
    };
    let (orders, inbox) = channel();
    let (tell, answers) = channel();
    let wake = Arc::clone(&waker.0);
    let thread = std::thread::Builder::new()
        .name("oto-timeline".to_owned())
        .spawn(move || room::serve(workers, &inbox, &tell, &*wake));
    if let Err(error) = thread {
        return ui.log(Level::Error, error.to_string());
    }
    commands.insert_resource(Cut {
        orders,
        answers: Mutex::new(answers),
        of: None,
        editor: None,
        unread: None,
        kept: BTreeMap::new(),
        picture: None,
        thumbs: Vec::new(),
        wanted: BTreeSet::new(),
        absent: BTreeSet::new(),
        failed: None,
        at_frame: 0,
        playing: false,
        opening: false,
        player: None,
        asked: None,
        shown: None,
        under: None,
        picking: None,
        given: None,
    });
}

/// What came back, and the playhead that follows the sound.
fn answers(cut: Option<ResMut<Cut>>, mut redraw: MessageWriter<bevy::window::RequestRedraw>) {
    let Some(mut cut) = cut else { return };
    let cut = cut.bypass_change_detection();
    let answers: Vec<Answer> =
        cut.answers.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect();
    answers.into_iter().for_each(|answer| cut.take(answer));
    if cut.playing {
        let (at_ms, over) =
            cut.player.as_ref().map_or((0, true), |(_, p)| (p.position_ms(), p.is_over()));
        let Some(timeline) = cut.editor.as_ref().map(Editor::timeline) else { return };
        let frame =
            (at_ms * u64::from(timeline.fps.num) / (1000 * u64::from(timeline.fps.den))) as u32;
        cut.at_frame = frame.min(timeline.frames().saturating_sub(1));
        if over {
            cut.pause();
        } else {
            redraw.write(bevy::window::RequestRedraw);
        }
    }
}

/// A note that is dropped on a shot is given to it and stays where it was on the wall: the gesture
/// ends here, before the canvas makes a move of it.
fn take_drop(
    mut buttons: MessageReader<MouseButtonInput>,
    cut: Option<ResMut<Cut>>,
    mut gesture: ResMut<Gesture>,
) {
    let released =
        buttons.read().any(|b| b.button == MouseButton::Left && b.state == ButtonState::Released);
    let Some(mut cut) = cut else { return };
    let cut = cut.bypass_change_detection();
    if !released {
        return;
    }
    if let (Some(target), Some(note)) = (cut.under.take(), gesture.lifted().first()) {
        cut.given = Some((target, *note));
        *gesture = Gesture::None;
    }
}
