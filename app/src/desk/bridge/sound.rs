//! Sound to the loudspeaker: a callback that reads samples and counts them; the count is the clock
//! of the picture. Without a device the picture goes on by the monotonic clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};

/// Samples a second.
const RATE: u64 = 48_000;

/// One sound, played from a place.
pub(super) struct Player {
    samples: Arc<Vec<[f32; 2]>>,
    at: Arc<AtomicU64>,
    playing: Arc<AtomicBool>,
    stream: Option<cpal::Stream>,
    /// Without a device: when playing began, and where.
    silent_since: Option<(Instant, u64)>,
    length_ms: u64,
}

impl Player {
    /// Ready to play; `length_ms` counts when there is no sound.
    pub(super) fn new(samples: Arc<Vec<[f32; 2]>>, length_ms: u64) -> Self {
        let (at, playing) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let stream = if samples.is_empty() { None } else { open(&samples, &at, &playing) };
        Self { samples, at, playing, stream, silent_since: None, length_ms }
    }

    pub(super) fn position_ms(&self) -> u64 {
        match self.silent_since {
            Some((since, from)) => (from + since.elapsed().as_millis() as u64).min(self.length_ms),
            None => self.at.load(Ordering::Relaxed) * 1000 / RATE,
        }
    }

    pub(super) fn play(&mut self, from_ms: u64) {
        self.at.store((from_ms * RATE / 1000).min(self.samples.len() as u64), Ordering::Relaxed);
        self.playing.store(true, Ordering::Relaxed);
        let sounds = self.stream.as_ref().is_some_and(|s| s.play().is_ok());
        self.silent_since = (!sounds).then(|| (Instant::now(), from_ms));
    }

    pub(super) fn pause(&mut self) {
        let at = self.position_ms();
        self.playing.store(false, Ordering::Relaxed);
        self.silent_since = None;
        self.at.store(at * RATE / 1000, Ordering::Relaxed);
        if let Some(stream) = &self.stream {
            // A device that is gone is silent already.
            stream.pause().ok();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        let all_heard = self.silent_since.is_none()
            && self.at.load(Ordering::Relaxed) >= self.samples.len() as u64;
        all_heard || self.position_ms() >= self.length_ms
    }
}

fn open(
    samples: &Arc<Vec<[f32; 2]>>,
    at: &Arc<AtomicU64>,
    playing: &Arc<AtomicBool>,
) -> Option<cpal::Stream> {
    let device = cpal::default_host().default_output_device()?;
    let config = cpal::StreamConfig {
        channels: 2,
        sample_rate: RATE as u32,
        buffer_size: cpal::BufferSize::Default,
    };
    let (samples, at, playing) = (Arc::clone(samples), Arc::clone(at), Arc::clone(playing));
    let fill = move |out: &mut [f32], _: &cpal::OutputCallbackInfo| {
        for frame in out.chunks_exact_mut(2) {
            let here = at.load(Ordering::Relaxed);
            let sample = samples.get(here as usize).filter(|_| playing.load(Ordering::Relaxed));
            frame.copy_from_slice(sample.unwrap_or(&[0.0; 2]));
            if sample.is_some() {
                at.store(here + 1, Ordering::Relaxed);
            }
        }
    };
    device.build_output_stream(config, fill, |_| {}, None).ok()
}
