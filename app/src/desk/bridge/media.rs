//! Decoded pixels and sound, from the media worker by way of two threads: one for thumbnails, one
//! for what is open in the preview.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bevy::prelude::*;
use oto_board::{AssetId, WorkKind};
use oto_canvas::{CanvasSystems, OpenBoard, Thumb, Thumbs, Wish};
use oto_media::picture::Picture;
use oto_media::worker::{FramePlayer, Workers};

use super::proxies::Proxies;
use super::sound::Player;
use crate::derived::Derived;
use crate::desk::state::{Desk, Level, UiState, Waker};
use crate::desk::thumbnails::Thumbnails;

/// Longest edge of the preview's picture.
const PREVIEW_EDGE: u32 = 1_600;
/// Size of the preview's film.
const FILM: [u32; 2] = [640, 640];

/// How long a picture that was looked at from near is kept open.
const NEAR: Duration = Duration::from_secs(5);

type ThumbWish = (Wish, PathBuf, String);

/// Wishes and answers of thumbnails.
#[derive(Resource)]
struct ThumbBridge {
    wishes: Sender<ThumbWish>,
    answers: Mutex<Receiver<(Wish, Option<Thumb>)>>,
}

enum Order {
    Open {
        asset: AssetId,
        path: PathBuf,
        kind: WorkKind,
    },
    /// Show the frame of this time.
    Show {
        asset: AssetId,
        ms: u64,
    },
}

enum Answer {
    Picture {
        asset: AssetId,
        picture: Picture,
    },
    Sound {
        asset: AssetId,
        samples: Vec<[f32; 2]>,
        wave: Vec<u8>,
        length_ms: u64,
    },
    Frame {
        asset: AssetId,
        picture: Picture,
        length_ms: u64,
    },
    Failed {
        asset: AssetId,
        reason: String,
    },
    /// No frame at that time.
    Nothing,
}

/// What is open in the preview.
#[derive(Resource)]
pub(crate) struct Preview {
    orders: Sender<Order>,
    answers: Mutex<Receiver<Answer>>,
    /// The asset shown.
    pub(crate) asset: Option<AssetId>,
    /// Its picture, or the frame of its film; taken by the panel to make a texture.
    pub(crate) picture: Option<Picture>,
    pub(crate) shape: Option<[u32; 2]>,
    pub(crate) wave: Vec<u8>,
    pub(crate) length_ms: u64,
    pub(crate) failed: Option<String>,
    pub(crate) at_ms: u64,
    pub(crate) playing: bool,
    player: Option<Player>,
    /// At most one frame is on its way.
    asked: bool,
    /// A film that was just opened.
    opened: Option<(AssetId, PathBuf)>,
}

impl Preview {
    /// Opens an asset, unless it is open.
    pub(crate) fn open(&mut self, asset: AssetId, path: PathBuf, kind: WorkKind) {
        if self.asset == Some(asset) {
            return;
        }
        self.close();
        self.asset = Some(asset);
        self.asked = true;
        self.opened = (kind == WorkKind::Video).then(|| (asset, path.clone()));
        self.orders.send(Order::Open { asset, path, kind }).ok();
    }

    /// Nothing is shown any more.
    pub(crate) fn close(&mut self) {
        self.player = None;
        self.asset = None;
        self.picture = None;
        self.shape = None;
        self.wave.clear();
        self.failed = None;
        (self.length_ms, self.at_ms, self.playing, self.asked) = (0, 0, false, false);
    }

    /// Starts or stops playing; from the start when it was over.
    pub(crate) fn toggle(&mut self) {
        let Some(player) = &mut self.player else { return };
        if self.playing {
            player.pause();
        } else {
            let from = if self.at_ms + 50 >= self.length_ms { 0 } else { self.at_ms };
            player.play(from);
        }
        self.playing = !self.playing;
    }

    /// Goes to a time.
    pub(crate) fn seek(&mut self, ms: u64) {
        self.at_ms = ms.min(self.length_ms);
        if let Some(player) = &mut self.player {
            player.pause();
            if self.playing {
                player.play(self.at_ms);
            }
        }
        self.ask(self.at_ms);
    }

