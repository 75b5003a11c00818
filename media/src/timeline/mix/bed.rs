//! Music under a film: repeated with cross-fades as long as the film lasts, in and out softly.

use super::{Frame, ms};
use crate::maths::{cos, sin, smoothstep};
use std::f32::consts::FRAC_PI_2;

/// Overlap of two repetitions.
const CROSS_FADE: usize = ms(2_000);
const FADE_IN: usize = ms(500);
const FADE_OUT: usize = ms(1_500);

/// Adds a sound under the whole of `out`.
pub(super) fn lay(out: &mut [Frame], sound: &[Frame], gain: f32) {
    if sound.is_empty() {
        return;
    }
    // Never more than half of the sound, so that at most two repetitions are heard at once.
    let cross = CROSS_FADE.min(sound.len() / 2);
    let period = sound.len() - cross;
    // Very short films keep some of their middle.
    let (fade_in, fade_out) = (FADE_IN.min(out.len() / 4), FADE_OUT.min(out.len() / 2));
    let n = out.len();
    for (i, place) in out.iter_mut().enumerate() {
        let (round, at) = (i / period, i % period);
        let mut sample = sound[at];
        if round > 0 && at < cross {
            // Equal power: the two are different music and do not add up in amplitude.
            let angle = (at as f32 + 0.5) / cross as f32 * FRAC_PI_2;
            let (new, old) = (sin(angle), cos(angle));
            let ending = sound[period + at];
            sample = [0, 1].map(|c| sample[c] * new + ending[c] * old);
        }
        let edges = smoothstep(0.0, fade_in.max(1) as f32, i as f32)
            * smoothstep(0.0, fade_out.max(1) as f32, (n - 1 - i) as f32);
        place[0] += sample[0] * gain * edges;
        place[1] += sample[1] * gain * edges;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_keep_their_power_and_make_no_step() {
        // Two unrelated tones, so that the cross-fade is between different sounds.
        let sound: Vec<Frame> = (0..ms(6_000))
            .map(|i| {
                let t = i as f32 / 48_000.0;
                let hz = if i < ms(3_000) { 220.0 } else { 331.7 };
                [sin(t.fract() * hz * std::f32::consts::TAU) * 0.5; 2]
            })
            .collect();
        let mut out = vec![[0.0; 2]; ms(20_000)];
        lay(&mut out, &sound, 1.0);
        let rms = |ms_at: u32| {
            let part = &out[ms(ms_at)..ms(ms_at + 100)];
            (part.iter().map(|f| f[0] * f[0]).sum::<f32>() / part.len() as f32).sqrt()
        };
        // Rounds begin at 4 s, 8 s, 12 s, 16 s.
        for at in [1_000, 2_000, 4_000, 4_500, 5_000, 5_900, 6_500, 8_050, 12_700] {
            assert!((rms(at) / 0.3535 - 1.0).abs() < 0.06, "{at} ms: {}", rms(at));
        }
        let step =
            |of: &[Frame]| of.windows(2).map(|w| (w[1][0] - w[0][0]).abs()).fold(0.0f32, f32::max);
        let inside = step(&sound[ms(3_100)..]);
        assert!(step(&out) < inside * 1.3, "{} {}", step(&out), inside);
        assert_eq!((out[0], out[out.len() - 1]), ([0.0; 2], [0.0; 2]));
    }

    #[test]
    fn tiny_sounds_and_films_are_survived() {
        for sound in [1, 2, 3, 100] {
            for film in [0, 1, 2, 5, 1_000] {
                let mut out = vec![[0.0; 2]; film];
                lay(&mut out, &vec![[0.5; 2]; sound], 1.0);
                assert!(out.iter().flatten().all(|s| s.abs() <= 1.0));
            }
        }
    }
}
