//! A small room after Schroeder: four combs that get darker, then two all-passes, on each side.

use super::{Frame, RATE};

/// Delays at 48 kHz that share no factor; the right side is a little longer.
const COMBS: [usize; 4] = [1_687, 1_601, 2_053, 2_251];
const PASSES: [usize; 2] = [605, 480];
const WIDER: usize = 37;
const FEEDBACK: f32 = 0.86;
/// How much of the treble each round loses.
const DAMPING: f32 = 0.42;
/// After this nothing is left of a sound, to the last bit of a file.
const TAIL: usize = 8 * RATE as usize;

struct Delay {
    line: Vec<f32>,
    at: usize,
    soft: f32,
}

impl Delay {
    fn new(length: usize) -> Self {
        Self { line: vec![0.0; length], at: 0, soft: 0.0 }
    }

    fn comb(&mut self, input: f32) -> f32 {
        let out = self.line[self.at];
        self.soft += (out - self.soft) * (1.0 - DAMPING);
        self.push(input + self.soft * FEEDBACK);
        out
    }

    fn pass(&mut self, input: f32) -> f32 {
        let late = self.line[self.at];
        self.push(input + late * 0.5);
        late - input * 0.5
    }

    fn push(&mut self, value: f32) {
        self.line[self.at] = value;
        self.at += 1;
        if self.at == self.line.len() {
            self.at = 0;
        }
    }
}

struct Side {
    combs: [Delay; 4],
    passes: [Delay; 2],
}

impl Side {
    fn new(wider: usize) -> Self {
        Self {
            combs: COMBS.map(|n| Delay::new(n + wider)),
            passes: PASSES.map(|n| Delay::new(n + wider)),
        }
    }

    fn hear(&mut self, input: f32) -> f32 {
        let sum: f32 = self.combs.iter_mut().map(|c| c.comb(input)).sum();
        self.passes.iter_mut().fold(sum * 0.25, |s, p| p.pass(s))
    }
}

/// Puts a piece into a room. It has been playing for ever: the room still holds its end when it
/// begins.
pub(super) fn add(sound: &mut [Frame], wet: f32) {
    let mut sides = [Side::new(0), Side::new(WIDER)];
    let mut hear = |frame: Frame| {
        let [left, right] = frame;
        let mixed = [left * 0.7 + right * 0.3, right * 0.7 + left * 0.3];
        [sides[0].hear(mixed[0]), sides[1].hear(mixed[1])]
    };
    for frame in &sound[sound.len().saturating_sub(TAIL)..] {
        hear(*frame);
    }
    for frame in sound {
        let room = hear(*frame);
        *frame = [0, 1].map(|c| frame[c] * (1.0 - 0.4 * wet) + room[c] * wet);
    }
}
