//! A film before it is one: shots, voice, music, captions. Preview and export call the same
//! [`Renderer::frame`].

mod captions;
mod card;
mod encode;
mod films;
mod framing;
mod grade;
mod i420;
mod image;
mod lens;
mod light;
mod mix;
mod render;
mod style;
mod transition;

use serde::{Deserialize, Serialize};

use crate::caption::Cue;

pub use encode::{Container, ExportReport, export};
pub use mix::{mix, trim_silence};
pub use render::{FrameSource, Pictures, Renderer};
pub use style::{CaptionLook, Style, StyleSheet};

/// Samples a second of all sound in a film.
pub const SAMPLE_RATE: u32 = 48_000;
/// Layout of [`Timeline`] this version writes.
pub const TIMELINE_VERSION: u32 = 2;
/// Longest film in seconds.
pub const MAX_SECONDS: u32 = 900;
/// Most shots of one film.
pub const MAX_SHOTS: usize = 400;

/// Most letters of a card or a caption.
const MAX_LETTERS: usize = 2_000;
/// Where a film in the film begins at most: a day in.
const MAX_IN_MS: u64 = 86_400_000;
/// No caption ends later, in milliseconds.
const FAR_MS: u32 = 86_400_000;

/// Frames a second, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fps {
    /// Numerator.
    pub num: u32,
    /// Denominator.
    pub den: u32,
}

impl Fps {
    /// What films have unless somebody says otherwise.
    pub const DEFAULT: Self = Self { num: 30, den: 1 };
    /// The rates a film may have, as written in settings.
    pub const NAMES: [&'static str; 5] = ["24", "25", "29.97", "30", "60"];

    /// From one of [`Self::NAMES`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let num = match text {
            "24" => 24,
            "25" => 25,
            "29.97" => return Some(Self { num: 30_000, den: 1001 }),
            "30" => 30,
            "60" => 60,
            _ => return None,
        };
        Some(Self { num, den: 1 })
    }

    /// The frame whose start is nearest to a time.
    #[must_use]
    pub fn frame_at(self, ms: u64) -> u32 {
        let half = 500 * u64::from(self.den);
        ((ms * u64::from(self.num) + half) / (1000 * u64::from(self.den).max(1))) as u32
    }

    /// When a frame starts, in milliseconds, rounded.
    #[must_use]
    pub fn ms_at(self, frame: u32) -> u64 {
        let num = u64::from(self.num).max(1);
        (u64::from(frame) * 1000 * u64::from(self.den) + num / 2) / num
    }

    /// The sample at which a frame starts: one clock for picture and sound, so neither drifts.
    #[must_use]
    pub fn sample_at(self, frame: u32) -> u64 {
        let num = u64::from(self.num).max(1);
        (u64::from(frame) * u64::from(SAMPLE_RATE) * u64::from(self.den) + num / 2) / num
    }
}

/// The shape of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aspect {
    /// 16:9.
    Wide,
    /// 9:16.
    Tall,
    /// 1:1.
    Square,
}

impl Aspect {
    /// From "16:9", "9:16", "1:1".
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "16:9" => Some(Self::Wide),
            "9:16" => Some(Self::Tall),
            "1:1" => Some(Self::Square),
            _ => None,
        }
    }

    /// Size in pixels for a shorter edge of `short`.
    #[must_use]
    pub fn size(self, short: u32) -> [u32; 2] {
        // Multiples of 8, so that every plane of a frame is packed.
        let (short, long) = (short.next_multiple_of(8), (short * 16 / 9).next_multiple_of(8));
        match self {
            Self::Wide => [long, short],
            Self::Tall => [short, long],
            Self::Square => [short, short],
        }
    }
}

/// What a shot shows. Assets are named by their BLAKE3 in hexadecimal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visual {
    /// A still picture.
    Still {
        /// The picture.
        asset: String,
        /// What to keep in view, in parts of the picture: `[0.5, 0.5]` is its middle.
        #[serde(default = "middle")]
        focus: [f32; 2],
    },
    /// A film.
    Film {
        /// The film.
        asset: String,
        /// Where it begins, in milliseconds.
        #[serde(default)]
        in_ms: u64,
    },
    /// Words on the style's paper.
    Card {
        /// The words.
        text: String,
    },
}

