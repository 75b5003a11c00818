//! The last step: the loudness films have elsewhere, and no peak above what converters can play,
//! not even between the samples. It looks ahead and turns down in time; it never cuts a wave off.

use std::collections::VecDeque;
use std::f32::consts::PI;
use std::sync::LazyLock;

use super::loudness::{Meter, db_to, gain_of, loudness};
use super::{Frame, SAMPLE_RATE, ms};
use crate::maths::{cos, sin};

/// Integrated loudness of a film in LUFS.
const MASTER_LUFS: f32 = -14.0;
/// Highest peak. A little below -1 dBTP, because a moving gain bends waves a little.
const CEILING_DB: f32 = -1.1;
/// How long before a peak the way down begins.
const AHEAD: usize = ms(5);
/// How fast it comes back: the way to one is shortened by this share every sample.
const RELEASE: f32 = 1.0 / (SAMPLE_RATE as f32 * 0.12);
/// Points between two samples that are looked at, and samples each is made of.
const POINTS: usize = 3;
const TAPS: usize = 12;
/// The sum of a point's weights is below this: softer neighbours cannot make a high peak.
const MOST_OVERSHOOT: f32 = 2.5;
/// How close to the aim is close enough, in LU.
const CLOSE: f32 = 0.1;
const CHUNK: usize = 4_800;

/// Brings a film to its loudness in two measured passes, and keeps its peaks below the ceiling.
pub(super) fn master(film: &mut [Frame]) {
    let Some(lufs) = loudness(&[film]) else { return };
    let mut db = db_to(lufs, MASTER_LUFS);
    let ceiling = gain_of(CEILING_DB);
    // What the film may reach is not known yet: peaks below this never matter.
    let quiet = ceiling / gain_of(db + 6.0);
    let peaks = peaks(film, quiet);
    let mut curve = curve(&peaks, gain_of(db), ceiling);
    // The limiter takes loudness away; the second pass gives it back.
    for _ in 0..2 {
        let Some(reached) = limited_loudness(film, &curve) else { break };
        let missing = MASTER_LUFS - reached;
        if missing.abs() < CLOSE {
            break;
        }
        db = (db + missing).min(db_to(lufs, MASTER_LUFS) + 6.0);
        curve = self::curve(&peaks, gain_of(db), ceiling);
    }
    for (frame, gain) in film.iter_mut().zip(&curve) {
        *frame = frame.map(|s| (s * gain).clamp(-ceiling, ceiling));
    }
}

/// Loudness after a gain, without another copy of the film.
fn limited_loudness(film: &[Frame], curve: &[f32]) -> Option<f32> {
    let mut meter = Meter::new();
    let mut part = Vec::with_capacity(CHUNK);
    for (frames, gains) in film.chunks(CHUNK).zip(curve.chunks(CHUNK)) {
        part.clear();
        part.extend(frames.iter().zip(gains).map(|(f, g)| f.map(|s| s * g)));
        meter.feed(&part);
    }
    meter.read()
}

/// Gain of every sample: `gain`, and less around peaks that would be too high. The smallest of
/// what lies ahead, slow on the way back, then averaged over the same time, which is still small
/// enough everywhere.
fn curve(peaks: &[f32], gain: f32, ceiling: f32) -> Vec<f32> {
    let n = peaks.len();
    let needed = |i: usize| (ceiling / (peaks[i] * gain).max(ceiling)) * gain;
    let mut out = Vec::with_capacity(n);
    let mut smallest: VecDeque<(usize, f32)> = VecDeque::new();
    let mut ahead = 0;
    let mut now = gain;
    for i in 0..n {
        while ahead < n && ahead <= i + AHEAD {
            let value = needed(ahead);
            while smallest.back().is_some_and(|(_, v)| *v >= value) {
                smallest.pop_back();
            }
            smallest.push_back((ahead, value));
            ahead += 1;
        }
        while smallest.front().is_some_and(|(at, _)| *at < i) {
            smallest.pop_front();
        }
        let least = smallest.front().map_or(gain, |(_, v)| *v);
        now = (now + (gain - now) * RELEASE).min(least);
        out.push(now);
    }
    average(&mut out, AHEAD);
    out
}

