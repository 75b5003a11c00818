//! The end of a job: what was made is kept, and how it ended is written down, again and again while the
//! disk, the store or the database refuses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use oto_api_types::{JobError, JobOutput, JobStatus};
use oto_engines::{Body, EngineError, ErrorClass, Outcome, TokenUsage};
use oto_media::sniff::{Sniffed, sniff};

use super::queue;
use super::row::{JobResult, JobRow, SubmitState};
use super::{sources, stages, submission};
use crate::BackendError;
use crate::assets::drop;
use crate::blobs::Blobs;
use crate::db::{all, execute, now_ms, one};
use crate::state::AppState;

/// Tries of a job that may succeed later.
const MAX_ATTEMPTS: i64 = 4;
/// How long the end of a job is written again and again.
const STUBBORN: Duration = Duration::from_secs(50);
/// Between two such tries, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// How the work on a job ended here.
pub(super) enum Ended {
    /// The lease was lost: nothing more is written.
    Lost,
    /// The home stops.
    Stopped,
    /// Its stages were begun.
    Parked,
    /// The result, whether it is a draft, and the tokens it took.
    Made(Outcome, bool, TokenUsage),
    /// Not made.
    Failed(EngineError),
}

pub(super) async fn finish(
    state: &AppState,
    row: &JobRow,
    outcome: Ended,
) -> Result<(), BackendError> {
    let folder = state.scratch.join(&row.id);
    match outcome {
        Ended::Lost => {}
        Ended::Stopped => {
            queue::give_back(&state.db, row).await?;
        }
        Ended::Parked => {
            queue::park(&state.db, row, state.prices).await?;
            let now = queue::find(&state.db, &row.id).await?;
            if now.is_some_and(|now| now.status == JobStatus::Canceled) {
                // The stop came while stages were begun.
                stages::cancel(state, &row.id).await?;
            }
        }
        Ended::Made(mut outcome, draft, tokens) => {
            outcome.title = row.kept_title().unwrap_or(outcome.title);
            // A database that is away now does not lose what was made.
            let read = written(row, || stages::readable(state, row, &outcome.text)).await?;
            if let Some(text) = read {
                if let Some(main) = outcome.outputs.first_mut() {
                    main.body = Body::Memory(text.clone().into_bytes());
                }
                outcome.text = text;
            }
            let (outcome, brought) = expected(state, row, outcome).await?;
            match stored(state, row, outcome, draft, tokens).await? {
                Ok(result) => {
                    keep(state, row, &result, &brought).await?;
                    written(row, || queue::succeed(&state.db, row, &result, state.prices)).await?;
                    for hash in brought.expected {
                        drop::brought(&state.db, &hash).await?;
                    }
                }
                // Its operator may be about to make room; the engine still has what it made.
                Err(_) if state.stop.is_cancelled() => {
                    queue::give_back(&state.db, row).await?;
                }
                Err(error) => {
                    let error = EngineError::new(
                        ErrorClass::Internal,
                        "disk",
                        format!("The result could not be kept: {error}"),
                    );
                    let told = Some(wire_error(&error));
                    written(row, || {
                        queue::end(&state.db, row, JobStatus::Failed, told.as_ref(), state.prices)
                    })
                    .await?;
                }
            }
        }
        Ended::Failed(error) if error.class == ErrorClass::Canceled => {
            let told = None::<JobError>;
            written(row, || {
                queue::end(&state.db, row, JobStatus::Canceled, told.as_ref(), state.prices)
            })
            .await?;
        }
        Ended::Failed(error) if error.code == "expired" => {
            let told = Some(wire_error(&error));
            written(row, || {
                queue::end(&state.db, row, JobStatus::Expired, told.as_ref(), state.prices)
            })
            .await?;
        }
        Ended::Failed(error) if error.class == ErrorClass::EngineLostJob && row.attempt == 1 => {
            // Only for what is free: what may have been paid for comes as another class.
            queue::forget_handle(&state.db, row).await?;
            queue::postpone(&state.db, row, now_ms() + 2_000, &error.message, state.prices).await?;
        }
        Ended::Failed(error) if is_tried_again(&error, row) => {
            let backoff = 2_000 * 3i64.pow((row.attempt - 1).clamp(0, 5) as u32);
            let asked = error.retry_after_ms.map_or(backoff, |ms| ms as i64);
            let wait = asked.clamp(1_000, 86_400_000);
            // Before the job can be claimed again: the next attempt has the same folder.
            tokio::fs::remove_dir_all(&folder).await.ok();
            state.live().remove(&row.id);
            let stage = format!("{} Next try in {} s.", error.message, (wait + 999) / 1000);
            queue::postpone(&state.db, row, now_ms() + wait, &stage, state.prices).await?;
        }
        Ended::Failed(error) => {
            // The engine was asked before, and did not say what became of it until the deadline.
            let is_open = row.submit_state != SubmitState::None && error.class.may_retry();
            let told = Some(wire_error(&if is_open { submission::unknown() } else { error }));
            written(row, || {
                queue::end(&state.db, row, JobStatus::Failed, told.as_ref(), state.prices)
            })
            .await?;
        }
    }
    // Scratch files; what was of use is a blob now.
    tokio::fs::remove_dir_all(folder).await.ok();
    Ok(())
}

