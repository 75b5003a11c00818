//! What an engine answers.

use std::path::PathBuf;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputRole {
    /// The work itself.
    Main,
    /// Word times, as WebVTT.
    Captions,
    /// A film's timeline, as JSON.
    Timeline,
}

impl OutputRole {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Captions => "captions",
            Self::Timeline => "timeline",
        }
    }
}

/// Bytes, small ones in memory and large ones in a file of the context's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file, to be taken over.
    File(PathBuf),
}

/// One file made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// What it is for.
    pub role: OutputRole,
    /// The bytes.
    pub body: Body,
    /// Width and height, zero where there is none.
    pub size_px: [u32; 2],
    /// Length, zero where there is none.
    pub duration_ms: u64,
    /// Average colour, 0xRRGGBB.
    pub average_rgb: u32,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The files, the main one first.
    pub outputs: Vec<Output>,
    /// A caption for the work.
    pub title: String,
    /// Its words, for texts.
    pub text: String,
    /// The model that made it.
    pub model: String,
    /// What the engine says it is.
    pub label: String,
    /// Real cost in millionths; none when the engine does not say.
    pub cost_micro: Option<i64>,
    /// It is a draft although its engine makes others, too.
    pub draft: bool,
}

/// Answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// Here it is.
    Finished(Outcome),
    /// It is being made; ask again with this handle.
    Accepted {
        /// Kept on the job before anything else happens: the provider's id and the links it gave,
        /// so that a change of settings never loses it. Opaque to everybody else.
        handle: String,
    },
}

/// How a request with a handle stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Polled {
    /// Not finished.
    Pending(Pending),
    /// Here it is.
    Finished(Outcome),
}

/// What is known of a request that is not finished.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pending {
    /// How far it is, 0..=1; none when the provider does not say.
    pub progress: Option<f32>,
    /// In a few words.
    pub message: String,
    /// When to ask again, in milliseconds; zero for the usual pace.
    pub wait_ms: u64,
    /// A handle to be kept instead of the last one.
    pub handle: Option<String>,
}

impl Pending {
    /// Waits for its turn.
    #[must_use]
    pub fn queued(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Being made, so far or not known how far.
    #[must_use]
    pub fn running(progress: Option<f64>, message: impl Into<String>) -> Self {
        let progress = progress.filter(|p| p.is_finite()).map(|p| p.clamp(0.0, 1.0) as f32);
        Self { progress, message: message.into(), ..Self::default() }
    }
}

/// Whether a request that was sent before a crash arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It did; this is its handle.
    Found(String),
    /// It did not: it may be sent again.
    Absent,
    /// The provider cannot be asked.
    Unsupported,
}

/// What became of a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It is stopped.
    Done,
    /// The provider was told; ask again until it has ended.
    Requested,
    /// It had ended before.
    AlreadyFinished,
    /// The provider cannot stop what runs; what it makes is kept.
    NotSupported,
}

/// What a request will cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Least and most, in millionths of a dollar; none when nobody knows.
    pub micro: Option<[i64; 2]>,
}

impl Estimate {
    /// Nothing is paid.
    pub const FREE: Self = Self { micro: Some([0, 0]) };
    /// Nobody knows; never to be shown as nothing.
    pub const UNKNOWN: Self = Self { micro: None };
}

/// Whether an engine can work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It can.
    Ready,
    /// Its key is missing.
    NoKey,
    /// Its key is refused.
    Unauthorised,
    /// It does not answer.
    Unreachable,
    /// It has no model or program to work with.
    NoModel,
    /// The account has no credit.
    OutOfCredit,
}

/// Answer to a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// In a word.
    pub state: CheckState,
    /// In a sentence, with what to do next.
    pub sentence: String,
    /// Models the server names.
    pub models: Vec<String>,
}

impl Check {
    /// Ready, with a sentence.
    #[must_use]
    pub fn ready(sentence: impl Into<String>) -> Self {
        Self { state: CheckState::Ready, sentence: sentence.into(), models: Vec::new() }
    }
}

/// A caption from a prompt: its first words, at most 30 letters, ending at a word.
#[must_use]
pub(crate) fn title_from(prompt: &str) -> String {
    let line = prompt.lines().map(str::trim).find(|l| !l.is_empty()).unwrap_or_default();
    let mut title = String::new();
    for word in line.split_whitespace() {
        if title.chars().count() + word.chars().count() + 1 > 30 {
            if title.is_empty() {
                title = word.chars().take(30).collect();
            }
            title = title.trim_end_matches([',', ';', ':', '.', '-']).to_owned();
            title.push('…');
            return title;
        }
        if !title.is_empty() {
            title.push(' ');
        }
        title.push_str(word);
    }
    title.trim_end_matches(['.', ',']).to_owned()
}
