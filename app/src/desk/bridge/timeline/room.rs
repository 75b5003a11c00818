//! The thread that draws: it holds the pictures near the playhead, all of them when the film plays,
//! and nothing when nothing is open. Small pictures come last, when nobody waits for anything else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};

use oto_board::AssetId;
use oto_media::MediaError;
use oto_media::picture::Picture;
use oto_media::timeline::{Pictures, Renderer, TIMELINE_VERSION, Timeline, mix};
use oto_media::worker::Workers;

use crate::desk::timeline::view::{alone, near, small_size, to_listen_to, to_look_at};

/// Longest edge of the picture shown.
const SHOWN_EDGE: u32 = 480;
/// Films of no more shots than this are opened whole at once.
const FEW_SHOTS: usize = 4;
/// Largest timeline that is read.
const MOST_BYTES: u64 = 16 << 20;

type Files = BTreeMap<String, PathBuf>;

pub(super) enum Order {
    /// Reads a timeline.
    Load {
        asset: AssetId,
        path: PathBuf,
    },
    /// Shows one frame.
    Show {
        asset: AssetId,
        revision: u64,
        timeline: Box<Timeline>,
        files: Files,
        frame: u32,
    },
    /// All pictures and the sound, to play.
    Prepare {
        asset: AssetId,
        revision: u64,
        timeline: Box<Timeline>,
        files: Files,
    },
    /// The first frame of a timeline of one shot.
    Thumb {
        key: u64,
        timeline: Box<Timeline>,
        files: Files,
    },
    Close,
}

/// Why a timeline is not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Another version of oTo wrote it.
    OtherVersion,
    /// With a sentence.
    Damaged(String),
}

pub(super) enum Answer {
    Loaded { asset: AssetId, read: Result<Box<Timeline>, Unread> },
    Frame { asset: AssetId, revision: u64, frame: u32, picture: Picture, absent: BTreeSet<String> },
    Thumb { key: u64, picture: Option<Picture> },
    Sound { asset: AssetId, revision: u64, samples: Vec<[f32; 2]> },
    Failed { asset: AssetId, reason: String },
}

struct Opened {
    asset: AssetId,
    revision: u64,
    /// The shots whose pictures are there.
    shots: Range<usize>,
    renderer: Renderer,
}

struct Room {
    workers: Workers,
    opened: Option<Opened>,
    sounds: BTreeMap<String, Arc<Vec<[f32; 2]>>>,
    /// Assets that cannot be shown or heard, by what was found out so far.
    absent: BTreeSet<String>,
}

pub(super) fn serve(
    workers: Workers,
    inbox: &Receiver<Order>,
    tell: &Sender<Answer>,
    wake: &(dyn Fn() + Send + Sync),
) {
    let mut room = Room { workers, opened: None, sounds: BTreeMap::new(), absent: BTreeSet::new() };
    let mut later: VecDeque<(u64, Box<Timeline>, Files)> = VecDeque::new();
    loop {
        let order = match inbox.try_recv() {
            Ok(order) => order,
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => match later.pop_front() {
                Some((key, timeline, files)) => {
                    let picture = room.thumb(*timeline, &files);
                    if tell.send(Answer::Thumb { key, picture }).is_err() {
                        return;
                    }
                    wake();
                    continue;
                }
                // Asleep until something is wanted.
                None => match inbox.recv() {
                    Ok(order) => order,
                    Err(_) => return,
                },
            },
        };
        let answer = match order {
            Order::Thumb { key, timeline, files } => {
                later.push_back((key, timeline, files));
                continue;
            }
            Order::Close => {
                room.opened = None;
                room.sounds.clear();
                room.absent.clear();
                later.clear();
                continue;
            }
            Order::Load { asset, path } => Answer::Loaded { asset, read: read(&path) },
            Order::Show { asset, revision, timeline, files, frame } => {
                match room.show(asset, revision, &timeline, &files, frame) {
                    Ok(picture) => {
                        let absent = room.absent.clone();
                        Answer::Frame { asset, revision, frame, picture, absent }
                    }
                    Err(error) => Answer::Failed { asset, reason: error.to_string() },
                }
            }
            Order::Prepare { asset, revision, timeline, files } => {
                let all = 0..timeline.shots.len();
                match room.open(asset, revision, &timeline, &files, all) {
                    Ok(_) => {
                        let samples = room.sound(&timeline, &files);
                        Answer::Sound { asset, revision, samples }
                    }
                    Err(error) => Answer::Failed { asset, reason: error.to_string() },
                }
            }
        };
        if tell.send(answer).is_err() {
            return;
        }
        wake();
    }
}

