//! Pictures of works on the wall: fetched once, kept as files that can be fetched again, decoded in
//! the media worker on a thread of their own.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::*;
use oto_backend_client::Ask;
use oto_canvas::{Thumb, Thumbs, Wish};
use oto_media::worker::Workers;

use super::Walk;
use crate::desk::thumbnails::Thumbnails;

/// Most pictures that are on their way from the server.
const MOST: usize = 12;

type Wanted = (Wish, PathBuf);

/// The thread that decodes, and what is on its way.
#[derive(Resource)]
pub(super) struct Pictures {
    wishes: Sender<Wanted>,
    answers: Mutex<Receiver<(Wish, Option<Thumb>)>>,
    fetching: HashMap<String, Vec<Wish>>,
    waiting: Vec<Wish>,
}

impl Pictures {
    pub(super) fn start(workers: Workers, wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (wishes, inbox) = channel::<Wanted>();
        let (tell, answers) = channel();
        let work = move || {
            let mut thumbnails = Thumbnails::new(workers);
            while let Ok((wish, path)) = inbox.recv() {
                let got = thumbnails.get(wish, &path, "image/jpeg");
                if got.is_err() {
                    // Damaged: fetched again the next time.
                    std::fs::remove_file(&path).ok();
                }
                if tell.send((wish, got.ok())).is_err() {
                    return;
                }
                wake();
            }
        };
        if let Err(error) = std::thread::Builder::new().name("oto-thumbs".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for pictures");
        }
        Self { wishes, answers: Mutex::new(answers), fetching: HashMap::new(), waiting: Vec::new() }
    }

    /// A picture came from the server.
    pub(super) fn came(&mut self, hash: &str, path: &std::path::Path) {
        for wish in self.fetching.remove(hash).unwrap_or_default() {
            self.wishes.send((wish, path.to_owned())).ok();
        }
    }

    /// A picture cannot be had.
    pub(super) fn lost(&mut self, hash: &str, thumbs: &mut Thumbs) {
        for wish in self.fetching.remove(hash).unwrap_or_default() {
            thumbs.give_up(wish);
        }
    }
}

/// What the canvas wishes for, from files that are here or from the server.
pub(super) fn bring(mut pictures: ResMut<Pictures>, mut thumbs: ResMut<Thumbs>, walk: Res<Walk>) {
    let pictures = &mut *pictures;
    pictures.waiting.extend(thumbs.take_wanted());
    let folder = walk.data.wall_pictures();
    while pictures.fetching.len() < MOST {
        let Some(wish) = pictures.waiting.pop() else { break };
        if wish.asset.0 == [0; 32] {
            thumbs.give_up(wish);
            continue;
        }
        let hash = wish.asset.to_string();
        let path = folder.join(&hash);
        if let Some(others) = pictures.fetching.get_mut(&hash) {
            others.push(wish);
        } else if path.is_file() {
            pictures.wishes.send((wish, path)).ok();
        } else if oto_storage::files::ensure_folder(&folder).is_ok() {
            pictures.fetching.insert(hash.clone(), vec![wish]);
            walk.server.ask(Ask::Fetch { hash, into: path });
        } else {
            thumbs.give_up(wish);
        }
    }
    let answers = pictures.answers.lock().unwrap_or_else(PoisonError::into_inner);
    while let Ok((wish, thumb)) = answers.try_recv() {
        match thumb {
            Some(thumb) => thumbs.fill(wish, &thumb),
            None => thumbs.give_up(wish),
        }
    }
}
