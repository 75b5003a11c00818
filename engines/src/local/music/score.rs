//! Writes the notes of a piece: chords that move as little as they can, a bass under them, and a
//! melody of a few short thoughts that come again.

use oto_media::maths::Rng;

use super::RATE;
use super::feel::Feel;
use super::instrument::{Kind, Note};

/// Steps of the melody in a chord.
const STEPS: usize = 8;
/// Chords that belong together.
const BLOCK: usize = 4;

/// A thought of a melody: for each step the way from the note before, or a rest.
type Thought = [Option<i32>; STEPS];

/// All notes of a piece of exactly so many seconds.
pub(super) fn write(feel: &Feel, seconds: u32, rng: &mut Rng) -> Vec<Note> {
    let total = seconds as usize * RATE as usize;
    let n_chords = chords_in(seconds, feel.chord_secs);
    let start = |chord: usize| (total as u64 * chord as u64 / n_chords as u64) as usize;
    let key = feel.key[0] + rng.below((feel.key[1] - feel.key[0] + 1) as u32) as i32;
    let first = rng.below(feel.progressions.len() as u32) as usize;
    let second = rng.below(feel.progressions.len() as u32) as usize;
    let thoughts: [Thought; 3] = std::array::from_fn(|_| thought(feel, rng));
    let mut voices = [key + 12, key + 16, key + 19, key + 23];
    let mut sung = feel.melody.len() as i32 * 2;
    let mut notes = Vec::new();
    for chord in 0..n_chords {
        let block = chord / BLOCK;
        // A A B A, as most songs.
        let progression = feel.progressions[if block % 4 == 2 { second } else { first }];
        let degree = progression[chord % BLOCK];
        let (from, to) = (start(chord), start(chord + 1));
        let tones = chord_tones(feel, degree);
        voices = nearest(&tones.map(|t| key + t), voices, key);
        for (i, pitch) in voices.into_iter().enumerate() {
            let pan = [-0.8, 0.6, -0.3, 0.9][i];
            let level = feel.pad_level * [1.0, 0.85, 0.8, 0.7][i];
            notes.push(Note { kind: Kind::Pad, at: from, held: to - from, pitch, level, pan });
        }
        bass(feel, key, degree, from..to, &mut notes);
        if rng.unit() < feel.arpeggio {
            arpeggio(feel, voices, from..to, rng, &mut notes);
        }
        // The melody leaves room: the first block of a long piece, and one of four later.
        let rests = n_chords >= 3 * BLOCK && (block % 4 == 3 || chord < BLOCK / 2);
        // A thought, a rest or an answer, the thought again, another.
        let which = [0, 1, 0, 2][chord % BLOCK];
        if !rests {
            let pitches: Vec<i32> = tones.iter().map(|t| (key + t).rem_euclid(12)).collect();
            sung = melody(feel, key, &thoughts[which], &pitches, sung, from..to, rng, &mut notes);
        }
    }
    notes
}

/// A number of chords that makes whole blocks of what is long enough.
fn chords_in(seconds: u32, chord_secs: f32) -> usize {
    let wanted = seconds as f32 / chord_secs;
    let unit = if wanted >= 6.0 { 4.0 } else { 2.0 };
    ((wanted / unit).round().max(1.0) * unit) as usize
}

/// Root, third and fifth, and a softening fourth tone that rubs against none of them.
fn chord_tones(feel: &Feel, degree: usize) -> [i32; 4] {
    let tone = |step: usize| feel.scale[(degree + step) % 7] + 12 * ((degree + step) / 7) as i32;
    let root = tone(0);
    let third = tone(2) - root;
    let (seventh, ninth) = (tone(6) - root, tone(8) - root);
    let fourth = if ninth == 14 {
        ninth
    } else if third == 4 && seventh == 10 {
        12
    } else {
        seventh
    };
    [root, root + third, tone(4), root + fourth]
}

/// Places of the tones that are nearest to where the voices are, each voice another tone.
fn nearest(tones: &[i32; 4], voices: [i32; 4], key: i32) -> [i32; 4] {
    // All ways to turn the chord, spread upwards from each of its tones.
    let mut best = (i32::MAX, voices);
    for turn in 0..4 {
        for octave in -1..=2 {
            let mut placed = [0; 4];
            let mut last = key + 7 + octave * 12;
            for (i, place) in placed.iter_mut().enumerate() {
                let class = tones[(turn + i) % 4].rem_euclid(12);
                let mut pitch = last + (class - last).rem_euclid(12);
                if i > 0 && pitch - last < 2 {
                    pitch += 12;
                }
                *place = pitch;
                last = pitch;
            }
            let moved: i32 = placed.iter().zip(voices).map(|(a, b)| (a - b).abs()).sum();
            // Chords that climb away or sink into the bass are called back.
            let far = (placed[0] - (key + 12)).abs() + (placed[3] - (key + 26)).abs();
            let cost = moved * 2 + far * 3;
            if cost < best.0 {
                best = (cost, placed);
            }
        }
    }
    best.1
}