fn middle() -> [f32; 2] {
    [0.5, 0.5]
}

impl Visual {
    /// The asset it shows.
    #[must_use]
    pub fn asset(&self) -> Option<&str> {
        match self {
            Self::Still { asset, .. } | Self::Film { asset, .. } => Some(asset),
            Self::Card { .. } => None,
        }
    }
}

/// How a still moves; how far is a matter of the style.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Motion {
    /// One of the others, chosen by the film's seed and the place of the shot.
    #[default]
    Auto,
    /// Not at all.
    None,
    /// Towards the focus.
    In,
    /// Away from the focus.
    Out,
    /// The view travels to the left.
    Left,
    /// The view travels to the right.
    Right,
}

impl Motion {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Auto, Self::None, Self::In, Self::Out, Self::Left, Self::Right];
}

/// How a shot comes after the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// At once.
    #[default]
    Cut,
    /// Mixed in linear light.
    Dissolve,
    /// Through the style's paper.
    Dip,
    /// Pushes the one before out to the left.
    Slide,
    /// Uncovered from the left.
    Wipe,
    /// The one before is lifted off like a note, from its lower right corner.
    Peel,
}

impl TransitionKind {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Cut, Self::Dissolve, Self::Dip, Self::Slide, Self::Wipe, Self::Peel];
}

/// A transition into a shot. It lies half before and half behind the shot's first frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transition {
    /// Which.
    pub kind: TransitionKind,
    /// Its whole length in frames; zero for a cut.
    pub frames: u32,
}

/// A part of the film. Shots follow one another without a gap, so that only their lengths are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shot {
    /// Length in frames.
    pub frames: u32,
    /// What it shows.
    pub visual: Visual,
    /// How it moves.
    #[serde(default)]
    pub motion: Motion,
    /// How it comes after the shot before; of no effect on the first.
    #[serde(default)]
    pub transition: Transition,
}

/// A piece of a sound at its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The sound.
    pub asset: String,
    /// Where it is heard, in samples of the film.
    pub start_sample: u64,
    /// Where it begins in the sound, in samples at [`SAMPLE_RATE`].
    #[serde(default)]
    pub in_sample: u64,
    /// Length in samples.
    pub samples: u64,
    /// Louder or softer than the mix would make it, in decibels.
    #[serde(default)]
    pub gain_db: f32,
}

/// Music under the whole film, repeated as long as it lasts, softer while somebody speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bed {
    /// The sound.
    pub asset: String,
    /// Louder or softer than the mix would make it, in decibels.
    #[serde(default)]
    pub gain_db: f32,
}

/// Where captions go. WebVTT lies beside the film in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Captions {
    /// Drawn into the picture as the style wants; some styles draw none.
    #[default]
    Style,
    /// Drawn into the picture whatever the style says.
    Burnt,
    /// Only beside the film.
    Beside,
}

/// A film before it is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Layout of this record: [`TIMELINE_VERSION`].
    pub version: u32,
    /// Width and height in pixels, multiples of 8.
    pub size: [u32; 2],
    /// Frames a second.
    pub fps: Fps,
    /// Decides what is left to chance: the direction of movements, grain.
    pub seed: u64,
    /// How it looks.
    pub style: Style,
    /// In order.
    pub shots: Vec<Shot>,
    /// What is said.
    #[serde(default)]
    pub voice: Vec<Clip>,
    /// Music.
    #[serde(default)]
    pub bed: Option<Bed>,
    /// Captions, in order, with the times of their words.
    #[serde(default)]
    pub cues: Vec<Cue>,
    /// Where captions go.
    #[serde(default)]
    pub captions: Captions,
}

