//! `local-music`: a seeded composer of quiet beds. Chords, pads, a sparse melody and a soft bass
//! are made by rules and played by wave tables; nothing in it was ever recorded. The end flows
//! into the beginning. Same words, mood, length, seed and version: same bytes on every machine.

mod feel;
mod instrument;
mod reverb;
mod score;

use oto_media::maths::{Rng, hash_text};
use oto_media::wav::Pcm;

use crate::outcome::title_from;
use crate::{
    Body, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Output, OutputRole, Parameter, Place, Request, Submitted,
};

pub use feel::Mood;

/// The engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Music;

/// Samples a second.
const RATE: u32 = 48_000;
/// Shortest and longest piece in seconds.
const LENGTHS: std::ops::RangeInclusive<u32> = 5..=600;
/// Quiet: root mean square and highest sample of what is written.
const RMS: f64 = 0.055;
const PEAK: f32 = 0.5;
/// Longer files are handed over as files.
const MEMORY_BYTES: usize = 16 << 20;

/// One moment of sound: left and right.
type Frame = [f32; 2];

impl Music {
    /// What the work is called wherever it is shown.
    pub(crate) const LABEL: &str = "Local draft — music composed by rules";
}

impl Engine for Music {
    fn describe(&self) -> Description {
        Description {
            id: "local-music".to_owned(),
            label: "Local draft (music)".to_owned(),
            kinds: vec![Kind::Voice],
            place: Place::Local,
            draft: true,
            needs_key: false,
            free: true,
            params: vec![
                Parameter { name: "mood", default: "auto", choices: Mood::CHOICES },
                Parameter { name: "seconds", default: "30", choices: &[] },
            ],
        }
    }

    fn check<'a>(&'a self, _context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(std::future::ready(Check::ready("The composer is part of oTo.")))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            let request = request.clone();
            context.blocking(move |context| make(context, &request)).await
        })
    }
}

fn make(context: &Context, request: &Request) -> Result<Submitted, EngineError> {
    let bad =
        |message: String| EngineError::new(ErrorClass::InvalidRequest, "bad_parameter", message);
    let about =
        if request.prompt.trim().is_empty() { request.words() } else { request.prompt.clone() };
    let word = request.param("mood", "auto");
    let mood =
        if matches!(word, "auto" | "") { Some(Mood::of_words(&about)) } else { Mood::parse(word) };
    let mood = mood.ok_or_else(|| {
        bad(format!("The composer knows the moods {}, not “{word}”.", Mood::CHOICES.join(", ")))
    })?;
    let asked = request.param("seconds", "30");
    let seconds = asked
        .parse()
        .ok()
        .filter(|s| LENGTHS.contains(s))
        .ok_or_else(|| bad(format!("A bed of music lasts 5 to 600 seconds, not “{asked}”.")))?;
    let sound = compose(&about, mood, seconds, request.seed, &|done| {
        context.report(0.02 + 0.9 * done, "composing");
        !context.cancel.is_cancelled()
    });
    let sound = sound.ok_or_else(EngineError::canceled)?;
    context.report(0.95, "writing the sound");
    let samples = sound.iter().flatten().map(|s| (s * 32_767.0).round() as i16).collect();
    let pcm = Pcm { rate: RATE, channels: 2, samples };
    let duration_ms = pcm.duration_ms();
    let wav = pcm.to_wav();
    let body = if wav.len() > MEMORY_BYTES {
        let path = context.folder.join("music.wav");
        std::fs::write(&path, &wav).map_err(|error| {
            EngineError::new(
                ErrorClass::Internal,
                "disk",
                format!("The music could not be written: {error}."),
            )
        })?;
        Body::File(path)
    } else {
        Body::Memory(wav)
    };
    let title = title_from(&about);
    Ok(Submitted::Finished(Outcome {
        outputs: vec![Output {
            role: OutputRole::Main,
            body,
            size_px: [0, 0],
            duration_ms,
            average_rgb: 0xdf_f0_d2,
        }],
        title: if title.is_empty() { format!("Music, {}", mood.word()) } else { title },
        text: String::new(),
        model: mood.word().to_owned(),
        label: Music::LABEL.to_owned(),
        cost_micro: Some(0),
        draft: false,
    }))
}

/// Composes a bed of exactly so many seconds, 48 kHz stereo; its end flows into its beginning.
/// `go_on` hears how far it is, 0..=1; none when it says stop.
#[must_use]
pub fn compose(
    about: &str,
    mood: Mood,
    seconds: u32,
    seed: u64,
    go_on: &dyn Fn(f32) -> bool,
) -> Option<Vec<Frame>> {
    let seconds = seconds.clamp(*LENGTHS.start(), *LENGTHS.end());
    let words = hash_text(&format!("{} {}", mood.word(), about.to_lowercase()));
    let mut rng = Rng::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ words);
    let mut sound = vec![[0.0f32; 2]; (seconds * RATE) as usize];
    let notes = score::write(mood.feel(), seconds, &mut rng);
    let band = instrument::Band::new(mood.feel().brightness);
    for (i, note) in notes.iter().enumerate() {
        if i % 32 == 0 && !go_on(0.8 * i as f32 / notes.len() as f32) {
            return None;
        }
        band.play(note, &mut sound);
    }
    reverb::add(&mut sound, mood.feel().room);
    go_on(0.95).then(|| {
        settle(&mut sound);
        sound
    })
}

/// Brings a piece to its level.
fn settle(sound: &mut [Frame]) {
    let power: f64 = sound.iter().flatten().map(|s| f64::from(*s) * f64::from(*s)).sum();
    let rms = (power / (sound.len() * 2).max(1) as f64).sqrt();
    let peak = sound.iter().flatten().fold(0.0f32, |p, s| p.max(s.abs()));
    let gain = ((RMS / rms.max(1e-9)) as f32).min(PEAK / peak.max(1e-9));
    sound.iter_mut().flatten().for_each(|s| *s *= gain);
}

#[cfg(test)]
mod tests;