/// Whether a job that failed goes back into the queue.
fn is_tried_again(error: &EngineError, row: &JobRow) -> bool {
    if !error.class.may_retry() {
        return false;
    }
    if row.submit_state != SubmitState::None {
        // The engine may have it, and it may be paid for: to ask what became of it costs nothing.
        return now_ms() < row.deadline_at_ms;
    }
    // To be told to wait is no failure, nor is a store that is away: the deadline bounds it.
    error.class == ErrorClass::RateLimited
        || matches!(error.code, sources::AWAY | sources::ELSEWHERE)
        || row.attempt < MAX_ATTEMPTS
}

/// Media that a job brings.
#[derive(Default)]
struct Brought {
    /// Nobody drops them until they are used.
    expected: Vec<String>,
    /// A drop of the same goes on that does not end.
    beside_drop: Vec<String>,
}

/// On a server: nobody drops the same bytes while they are kept.
async fn expected(
    state: &AppState,
    row: &JobRow,
    outcome: Outcome,
) -> Result<(Outcome, Brought), BackendError> {
    let mut brought = Brought::default();
    if state.server.is_none() {
        return Ok((outcome, brought));
    }
    let named = tokio::task::spawn_blocking(move || {
        let names = outcome.outputs.iter().map(|output| match &output.body {
            Body::Memory(bytes) => Ok(blake3::hash(bytes).to_hex().to_string()),
            Body::File(path) => Blobs::hash_of(path),
        });
        let names = names.collect::<Result<Vec<_>, _>>();
        (outcome, names)
    });
    let (outcome, names) = named.await.map_err(|e| BackendError::Stopped(e.to_string()))?;
    // What cannot be read is said when it is stored.
    let names = names.unwrap_or_default();
    // From here on this job needs them, so that no drop begins.
    if let Err(error) = queue::media::note(&state.db, &row.id, names.clone(), false).await {
        tracing::warn!(job.id = %row.id, %error, "media of a result could not be noted");
    }
    for hash in names {
        match drop::expect(&state.db, &hash).await {
            Ok(()) => brought.expected.push(hash),
            Err(refusal) => {
                tracing::warn!(asset.hash = %hash, "a result is kept beside its drop: {}", refusal.sentence());
                brought.beside_drop.push(hash);
            }
        }
    }
    Ok((outcome, brought))
}