impl Timeline {
    /// Length in frames.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.shots.iter().map(|s| s.frames).sum()
    }

    /// Length in milliseconds.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        self.fps.ms_at(self.frames())
    }

    /// Length in samples.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.fps.sample_at(self.frames())
    }

    /// First frame of each shot.
    #[must_use]
    pub fn starts(&self) -> Vec<u32> {
        let add = |at: &mut u32, shot: &Shot| {
            let start = *at;
            *at += shot.frames;
            Some(start)
        };
        self.shots.iter().scan(0, add).collect()
    }

    /// Every asset it shows or plays, each once, sorted.
    #[must_use]
    pub fn assets(&self) -> Vec<String> {
        let shown = self.shots.iter().filter_map(|s| s.visual.asset());
        let heard = self.voice.iter().map(|c| c.asset.as_str());
        let bed = self.bed.iter().map(|b| b.asset.as_str());
        let all: std::collections::BTreeSet<&str> = shown.chain(heard).chain(bed).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// Reads a timeline that may come from anywhere, and checks it.
    ///
    /// # Errors
    /// With a sentence that says what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, String> {
        let timeline: Self = serde_json::from_str(json)
            .map_err(|e| format!("This timeline cannot be read: {e}."))?;
        timeline.check()?;
        Ok(timeline)
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Numbers and texts only: there is nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether it can be rendered.
    ///
    /// # Errors
    /// With a sentence that says what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("This timeline cannot be used: {what}."));
        if self.version != TIMELINE_VERSION {
            return wrong("it was written by another version of oTo");
        }
        if self.size.iter().any(|v| !(64..=3840).contains(v) || v % 8 != 0) {
            return wrong("a film’s edges have 64 to 3840 pixels, in steps of 8");
        }
        if !Fps::NAMES.iter().any(|name| Fps::parse(name) == Some(self.fps)) {
            return wrong("a film has 24, 25, 29.97, 30 or 60 frames a second");
        }
        if self.shots.is_empty() || self.shots.len() > MAX_SHOTS {
            return wrong("a film has 1 to 400 shots");
        }
        let total: u64 = self.shots.iter().map(|s| u64::from(s.frames)).sum();
        let most = u64::from(MAX_SECONDS) * u64::from(self.fps.num) / u64::from(self.fps.den);
        if self.shots.iter().any(|s| s.frames == 0) || total > most {
            return wrong("a film lasts up to 15 minutes, and no shot of it is empty");
        }
        for pair in self.shots.windows(2) {
            if pair[1].transition.frames > 2 * pair[0].frames.min(pair[1].frames) {
                return wrong("a transition is longer than its shots");
            }
        }
        let out_of_range = |v: f32, most: f32| !v.is_finite() || v.abs() > most;
        let focus = self.shots.iter().any(|s| {
            matches!(&s.visual, Visual::Still { focus, .. } if focus.iter().any(|v| !(0.0..=1.0).contains(v)))
        });
        let gains = self.voice.iter().map(|c| c.gain_db).chain(self.bed.iter().map(|b| b.gain_db));
        if focus || gains.into_iter().any(|g| out_of_range(g, 60.0)) {
            return wrong("a number in it is out of range");
        }
        let far = u64::from(MAX_SECONDS + 60) * u64::from(SAMPLE_RATE);
        if self.voice.len() > MAX_SHOTS
            || self.voice.iter().any(|c| c.start_sample.max(c.samples).max(c.in_sample) > far)
        {
            return wrong("a sound in it lies outside the film");
        }
        if self.cues.len() > 5_000 || self.cues.iter().any(|c| c.end_ms < c.start_ms) {
            return wrong("its captions have no order");
        }
        let letters = |text: &str, most: usize| text.chars().take(most + 1).count() > most;
        let too_long = self.shots.iter().any(|s| match &s.visual {
            Visual::Card { text } => letters(text, MAX_LETTERS),
            Visual::Film { in_ms, .. } => *in_ms > MAX_IN_MS,
            Visual::Still { .. } => false,
        });
        let cues = || self.cues.iter().flat_map(|c| &c.words).map(|w| &w.text);
        if too_long
            || self.cues.iter().any(|c| letters(&c.text, MAX_LETTERS) || c.end_ms > FAR_MS)
            || cues().any(|word| letters(word, MAX_LETTERS))
            || self.cues.iter().map(|c| c.words.len()).sum::<usize>() > 50_000
        {
            return wrong("its cards or captions are too long, or a film in it begins too late");
        }
        let is_hash = |a: &String| a.len() == 64 && a.bytes().all(|b| b.is_ascii_hexdigit());
        if !self.assets().iter().all(is_hash) {
            return wrong("it names a work in a way oTo does not know");
        }
        Ok(())
    }
}
