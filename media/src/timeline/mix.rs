//! The sound of a film: voices at their places, a bed of music under them that makes room for
//! words, and a level that neither whispers nor clips. 48 kHz stereo, exact to the sample.
//! The same timeline and sounds give the same samples on every machine.

mod bed;
mod ducking;
mod limiter;
mod loudness;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Clip, MAX_SECONDS, SAMPLE_RATE, Timeline};
use crate::maths::smoothstep;
use loudness::{db_to, gain_of, loudness};

/// Loudness of everything that is said, in LUFS.
const VOICE_LUFS: f32 = -16.0;
/// Loudness of music while nobody speaks, in LUFS.
const BED_LUFS: f32 = -26.0;
/// Fade at both edges of every clip: ends without one click.
const EDGE: usize = ms(10);
/// Silence at the ends of a sound that is longer than this is taken away.
const LONG_SILENCE: usize = ms(400);
/// How much of it stays, for breath and soft consonants.
const BREATH: usize = ms(50);
/// Samples beyond this are a broken file, not a loud one.
const LOUDEST: f32 = 4.0;

/// One moment of sound: left and right.
type Frame = [f32; 2];

/// Samples in so many milliseconds.
const fn ms(ms: u32) -> usize {
    (ms as u64 * SAMPLE_RATE as u64 / 1000) as usize
}

/// What is heard of a clip, and where it begins.
struct Placed<'a> {
    clip: &'a Clip,
    at: usize,
    heard: &'a [Frame],
}

/// Mixes a film's sound from the decoded sounds of its assets; as long as the film to the sample.
/// Empty when nothing is heard in it, or when it is longer than any film may be.
#[must_use]
pub fn mix(timeline: &Timeline, sounds: &BTreeMap<String, Arc<Vec<Frame>>>) -> Vec<Frame> {
    let longest = u64::from(MAX_SECONDS + 1) * u64::from(SAMPLE_RATE);
    let Some(n) = Some(timeline.samples()).filter(|n| *n <= longest) else { return Vec::new() };
    let n = n as usize;
    let used: BTreeMap<&str, Cow<'_, [Frame]>> = timeline
        .voice
        .iter()
        .map(|c| &c.asset)
        .chain(timeline.bed.iter().map(|b| &b.asset))
        .filter_map(|name| Some((name.as_str(), clean(sounds.get(name)?))))
        .collect();

    let mut out = vec![[0.0f32; 2]; n];
    let placed: Vec<Placed<'_>> =
        timeline.voice.iter().filter_map(|clip| place(clip, &used, n)).collect();
    if let Some((bed, sound)) =
        timeline.bed.as_ref().and_then(|b| Some((b, used.get(b.asset.as_str())?)))
    {
        let sound = &sound[trim_silence(sound)];
        let level = level(&[sound], BED_LUFS) * added(bed.gain_db);
        bed::lay(&mut out, sound, level);
        let speech: Vec<Range<usize>> = placed.iter().map(|p| p.at..p.at + p.heard.len()).collect();
        ducking::duck(&mut out, &timeline.cues, &speech);
    }

    // One level for all pieces of a sound: two halves of a sentence must not differ.
    let mut levels: BTreeMap<&str, f32> = BTreeMap::new();
    for asset in placed.iter().map(|p| p.clip.asset.as_str()) {
        levels.entry(asset).or_insert_with(|| {
            let same = placed.iter().filter(|p| p.clip.asset == asset);
            level(&same.map(|p| p.heard).collect::<Vec<_>>(), VOICE_LUFS)
        });
    }
    for piece in &placed {
        let asset = piece.clip.asset.as_str();
        let gain = levels.get(asset).copied().unwrap_or(1.0) * added(piece.clip.gain_db);
        say(&mut out[piece.at..], piece.heard, gain);
    }

    if out.iter().flatten().all(|s| *s == 0.0) {
        return Vec::new();
    }
    limiter::master(&mut out);
    out
}

/// The part of a sound between silences at its ends that are longer than 0.4 s. Empty when there
/// is nothing but silence.
#[must_use]
pub fn trim_silence(sound: &[Frame]) -> Range<usize> {
    let loud = |f: &Frame| f.iter().map(|s| s.abs()).filter(|s| s.is_finite()).fold(0.0, f32::max);
    let peak = sound.iter().map(loud).fold(0.0, f32::max);
    // 40 dB below the loudest is the hiss of a room, not a word; below -60 dBFS nothing is heard.
    let floor = (peak * 0.01).max(0.001);
    let first = sound.iter().position(|f| loud(f) > floor);
    let last = sound.iter().rposition(|f| loud(f) > floor);
    let (Some(first), Some(last)) = (first, last) else { return 0..0 };
    let start = if first > LONG_SILENCE { first - BREATH } else { 0 };
    let tail = sound.len() - 1 - last;
    let end = if tail > LONG_SILENCE { last + 1 + BREATH } else { sound.len() };
    start..end
}

/// Sound without what no loudspeaker can play; borrowed when nothing is wrong with it.
fn clean(sound: &[Frame]) -> Cow<'_, [Frame]> {
    // False for what is not a number, too.
    let fine = |s: &f32| s.abs() <= LOUDEST;
    if sound.iter().flatten().all(fine) {
        return Cow::Borrowed(sound);
    }
    let clean = |s: f32| if s.is_finite() { s.clamp(-LOUDEST, LOUDEST) } else { 0.0 };
    Cow::Owned(sound.iter().map(|f| f.map(clean)).collect())
}

fn place<'a>(
    clip: &'a Clip,
    sounds: &'a BTreeMap<&str, Cow<'_, [Frame]>>,
    n: usize,
) -> Option<Placed<'a>> {
    let sound = sounds.get(clip.asset.as_str())?;
    let at = usize::try_from(clip.start_sample).ok().filter(|at| *at < n)?;
    let from = usize::try_from(clip.in_sample).ok()?;
    let rest = sound.get(from..)?;
    let length = usize::try_from(clip.samples).unwrap_or(usize::MAX).min(rest.len()).min(n - at);
    (length > 0).then(|| Placed { clip, at, heard: &rest[..length] })
}

/// What brings these pieces to a loudness. Silence stays silence.
fn level(pieces: &[&[Frame]], target: f32) -> f32 {
    loudness(pieces).map_or(1.0, |lufs| gain_of(db_to(lufs, target)))
}

fn added(gain_db: f32) -> f32 {
    if gain_db.is_finite() { gain_of(gain_db.clamp(-60.0, 60.0)) } else { 1.0 }
}

fn say(out: &mut [Frame], heard: &[Frame], gain: f32) {
    let fade = EDGE.min(heard.len() / 2).max(1) as f32;
    for (i, (place, sample)) in out.iter_mut().zip(heard).enumerate() {
        let edge = i.min(heard.len() - 1 - i) as f32;
        let gain = gain * smoothstep(0.0, fade, edge);
        place[0] += sample[0] * gain;
        place[1] += sample[1] * gain;
    }
}

#[cfg(test)]
mod tests;