    fn ask(&mut self, ms: u64) {
        if let (Some(asset), false) = (self.asset, self.asked) {
            self.asked = true;
            self.orders.send(Order::Show { asset, ms }).ok();
        }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, start)
        .add_systems(Update, (thumbs, preview).in_set(CanvasSystems::Events));
}

fn start(mut commands: Commands, desk: Res<Desk>, waker: Res<Waker>, mut ui: ResMut<UiState>) {
    let workers = match Workers::of_this_program() {
        Ok(workers) => workers,
        Err(error) => return ui.log(Level::Error, error.to_string()),
    };
    let (wishes, inbox) = channel::<ThumbWish>();
    let (tell, answers) = channel();
    let (own, wake) = (workers.clone(), Arc::clone(&waker.0));
    let thumbs = std::thread::Builder::new().name("oto-thumbs".to_owned()).spawn(move || {
        let mut thumbnails = Thumbnails::new(own);
        loop {
            let next = match inbox.recv_timeout(NEAR) {
                Err(RecvTimeoutError::Timeout) if thumbnails.is_near() => {
                    thumbnails.rest();
                    continue;
                }
                // Nothing is kept open, so nothing is to be done until something is wanted.
                Err(RecvTimeoutError::Timeout) => inbox.recv().ok(),
                other => other.ok(),
            };
            let Some((wish, path, mime)) = next else { return };
            // One broken picture costs one card: it keeps its average colour.
            if tell.send((wish, thumbnails.get(wish, &path, &mime).ok())).is_err() {
                return;
            }
            wake();
        }
    });
    let (orders, inbox) = channel();
    let (tell, back) = channel();
    let (wake, derived) = (Arc::clone(&waker.0), desk.data.derived());
    let preview = std::thread::Builder::new()
        .name("oto-preview".to_owned())
        .spawn(move || serve(&workers, &derived, &inbox, &tell, &*wake));
    for thread in [thumbs.err(), preview.err()].into_iter().flatten() {
        ui.log(Level::Error, thread.to_string());
    }
    commands.insert_resource(ThumbBridge { wishes, answers: Mutex::new(answers) });
    commands.insert_resource(Preview {
        orders,
        answers: Mutex::new(back),
        asset: None,
        picture: None,
        shape: None,
        wave: Vec::new(),
        length_ms: 0,
        failed: None,
        at_ms: 0,
        playing: false,
        player: None,
        asked: false,
        opened: None,
    });
}

/// A film that is open, and whether it is the small one.
type Opened = (FramePlayer, bool);

fn serve(
    workers: &Workers,
    derived: &Derived,
    inbox: &Receiver<Order>,
    tell: &Sender<Answer>,
    wake: &(dyn Fn() + Send + Sync),
) {
    let mut films: HashMap<AssetId, Opened> = HashMap::new();
    while let Ok(order) = inbox.recv() {
        let answers = match order {
            Order::Open { asset, path, kind } => {
                films.clear();
                open(workers, &mut films, asset, &path, kind)
            }
            Order::Show { asset, ms } => {
                if let Some(film) = films.get_mut(&asset) {
                    small_if_ready(workers, derived, asset, film);
                    show(&mut film.0, asset, ms)
                } else {
                    Vec::new()
                }
            }
        };
        for answer in answers {
            if tell.send(answer).is_err() {
                return;
            }
        }
        wake();
    }
}

fn open(
    workers: &Workers,
    films: &mut HashMap<AssetId, Opened>,
    asset: AssetId,
    path: &std::path::Path,
    kind: WorkKind,
) -> Vec<Answer> {
    let failed = |error: oto_media::MediaError| Answer::Failed { asset, reason: error.to_string() };
    match kind {
        WorkKind::Text => Vec::new(),
        WorkKind::Image => match workers.picture(path, PREVIEW_EDGE) {
            Ok((picture, _)) => vec![Answer::Picture { asset, picture }],
            Err(error) => vec![failed(error)],
        },
        WorkKind::Voice => match workers.sound(path) {
            Ok(pcm) => {
                let (wave, length_ms) =
                    (oto_media::waveform::waveform(&pcm, 90), pcm.duration_ms());
                vec![Answer::Sound { asset, samples: pcm.to_stereo_48k(), wave, length_ms }]
            }
            Err(error) => vec![failed(error)],
        },
        WorkKind::Video => match workers.film(path, FILM) {
            Ok(mut film) => {
                let length_ms = film.info.duration_ms;
                let samples = if film.info.has_sound {
                    workers.sound(path).map(|p| p.to_stereo_48k()).unwrap_or_default()
                } else {
                    Vec::new()
                };
                let mut answers = show(&mut film, asset, 0);
                answers.push(Answer::Sound { asset, samples, wave: Vec::new(), length_ms });
                films.insert(asset, (film, false));
                answers
            }
            Err(error) => vec![failed(error)],
        },
    }
}

