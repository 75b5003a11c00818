//! What plays: pads, bells, plucked strings and a bass, added up from sines in wave tables.
//! Everything is played onto a circle: what rings past the end rings on at the beginning.

use std::f32::consts::TAU;

use oto_media::maths::{cos, sin, smoothstep};

use super::{Frame, RATE};

/// Who plays a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Slow, wide, held.
    Pad,
    /// Struck, rings long, its overtones do not fit.
    Bell,
    /// Plucked, gets darker as it fades.
    Pluck,
    /// Low and round.
    Bass,
}

/// A note to be played.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) kind: Kind,
    /// Where it begins, in samples; past the end means at the beginning.
    pub(super) at: usize,
    /// How long it is held, in samples; what is struck rings as long as it does.
    pub(super) held: usize,
    /// MIDI number.
    pub(super) pitch: i32,
    /// 0..=1.
    pub(super) level: f32,
    /// -1 left, 1 right.
    pub(super) pan: f32,
}

const STEPS: usize = 2_048;
const STEP_BITS: u32 = 11;

/// One wave and its first step again.
struct Table([f32; STEPS + 1]);

impl Table {
    /// Of sines with these heights.
    fn of(heights: &[f32]) -> Self {
        let mut wave = [0.0; STEPS + 1];
        for (i, value) in wave.iter_mut().enumerate() {
            let angle = (i % STEPS) as f32 / STEPS as f32 * TAU;
            *value = heights.iter().zip(1u32..).map(|(h, k)| h * sin(angle * k as f32)).sum();
        }
        Self(wave)
    }

    fn at(&self, phase: u32) -> f32 {
        let i = (phase >> (32 - STEP_BITS)) as usize;
        let part = (phase << STEP_BITS) as f32 / 4_294_967_296.0;
        self.0[i] + (self.0[i + 1] - self.0[i]) * part
    }
}

/// Phase of one sample of a pitch, in parts of a turn. The twelve roots are written out, because
/// powers differ between machines.
fn advance(pitch: i32, times: f64) -> u32 {
    const ROOTS: [f64; 12] = [
        1.0,
        1.059_463_094_359_295_3,
        1.122_462_048_309_373,
        1.189_207_115_002_721,
        1.259_921_049_894_873_2,
        1.334_839_854_170_034_4,
        std::f64::consts::SQRT_2,
        1.498_307_076_876_681_5,
        1.587_401_051_968_199_4,
        1.681_792_830_507_429,
        1.781_797_436_280_678_5,
        1.887_748_625_363_386_8,
    ];
    // MIDI 0.
    const LOWEST: f64 = 8.175_798_915_643_707;
    let octave = f64::from(1u32 << pitch.div_euclid(12).clamp(0, 10));
    let hz = LOWEST * ROOTS[pitch.rem_euclid(12) as usize] * octave * times;
    (hz / f64::from(RATE) * 4_294_967_296.0) as u32
}

/// A gain that becomes smaller by the same share every sample.
struct Decay {
    now: f32,
    keep: f32,
}

impl Decay {
    /// Falls to a thousandth (-60 dB) in so many seconds.
    fn new(from: f32, secs: f32) -> Self {
        // ln(1000); one minus a very small share needs no exponential.
        Self { now: from, keep: 1.0 - 6.907_755 / (secs * RATE as f32) }
    }

    fn next(&mut self) -> f32 {
        let now = self.now;
        self.now *= self.keep;
        now
    }
}

/// All instruments of a piece.
pub(super) struct Band {
    dark: Table,
    light: Table,
    string: Table,
    bass: Table,
    sine: Table,
}

/// How long what is struck rings, in seconds.
const LENGTH_OF_BELL: f32 = 3.6;
const LENGTH_OF_STRING: f32 = 1.9;

impl Band {
    pub(super) fn new(brightness: f32) -> Self {
        let b = brightness;
        Self {
            dark: Table::of(&[1.0, 0.28, 0.10, 0.04]),
            light: Table::of(&[
                1.0,
                0.34 + 0.2 * b,
                0.18 + 0.2 * b,
                0.09 + 0.16 * b,
                0.05 + 0.1 * b,
                0.03 + 0.08 * b,
                0.05 * b,
            ]),
            string: Table::of(&[1.0, 0.55, 0.42, 0.25, 0.2, 0.12, 0.08, 0.05]),
            bass: Table::of(&[1.0, 0.30, 0.08]),
            sine: Table::of(&[1.0]),
        }
    }

    /// Adds a note.
    pub(super) fn play(&self, note: &Note, onto: &mut [Frame]) {
        match note.kind {
            Kind::Pad => self.pad(note, onto),
            Kind::Bell => self.bell(note, onto),
            Kind::Pluck => self.pluck(note, onto),
            Kind::Bass => self.bass(note, onto),
        }
    }

