//! PCM in memory and as a RIFF WAVE file (16 bit). Reading understands what oTo itself writes;
//! any other sound file goes through the worker.

use crate::MediaError;

/// Interleaved 16-bit samples.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pcm {
    /// Samples a second of one channel.
    pub rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Interleaved.
    pub samples: Vec<i16>,
}

impl Pcm {
    /// Length in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        let frames = self.samples.len() as u64 / u64::from(self.channels.max(1));
        frames * 1000 / u64::from(self.rate.max(1))
    }

    /// As a WAV file.
    #[must_use]
    pub fn to_wav(&self) -> Vec<u8> {
        let data = self.samples.len() as u32 * 2;
        let block = self.channels * 2;
        let mut out = Vec::with_capacity(44 + data as usize);
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&(36 + data).to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16u32.to_le_bytes());
        out.extend_from_slice(&1u16.to_le_bytes());
        out.extend_from_slice(&self.channels.to_le_bytes());
        out.extend_from_slice(&self.rate.to_le_bytes());
        out.extend_from_slice(&(self.rate * u32::from(block)).to_le_bytes());
        out.extend_from_slice(&block.to_le_bytes());
        out.extend_from_slice(&16u16.to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&data.to_le_bytes());
        self.samples.iter().for_each(|s| out.extend_from_slice(&s.to_le_bytes()));
        out
    }

    /// From a 16-bit PCM WAV file.
    ///
    /// # Errors
    /// [`MediaError::Damaged`] when it is not one or ends early.
    pub fn from_wav(bytes: &[u8]) -> Result<Self, MediaError> {
        let broken = |what: &str| MediaError::Damaged(what.to_owned());
        if !bytes.starts_with(b"RIFF") || bytes.get(8..12) != Some(b"WAVE") {
            return Err(MediaError::NotThisKind("WAV"));
        }
        let u16_at =
            |b: &[u8], at: usize| b.get(at..at + 2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let u32_at = |b: &[u8], at: usize| {
            b.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        };
        let (mut at, mut format) = (12, None);
        while let (Some(name), Some(size)) = (bytes.get(at..at + 4), u32_at(bytes, at + 4)) {
            let body = bytes.get(at + 8..).unwrap_or_default();
            let body = &body[..body.len().min(size as usize)];
            if name == b"fmt " {
                format =
                    Some((u16_at(body, 0), u16_at(body, 2), u32_at(body, 4), u16_at(body, 14)));
            } else if name == b"data" {
                let Some((Some(1), Some(channels @ 1..=2), Some(rate @ 8_000..=192_000), Some(16))) =
                    format
                else {
                    return Err(broken("the WAV format is not 16-bit PCM"));
                };
                let samples =
                    body.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
                return Ok(Self { rate, channels, samples });
            }
            at += 8 + size as usize + (size as usize & 1);
        }
        Err(broken("the WAV file has no sound"))
    }

    /// As 48 kHz stereo in -1..1, by linear interpolation.
    #[must_use]
    pub fn to_stereo_48k(&self) -> Vec<[f32; 2]> {
        let channels = usize::from(self.channels.max(1));
        let frames = self.samples.len() / channels;
        if frames == 0 {
            return Vec::new();
        }
        let at = |frame: usize, channel: usize| {
            f32::from(self.samples[frame.min(frames - 1) * channels + channel.min(channels - 1)])
                / 32_768.0
        };
        let n = (frames as u64 * 48_000 / u64::from(self.rate.max(1))) as usize;
        (0..n)
            .map(|i| {
                let position = i as f64 * f64::from(self.rate) / 48_000.0;
                let (whole, part) = (position as usize, (position.fract()) as f32);
                [0, 1].map(|c| at(whole, c) + (at(whole + 1, c) - at(whole, c)) * part)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wav_survives_and_broken_ones_are_refused() {
        let pcm =
            Pcm { rate: 22_050, channels: 1, samples: (0..500).map(|i| (i * 60) as i16).collect() };
        let wav = pcm.to_wav();
        assert_eq!(Pcm::from_wav(&wav).unwrap(), pcm);
        assert_eq!(pcm.to_stereo_48k().len(), 500 * 48_000 / 22_050);
        for cut in 0..44 {
            assert!(Pcm::from_wav(&wav[..cut]).is_err());
        }
        assert!(Pcm::from_wav(b"RIFF").is_err());
    }
}
