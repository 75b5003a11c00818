//! One execution of an agent, written down for ever. Runs are only ever inserted.

use crate::{AssetId, JobId, NoteId, RunId};

/// What a run's output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputRole {
    /// The work itself.
    Main,
    /// Word times of a voice or film, as WebVTT.
    Captions,
    /// The film's timeline, as JSON.
    Timeline,
}

/// A note a run was made from, and the bytes it had then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunInput {
    /// The source note.
    pub note: NoteId,
    /// Its media at that time; none for a plain text.
    pub asset: Option<AssetId>,
}

/// One file a run made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOutput {
    /// What it is for.
    pub role: OutputRole,
    /// The bytes.
    pub asset: AssetId,
}

/// The record of one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its name for ever.
    pub id: RunId,
    /// The job it was while under way. No two runs share one.
    pub job: JobId,
    /// The agent that ran.
    pub agent: NoteId,
    /// The agent's name at that time.
    pub agent_name: String,
    /// Engine id.
    pub engine: String,
    /// Model, empty where the engine has one only.
    pub model: String,
    /// What was asked.
    pub prompt: String,
    /// Seed used.
    pub seed: u64,
    /// Parameters as given, sorted by name.
    pub params: Vec<(String, String)>,
    /// What it was made from.
    pub inputs: Vec<RunInput>,
    /// What came out.
    pub outputs: Vec<RunOutput>,
    /// Real cost in millionths of the engine's currency; none when the engine does not say.
    pub cost_micro: Option<i64>,
    /// True for local drafts; the label says so wherever the work is shown.
    pub draft: bool,
    /// What the engine says it is, in words.
    pub label: String,
    /// Unix milliseconds.
    pub started_at_ms: i64,
    /// Unix milliseconds.
    pub finished_at_ms: i64,
}

impl Run {
    /// The asset with this role.
    #[must_use]
    pub fn output(&self, role: OutputRole) -> Option<AssetId> {
        self.outputs.iter().find(|o| o.role == role).map(|o| o.asset)
    }
}
