//! A film of oTo as an edit. Its shots lie on two tracks by turns, because clips of one track may
//! not overlap; those on the upper one fade, which is the dissolve of both sides.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::edit::{Clip, Edit, Rest, Track, When};
use super::flat::{FPS, FlatFilm, Shows};
use super::import::{import, taken};
use crate::EngineError;
use crate::http::invalid;

/// Where the parts of a film are: addresses, or names of files while it is not rendered elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Of the pictures and films, by their place in the list of the film.
    pub pictures: Vec<String>,
    /// Of the sound of the whole film.
    pub sound: Option<String>,
    /// Of the captions as WebVTT; without it the captions of the film are written out.
    pub captions: Option<String>,
}

/// Paper and ink of cards.
const PAPER: &str = "#f4efe3";
const INK: &str = "#2d2a26";

fn object(value: Value) -> Rest {
    match value {
        Value::Object(map) => map,
        _ => Rest::new(),
    }
}

fn clip(asset: Value, start_s: f64, length_s: f64) -> Clip {
    Clip {
        asset: object(asset),
        start: When::from_seconds(start_s),
        length: When::from_seconds(length_s),
        fit: None,
        transition: None,
        effect: None,
        rest: Rest::new(),
    }
}

fn seconds(frames: u32) -> f64 {
    f64::from(frames) / f64::from(FPS)
}

/// The shots, upper and lower track.
fn shots(film: &FlatFilm, sources: &Sources) -> Result<[Track; 2], EngineError> {
    let mut tracks = [Track::default(), Track::default()];
    let address = |place: usize| {
        let src = sources.pictures.get(place).filter(|src| !src.trim().is_empty());
        src.ok_or_else(|| {
            invalid("A picture of this film has no address. Put the pictures where they can be reached, and export again.")
        })
    };
    for (i, shot) in film.shots.iter().enumerate() {
        let asset = match &shot.visual {
            Shows::Still(picture) => json!({ "type": "image", "src": address(*picture)? }),
            // Silent, as in oTo: what is heard is the sound of the whole film.
            Shows::Film(film, in_ms) => json!({
                "type": "video",
                "src": address(*film)?,
                "trim": When::from_seconds(*in_ms as f64 / 1_000.0),
                "volume": 0,
            }),
            Shows::Card(text) => json!({
                "type": "text",
                "text": text,
                "width": film.size[0],
                "height": film.size[1],
                "font": { "color": INK, "size": film.size[1] / 12 },
                "background": { "color": PAPER },
                "alignment": { "horizontal": "center", "vertical": "center" },
            }),
        };
        let mut clip = clip(asset, seconds(shot.start_frame), seconds(shot.frames));
        if matches!(shot.visual, Shows::Still(_) | Shows::Film(..)) {
            clip.fit = Some("crop".to_owned());
        }
        if matches!(shot.visual, Shows::Still(_)) {
            let effect = if i % 2 == 0 { "zoomInSlow" } else { "zoomOutSlow" };
            clip.effect = Some(effect.to_owned());
        }
        let upper = i % 2 == 1;
        if upper {
            // The last shot ends with the film and fades into nothing.
            let last = i + 1 == film.shots.len();
            let fades = if last {
                json!({ "in": "fadeFast" })
            } else {
                json!({ "in": "fadeFast", "out": "fadeFast" })
            };
            clip.transition = Some(fades);
        }
        tracks[usize::from(!upper)].clips.push(clip);
    }
    Ok(tracks)
}

/// The captions: the file, or one text for each.
fn captions(film: &FlatFilm, sources: &Sources) -> Track {
    let mut track = Track::default();
    if let Some(src) = &sources.captions {
        let asset = json!({ "type": "caption", "src": src });
        track.clips.push(clip(asset, 0.0, seconds(film.frames)));
        return track;
    }
    for cue in &film.cues {
        let asset = json!({
            "type": "text",
            "text": cue.text,
            "width": film.size[0],
            "height": film.size[1] / 5,
            "font": { "color": "#ffffff", "size": film.size[1] / 20 },
        });
        let [start, end] = [cue.start_ms, cue.end_ms].map(|ms| f64::from(ms) / 1_000.0);
        let mut clip = clip(asset, start, end - start);
        clip.rest.insert("position".to_owned(), json!("bottom"));
        track.clips.push(clip);
    }
    track
}

