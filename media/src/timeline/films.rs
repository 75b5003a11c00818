//! The pictures and films a timeline shows, opened through the worker.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;

use super::{Timeline, Visual};
use crate::MediaError;
use crate::picture::Picture;
use crate::worker::{FramePlayer, Workers};

/// A film whose frames can be looked at.
pub trait FrameSource: Send {
    /// The frame shown at a time, none behind the end.
    fn frame_at(&mut self, ms: u64) -> Option<Picture>;

    /// True when it could not be read to its end: what it shows is not what is in it.
    fn is_broken(&self) -> bool {
        false
    }
}

/// What a timeline shows, by the names of its assets.
#[derive(Default)]
pub struct Pictures {
    /// Still pictures.
    pub stills: BTreeMap<String, Picture>,
    /// Films.
    pub films: BTreeMap<String, Box<dyn FrameSource>>,
}

impl std::fmt::Debug for Pictures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} stills, {} films", self.stills.len(), self.films.len())
    }
}

impl Pictures {
    /// Opens what a timeline shows. What `find` does not know is left out, and shown as missing.
    ///
    /// # Errors
    /// When something that was found cannot be opened.
    pub fn open(
        workers: &Workers,
        timeline: &Timeline,
        find: &dyn Fn(&str) -> Option<PathBuf>,
    ) -> Result<Self, MediaError> {
        let longest = timeline.size[0].max(timeline.size[1]);
        let mut out = Self::default();
        for shot in &timeline.shots {
            match &shot.visual {
                Visual::Still { asset, .. } if !out.stills.contains_key(asset) => {
                    let Some(path) = find(asset) else { continue };
                    let (picture, _) = workers.picture(&path, longest * 2)?;
                    out.stills.insert(asset.clone(), picture);
                }
                Visual::Film { asset, .. } if !out.films.contains_key(asset) => {
                    let Some(path) = find(asset) else { continue };
                    let film = OpenFilm::new(open_film(workers, &path, timeline.size)?);
                    out.films.insert(asset.clone(), Box::new(film));
                }
                Visual::Still { .. } | Visual::Film { .. } | Visual::Card { .. } => {}
            }
        }
        Ok(out)
    }
}

/// At the size at which it fills the frame, so that the decoder does the shrinking.
fn open_film(
    workers: &Workers,
    path: &std::path::Path,
    frame: [u32; 2],
) -> Result<FramePlayer, MediaError> {
    let longest = frame[0].max(frame[1]);
    let film = workers.film(path, [longest; 2])?;
    let size = film.info.size.map(|v| f64::from(v.max(1)));
    let cover = (size[0] / f64::from(frame[0])).min(size[1] / f64::from(frame[1]));
    if cover < 1.15 {
        return Ok(film);
    }
    let wanted = size.map(|v| (v / cover).ceil() as u32 + 1);
    drop(film);
    workers.film(path, wanted)
}

/// Frames kept behind the newest: several threads ask nearly in order.
const KEPT: usize = 16;
/// How far ahead frames are decoded one by one rather than sought.
const NEAR_MS: u64 = 3_000;

/// Frames one after the other, as a player gives them.
pub(super) trait Player: Send {
    fn next_frame(&mut self) -> Result<Option<(Picture, u64)>, MediaError>;
    fn seek(&mut self, ms: u64) -> Result<Option<(Picture, u64)>, MediaError>;
    fn duration_ms(&self) -> u64;
}

impl Player for FramePlayer {
    fn next_frame(&mut self) -> Result<Option<(Picture, u64)>, MediaError> {
        Self::next_frame(self)
    }

    fn seek(&mut self, ms: u64) -> Result<Option<(Picture, u64)>, MediaError> {
        Self::seek(self, ms)
    }

    fn duration_ms(&self) -> u64 {
        self.info.duration_ms
    }
}

/// A film being decoded forward.
pub(super) struct OpenFilm<P> {
    player: P,
    kept: VecDeque<(u64, Picture)>,
    ended: bool,
    /// The worker is gone: nothing more comes.
    lost: bool,
}

impl<P: Player> OpenFilm<P> {
    pub(super) fn new(player: P) -> Self {
        Self { player, kept: VecDeque::new(), ended: false, lost: false }
    }

    fn take(&mut self, came: Result<Option<(Picture, u64)>, MediaError>) {
        match came {
            Ok(Some((picture, ms))) => {
                if self.kept.len() >= KEPT {
                    self.kept.pop_front();
                }
                // A stream that counts wrongly must not turn back the time.
                let ms = self.kept.back().map_or(ms, |(last, _)| ms.max(*last));
                self.kept.push_back((ms, picture));
            }
            Ok(None) => self.ended = true,
            Err(_) => {
                self.ended = true;
                self.lost = true;
            }
        }
    }
}

impl<P: Player> FrameSource for OpenFilm<P> {
    fn is_broken(&self) -> bool {
        self.lost
    }

    fn frame_at(&mut self, ms: u64) -> Option<Picture> {
        let span = self.kept.front().map(|f| f.0).zip(self.kept.back().map(|b| b.0));
        let far = match span {
            Some((first, last)) => ms < first || (ms > last + NEAR_MS && !self.ended),
            None => ms > NEAR_MS,
        };
        if far && !self.lost {
            self.kept.clear();
            self.ended = false;
            let came = self.player.seek(ms);
            self.take(came);
        }
        while !self.ended && self.kept.back().is_none_or(|(last, _)| *last <= ms) {
            let came = self.player.next_frame();
            self.take(came);
        }
        // The last frame lasts as long as the one before it.
        if self.ended && self.kept.back().is_some_and(|(last, _)| ms > *last) {
            let (last, n) = (self.kept.back()?.0, self.kept.len());
            let usual = if n > 1 { last - self.kept[n - 2].0 } else { 42 };
            if ms > self.player.duration_ms().max(last + usual) {
                return None;
            }
        }
        let at = self.kept.iter().rposition(|(start, _)| *start <= ms).unwrap_or(0);
        self.kept.get(at).map(|(_, picture)| picture.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty frames at 25 a second, each with its number.
    struct Fake {
        at: u64,
        seeks: usize,
    }

    impl Player for Fake {
        fn next_frame(&mut self) -> Result<Option<(Picture, u64)>, MediaError> {
            let n = self.at;
            self.at += 1;
            let picture = Picture { width: 1, height: 1, rgba: vec![n as u8; 4] };
            Ok((n < 60).then_some((picture, n * 40)))
        }

        fn seek(&mut self, ms: u64) -> Result<Option<(Picture, u64)>, MediaError> {
            self.seeks += 1;
            self.at = (ms / 40).min(59);
            self.next_frame()
        }

        fn duration_ms(&self) -> u64 {
            2_400
        }
    }

    #[test]
    fn frames_come_in_order_with_few_seeks() {
        let mut film = OpenFilm::new(Fake { at: 0, seeks: 0 });
        let mut shown = |ms: u64| film.frame_at(ms).map(|p| p.rgba[0]);
        assert_eq!(
            [0, 39, 40, 33, 100, 67, 400, 399].map(&mut shown),
            [0, 0, 1, 0, 2, 1, 10, 9].map(Some)
        );
        assert_eq!(shown(2_390), Some(59));
        assert_eq!(shown(2_500), None);
        assert_eq!(film.player.seeks, 0);
        assert_eq!(film.frame_at(0).map(|p| p.rgba[0]), Some(0));
        assert_eq!(film.frame_at(80).map(|p| p.rgba[0]), Some(2));
        assert_eq!(film.player.seeks, 1);
    }
}
