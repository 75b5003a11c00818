//! A note that holds a creation.

use crate::{AssetId, JobId, NoteId, RunId};

/// The four kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WorkKind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Speech.
    Voice,
    /// A film.
    Video,
}

impl WorkKind {
    /// All, in the order of the tray.
    pub const ALL: [Self; 4] = [Self::Text, Self::Image, Self::Voice, Self::Video];

    /// The word for it on the command line and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
        }
    }
}

/// All that is needed to make a work again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The agent that makes.
    pub agent: NoteId,
    /// Engine id.
    pub engine: String,
    /// Model, empty for the engine's own choice.
    pub model: String,
    /// What is asked.
    pub prompt: String,
    /// Seed.
    pub seed: u64,
    /// Parameters, sorted by name.
    pub params: Vec<(String, String)>,
    /// Notes it is made from.
    pub sources: Vec<NoteId>,
}

/// Where a work stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkState {
    /// A job makes it at `home`.
    Making {
        /// Which backend: "embedded" or an origin.
        home: String,
        /// The job, followed until its end.
        job: JobId,
    },
    /// Finished and on disk.
    Done {
        /// The main asset.
        asset: AssetId,
        /// How it was made.
        run: RunId,
    },
    /// It could not be made.
    Failed {
        /// The job that failed.
        job: JobId,
        /// A sentence for the user.
        reason: String,
    },
    /// Stopped by the user.
    Canceled {
        /// The job that was stopped.
        job: JobId,
    },
}

/// A creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What it is.
    pub kind: WorkKind,
    /// How to make it (again).
    pub recipe: Recipe,
    /// Where it stands.
    pub state: WorkState,
}

impl Work {
    /// The main asset of a finished work.
    #[must_use]
    pub fn asset(&self) -> Option<AssetId> {
        if let WorkState::Done { asset, .. } = self.state { Some(asset) } else { None }
    }

    /// The run of a finished work.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        if let WorkState::Done { run, .. } = self.state { Some(run) } else { None }
    }
}
