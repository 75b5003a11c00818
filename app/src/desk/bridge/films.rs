//! Films that play on the wall itself, up to four at once, without sound: frames from the media
//! worker by way of a thread of its own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bevy::prelude::*;
use oto_board::{AssetId, NoteId, WorkKind};
use oto_canvas::{BoardCamera, CanvasSystems, OpenBoard, Thumb, Thumbs};
use oto_media::worker::{FramePlayer, Workers};

use crate::desk::state::{Desk, UiState, Waker};

/// Films at once.
const MOST: usize = 4;
/// Between two frames of a film.
const PACE: Duration = Duration::from_millis(80);
/// Size asked of the decoder: the slot's.
const SIZE: [u32; 2] = [512, 512];

enum Order {
    Play(AssetId, PathBuf),
    Stop(AssetId),
}

/// A frame, or none when the film is over or cannot be shown.
type Shown = (AssetId, Option<Thumb>);

/// The films on the wall.
#[derive(Resource)]
pub(crate) struct FilmsOnWall {
    orders: Sender<Order>,
    answers: Mutex<Receiver<Shown>>,
    playing: Vec<(AssetId, NoteId)>,
}

impl FilmsOnWall {
    fn start(wake: Arc<dyn Fn() + Send + Sync>) -> Option<Self> {
        let workers = Workers::of_this_program().ok()?;
        let (orders, inbox) = channel();
        let (tell, answers) = channel();
        std::thread::Builder::new()
            .name("oto-films".to_owned())
            .spawn(move || serve(&workers, &inbox, &tell, &*wake))
            .ok()?;
        Some(Self { orders, answers: Mutex::new(answers), playing: Vec::new() })
    }

    /// Plays or stops the film of a note. False when four play already.
    pub(crate) fn toggle(&mut self, note: NoteId, asset: AssetId, path: PathBuf) -> bool {
        if self.playing.iter().any(|(a, _)| *a == asset) {
            self.orders.send(Order::Stop(asset)).ok();
            return true;
        }
        if self.playing.len() >= MOST {
            return false;
        }
        self.playing.push((asset, note));
        self.orders.send(Order::Play(asset, path)).is_ok()
    }
}

fn serve(
    workers: &Workers,
    inbox: &Receiver<Order>,
    tell: &Sender<Shown>,
    wake: &(dyn Fn() + Send + Sync),
) {
    let mut films: HashMap<AssetId, (FramePlayer, Instant)> = HashMap::new();
    loop {
        let wait = if films.is_empty() { Duration::from_secs(3_600) } else { PACE };
        match inbox.recv_timeout(wait) {
            Ok(Order::Play(asset, path)) => match workers.film(&path, SIZE) {
                Ok(film) => {
                    films.insert(asset, (film, Instant::now()));
                }
                Err(_) => drop(tell.send((asset, None))),
            },
            Ok(Order::Stop(asset)) => {
                films.remove(&asset);
                tell.send((asset, None)).ok();
                wake();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let mut over = Vec::new();
        // In a fixed order, so that no film waits for the others every time.
        let mut ids: Vec<AssetId> = films.keys().copied().collect();
        ids.sort_unstable();
        for asset in ids {
            let Some((film, begun)) = films.get_mut(&asset) else { continue };
            let ms = begun.elapsed().as_millis() as u64;
            let frame = if ms >= film.info.duration_ms { Ok(None) } else { film.seek(ms) };
            let thumb = frame.ok().flatten().map(|(picture, _)| Thumb {
                width: picture.width,
                height: picture.height,
                rgba: picture.rgba,
            });
            if thumb.is_none() {
                over.push(asset);
            }
            if tell.send((asset, thumb)).is_err() {
                return;
            }
        }
        over.iter().for_each(|asset| drop(films.remove(asset)));
        if !films.is_empty() || !over.is_empty() {
            wake();
        }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(Startup, start).add_systems(Update, show.in_set(CanvasSystems::Events));
}

fn start(mut commands: Commands, waker: Res<Waker>) {
    if let Some(films) = FilmsOnWall::start(Arc::clone(&waker.0)) {
        commands.insert_resource(films);
    }
}

/// Frames go onto their notes; a film out of view stops.
fn show(
    films: Option<ResMut<FilmsOnWall>>,
    mut thumbs: ResMut<Thumbs>,
    open: Res<OpenBoard>,
    camera: Res<BoardCamera>,
) {
    let Some(mut films) = films else { return };
    let films = films.bypass_change_detection();
    let answers: Vec<Shown> =
        films.answers.lock().unwrap_or_else(PoisonError::into_inner).try_iter().collect();
    for (asset, frame) in answers {
        let Some(at) = films.playing.iter().position(|(a, _)| *a == asset) else { continue };
        let note = films.playing[at].1;
        let Some(slot) = open.board().note_slot(note) else {
            films.playing.remove(at);
            films.orders.send(Order::Stop(asset)).ok();
            thumbs.end(asset);
            continue;
        };
        match frame {
            Some(frame) => {
                thumbs.play(asset, slot, &frame);
            }
            None => {
                thumbs.end(asset);
                films.playing.remove(at);
            }
        }
    }
    let view = camera.view();
    for (asset, note) in &films.playing {
        if open.board().note(*note).is_none_or(|n| !n.rect().intersects(view)) {
            films.orders.send(Order::Stop(*asset)).ok();
        }
    }
}

/// Plays or stops the films among these notes; says so when there are too many.
pub(crate) fn toggle(
    films: &mut FilmsOnWall,
    open: &OpenBoard,
    desk: &Desk,
    ui: &mut UiState,
    notes: impl Iterator<Item = NoteId>,
) {
    let store = desk.data.assets();
    for id in notes {
        let work = open.board().note(id).and_then(|n| n.kind.work());
        let film = work.filter(|w| w.kind == WorkKind::Video).and_then(|w| w.asset());
        if let Some(asset) = film
            && !films.toggle(id, asset, store.path(asset))
        {
            return ui.toast(desk.say("toast-four-films"), None);
        }
    }
}
