//! An edit as a film of oTo: its pictures, films, cards, captions and sound. What oTo does not draw is
//! listed, so that nobody takes the preview for the whole.

use std::collections::BTreeSet;

use oto_media::caption::Cue;

use super::edit::{Clip, Edit};
use super::export::Sources;
use super::fit::{Fit, size_of};
use super::flat::{DISSOLVE_FRAMES, FPS, FlatFilm, FlatShot, Shows};
use crate::remote::common::number;

/// Longest film that is read.
const MOST_FRAMES: u32 = 3_600 * FPS;
/// Most clips that are read.
const MOST_CLIPS: usize = 2_000;

/// An edit as oTo reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What oTo draws.
    pub film: FlatFilm,
    /// Where its parts are.
    pub sources: Sources,
    /// How each picture fills the frame, by its place among the pictures. oTo's preview fills and
    /// cuts all of them.
    pub fits: Vec<Fit>,
    /// What the preview does not show, each with its place and why; all of it is kept for export.
    pub hidden: Vec<String>,
}

/// A clip with its place and its frames.
struct Placed<'a> {
    at: [usize; 2],
    clip: &'a Clip,
    start: u32,
    end: u32,
}

#[derive(Default)]
struct Sorted<'a> {
    /// Pictures, films and cards.
    seen: Vec<Placed<'a>>,
    cues: Vec<Placed<'a>>,
    captions: Option<Placed<'a>>,
    sound: Option<Placed<'a>>,
    hidden: Vec<String>,
}

fn frame(seconds: f64) -> u32 {
    ((seconds * f64::from(FPS)).round() as u32).min(MOST_FRAMES)
}

/// Attributes of a clip that the preview leaves out.
fn list_unseen(clip: &Clip, place: &str, hidden: &mut Vec<String>) {
    for (name, value) in clip.rest.iter().filter(|(_, value)| !value.is_null()) {
        let plain = match name.as_str() {
            "scale" | "opacity" => value.as_f64() == Some(1.0),
            "position" => matches!(value.as_str(), Some("center" | "bottom")),
            "alias" => true,
            _ => false,
        };
        if !plain {
            hidden.push(format!("{place}: {name} is not shown"));
        }
    }
    if clip.kind() == "video" {
        if clip.asset.get("volume").and_then(number) != Some(0.0) {
            hidden.push(format!("{place}: the sound of the video is not heard"));
        }
        let plain = ["type", "src", "trim", "volume", "crop"];
        for (name, value) in clip.asset.iter().filter(|(n, _)| !plain.contains(&n.as_str())) {
            if !(name == "speed" && number(value) == Some(1.0)) {
                hidden.push(format!("{place}: {name} of the video is not shown"));
            }
        }
    }
    if matches!(clip.kind(), "image" | "video")
        && let Some(fit @ ("cover" | "contain" | "none")) = clip.fit.as_deref()
    {
        hidden.push(format!("{place}: fit “{fit}” is shown as “crop”"));
    }
    for side in ["in", "out"] {
        let name = clip.transition(side);
        if !name.is_empty() && !name.starts_with("fade") {
            hidden.push(format!("{place}: transition “{name}” is shown as a dissolve"));
        }
    }
    if clip.asset.contains_key("crop") {
        hidden.push(format!("{place}: crop is not shown"));
    }
}

/// Start and end of every clip that says them, and the kinds oTo shows.
fn sort(edit: &Edit) -> Sorted<'_> {
    let mut sorted = Sorted::default();
    let clips = || {
        let tracks = edit.timeline.tracks.iter().enumerate();
        tracks.flat_map(|(t, track)| {
            track.clips.iter().enumerate().map(move |(c, clip)| ([t, c], clip))
        })
    };
    let known = |clip: &Clip| Some(clip.start.seconds()? + clip.length.seconds()?);
    let total = clips().filter_map(|(_, clip)| known(clip)).fold(0.0, f64::max);
    let mut before: Option<([usize; 2], f64)> = None;
    for (n, (at, clip)) in clips().enumerate() {
        let place = format!("track {}, clip {}", at[0] + 1, at[1] + 1);
        let follows = before.filter(|(last, _)| last[0] == at[0]).map_or(0.0, |(_, end)| end);
        let start = if clip.start.is("auto") { Some(follows) } else { clip.start.seconds() };
        let end = match (start, clip.length.seconds()) {
            (Some(start), Some(length)) => Some(start + length),
            (Some(start), None) if clip.length.is("end") && total > start => Some(total),
            _ => None,
        };
        let (Some(start), Some(end)) = (start, end) else {
            sorted.hidden.push(format!("{place}: oTo does not know when it is shown"));
            before = None;
            continue;
        };
        before = Some((at, end));
        let placed =
            Placed { at, clip, start: frame(start), end: frame(end).max(frame(start) + 1) };
        let has_source = !clip.text("src").is_empty();
        let mut shown = n < MOST_CLIPS && placed.start < MOST_FRAMES;
        match clip.kind() {
            _ if !shown => {}
            "image" | "video" if has_source => sorted.seen.push(placed),
            "text" if clip.rest.get("position").and_then(|p| p.as_str()) == Some("bottom") => {
                sorted.cues.push(placed);
            }
            "text" => sorted.seen.push(placed),
            "caption" if has_source && start == 0.0 && sorted.captions.is_none() => {
                sorted.captions = Some(placed);
            }
            "audio"
                if has_source
                    && start == 0.0
                    && sorted.sound.is_none()
                    && soundtrack(edit).is_none() =>
            {
                sorted.sound = Some(placed);
            }
            _ => shown = false,
        }
        if shown {
            list_unseen(clip, &place, &mut sorted.hidden);
        } else {
            let kind = if clip.kind().is_empty() { "a thing without a type" } else { clip.kind() };
            sorted.hidden.push(format!("{place}: {kind} is not shown"));
        }
    }
    sorted
}