/// Frames come from the small film as soon as there is one: seeking in it is fast.
fn small_if_ready(workers: &Workers, derived: &Derived, asset: AssetId, film: &mut Opened) {
    if film.1 {
        return;
    }
    let Some(path) = derived.ready(asset) else { return };
    let small = workers.film(&path, FILM);
    if small.is_err() {
        // Damaged: made again the next time.
        std::fs::remove_file(&path).ok();
    }
    if let Ok(mut small) = small {
        // The length is that of the film itself.
        small.info = film.0.info;
        *film = (small, true);
    }
}

/// The frame of a time: the next few in a row when it lies just ahead, else by a seek.
fn show(film: &mut FramePlayer, asset: AssetId, ms: u64) -> Vec<Answer> {
    let length_ms = film.info.duration_ms;
    match film.seek(ms) {
        Ok(Some((picture, _))) => vec![Answer::Frame { asset, picture, length_ms }],
        Ok(None) => vec![Answer::Nothing],
        Err(error) => vec![Answer::Failed { asset, reason: error.to_string() }],
    }
}

fn thumbs(
    bridge: Option<Res<ThumbBridge>>,
    mut thumbs: ResMut<Thumbs>,
    open: Res<OpenBoard>,
    desk: Res<Desk>,
) {
    let Some(bridge) = bridge else { return };
    let store = desk.data.assets();
    for wish in thumbs.take_wanted() {
        let order = |mime: &str| (wish, store.path(wish.asset), mime.to_owned());
        match open.board().asset(wish.asset) {
            Some(info) => drop(bridge.wishes.send(order(&info.mime))),
            None => thumbs.give_up(wish),
        }
    }
    let answers = bridge.answers.lock().unwrap_or_else(PoisonError::into_inner);
    while let Ok((wish, thumb)) = answers.try_recv() {
        match thumb {
            Some(thumb) => thumbs.fill(wish, &thumb),
            None => thumbs.give_up(wish),
        }
    }
}

fn preview(
    preview: Option<ResMut<Preview>>,
    proxies: Option<ResMut<Proxies>>,
    mut redraw: MessageWriter<bevy::window::RequestRedraw>,
) {
    let Some(mut preview) = preview else { return };
    let preview = preview.bypass_change_detection();
    if let (Some((asset, path)), Some(mut proxies)) = (preview.opened.take(), proxies) {
        proxies.ask(asset, path);
    }
    let answers: Vec<Answer> =
        preview.answers.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect();
    for answer in answers {
        preview.asked = false;
        match answer {
            Answer::Picture { asset, picture } if preview.asset == Some(asset) => {
                preview.shape = Some([picture.width, picture.height]);
                preview.picture = Some(picture);
            }
            Answer::Frame { asset, picture, length_ms } if preview.asset == Some(asset) => {
                preview.shape = Some([picture.width, picture.height]);
                preview.picture = Some(picture);
                preview.length_ms = length_ms;
            }
            Answer::Sound { asset, samples, wave, length_ms } if preview.asset == Some(asset) => {
                preview.wave = wave;
                preview.length_ms = length_ms;
                preview.player = Some(Player::new(Arc::new(samples), length_ms));
            }
            Answer::Failed { asset, reason } if preview.asset == Some(asset) => {
                preview.failed = Some(reason);
            }
            // An answer for what is no longer open.
            _ => {}
        }
    }
    if preview.playing {
        let (at, over) =
            preview.player.as_ref().map_or((0, true), |p| (p.position_ms(), p.is_over()));
        preview.at_ms = at.min(preview.length_ms);
        if over {
            preview.playing = false;
        } else {
            preview.ask(at);
            redraw.write(bevy::window::RequestRedraw);
        }
    }
}
