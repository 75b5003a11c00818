//! A job's row, and the job as the wire shows it.

use oto_api_types::{
    Job, JobCost, JobError, JobKind, JobOutput, JobProgress, JobStage, JobStatus, NewJob,
};
use sea_orm::{DbErr, QueryResult};
use serde::{Deserialize, Serialize};

use crate::convert::{kind_of, word_of};
use crate::db::now_ms;
use crate::jobs::queue::media::used;
use crate::state::Live;
use crate::usage::Spent;

/// What a job made; the `result` column.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct JobResult {
    pub(crate) outputs: Vec<JobOutput>,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) model: String,
    pub(crate) label: String,
    pub(crate) draft: bool,
    pub(crate) cost_micro: Option<i64>,
    /// Tokens that went in and came out; none when the engine does not tell.
    #[serde(default)]
    pub(crate) tokens_in: Option<u64>,
    #[serde(default)]
    pub(crate) tokens_out: Option<u64>,
}

impl JobResult {
    /// What is written down of it beside its cost.
    pub(crate) fn spent(&self, before: Spent) -> Spent {
        // What an engine says is bounded, so that sums of it never overflow.
        let bounded = |n: u64| i64::try_from(n).unwrap_or(MOST_COUNTED).min(MOST_COUNTED);
        let main = self.outputs.iter().filter(|o| o.role == "main");
        Spent {
            succeeded: true,
            bytes: self.outputs.iter().map(|o| o.size as i64).sum(),
            media_ms: main.map(|o| bounded(o.duration_ms)).sum(),
            tokens_in: self.tokens_in.map(bounded),
            tokens_out: self.tokens_out.map(bounded),
            ..before
        }
    }
}

/// Most tokens or milliseconds that one job is believed.
const MOST_COUNTED: i64 = 1 << 40;
/// Longest name of an agent that is written down.
const LONGEST_NAME: usize = 120;

/// How far the sending of a job to its engine got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SubmitState {
    /// Nothing was sent, or it was refused.
    None,
    /// It was about to be sent.
    Submitting,
    /// The engine has it.
    Submitted,
}

impl SubmitState {
    fn of(word: &str) -> Self {
        match word {
            "submitting" => Self::Submitting,
            "submitted" => Self::Submitted,
            _ => Self::None,
        }
    }
}

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct JobRow {
    pub(crate) id: String,
    pub(crate) fingerprint: String,
    pub(crate) request: String,
    pub(crate) status: JobStatus,
    pub(crate) lease_seq: i64,
    pub(crate) attempt: i64,
    pub(crate) submit_state: SubmitState,
    /// What the engine gave to ask it with.
    pub(crate) handle: Option<String>,
    submission: Option<String>,
    /// What it may cost at most, when that is known.
    pub(crate) estimate_micro: Option<i64>,
    pub(crate) deadline_at_ms: i64,
    run_at_ms: i64,
    created_at_ms: i64,
    started_at_ms: Option<i64>,
    finished_at_ms: Option<i64>,
    version: i64,
    stage: String,
    result: Option<String>,
    error: Option<String>,
    /// The whole it is a stage of.
    pub(crate) parent_id: Option<String>,
    /// Its key there.
    pub(crate) child_key: Option<String>,
    child_of: Option<String>,
    /// It has begun stages and goes on when none of them runs any more.
    waits: bool,
    /// Whose it is; empty on the desk.
    pub(crate) owner: String,
    /// Progress that another process wrote down.
    reached: f64,
    doing: String,
}

/// What a stage is made from; the `child_of` column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildOf {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) keeps_title: bool,
    pub(crate) from_stages: Vec<String>,
    pub(crate) from_inputs: Vec<usize>,
}

pub(crate) const COLUMNS: &str = "id, fingerprint, request, status, lease_seq, attempt, submit_state, handle, submission, estimate_micro, deadline_at_ms, run_at_ms, created_at_ms, started_at_ms, finished_at_ms, version, stage, result, error, parent_id, child_key, child_of, waits, owner, reached, doing";

pub(crate) fn status_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Queued => "queued",
        JobStatus::Running => "running",
        JobStatus::Canceling => "canceling",
        JobStatus::Succeeded => "succeeded",
        JobStatus::Failed => "failed",
        JobStatus::Canceled => "canceled",
        JobStatus::Expired => "expired",
        JobStatus::Unknown => "unknown",
    }
}

impl JobRow {
    pub(crate) fn read(row: &QueryResult) -> Result<Self, DbErr> {
        let word: String = row.try_get("", "status")?;
        let status =
            serde_json::from_value(serde_json::Value::String(word)).unwrap_or(JobStatus::Unknown);
        Ok(Self {
            id: row.try_get("", "id")?,
            fingerprint: row.try_get("", "fingerprint")?,
            request: row.try_get("", "request")?,
            status,
            lease_seq: row.try_get("", "lease_seq")?,
            attempt: row.try_get("", "attempt")?,
            submit_state: SubmitState::of(&row.try_get::<String>("", "submit_state")?),
            handle: row.try_get("", "handle")?,
            submission: row.try_get("", "submission")?,
            estimate_micro: row.try_get("", "estimate_micro")?,
            deadline_at_ms: row.try_get("", "deadline_at_ms")?,
            run_at_ms: row.try_get("", "run_at_ms")?,
            created_at_ms: row.try_get("", "created_at_ms")?,
            started_at_ms: row.try_get("", "started_at_ms")?,
            finished_at_ms: row.try_get("", "finished_at_ms")?,
            version: row.try_get("", "version")?,
            stage: row.try_get("", "stage")?,
            result: row.try_get("", "result")?,
            error: row.try_get("", "error")?,
            parent_id: row.try_get("", "parent_id")?,
            child_key: row.try_get("", "child_key")?,
            child_of: row.try_get("", "child_of")?,
            waits: row.try_get::<i64>("", "waits")? != 0,
            owner: row.try_get("", "owner")?,
            reached: row.try_get("", "reached")?,
            doing: row.try_get("", "doing")?,
        })
    }