fn soundtrack(edit: &Edit) -> Option<&str> {
    edit.timeline.soundtrack.as_ref()?["src"].as_str().filter(|src| !src.is_empty())
}

/// Track and place of the clips that a film of oTo stands for; not of those that lie under others.
pub(super) fn taken(edit: &Edit) -> BTreeSet<[usize; 2]> {
    let merged = edit.merged();
    let sorted = sort(&merged);
    let single = sorted.captions.iter().chain(&sorted.sound);
    let parts = shown_when(&sorted.seen);
    let seen = parts.iter().map(|(i, ..)| &sorted.seen[*i]);
    seen.chain(&sorted.cues).chain(single).map(|placed| placed.at).collect()
}

/// What is seen when: of clips that cover each other the one on the upper track, with as much of
/// the neighbours as they dissolve.
fn shown_when(seen: &[Placed<'_>]) -> Vec<(usize, u32, u32)> {
    let mut edges: Vec<u32> = seen.iter().flat_map(|p| [p.start, p.end]).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut parts: Vec<(usize, u32, u32)> = Vec::new();
    for edge in edges.windows(2) {
        let there = (0..seen.len()).filter(|i| seen[*i].start <= edge[0] && edge[0] < seen[*i].end);
        let Some(top) = there.min_by_key(|i| seen[*i].at) else { continue };
        match parts.last_mut() {
            Some((last, _, end)) if *last == top && *end == edge[0] => *end = edge[1],
            _ => parts.push((top, edge[0], edge[1])),
        }
    }
    for i in 1..parts.len() {
        let (left, cut, right) = (parts[i - 1].0, parts[i].1, parts[i].0);
        if parts[i - 1].2 != cut {
            continue;
        }
        let [first, second] = [&seen[left], &seen[right]];
        if first.end > cut && !second.clip.transition("in").is_empty() {
            parts[i - 1].2 = first.end.min(cut + DISSOLVE_FRAMES);
        } else if second.start < cut && !first.clip.transition("out").is_empty() {
            parts[i].1 = second.start.max(cut.saturating_sub(DISSOLVE_FRAMES));
        }
    }
    parts
}

/// Where a film begins that is seen from this frame on.
fn begins_ms(placed: &Placed<'_>, start_frame: u32) -> u64 {
    let trim = placed.clip.asset.get("trim").and_then(number).unwrap_or_default();
    let covered = f64::from(start_frame.saturating_sub(placed.start)) / f64::from(FPS);
    ((trim.clamp(0.0, 86_400.0) + covered) * 1_000.0).round() as u64
}

/// An edit as a film of oTo.
#[must_use]
pub fn import(edit: &Edit) -> Imported {
    let merged = edit.merged();
    let mut sorted = sort(&merged);
    let mut sources = Sources {
        pictures: Vec::new(),
        sound: sorted.sound.as_ref().map(|p| p.clip.text("src").to_owned()),
        captions: sorted.captions.as_ref().map(|p| p.clip.text("src").to_owned()),
    };
    if let Some(src) = soundtrack(&merged) {
        sources.sound = Some(src.to_owned());
    }
    let mut fits = Vec::new();
    let mut shots = Vec::new();
    let parts = shown_when(&sorted.seen);
    for (i, start_frame, end) in &parts {
        let placed = &sorted.seen[*i];
        let clip = placed.clip;
        let visual = if clip.kind() == "text" {
            Shows::Card(clip.text("text").to_owned())
        } else {
            let src = clip.text("src");
            let known = sources.pictures.iter().position(|other| other == src);
            let at = known.unwrap_or_else(|| {
                sources.pictures.push(src.to_owned());
                fits.push(Fit::parse(clip.fit.as_deref().unwrap_or_default()));
                sources.pictures.len() - 1
            });
            if clip.kind() == "video" {
                Shows::Film(at, begins_ms(placed, *start_frame))
            } else {
                Shows::Still(at)
            }
        };
        shots.push(FlatShot { start_frame: *start_frame, frames: end - start_frame, visual });
    }
    for (i, placed) in sorted.seen.iter().enumerate() {
        if !parts.iter().any(|(part, _, _)| *part == i) {
            let [track, clip] = placed.at.map(|n| n + 1);
            sorted.hidden.push(format!("track {track}, clip {clip}: lies under others"));
        }
    }
    let ms = |when: Option<f64>| (when.unwrap_or_default() * 1_000.0).round() as u32;
    let mut cues: Vec<Cue> = sorted
        .cues
        .iter()
        .map(|placed| {
            let start_ms = ms(placed.clip.start.seconds());
            let length_ms = ms(placed.clip.length.seconds()).max(1);
            let text = placed.clip.text("text").to_owned();
            Cue { start_ms, end_ms: start_ms + length_ms, text, ..Cue::default() }
        })
        .collect();
    cues.sort_by_key(|cue| cue.start_ms);
    let single = sorted.captions.iter().chain(&sorted.sound);
    let all = sorted.seen.iter().chain(&sorted.cues).chain(single);
    let frames = all.map(|p| p.end.min(MOST_FRAMES)).max().unwrap_or(0).max(1);
    let film = FlatFilm { size: size_of(&merged.output), frames, shots, cues };
    Imported { film, sources, fits, hidden: sorted.hidden }
}