fn bass(feel: &Feel, key: i32, degree: usize, span: std::ops::Range<usize>, notes: &mut Vec<Note>) {
    // Between E1 and D#2 and a little above: felt, and still heard on small loudspeakers.
    let root = key + feel.scale[degree];
    let pitch = 33 + (root - 33).rem_euclid(12);
    let eighth = (span.end - span.start) / STEPS;
    for (i, &(step, level)) in feel.bass.iter().enumerate() {
        let next = feel.bass.get(i + 1).map_or(STEPS as u32, |n| n.0);
        let held = eighth * (next - step) as usize;
        let at = span.start + eighth * step as usize;
        let level = level * 0.42;
        notes.push(Note { kind: Kind::Bass, at, held: held * 9 / 10, pitch, level, pan: 0.0 });
    }
}

fn arpeggio(
    feel: &Feel,
    voices: [i32; 4],
    span: std::ops::Range<usize>,
    rng: &mut Rng,
    notes: &mut Vec<Note>,
) {
    const WAYS: [[usize; 4]; 4] = [[0, 2, 1, 3], [0, 1, 2, 3], [3, 2, 1, 0], [0, 3, 1, 2]];
    let way = WAYS[rng.below(4) as usize];
    let eighth = (span.end - span.start) / STEPS;
    let offset = usize::from(rng.unit() < 0.3);
    for (i, voice) in way.into_iter().enumerate() {
        notes.push(Note {
            kind: Kind::Pluck,
            at: span.start + eighth * (i * 2 + offset) + rng.below(300) as usize,
            held: eighth,
            pitch: voices[voice] + 12,
            level: feel.lead_level * 0.42 * rng.range(0.8, 1.1),
            pan: [-0.5, 0.1, -0.1, 0.5][voice],
        });
    }
}

fn thought(feel: &Feel, rng: &mut Rng) -> Thought {
    const WAYS: [i32; 9] = [-2, -1, -1, 0, 1, 1, 2, 3, -3];
    std::array::from_fn(|step| {
        let chance = feel.density[usize::from(step % 2 == 1)];
        let sounds = rng.unit() < chance;
        let way = WAYS[rng.below(WAYS.len() as u32) as usize];
        sounds.then_some(way)
    })
}

/// Plays a thought, and gives the place in the five notes where it ended.
fn melody(
    feel: &Feel,
    key: i32,
    thought: &Thought,
    chord: &[i32],
    sung: i32,
    span: std::ops::Range<usize>,
    rng: &mut Rng,
    notes: &mut Vec<Note>,
) -> i32 {
    let lowest = feel.lead_at - 12;
    let base = key + (lowest - key).div_euclid(12) * 12;
    let pitch_of = |place: i32| {
        base + 12 * place.div_euclid(5) + feel.scale[feel.melody[place.rem_euclid(5) as usize]]
    };
    let eighth = (span.end - span.start) / STEPS;
    let mut place = sung;
    for (step, way) in thought.iter().enumerate() {
        let Some(way) = way else { continue };
        // A note now and then is left out, so that a thought never comes twice the same.
        if rng.unit() < 0.12 {
            continue;
        }
        place += way;
        // Back towards the middle, from wherever it has strayed.
        let away = pitch_of(place) - feel.lead_at;
        if away.abs() > 10 {
            place -= 2 * away.signum() * way.abs().max(1);
        }
        let on_beat = step % 4 == 0;
        if on_beat {
            let fits = |p: &i32| chord.contains(&pitch_of(*p).rem_euclid(12));
            place = [0, 1, -1, 2, -2].map(|d| place + d).into_iter().find(fits).unwrap_or(place);
        }
        let at = span.start + eighth * step + rng.below(700) as usize;
        let level = feel.lead_level * rng.range(0.7, 1.0) * if on_beat { 1.0 } else { 0.8 };
        let pan = rng.range(-0.35, 0.35);
        let kind = feel.lead;
        let pitch = pitch_of(place);
        notes.push(Note { kind, at, held: eighth, pitch, level, pan });
        // Two echoes, each softer and on the other side.
        for (echo, share) in [(1, 0.34), (2, 0.13)] {
            notes.push(Note {
                kind,
                at: at + eighth * 3 / 2 * echo,
                held: eighth,
                pitch,
                level: level * share,
                pan: if echo == 1 { -pan.signum() * 0.6 } else { pan.signum() * 0.6 },
            });
        }
    }
    place
}