fn read(path: &Path) -> Result<Box<Timeline>, Unread> {
    let damaged = |why: String| Unread::Damaged(why);
    let size = std::fs::metadata(path).map_err(|e| damaged(e.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(damaged(format!("{size} bytes")));
    }
    let json = std::fs::read_to_string(path).map_err(|e| damaged(e.to_string()))?;
    parse(&json)
}

fn parse(json: &str) -> Result<Box<Timeline>, Unread> {
    // The version first: an older one lacks fields, and nobody is helped by their names.
    let version = serde_json::from_str::<serde_json::Value>(json)
        .ok()
        .and_then(|value| value.get("version")?.as_u64());
    match version {
        Some(v) if v != u64::from(TIMELINE_VERSION) => Err(Unread::OtherVersion),
        _ => Timeline::parse(json).map(Box::new).map_err(Unread::Damaged),
    }
}

impl Room {
    fn show(
        &mut self,
        asset: AssetId,
        revision: u64,
        timeline: &Timeline,
        files: &Files,
        frame: u32,
    ) -> Result<Picture, MediaError> {
        let n = timeline.shots.len();
        let shot = timeline.starts().iter().rposition(|s| *s <= frame).unwrap_or_default();
        let shots = if n <= FEW_SHOTS { 0..n } else { near(shot, n) };
        let renderer = self.open(asset, revision, timeline, files, shots)?;
        let [width, height] = small_size(timeline.size, SHOWN_EDGE);
        Ok(Picture { width, height, rgba: renderer.frame(frame) })
    }

    /// The renderer with the pictures of these shots, and maybe of more.
    fn open(
        &mut self,
        asset: AssetId,
        revision: u64,
        timeline: &Timeline,
        files: &Files,
        shots: Range<usize>,
    ) -> Result<&Renderer, MediaError> {
        let is_there = |o: &Opened| {
            (o.asset, o.revision) == (asset, revision)
                && o.shots.start <= shots.start
                && shots.end <= o.shots.end
        };
        let opened = match self.opened.take().filter(is_there) {
            Some(opened) => opened,
            None => {
                self.look_for(timeline, files);
                let renderer = self.renderer(timeline, files, &shots)?;
                Opened { asset, revision, shots, renderer }
            }
        };
        Ok(&self.opened.insert(opened).renderer)
    }

    /// A file may go while a film is cut; one that comes is seen when the film is opened again.
    fn look_for(&mut self, timeline: &Timeline, files: &Files) {
        for hash in timeline.assets() {
            if !files.get(&hash).is_some_and(|path| path.exists()) {
                self.absent.insert(hash);
            }
        }
    }

    /// What cannot be opened is left out, so that one bad picture does not cost the whole film.
    fn renderer(
        &mut self,
        timeline: &Timeline,
        files: &Files,
        shots: &Range<usize>,
    ) -> Result<Renderer, MediaError> {
        let find = |hash: &str| files.get(hash).cloned();
        let seen = to_look_at(timeline, SHOWN_EDGE, shots, &self.absent);
        match Pictures::open(&self.workers, &seen, &find) {
            Ok(pictures) => return Ok(Renderer::new(seen, pictures)),
            Err(error) if seen.assets().is_empty() => return Err(error),
            Err(_) => {}
        }
        for shot in &seen.shots {
            let Some(hash) = shot.visual.asset() else { continue };
            let one = alone(&seen, shot.visual.clone(), seen.size);
            if Pictures::open(&self.workers, &one, &find).is_err() {
                self.absent.insert(hash.to_owned());
            }
        }
        let seen = to_look_at(timeline, SHOWN_EDGE, shots, &self.absent);
        let pictures = Pictures::open(&self.workers, &seen, &find)?;
        Ok(Renderer::new(seen, pictures))
    }

    fn thumb(&self, timeline: Timeline, files: &Files) -> Option<Picture> {
        if timeline.assets().iter().any(|hash| !files.get(hash).is_some_and(|p| p.exists())) {
            return None;
        }
        let find = |hash: &str| files.get(hash).cloned();
        let [width, height] = timeline.size;
        let pictures = Pictures::open(&self.workers, &timeline, &find).ok()?;
        Some(Picture { width, height, rgba: Renderer::new(timeline, pictures).frame(0) })
    }

    /// The sound of the film; sounds that cannot be read are silent, and are told as absent.
    fn sound(&mut self, timeline: &Timeline, files: &Files) -> Vec<[f32; 2]> {
        let voices = timeline.voice.iter().map(|c| &c.asset);
        let wanted: BTreeSet<&String> =
            voices.chain(timeline.bed.iter().map(|b| &b.asset)).collect();
        self.sounds.retain(|hash, _| wanted.contains(hash));
        for hash in wanted {
            if self.sounds.contains_key(hash) || self.absent.contains(hash) {
                continue;
            }
            match files.get(hash).map(|path| self.workers.sound(path)) {
                Some(Ok(pcm)) => {
                    self.sounds.insert(hash.clone(), Arc::new(pcm.to_stereo_48k()));
                }
                _ => drop(self.absent.insert(hash.clone())),
            }
        }
        mix(&to_listen_to(timeline, &self.absent), &self.sounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_timeline_is_told_apart() {
        assert_eq!(parse("{\"version\":1,\"frames\":75}"), Err(Unread::OtherVersion));
        for json in ["", "{}", "[1,2]", "{\"version\":2}", "{\"version\":\"2\"}", "\u{0}"] {
            assert!(matches!(parse(json), Err(Unread::Damaged(_))), "{json}");
        }
        let missing = read(Path::new("/nowhere/at/all"));
        assert!(matches!(missing, Err(Unread::Damaged(_))));
    }
}
