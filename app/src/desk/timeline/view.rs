//! What of a timeline is drawn while it is changed: smaller, without what is not there.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use oto_media::timeline::{Captions, Motion, Shot, Timeline, Transition, Visual};

/// A size of the same shape with this longer edge, as timelines need it.
pub(crate) fn small_size(size: [u32; 2], edge: u32) -> [u32; 2] {
    let longest = size[0].max(size[1]).max(1);
    size.map(|v| {
        let part = (u64::from(v) * u64::from(edge) + u64::from(longest) / 2) / u64::from(longest);
        (((part as u32 + 4) / 8) * 8).clamp(64, edge.next_multiple_of(8).max(64))
    })
}

fn nothing() -> Visual {
    Visual::Card { text: String::new() }
}

/// A timeline as it is looked at: at a small size, without sound, with pictures only in these
/// shots and none of those that are not there.
pub(crate) fn to_look_at(
    timeline: &Timeline,
    edge: u32,
    shots: &Range<usize>,
    absent: &BTreeSet<String>,
) -> Timeline {
    let mut seen = timeline.clone();
    seen.size = small_size(timeline.size, edge);
    seen.voice.clear();
    seen.bed = None;
    for (i, shot) in seen.shots.iter_mut().enumerate() {
        let away = shot.visual.asset().is_some_and(|a| absent.contains(a));
        if away || !shots.contains(&i) && shot.visual.asset().is_some() {
            shot.visual = nothing();
        }
    }
    seen
}

/// A timeline as it is heard.
pub(crate) fn to_listen_to(timeline: &Timeline, absent: &BTreeSet<String>) -> Timeline {
    let mut heard = timeline.clone();
    heard.voice.retain(|clip| !absent.contains(&clip.asset));
    heard.bed = heard.bed.filter(|bed| !absent.contains(&bed.asset));
    heard
}

/// A timeline of one picture that stands still.
pub(crate) fn alone(timeline: &Timeline, visual: Visual, size: [u32; 2]) -> Timeline {
    let shot = Shot { frames: 30, visual, motion: Motion::None, transition: Transition::default() };
    Timeline {
        version: timeline.version,
        size,
        fps: timeline.fps,
        seed: timeline.seed,
        style: timeline.style,
        shots: vec![shot],
        voice: Vec::new(),
        bed: None,
        cues: Vec::new(),
        captions: Captions::Beside,
    }
}

/// Names what a timeline of one picture looks like: the same name, the same picture.
pub(crate) fn key_of(alone: &Timeline) -> u64 {
    let mut hasher = DefaultHasher::new();
    alone.to_json().hash(&mut hasher);
    hasher.finish()
}

/// The shots whose pictures are needed to show this one and to go on to its neighbours.
pub(crate) fn near(shot: usize, shots: usize) -> Range<usize> {
    shot.saturating_sub(1)..(shot + 2).min(shots)
}
