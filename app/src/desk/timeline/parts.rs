//! A timeline taken apart into shots with all that belongs to them, and put together again. Speech
//! belongs to the shot it begins in, a caption to the speech it is of, any other caption to its
//! shot. Whatever is done to the shots between the two, speech stays with its picture.

use oto_media::caption::Cue;
use oto_media::timeline::{Clip, SAMPLE_RATE, Shot, Timeline};

/// A caption may begin this much before its speech.
const EARLY_MS: i64 = 50;

/// A piece of speech, from the start of its shot.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spoken {
    pub(super) clip: Clip,
    /// Samples from the start of the shot.
    pub(super) at: u64,
    /// Its captions, in milliseconds from its own start.
    pub(super) cues: Vec<(i64, Cue)>,
}

/// A shot with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) shot: Shot,
    pub(super) spoken: Vec<Spoken>,
    /// Captions without speech, in milliseconds from the start of the shot.
    pub(super) cues: Vec<(i64, Cue)>,
}

pub(super) fn ms_of(samples: u64) -> i64 {
    (samples * 1000 / u64::from(SAMPLE_RATE)) as i64
}

/// Index of the last of these starts that is not behind `at`.
pub(super) fn owner<T: PartialOrd>(starts: &[T], at: T) -> usize {
    starts.iter().rposition(|start| *start <= at).unwrap_or_default()
}

pub(super) fn take_apart(timeline: &Timeline) -> Vec<Part> {
    let fps = timeline.fps;
    let starts = timeline.starts();
    let samples: Vec<u64> = starts.iter().map(|s| fps.sample_at(*s)).collect();
    let times: Vec<i64> = starts.iter().map(|s| fps.ms_at(*s) as i64).collect();
    let bare = |shot: &Shot| Part { shot: shot.clone(), spoken: Vec::new(), cues: Vec::new() };
    let mut parts: Vec<Part> = timeline.shots.iter().map(bare).collect();
    // Where each piece of speech went: its part and its place in it.
    let mut places = Vec::new();
    for clip in &timeline.voice {
        let part = owner(&samples, clip.start_sample);
        places.push((part, parts[part].spoken.len()));
        let at = clip.start_sample.saturating_sub(samples[part]);
        parts[part].spoken.push(Spoken { clip: clip.clone(), at, cues: Vec::new() });
    }
    for cue in &timeline.cues {
        let at = i64::from(cue.start_ms);
        let speech = (0..timeline.voice.len())
            .filter(|i| {
                let clip = &timeline.voice[*i];
                let start = ms_of(clip.start_sample);
                start - EARLY_MS <= at && at < ms_of(clip.start_sample + clip.samples)
            })
            .max_by_key(|i| timeline.voice[*i].start_sample);
        match speech {
            Some(i) => {
                let (part, place) = places[i];
                let from = ms_of(timeline.voice[i].start_sample);
                parts[part].spoken[place].cues.push((at - from, cue.clone()));
            }
            None => {
                let part = owner(&times, at);
                parts[part].cues.push((at - times[part], cue.clone()));
            }
        }
    }
    parts
}

pub(super) fn put_together(timeline: &mut Timeline, parts: Vec<Part>) {
    let fps = timeline.fps;
    let last = parts.len().saturating_sub(1);
    timeline.shots.clear();
    timeline.voice.clear();
    timeline.cues.clear();
    let mut frame = 0u32;
    for (i, part) in parts.into_iter().enumerate() {
        let (start, end_frame) = (fps.sample_at(frame), frame.saturating_add(part.shot.frames));
        let end = fps.sample_at(end_frame);
        for spoken in part.spoken {
            // Speech begins in its own shot, whatever became of the shot's length.
            let at = if i == last { spoken.at } else { spoken.at.min((end - start).max(1) - 1) };
            let clip = Clip { start_sample: start + at, ..spoken.clip };
            let from = ms_of(clip.start_sample);
            timeline.cues.extend(spoken.cues.into_iter().map(|(at, cue)| moved(cue, from + at)));
            timeline.voice.push(clip);
        }
        let (from, until) = (fps.ms_at(frame) as i64, fps.ms_at(end_frame) as i64);
        timeline.cues.extend(part.cues.into_iter().map(|(at, cue)| {
            moved(cue, if i == last { from + at } else { (from + at).min(until - 1) })
        }));
        timeline.shots.push(part.shot);
        frame = end_frame;
    }
    timeline.voice.sort_by_key(|c| c.start_sample);
    timeline.cues.sort_by_key(|c| (c.start_ms, c.end_ms));
}

/// A caption with its words that begins at another time.
fn moved(mut cue: Cue, start_ms: i64) -> Cue {
    let by = start_ms - i64::from(cue.start_ms);
    let shift = |ms: u32| (i64::from(ms) + by).clamp(0, i64::from(u32::MAX)) as u32;
    (cue.start_ms, cue.end_ms) = (shift(cue.start_ms), shift(cue.end_ms));
    for word in &mut cue.words {
        (word.start_ms, word.end_ms) = (shift(word.start_ms), shift(word.end_ms));
    }
    cue
}

/// The longest transition between two shots that a timeline may have.
fn most(before: &Shot, after: &Shot) -> u32 {
    before.frames.min(after.frames).saturating_mul(2)
}

/// Shots that became shorter take their transitions with them.
pub(super) fn shorten_transitions(timeline: &mut Timeline) {
    for i in 1..timeline.shots.len() {
        let most = most(&timeline.shots[i - 1], &timeline.shots[i]);
        let transition = &mut timeline.shots[i].transition;
        transition.frames = transition.frames.min(most);
    }
}
