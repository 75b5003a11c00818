//! A run under way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a job makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Speech.
    Voice,
    /// A film.
    Video,
    /// A word this version does not know.
    #[serde(other)]
    Unknown,
}

/// Where a job stands. Succeeded, failed, canceled and expired are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waits for its turn.
    Queued,
    /// Is being made.
    Running,
    /// Was asked to stop.
    Canceling,
    /// Has its outputs.
    Succeeded,
    /// Ended without.
    Failed,
    /// Was stopped.
    Canceled,
    /// Took too long.
    Expired,
    /// A word this version does not know; treated as still running.
    #[serde(other)]
    Unknown,
}

impl JobStatus {
    /// True when it never changes again.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired)
    }
}

/// Something a job works from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobInput {
    /// "text", "image", "voice", "video".
    pub role: String,
    /// Caption of the source, for titles.
    #[serde(default)]
    pub title: String,
    /// Words, for texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// BLAKE3 of media the home has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// BLAKE3 of the word times that belong to a voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captions: Option<String>,
    /// What the engine that made it said it is, when it is a draft.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// Body of `POST /jobs`. The `Idempotency-Key` header becomes the job's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewJob {
    /// What to make.
    pub kind: JobKind,
    /// Engine id.
    pub engine: String,
    /// Model, empty for the engine's choice.
    #[serde(default)]
    pub model: String,
    /// What is asked.
    pub prompt: String,
    /// Seed.
    pub seed: u64,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// What it is made from.
    #[serde(default)]
    pub inputs: Vec<JobInput>,
    /// Name of the agent that asks, for sums of what was spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobProgress {
    /// 0 to 1; never goes back within an attempt.
    pub value: f32,
    /// What is done now, in a few words.
    pub message: String,
}

/// A word and when it is spoken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Word {
    /// Milliseconds from the start.
    pub start_ms: u32,
    /// Milliseconds from the start.
    pub end_ms: u32,
    /// The word.
    pub text: String,
}

/// A file a job made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobOutput {
    /// "main", "captions", "timeline".
    pub role: String,
    /// BLAKE3.
    pub hash: String,
    /// Media type.
    pub content_type: String,
    /// Length of the bytes.
    pub size: u64,
    /// Width and height, zero where there is none.
    #[serde(default)]
    pub size_px: [u32; 2],
    /// Length, zero where there is none.
    #[serde(default)]
    pub duration_ms: u64,
    /// Average colour, 0xRRGGBB.
    #[serde(default)]
    pub average_rgb: u32,
}

/// Why a job ended without outputs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobError {
    /// Stable word.
    pub code: String,
    /// Class of the error.
    pub class: String,
    /// A sentence for the user.
    pub message: String,
    /// True when the same job may succeed later.
    pub retryable: bool,
    /// Status of the provider's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_status: Option<u16>,
}

/// What a job cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobCost {
    /// Millionths of the engine's currency; none when the engine does not say.
    pub micro: Option<i64>,
}

/// Answer of `POST /jobs/estimate`: what a job would cost, in millionths of a US dollar. None when
/// nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobEstimate {
    /// At least.
    #[serde(default)]
    pub low_micro: Option<i64>,
    /// At most.
    #[serde(default)]
    pub high_micro: Option<i64>,
}

/// A job as a home shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Job {
    /// The idempotency key it was submitted with.
    pub id: String,
    /// Grows with every change; for `If-None-Match` and `?wait`.
    pub version: u64,
    /// What it makes.
    pub kind: JobKind,
    /// Engine id.
    pub engine: String,
    /// Model used.
    pub model: String,
    /// Where it stands.
    pub status: JobStatus,
    /// How far it is.
    pub progress: Option<JobProgress>,
    /// How many jobs are before it.
    #[serde(default)]
    pub queue_position: Option<u32>,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Unix milliseconds: when a job that was put back is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at_ms: Option<i64>,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// Unix milliseconds.
    pub started_at_ms: Option<i64>,
    /// Unix milliseconds.
    pub finished_at_ms: Option<i64>,
    /// Files made.
    #[serde(default)]
    pub outputs: Vec<JobOutput>,
    /// A title for the work.
    #[serde(default)]
    pub title: String,
    /// Words of a text work.
    #[serde(default)]
    pub text: String,
    /// Seed used.
    pub seed: u64,
    /// What the engine says it is.
    #[serde(default)]
    pub label: String,
    /// True for local drafts.
    pub draft: bool,
    /// Why it ended without outputs.
    pub error: Option<JobError>,
    /// What it cost.
    #[serde(default)]
    pub cost: JobCost,
    /// The jobs it is made of, in the order they were begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<JobStage>,
}

/// One event of `GET /events`: a job changed. A hint; what it is now is told by the job itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobEvent {
    /// Its id.
    pub job: String,
    /// The version it has now.
    #[serde(default)]
    pub version: u64,
}

/// A job that is part of another one. How it stands is told by the job itself, under its own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobStage {
    /// Its job.
    pub id: String,
    /// Names it within the whole: "script", "voice-02".
    pub key: String,
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// What it makes.
    pub kind: JobKind,
    /// Engine id.
    pub engine: String,
    /// Model, empty for the engine's choice.
    #[serde(default)]
    pub model: String,
    /// What is asked.
    #[serde(default)]
    pub prompt: String,
    /// Seed.
    #[serde(default)]
    pub seed: u64,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    /// Keys of the stages it is made from.
    #[serde(default)]
    pub from_stages: Vec<String>,
    /// Places, in the inputs of the whole, of the sources it is made from.
    #[serde(default)]
    pub from_inputs: Vec<usize>,
}

/// Answer of `GET /jobs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct JobPage {
    /// Newest first.
    pub items: Vec<Job>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