    /// What is written down when it ends, before it is known how.
    pub(crate) fn spent(&self) -> Spent {
        let asked = self.new_job();
        let kind = asked.as_ref().and_then(|a| kind_of(a.kind)).map_or("", word_of);
        Spent {
            agent: asked
                .as_ref()
                .and_then(|a| a.agent.as_ref())
                .map_or_else(String::new, |name| name.chars().take(LONGEST_NAME).collect()),
            engine: asked.map(|a| a.engine).unwrap_or_default(),
            kind: kind.to_owned(),
            attempts: self.attempt.max(1),
            took_ms: self.started_at_ms.map_or(0, |from| (now_ms() - from).max(0)),
            ..Spent::default()
        }
    }

    /// Its place in a list, newest first.
    pub(crate) fn place(&self) -> (i64, String) {
        (self.created_at_ms, self.id.clone())
    }

    /// How long it was worked on, once it has ended.
    pub(crate) fn took_ms(&self) -> Option<i64> {
        Some((self.finished_at_ms? - self.started_at_ms?).max(0))
    }

    /// It was to be stopped when oTo ended.
    pub(crate) fn wants_stop(&self) -> bool {
        self.stage == "stop"
    }

    /// Names the submission at the engine: that which was being sent when oTo ended, else one for
    /// this attempt.
    pub(crate) fn submission_id(&self) -> String {
        match (&self.submission, self.submit_state) {
            (Some(sent), SubmitState::Submitting | SubmitState::Submitted) => sent.clone(),
            _ => format!("{}-{}", self.id, self.attempt),
        }
    }

    pub(crate) fn new_job(&self) -> Option<NewJob> {
        serde_json::from_str(&self.request).ok()
    }

    /// Hashes of everything the job made or worked from.
    pub(crate) fn media(&self) -> Vec<String> {
        let made = self.result().into_iter().flat_map(|r| r.outputs).map(|o| o.hash);
        let used = self.new_job().map(|job| used(&job.inputs));
        made.chain(used.into_iter().flatten()).collect()
    }

    /// What it made.
    pub(crate) fn result(&self) -> Option<JobResult> {
        serde_json::from_str(self.result.as_deref()?).ok()
    }

    /// Why it ended without a result.
    pub(crate) fn error(&self) -> Option<JobError> {
        serde_json::from_str(self.error.as_deref()?).ok()
    }

    /// What its work is called whatever its engine says.
    pub(crate) fn kept_title(&self) -> Option<String> {
        let of: ChildOf = serde_json::from_str(self.child_of.as_deref()?).ok()?;
        of.keeps_title.then_some(of.title)
    }

    /// As a part of its whole.
    pub(crate) fn as_stage(&self) -> Option<JobStage> {
        let asked = self.new_job()?;
        let of: ChildOf = serde_json::from_str(self.child_of.as_deref()?).ok()?;
        Some(JobStage {
            id: self.id.clone(),
            key: self.child_key.clone()?,
            title: of.title,
            kind: asked.kind,
            engine: asked.engine,
            model: asked.model,
            prompt: asked.prompt,
            seed: asked.seed,
            params: asked.params,
            from_stages: of.from_stages,
            from_inputs: of.from_inputs,
        })
    }

    /// The job as people see it; `live` is its progress if it runs here.
    pub(crate) fn job(&self, live: Option<&Live>) -> Job {
        let asked = self.new_job();
        let result = self.result().unwrap_or_default();
        let progress = match live {
            Some(live) => Some(JobProgress { value: live.value, message: live.message.clone() }),
            None if self.status == JobStatus::Succeeded => {
                Some(JobProgress { value: 1.0, message: String::new() })
            }
            None if self.status == JobStatus::Running && self.reached > 0.0 => {
                Some(JobProgress { value: self.reached as f32, message: self.doing.clone() })
            }
            None if !self.stage.is_empty() => {
                Some(JobProgress { value: 0.0, message: self.stage.clone() })
            }
            None => None,
        };
        Job {
            id: self.id.clone(),
            version: self.version as u64 * 1_000_000 + live.map_or(0, |l| l.ticks),
            kind: asked.as_ref().map_or(JobKind::Unknown, |a| a.kind),
            engine: asked.as_ref().map_or_else(String::new, |a| a.engine.clone()),
            model: if result.model.is_empty() {
                asked.as_ref().map_or_else(String::new, |a| a.model.clone())
            } else {
                result.model
            },
            // While its stages run, so does it.
            status: if self.waits && self.status == JobStatus::Queued {
                JobStatus::Running
            } else {
                self.status
            },
            progress,
            queue_position: None,
            attempt: self.attempt as u32,
            next_try_at_ms: (self.status == JobStatus::Queued && self.attempt > 0)
                .then_some(self.run_at_ms),
            created_at_ms: self.created_at_ms,
            started_at_ms: self.started_at_ms,
            finished_at_ms: self.finished_at_ms,
            outputs: result.outputs,
            title: result.title,
            text: result.text,
            seed: asked.map_or(0, |a| a.seed),
            label: result.label,
            draft: result.draft,
            error: self.error(),
            cost: JobCost { micro: result.cost_micro },
            stages: Vec::new(),
        }
    }
}