/// Mean of each value and the `before` values before it.
fn average(values: &mut [f32], before: usize) {
    let Some(first) = values.first().copied() else { return };
    let mut window: VecDeque<f32> = std::iter::repeat_n(first, before + 1).collect();
    let mut sum = f64::from(first) * (before + 1) as f64;
    for value in values {
        window.push_back(*value);
        sum += f64::from(*value) - window.pop_front().map_or(0.0, f64::from);
        *value = (sum / (before + 1) as f64) as f32;
    }
}

/// Highest value at and just after each sample, between the samples too where it could matter.
fn peaks(film: &[Frame], quiet: f32) -> Vec<f32> {
    let loud = |f: &Frame| f[0].abs().max(f[1].abs());
    let mut out: Vec<f32> = film.iter().map(loud).collect();
    let threshold = quiet / MOST_OVERSHOOT;
    let mut block_loud: Vec<bool> =
        film.chunks(TAPS).map(|c| c.iter().any(|f| loud(f) > threshold)).collect();
    block_loud.push(false);
    for block in 0..block_loud.len() - 1 {
        let near = block.saturating_sub(1)..(block + 2).min(block_loud.len());
        if !block_loud[near].iter().any(|l| *l) {
            continue;
        }
        for i in block * TAPS..((block + 1) * TAPS).min(film.len()) {
            let between = between(film, i);
            out[i] = out[i].max(between);
            // It lies as near to the next sample as to this one.
            if let Some(next) = out.get_mut(i + 1) {
                *next = next.max(between);
            }
        }
    }
    out
}

/// Highest of the points between sample `i` and the next.
fn between(film: &[Frame], i: usize) -> f32 {
    let mut highest = 0.0f32;
    for weights in WEIGHTS.iter() {
        let mut sum = [0.0f32; 2];
        for (k, weight) in weights.iter().enumerate() {
            let Some(at) = (i + 1 + k).checked_sub(TAPS / 2) else { continue };
            let Some(frame) = film.get(at) else { break };
            sum[0] += frame[0] * weight;
            sum[1] += frame[1] * weight;
        }
        highest = highest.max(sum[0].abs()).max(sum[1].abs());
    }
    highest
}

/// A sinc under a Hann window, at one, two and three quarters of the way.
static WEIGHTS: LazyLock<[[f32; TAPS]; POINTS]> = LazyLock::new(|| {
    std::array::from_fn(|point| {
        let offset = (point + 1) as f32 / (POINTS + 1) as f32;
        let raw: [f32; TAPS] = std::array::from_fn(|k| {
            let x = k as f32 - (TAPS / 2 - 1) as f32 - offset;
            let window = 0.5 + 0.5 * cos(PI * x / (TAPS as f32 / 2.0 + 0.5));
            sin(PI * x) / (PI * x) * window
        });
        let sum: f32 = raw.iter().sum();
        raw.map(|w| w / sum)
    })
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_between_samples_are_seen() {
        // A quarter of the sample rate at 45 degrees: samples at 0.707, waves up to 1.
        let film: Vec<Frame> = (0..4_800).map(|i| [sin(PI * (0.5 * i as f32 + 0.25)); 2]).collect();
        let all = peaks(&film, 0.1);
        let inner = &all[100..4_700];
        assert!(inner.iter().all(|p| (0.97..1.03).contains(p)), "{:?}", &inner[..8]);
        assert!(WEIGHTS.iter().all(|w| w.iter().map(|v| v.abs()).sum::<f32>() < MOST_OVERSHOOT));
    }

    #[test]
    fn the_gain_is_small_enough_everywhere_and_smooth() {
        let mut peaks = vec![0.5f32; ms(500)];
        for (at, peak) in [(10, 2.0), (9_000, 4.0), (9_100, 1.0), (23_999, 3.0)] {
            peaks[at] = peak;
        }
        let curve = curve(&peaks, 1.0, 0.9);
        for (peak, gain) in peaks.iter().zip(&curve) {
            assert!(peak * gain <= 0.9001);
        }
        let step = curve.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0f32, f32::max);
        assert!(step < 0.01, "{step}");
    }
}
