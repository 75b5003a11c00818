//! Loudness after EBU R128, and decibels. Measured values are rounded, so that the last bits of a
//! machine's mathematics never reach a film.

use ebur128::{EbuR128, Mode};

use super::{Frame, SAMPLE_RATE, ms};

/// Softer is not made louder than this: it would be hiss.
const MOST_BOOST_DB: f32 = 30.0;
/// How much is measured at once.
const CHUNK: usize = 4_800;

/// Measures what it is fed.
pub(super) struct Meter(Option<EbuR128>);

impl Meter {
    pub(super) fn new() -> Self {
        Self(EbuR128::new(2, SAMPLE_RATE, Mode::I).ok())
    }

    pub(super) fn feed(&mut self, sound: &[Frame]) {
        for chunk in sound.chunks(CHUNK) {
            if let Some(meter) = &mut self.0
                && meter.add_frames_f32(chunk.as_flattened()).is_err()
            {
                self.0 = None;
            }
        }
    }

    /// Integrated loudness in LUFS; none for silence.
    pub(super) fn read(&self) -> Option<f32> {
        let lufs = self.0.as_ref()?.loudness_global().ok()? as f32;
        lufs.is_finite().then(|| (lufs * 100.0).round() / 100.0)
    }
}

/// Loudness of pieces, one after the other. None for silence.
pub(super) fn loudness(pieces: &[&[Frame]]) -> Option<f32> {
    // The measure knows nothing shorter than 0.4 s: short sounds are repeated.
    let least = ms(500);
    let total: usize = pieces.iter().map(|p| p.len()).sum();
    let mut meter = Meter::new();
    if total >= least {
        pieces.iter().for_each(|p| meter.feed(p));
    } else {
        let all: Vec<Frame> = pieces.concat();
        meter.feed(&all.iter().copied().cycle().take(least).collect::<Vec<_>>());
    }
    meter.read()
}

/// Decibels that bring one loudness to another.
pub(super) fn db_to(lufs: f32, target: f32) -> f32 {
    (target - lufs).min(MOST_BOOST_DB)
}

/// The factor of so many decibels, by a series instead of the platform's power.
pub(super) fn gain_of(db: f32) -> f32 {
    let octaves = f64::from(db) / 20.0 * std::f64::consts::LOG2_10;
    let whole = octaves.floor().clamp(-1000.0, 1000.0);
    let x = (octaves - whole) * std::f64::consts::LN_2;
    let series = (1..=14).rev().fold(1.0, |sum, k| 1.0 + sum * x / f64::from(k));
    let power = f64::from_bits(((whole as i64 + 1023) as u64) << 52);
    (series * power) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_are_those_of_the_platform() {
        for db in -240..=240 {
            let db = db as f32 * 0.5;
            let expected = 10.0f64.powf(f64::from(db) / 20.0);
            let error = f64::from(gain_of(db)) / expected - 1.0;
            assert!(error.abs() < 1e-6, "{db} dB: {error}");
        }
        assert_eq!(gain_of(0.0), 1.0);
    }

    #[test]
    fn silence_has_no_loudness_and_short_sounds_have_one() {
        assert_eq!(loudness(&[]), None);
        assert_eq!(loudness(&[&[[0.0; 2]; 96_000]]), None);
        let tone = super::super::tests::tone(1_000.0, 0.5, 0.1);
        let short = loudness(&[&tone]).unwrap();
        let long = loudness(&[&super::super::tests::tone(1_000.0, 0.5, 5.0)]).unwrap();
        assert!((short - long).abs() < 0.5, "{short} {long}");
    }
}
