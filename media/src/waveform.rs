//! The shape of a sound, for drawing.

use crate::wav::Pcm;

/// Loudness in `n` equal parts of the sound, 0..=255, scaled so that the loudest part is 255.
#[must_use]
pub fn waveform(pcm: &Pcm, n: usize) -> Vec<u8> {
    let samples = &pcm.samples;
    if samples.is_empty() || n == 0 {
        return vec![0; n];
    }
    let loudness: Vec<f32> = (0..n)
        .map(|i| {
            let part = &samples[i * samples.len() / n
                ..((i + 1) * samples.len() / n).max(i * samples.len() / n + 1).min(samples.len())];
            let sum: f32 = part.iter().map(|s| f32::from(*s) * f32::from(*s)).sum();
            (sum / part.len().max(1) as f32).sqrt()
        })
        .collect();
    let top = loudness.iter().copied().fold(1.0, f32::max);
    loudness.iter().map(|l| (l / top * 255.0) as u8).collect()
}
