//! The shape of a sound, for drawing.

use crate::picture::Picture;
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

/// Size of a drawn waveform in pixels.
pub const DRAWN: [u32; 2] = [384, 160];
/// Paper and ink of a drawn waveform.
const COLOURS: [[u8; 4]; 2] = [[0xdf, 0xf0, 0xd2, 0xff], [0x2f, 0x5d, 0x3a, 0xff]];

/// The shape as a picture: bars on paper, for where a sound cannot be drawn live.
#[must_use]
pub fn picture(shape: &[u8]) -> Picture {
    let [width, height] = DRAWN;
    let n = shape.len().max(1) as u32;
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    for y in 0..height {
        for x in 0..width {
            let bar = shape.get((x * n / width) as usize).copied().unwrap_or(0);
            // A third of each bar is the room beside it.
            let is_gap = (x * n * 3 / width) % 3 == 2;
            let half = 2 + u32::from(bar) * (height / 2 - 16) / 255;
            let is_ink = !is_gap && y.abs_diff(height / 2) <= half;
            rgba.extend(COLOURS[usize::from(is_ink)]);
        }
    }
    Picture { width, height, rgba }
}
