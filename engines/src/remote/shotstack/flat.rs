//! A film as an edit sees it: thirty frames a second, shots at their places, neighbours that overlap
//! while one dissolves into the other. To and from oTo's own timeline.

use oto_media::caption::Cue;
use oto_media::timeline::{
    Captions, Fps, Motion, Shot, Style, TIMELINE_VERSION, Timeline, Transition, TransitionKind,
    Visual,
};

/// Frames a second of an edit.
pub const FPS: u32 = 30;
/// How long one shot dissolves into the next.
pub const DISSOLVE_FRAMES: u32 = 15;

/// What a shot shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shows {
    /// A picture, by its place in the list of pictures.
    Still(usize),
    /// A film, by its place in the same list, and where it begins.
    Film(usize, u64),
    /// Words on paper.
    Card(String),
}

/// A shot at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatShot {
    /// First frame.
    pub start_frame: u32,
    /// Length in frames, with the dissolve into the next shot.
    pub frames: u32,
    /// What it shows.
    pub visual: Shows,
}

/// A film as an edit sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlatFilm {
    /// Width and height in pixels.
    pub size: [u32; 2],
    /// Length in frames at [`FPS`].
    pub frames: u32,
    /// In order; neighbours may overlap.
    pub shots: Vec<FlatShot>,
    /// Captions.
    pub cues: Vec<Cue>,
}

impl FlatFilm {
    /// A timeline as an edit can show it, and its pictures and films in the order of the list.
    /// Transitions of all kinds become dissolves.
    #[must_use]
    pub fn of(film: &Timeline) -> (Self, Vec<String>) {
        let frame = |n: u32| Fps::DEFAULT.frame_at(film.fps.ms_at(n));
        let mut pictures: Vec<String> = Vec::new();
        let mut place = |asset: &String| {
            let known = pictures.iter().position(|p| p == asset);
            known.unwrap_or_else(|| {
                pictures.push(asset.clone());
                pictures.len() - 1
            })
        };
        let mut shots = Vec::new();
        let starts = film.starts();
        for (i, shot) in film.shots.iter().enumerate() {
            let visual = match &shot.visual {
                Visual::Still { asset, .. } => Shows::Still(place(asset)),
                Visual::Film { asset, in_ms } => Shows::Film(place(asset), *in_ms),
                Visual::Card { text } => Shows::Card(text.clone()),
            };
            let (start, end) = (frame(starts[i]), frame(starts[i] + shot.frames));
            let dissolves = film
                .shots
                .get(i + 1)
                .is_some_and(|next| next.transition.kind != TransitionKind::Cut);
            let over = if dissolves { DISSOLVE_FRAMES } else { 0 };
            let frames = (end - start).max(1) + over;
            shots.push(FlatShot { start_frame: start, frames, visual });
        }
        let frames = frame(film.frames()).max(1);
        (Self { size: film.size, frames, shots, cues: film.cues.clone() }, pictures)
    }

    /// As a timeline whose pictures and films are these assets. Gaps become empty cards.
    #[must_use]
    pub fn timeline(&self, pictures: &[String], seed: u64) -> Timeline {
        let card = |text: &str| Visual::Card { text: text.to_owned() };
        let mut shots: Vec<Shot> = Vec::new();
        let mut at = 0;
        let shot = |frames: u32, visual: Visual, dissolves: bool| Shot {
            frames,
            visual,
            motion: Motion::Auto,
            transition: if dissolves && frames > DISSOLVE_FRAMES {
                Transition { kind: TransitionKind::Dissolve, frames: DISSOLVE_FRAMES }
            } else {
                Transition::default()
            },
        };
        for (i, flat) in self.shots.iter().enumerate() {
            if flat.start_frame > at {
                shots.push(shot(flat.start_frame - at, card(""), false));
                at = flat.start_frame;
            }
            let next = self.shots.get(i + 1).map_or(self.frames, |s| s.start_frame);
            let end = (flat.start_frame + flat.frames).min(next.max(at));
            if end <= at {
                continue;
            }
            let visual = match &flat.visual {
                Shows::Still(n) => match pictures.get(*n) {
                    Some(asset) => Visual::Still { asset: asset.clone(), focus: [0.5, 0.5] },
                    None => card(""),
                },
                Shows::Film(n, in_ms) => match pictures.get(*n) {
                    Some(asset) => Visual::Film { asset: asset.clone(), in_ms: *in_ms },
                    None => card(""),
                },
                Shows::Card(text) => card(text),
            };
            let before = i.checked_sub(1).map(|b| &self.shots[b]);
            let overlaps = before.is_some_and(|b| b.start_frame + b.frames > flat.start_frame);
            shots.push(shot(end - at, visual, overlaps));
            at = end;
        }
        if shots.is_empty() {
            shots.push(shot(self.frames, card(""), false));
        }
        for i in 1..shots.len() {
            if shots[i].transition.frames > 2 * shots[i - 1].frames {
                shots[i].transition = Transition::default();
            }
        }
        Timeline {
            version: TIMELINE_VERSION,
            size: self.size.map(|v| v.next_multiple_of(8).clamp(64, 3840)),
            fps: Fps::DEFAULT,
            seed,
            style: Style::default(),
            shots,
            voice: Vec::new(),
            bed: None,
            cues: self.cues.clone(),
            captions: Captions::Burnt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_keeps_its_shots_on_the_way_there_and_back() {
        let assets = ["a".repeat(64), "b".repeat(64)];
        let still = |i: usize| Visual::Still { asset: assets[i].clone(), focus: [0.5, 0.5] };
        let dissolve = Transition { kind: TransitionKind::Dissolve, frames: DISSOLVE_FRAMES };
        let shot =
            |frames, visual, transition| Shot { frames, visual, motion: Motion::Auto, transition };
        let film = Timeline {
            version: TIMELINE_VERSION,
            size: [1280, 720],
            fps: Fps::DEFAULT,
            seed: 4,
            style: Style::default(),
            shots: vec![
                shot(60, Visual::Card { text: "Trams".to_owned() }, Transition::default()),
                shot(90, still(0), dissolve),
                shot(45, still(1), Transition::default()),
                shot(45, still(0), dissolve),
                shot(60, Visual::Film { asset: "c".repeat(64), in_ms: 1_500 }, dissolve),
            ],
            voice: Vec::new(),
            bed: None,
            cues: Vec::new(),
            captions: Captions::Burnt,
        };
        film.check().unwrap();
        let (flat, pictures) = FlatFilm::of(&film);
        assert_eq!(pictures, ["a".repeat(64), "b".repeat(64), "c".repeat(64)]);
        assert_eq!(flat.timeline(&pictures, 4), film);
        let empty = FlatFilm { size: [16, 16], frames: 3, shots: Vec::new(), cues: Vec::new() };
        empty.timeline(&[], 0).check().unwrap();
    }
}