    /// Two tones a little apart, one on each side: wide, and slowly beating.
    fn pad(&self, note: &Note, onto: &mut [Frame]) {
        let held = note.held as f32;
        let attack = (held * 0.45).min(RATE as f32 * 1.8);
        let release = (held * 0.6).min(RATE as f32 * 2.2);
        let total = note.held + release as usize;
        // About three cents each way.
        let steps = [advance(note.pitch, 0.998_3), advance(note.pitch, 1.001_7)];
        // Every note begins elsewhere in its wave, so that a chord has no common peak.
        let first = (note.pitch as u32).wrapping_mul(0x9e37_79b9);
        let mut phases = [first, first ^ 0x5555_5555];
        let swell = advance(0, 0.19 / 8.175_8 * (1.0 + f64::from(note.pitch % 5) * 0.13));
        let mut swelling = first;
        let sides = [1.0 - 0.2 * note.pan, 1.0 + 0.2 * note.pan];
        add(onto, note.at, total, |i| {
            let i = i as f32;
            let level = smoothstep(0.0, attack, i) * (1.0 - smoothstep(held, held + release, i));
            swelling = swelling.wrapping_add(swell);
            let open = 0.35 + 0.3 * self.sine.at(swelling);
            let level = level * note.level;
            let tones = [0, 1].map(|c| {
                phases[c] = phases[c].wrapping_add(steps[c]);
                let (dark, light) = (self.dark.at(phases[c]), self.light.at(phases[c]));
                (dark + (light - dark) * open) * level
            });
            // A part of each on the other side: wide, and nothing is lost in one loudspeaker.
            [0, 1].map(|c| (tones[c] * 0.82 + tones[1 - c] * 0.24) * sides[c])
        });
    }

    fn bell(&self, note: &Note, onto: &mut [Frame]) {
        // Height, place and length of each partial: a small bar of metal, softly struck.
        const PARTIALS: [(f32, f64, f32); 4] =
            [(1.0, 1.0, 1.0), (0.30, 2.0, 0.7), (0.16, 3.93, 0.35), (0.05, 9.2, 0.1)];
        let secs = LENGTH_OF_BELL;
        let mut parts = PARTIALS.map(|(height, times, length)| {
            (Decay::new(height, secs * length), advance(note.pitch, times), 0u32)
        });
        let sides = panned(note);
        let total = (secs * RATE as f32) as usize;
        add(onto, note.at, total, |i| {
            let mut sum = 0.0;
            for (decay, step, phase) in &mut parts {
                sum += decay.next() * self.sine.at(*phase);
                *phase = phase.wrapping_add(*step);
            }
            let sum = sum * struck(i, 190, total);
            sides.map(|s| s * sum)
        });
    }

    fn pluck(&self, note: &Note, onto: &mut [Frame]) {
        let mut body = Decay::new(1.0, LENGTH_OF_STRING);
        let mut edge = Decay::new(1.0, LENGTH_OF_STRING * 0.3);
        let step = advance(note.pitch, 1.0);
        let mut phase = 0u32;
        let sides = panned(note);
        let total = (LENGTH_OF_STRING * RATE as f32) as usize;
        add(onto, note.at, total, |i| {
            phase = phase.wrapping_add(step);
            let (soft, sharp) = (self.dark.at(phase), self.string.at(phase));
            let (body, edge) = (body.next(), edge.next());
            let sum = (soft * body + (sharp - soft) * edge * 0.8) * struck(i, 120, total);
            sides.map(|s| s * sum)
        });
    }

    fn bass(&self, note: &Note, onto: &mut [Frame]) {
        let held = note.held as f32;
        let (attack, release) = (RATE as f32 * 0.045, (held * 0.5).min(RATE as f32 * 0.5));
        let total = note.held + release as usize;
        let mut decay = Decay::new(1.0, (held / RATE as f32 * 2.2).max(1.5));
        let step = advance(note.pitch, 1.0);
        let mut phase = 0u32;
        add(onto, note.at, total, |i| {
            let i = i as f32;
            phase = phase.wrapping_add(step);
            let shape = smoothstep(0.0, attack, i) * (1.0 - smoothstep(held, held + release, i));
            [self.bass.at(phase) * decay.next() * shape * note.level; 2]
        });
    }
}

/// Rises in a few milliseconds and ends at nothing: what is struck never clicks.
fn struck(i: usize, rise: usize, total: usize) -> f32 {
    let i = i as f32;
    smoothstep(0.0, rise as f32, i) * (1.0 - smoothstep(total as f32 * 0.7, total as f32, i))
}

/// Equal power from side to side.
fn panned(note: &Note) -> [f32; 2] {
    let angle = (note.pan + 1.0) * TAU / 8.0;
    [cos(angle) * note.level, sin(angle) * note.level]
}

/// Adds what is played onto the circle.
fn add(onto: &mut [Frame], at: usize, total: usize, mut play: impl FnMut(usize) -> Frame) {
    let n = onto.len();
    if n == 0 {
        return;
    }
    let mut place = at % n;
    for i in 0..total {
        let sample = play(i);
        onto[place][0] += sample[0];
        onto[place][1] += sample[1];
        place += 1;
        if place == n {
            place = 0;
        }
    }
}
