//! What an engine is asked, and what it may use.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use oto_media::worker::Workers;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::{EngineError, ErrorClass};

/// What is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Speech.
    Voice,
    /// A film.
    Video,
}

/// Something to work from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// What it is.
    pub kind: Kind,
    /// Its caption.
    pub title: String,
    /// Its words, for texts.
    pub text: Option<String>,
    /// Its media.
    pub file: Option<PathBuf>,
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
    /// Becomes canceled when the user stops the job.
    pub cancel: CancellationToken,
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
