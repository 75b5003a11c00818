//! The sound of a film: voices at their places, short fades at every edge, a level that neither
//! whispers nor clips. 48 kHz stereo.

use super::SAMPLE_RATE;

/// A voice and where it begins.
type Placed<'a> = (u64, &'a [[f32; 2]]);

/// Loudness aimed at, as root mean square of what is spoken (about -17 dBFS).
const TARGET_RMS: f32 = 0.14;
/// Highest sample, about -1 dBFS.
const CEILING: f32 = 0.89;

/// Mixes voices that begin at the given sample into `samples` samples.
#[must_use]
pub fn mix(voices: &[Placed<'_>], samples: u64) -> Vec<[f32; 2]> {
    let mut out = vec![[0.0f32; 2]; samples as usize];
    let fade = (SAMPLE_RATE / 100) as usize;
    for (start, voice) in voices {
        let (sum, loud) = voice.iter().fold((0.0f64, 0u64), |(sum, n), s| {
            let power = f64::from(s[0]) * f64::from(s[0]);
            if power > 1e-4 { (sum + power, n + 1) } else { (sum, n) }
        });
        let rms = if loud > 0 { (sum / loud as f64).sqrt() as f32 } else { 0.0 };
        let peak = voice.iter().flatten().fold(0.0f32, |p, s| p.max(s.abs()));
        let gain = if rms > 0.0 { (TARGET_RMS / rms).min(CEILING / peak.max(1e-6)) } else { 0.0 };
        for (i, sample) in voice.iter().enumerate() {
            let Some(place) = out.get_mut(*start as usize + i) else { break };
            let edge = i.min(voice.len() - 1 - i) as f32 / fade as f32;
            for c in 0..2 {
                place[c] += sample[c] * gain * edge.min(1.0);
            }
        }
    }
    for sample in out.iter_mut().flatten() {
        *sample = sample.clamp(-CEILING, CEILING);
    }
    out
}