/// Writes what was made into the media folder; a disk that is full for a moment does not lose it.
async fn stored(
    state: &AppState,
    row: &JobRow,
    outcome: Outcome,
    draft: bool,
    tokens: TokenUsage,
) -> Result<Result<JobResult, BackendError>, BackendError> {
    let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
    let work = Arc::new((outcome, Mutex::new(Vec::new())));
    loop {
        let (blobs, work) = (state.blobs.clone(), Arc::clone(&work));
        let stored = tokio::task::spawn_blocking(move || {
            let mut outputs = work.1.lock().unwrap_or_else(PoisonError::into_inner);
            store(&blobs, &work.0, &mut outputs, draft, tokens)
        });
        match stored.await.map_err(|e| BackendError::Stopped(e.to_string()))? {
            Err(error) if begun.elapsed() + wait < STUBBORN && !state.stop.is_cancelled() => {
                tracing::warn!(job.id = %row.id, %error, "a result is written again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            outcome => return Ok(outcome),
        }
    }
}

/// Brings what was made to the store. A store that is away now gets it later: what was paid for is
/// never lost to that.
async fn keep(
    state: &AppState,
    row: &JobRow,
    result: &JobResult,
    brought: &Brought,
) -> Result<(), BackendError> {
    for output in &result.outputs {
        let kept = state.blobs.keep(&output.hash, &output.content_type).await;
        if let Err(error) = &kept {
            tracing::warn!(asset.hash = %output.hash, %error, "a result is kept here until the store answers");
        }
        // What is there now may go when the drop ends.
        if kept.is_err() || brought.beside_drop.contains(&output.hash) {
            let sql =
                "INSERT INTO blob_keep (hash, content_type) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            let write = async || {
                let values = vec![output.hash.clone().into(), output.content_type.clone().into()];
                execute(&state.db, sql, values).await.map(|n| n > 0)
            };
            written(row, write).await?;
        }
    }
    Ok(())
}

/// Media that lie here and that the store has not got yet.
pub(crate) async fn not_kept(state: &AppState) -> Result<Vec<(String, String)>, sea_orm::DbErr> {
    let sql = "SELECT hash, content_type FROM blob_keep ORDER BY hash";
    let mut found = Vec::new();
    for row in all(&state.db, sql, vec![]).await? {
        let (hash, content_type): (String, String) =
            (row.try_get("", "hash")?, row.try_get("", "content_type")?);
        // Others lie at another process.
        if state.blobs.find(&hash).is_some() {
            found.push((hash, content_type));
        }
    }
    Ok(found)
}

/// Brings to the store what it did not take before, until it refuses again.
pub(crate) async fn keep_late(state: &AppState) -> Result<(), sea_orm::DbErr> {
    for (hash, content_type) in not_kept(state).await? {
        // What the store has while a drop of it goes on may go with that.
        let sql = "SELECT 1 AS yes FROM blob_drop WHERE hash = $1 AND dropping = 1";
        if one(&state.db, sql, vec![hash.clone().into()]).await?.is_some() {
            continue;
        }
        match state.blobs.keep(&hash, &content_type).await {
            Ok(()) => {}
            // It refuses the others as well.
            Err(BackendError::Store(_)) => break,
            Err(error) => {
                tracing::warn!(asset.hash = %hash, %error, "a result cannot be brought to the store");
                continue;
            }
        }
        execute(&state.db, "DELETE FROM blob_keep WHERE hash = $1", vec![hash.into()]).await?;
    }
    Ok(())
}

pub(super) fn wire_error(error: &EngineError) -> JobError {
    JobError {
        code: error.code.to_owned(),
        class: error.class.word().to_owned(),
        message: error.message.clone(),
        retryable: error.class.may_retry(),
        provider_status: error.provider_status,
    }
}

/// Writes down how a job ended; a database that is busy or full for a moment does not lose it, nor have
/// it made a second time.
pub(super) async fn written<T, F: Future<Output = Result<T, sea_orm::DbErr>>>(
    row: &JobRow,
    write: impl Fn() -> F,
) -> Result<T, BackendError> {
    let (begun, mut wait) = (Instant::now(), FIRST_WAIT);
    loop {
        match write().await {
            Err(error) if begun.elapsed() + wait < STUBBORN => {
                tracing::warn!(job.id = %row.id, %error, "the end of a job is written down again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// Stores what is not among the outputs yet.
fn store(
    blobs: &Blobs,
    outcome: &Outcome,
    outputs: &mut Vec<JobOutput>,
    draft: bool,
    tokens: TokenUsage,
) -> Result<JobResult, BackendError> {
    for output in &outcome.outputs[outputs.len()..] {
        let hash = match &output.body {
            Body::Memory(bytes) => blobs.put(bytes)?,
            Body::File(path) => blobs.adopt(path)?,
        };
        let path =
            blobs.find(&hash).ok_or_else(|| BackendError::Stopped("media vanished".to_owned()))?;
        let (size, head) = head_of(&path)?;
        let content_type = sniff(&head).map_or("application/octet-stream", Sniffed::mime);
        outputs.push(JobOutput {
            role: output.role.word().to_owned(),
            hash,
            content_type: content_type.to_owned(),
            size,
            size_px: output.size_px,
            duration_ms: output.duration_ms,
            average_rgb: output.average_rgb,
        });
    }
    Ok(JobResult {
        outputs: outputs.clone(),
        title: outcome.title.clone(),
        text: outcome.text.clone(),
        model: outcome.model.clone(),
        label: outcome.label.clone(),
        draft,
        cost_micro: outcome.cost_micro,
        tokens_in: tokens.input,
        tokens_out: tokens.output,
    })
}

/// Length and first bytes. A text must be whole to be told from other bytes, so small files are
/// read whole.
fn head_of(path: &std::path::Path) -> Result<(u64, Vec<u8>), BackendError> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(BackendError::io("opening media"))?;
    let size = file.metadata().map_err(BackendError::io("looking at media"))?.len();
    let mut head = Vec::new();
    file.take(if size < 1 << 20 { 1 << 20 } else { 64 })
        .read_to_end(&mut head)
        .map_err(BackendError::io("reading media"))?;
    Ok((size, head))
}

#[cfg(test)]
mod tests {
    use oto_api_types::NewJob;
    use oto_engines::Estimate;

    use super::*;
    use crate::jobs::queue::{Lost, accept, claim, recover, submitting};

    #[tokio::test(flavor = "multi_thread")]
    async fn what_an_engine_may_have_is_asked_for_until_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::open(&folder.path().join("jobs.sqlite")).await.unwrap();
        let job = r#"{"kind": "text", "engine": "core", "prompt": "a tram", "seed": 1}"#;
        let job: NewJob = serde_json::from_str(job).unwrap();
        accept(&db, "one", &job, Estimate::UNKNOWN, None).await.unwrap();
        let fresh = claim(&db, "me").await.unwrap().unwrap();
        let away = EngineError::new(ErrorClass::Network, "network", "away");
        let store = EngineError::new(ErrorClass::Unavailable, sources::AWAY, "away");
        let wrong = EngineError::new(ErrorClass::InvalidRequest, "wrong", "wrong");
        let mut often = fresh.clone();
        often.attempt = 9;
        assert!(is_tried_again(&away, &fresh) && !is_tried_again(&away, &often));
        assert!(is_tried_again(&store, &often) && !is_tried_again(&wrong, &fresh));
        // The home ends while the engine is being asked.
        submitting(&db, &fresh, "one-1").await.unwrap();
        recover(&db, "me", Lost::Everything, crate::jobs::charge::Prices::new(1)).await.unwrap();
        let mut asked = claim(&db, "me").await.unwrap().unwrap();
        asked.attempt = 9;
        assert!(is_tried_again(&away, &asked) && !is_tried_again(&wrong, &asked));
        asked.deadline_at_ms = 1;
        assert!(!is_tried_again(&away, &asked));
    }
}