/// A clip that only came through oTo keeps everything oTo does not show of it.
fn keep(clip: &mut Clip, from: &Edit, merged: &Edit, taken: &BTreeSet<[usize; 2]>) {
    let same = |other: &Clip| {
        let words = |clip: &Clip| ["type", "src", "text"].map(|name| clip.text(name).to_owned());
        let near = match (other.start.seconds(), clip.start.seconds()) {
            (Some(other), Some(own)) => (other - own).abs() < 0.5 / f64::from(FPS),
            _ => true,
        };
        near && words(other) == words(clip)
    };
    let found = taken.iter().find(|at| same(&merged.timeline.tracks[at[0]].clips[at[1]]));
    if let Some([track, place]) = found {
        let old = &from.timeline.tracks[*track].clips[*place];
        let whole = old.length.is("end");
        let (start, length) = (clip.start.clone(), clip.length.clone());
        *clip =
            Clip { start, length: if whole { old.length.clone() } else { length }, ..old.clone() };
    }
}

/// A film as an edit. What `from`, the edit it was read from, has beyond oTo stays in it; an edit
/// whose film was not changed comes back as it was.
///
/// # Errors
/// With a sentence when a picture has no address.
pub fn export(
    film: &FlatFilm,
    sources: &Sources,
    from: Option<&Edit>,
) -> Result<Edit, EngineError> {
    if let Some(from) = from {
        let read = import(from);
        if read.film == *film && read.sources == *sources {
            return Ok(from.clone());
        }
    }
    let mut edit = from.cloned().unwrap_or_default();
    let old = from.map(|from| (from, from.merged(), taken(from)));
    // What oTo shows is written anew; what it does not show stays, above or below as it was.
    let lowest = old.as_ref().and_then(|(_, _, taken)| taken.iter().map(|at| at[0]).max());
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for (i, mut track) in std::mem::take(&mut edit.timeline.tracks).into_iter().enumerate() {
        let mut place = 0;
        track.clips.retain(|_| {
            place += 1;
            old.as_ref().is_none_or(|(_, _, taken)| !taken.contains(&[i, place - 1]))
        });
        if !track.clips.is_empty() {
            let side =
                if lowest.is_some_and(|lowest| i > lowest) { &mut below } else { &mut above };
            side.push(track);
        }
    }
    let [upper, lower] = shots(film, sources)?;
    let mut own = vec![captions(film, sources), upper, lower];
    let soundtrack = edit.timeline.soundtrack.as_ref().and_then(|s| s["src"].as_str());
    if let Some(src) = sources.sound.as_deref().filter(|src| soundtrack != Some(*src)) {
        let asset = json!({ "type": "audio", "src": src, "volume": 1 });
        own.push(Track { clips: vec![clip(asset, 0.0, seconds(film.frames))], ..Track::default() });
    }
    own.retain(|track| !track.clips.is_empty());
    if let Some((from, merged, taken)) = &old {
        for clip in own.iter_mut().flat_map(|track| &mut track.clips) {
            keep(clip, from, merged, taken);
        }
    }
    edit.timeline.tracks = above.into_iter().chain(own).chain(below).collect();
    if from.is_none() {
        edit.timeline.rest.insert("background".to_owned(), json!(PAPER));
    }
    // A size of its own excludes the words for sizes.
    edit.output.remove("resolution");
    edit.output.remove("aspectRatio");
    let [width, height] = film.size.map(|side| side.max(2) & !1);
    edit.output.insert("size".to_owned(), json!({ "width": width, "height": height }));
    edit.output.entry("format").or_insert_with(|| json!("mp4"));
    edit.output.insert("fps".to_owned(), json!(FPS));
    Ok(edit)
}
