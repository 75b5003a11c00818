//! What an engine is asked, and what it may use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use oto_media::MediaError;
use oto_media::worker::Workers;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::{EngineError, ErrorClass};

/// What is made.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Kind {
    /// Words.
    #[default]
    Text,
    /// A picture.
    Image,
    /// Speech.
    Voice,
    /// A film.
    Video,
}

/// Something to work from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    /// What it is.
    pub kind: Kind,
    /// Its caption.
    pub title: String,
    /// Its words, for texts.
    pub text: Option<String>,
    /// Its media.
    pub file: Option<PathBuf>,
    /// BLAKE3 of its media, in hexadecimal; empty without any.
    pub hash: String,
    /// The key of the stage that made it; none for a source of the user.
    pub stage: Option<String>,
    /// What the engine that made it says it is; empty for what the user made.
    pub label: String,
    /// Word times of a voice, as WebVTT.
    pub captions: Option<PathBuf>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to make.
    pub kind: Kind,
    /// Model, empty for the engine's choice.
    pub model: String,
    /// What is asked.
    pub prompt: String,
    /// Seed.
    pub seed: u64,
    /// Parameters by name.
    pub params: BTreeMap<String, String>,
    /// What it is made from.
    pub inputs: Vec<Input>,
    /// Names this submission at providers that take a name from us, so that it can be looked up
    /// after a crash and is never paid twice: the job's id and the number of the try.
    pub submission_id: String,
}

impl Request {
    /// A parameter, or its default.
    #[must_use]
    pub fn param<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.params.get(name).map_or(default, String::as_str).trim()
    }

    /// The prompt and the words of all text inputs, in order; what a voice reads.
    #[must_use]
    pub fn words(&self) -> String {
        let texts = self.inputs.iter().filter_map(|i| i.text.as_deref());
        let joined: Vec<&str> = texts.filter(|t| !t.trim().is_empty()).collect();
        if joined.is_empty() { self.prompt.trim().to_owned() } else { joined.join("\n\n") }
    }
}

/// Hears how far a request is: 0..=1 and a few words.
pub type ProgressSink = Arc<dyn Fn(f32, &str) + Send + Sync>;

/// Tokens that a work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUsage {
    /// Tokens that went in; none when the engine does not tell.
    pub input: Option<u64>,
    /// Tokens that came out.
    pub output: Option<u64>,
}

/// Hears how many tokens a work took. Beside the outcome, because engines that know no tokens have
/// nothing to say about them. Clones hear the same.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<TokenUsage>>);

impl Meter {
    /// What an engine said last is what holds.
    pub fn set(&self, usage: TokenUsage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = usage;
    }

    /// What was said; nothing when nothing was.
    #[must_use]
    pub fn usage(&self) -> TokenUsage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears the words of a text while they come. Clones hear the same.
#[derive(Debug, Clone, Default)]
pub struct Draft(Arc<Mutex<String>>);

impl Draft {
    /// More words, without anything that might be the beginning of a key.
    pub fn push(&self, more: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(more);
    }

    /// The words so far, behind the first `from` bytes; none when there are no more, or when the text
    /// was begun anew and is shorter.
    #[must_use]
    pub fn behind(&self, from: usize) -> Option<String> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        text.get(from..).filter(|more| !more.is_empty()).map(str::to_owned)
    }
}

/// What an engine may use for one call.
#[derive(Clone)]
pub struct Context {
    /// The key, for this call only.
    pub key: Option<SecretString>,
    /// Media workers.
    pub workers: Workers,
    /// A folder for files that are handed over in the outcome.
    pub folder: PathBuf,
    /// Hears the progress.
    pub progress: ProgressSink,
    /// Where a provider may call when something changed; none where nobody can reach it.
    pub webhook: Option<String>,
    /// Hears the tokens.
    pub meter: Meter,
    /// Hears the words of a text while they come.
    pub draft: Draft,
    /// Becomes canceled when the user stops the job.
    pub cancel: CancellationToken,
    /// Milliseconds since 1970.
    pub now_ms: Clock,
    /// Looks into media that came from outside.
    pub probe: Arc<dyn Probe>,
}

/// Tells the time, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a picture or a film is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Looks {
    /// Width and height in pixels.
    pub size_px: [u32; 2],
    /// Length, zero for a picture.
    pub duration_ms: u64,
    /// Average colour, 0xRRGGBB.
    pub average_rgb: u32,
}

/// Looks into media that came from outside: decodes them where nothing can be harmed, so that
/// bytes that only pretend to be media never become a work. Blocks.
pub trait Probe: Send + Sync {
    /// A picture.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn picture(&self, path: &Path) -> Result<Looks, MediaError>;
    /// Length of a sound in milliseconds.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn sound_ms(&self, path: &Path) -> Result<u64, MediaError>;
    /// A film.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn film(&self, path: &Path) -> Result<Looks, MediaError>;
}

impl Probe for Workers {
    fn picture(&self, path: &Path) -> Result<Looks, MediaError> {
        let (picture, size_px) = Self::picture(self, path, 256)?;
        Ok(Looks { size_px, duration_ms: 0, average_rgb: picture.average_rgb() })
    }

    fn sound_ms(&self, path: &Path) -> Result<u64, MediaError> {
        Ok(self.sound(path)?.duration_ms())
    }

    fn film(&self, path: &Path) -> Result<Looks, MediaError> {
        let mut film = Self::film(self, path, [256, 256])?;
        let (size_px, duration_ms) = (film.info.size, film.info.duration_ms);
        let frame = film.seek(duration_ms / 3)?;
        let (picture, _) =
            frame.ok_or_else(|| MediaError::Damaged("the film has no pictures".to_owned()))?;
        Ok(Looks { size_px, duration_ms, average_rgb: picture.average_rgb() })
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("has_key", &self.key.is_some()).finish_non_exhaustive()
    }
}

impl Context {
    /// Says how far it is.
    pub fn report(&self, value: f32, message: &str) {
        (self.progress)(value, message);
    }

    /// Runs work that blocks on the pool made for it.
    ///
    /// # Errors
    /// What the work says; a panic becomes an internal error.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let context = self.clone();
        match tokio::task::spawn_blocking(move || work(&context)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(EngineError::new(
                ErrorClass::Internal,
                "internal",
                "oTo made a mistake while making this; try again, and report it if it happens again",
            )),
        }
    }
}
