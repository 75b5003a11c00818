//! Jobs that are made of jobs: stages are begun together with the pause of their whole, which goes
//! on when none of them runs any more. A stage that was made for a whole that failed is taken over
//! by the next one that asks for the same.

mod begin;

use std::collections::BTreeMap;
use std::sync::Arc;

use oto_api_types::{Job, JobInput, JobProgress, JobStatus};
use oto_engines::{Engine, EngineError, ErrorClass, Input, Next, Request, StageState, Stages};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};

use super::row::{COLUMNS, JobRow};
use super::{queue, sources};
use crate::blobs::Blobs;
use crate::convert::{input_of, kind_of, word_of};
use crate::db::{all, execute, immediate, now_ms, one};
use crate::state::{AppState, Live};

/// How long the stages of a whole that failed are kept, to go on from.
const KEEP_MS: i64 = 7 * 86_400_000;
/// Most stages of one whole.
const MOST_STAGES: usize = 500;

/// The stages of a job, in the order they were begun.
pub(crate) async fn of(db: &impl ConnectionTrait, id: &str) -> Result<Vec<JobRow>, DbErr> {
    let sql = format!("SELECT {COLUMNS} FROM job WHERE parent_id = $1 ORDER BY created_at_ms, id");
    all(db, &sql, vec![id.into()]).await?.iter().map(JobRow::read).collect()
}

/// What a look at the stages said.
pub(super) enum Turn {
    /// The engine may put them together: the request with the stages among its inputs.
    Ready(Request),
    /// The job pauses until its stages have ended.
    Park,
}

/// Begins what is to be made next.
pub(super) async fn turn(
    state: &AppState,
    row: &JobRow,
    engine: &Arc<dyn Engine>,
    mut request: Request,
) -> Result<Turn, EngineError> {
    let Some(pipeline) = engine.pipeline() else { return Ok(Turn::Ready(request)) };
    let rows = of(&state.db, &row.id).await.map_err(|e| database(&e))?;
    if rows.is_empty() {
        for (setting, id, kind) in pipeline.needs(&request)? {
            let found = state.registry().get(&id);
            if !found.is_some_and(|e| e.describe().kinds.contains(&kind)) {
                return Err(EngineError::new(
                    ErrorClass::InvalidRequest,
                    "no_engine",
                    format!(
                        "No engine “{id}” here can do what “{setting}” asks. Choose another one on the agent."
                    ),
                ));
            }
        }
    }
    // Others may have made them, or the folder may have had to give them up since.
    let made = rows.iter().filter(|child| child.status == JobStatus::Succeeded);
    sources::bring(state, made.flat_map(JobRow::media).collect()).await?;
    let mut stages = Stages::new();
    for child in &rows {
        if let Some(key) = &child.child_key {
            stages.insert(key.clone(), state_of(child, key, &state.blobs)?);
        }
    }
    match pipeline.next(&request, &stages)? {
        Next::Wait => Ok(Turn::Park),
        Next::Make(more) => {
            if more.is_empty() || rows.len() + more.len() > MOST_STAGES {
                return Err(EngineError::new(
                    ErrorClass::Internal,
                    "too_many_stages",
                    "This would be made of too many parts; shorten the text.",
                ));
            }
            begin::begin(state, row, &more).await?;
            Ok(Turn::Park)
        }
        Next::Assemble => {
            request.inputs.extend(stages.into_values().filter_map(|s| match s {
                StageState::Made(input) => Some(input),
                _ => None,
            }));
            Ok(Turn::Ready(request))
        }
    }
}

fn state_of(child: &JobRow, key: &str, blobs: &Blobs) -> Result<StageState, EngineError> {
    Ok(match child.status {
        JobStatus::Succeeded => {
            let (Some(result), Some(asked)) = (child.result(), child.new_job()) else {
                return Ok(StageState::Failed("It was made by another version of oTo.".to_owned()));
            };
            let hash_of =
                |role: &str| result.outputs.iter().find(|o| o.role == role).map(|o| o.hash.clone());
            let kind = kind_of(asked.kind);
            let made = JobInput {
                role: kind.map_or("text", word_of).to_owned(),
                title: result.title.clone(),
                text: (!result.text.is_empty()).then(|| result.text.clone()),
                hash: hash_of("main"),
                captions: hash_of("captions"),
                label: result.label,
            };
            StageState::Made(Input { stage: Some(key.to_owned()), ..input_of(&made, blobs)? })
        }
        JobStatus::Failed => {
            StageState::Failed(child.error().map(|e| e.message).unwrap_or_default())
        }
        // No fault of its engine: nothing stands in for it.
        JobStatus::Expired => StageState::Stopped("it waited too long.".to_owned()),
        JobStatus::Canceled => StageState::Stopped("it was stopped.".to_owned()),
        _ => StageState::UnderWay,
    })
}

/// The words of a stage as people read them, when its whole has a way to say them.
pub(super) async fn readable(
    state: &AppState,
    row: &JobRow,
    text: &str,
) -> Result<Option<String>, DbErr> {
    let Some(key) = row.child_key.as_ref().filter(|_| !text.is_empty()) else { return Ok(None) };
    let sql =
        format!("SELECT {COLUMNS} FROM job WHERE id = (SELECT parent_id FROM job WHERE id = $1)");
    let found = one(&state.db, &sql, vec![row.id.clone().into()]).await?;
    let Some(whole) = found.as_ref().map(JobRow::read).transpose()? else { return Ok(None) };
    let engine = whole.new_job().and_then(|job| state.registry().get(&job.engine));
    Ok(engine.and_then(|e| e.pipeline()?.readable(key, text)))
}

/// A job as people see it, with its stages.
pub(crate) async fn shown(state: &AppState, row: &JobRow) -> Result<Job, DbErr> {
    let mut job = row.job(state.live().get(&row.id));
    let engine = state.registry().get(&job.engine);
    let Some(pipeline) = engine.as_ref().and_then(|e| e.pipeline()) else { return Ok(job) };
    let rows = of(&state.db, &row.id).await?;
    if rows.is_empty() {
        return Ok(job);
    }
    let live: BTreeMap<String, Live> = {
        let live = state.live();
        rows.iter().filter_map(|r| Some((r.id.clone(), live.get(&r.id)?.clone()))).collect()
    };
    let seen: Vec<Job> = rows.iter().map(|r| r.job(live.get(&r.id))).collect();
    // Grows with every change of any of them.
    job.version += seen.iter().map(|j| j.version).sum::<u64>();
    job.stages = rows.iter().filter_map(JobRow::as_stage).collect();
    if job.status == JobStatus::Running {
        let value = |j: &Job| match j.status {
            JobStatus::Succeeded => 1.0,
            _ => j.progress.as_ref().map_or(0.0, |p| p.value.min(0.99)),
        };
        let parts: Vec<(&str, f32)> =
            job.stages.iter().zip(&seen).map(|(s, j)| (s.key.as_str(), value(j))).collect();
        let done = seen.iter().filter(|j| j.status.is_final()).count();
        let own = job.progress.take().unwrap_or(JobProgress { value: 0.0, message: String::new() });
        let message = if done == seen.len() && !own.message.is_empty() {
            own.message
        } else {
            let now = job.stages.iter().zip(&seen).find(|(_, j)| !j.status.is_final());
            let title = now.map_or("", |(s, _)| s.title.as_str());
            format!("{title} · {done} of {}", seen.len())
        };
        let value = state.highest(&row.id, own.value.max(pipeline.progress(&parts)));
        job.progress = Some(JobProgress { value, message });
    } else if job.status.is_final() {
        state.forget_highest(&row.id);
    }
    Ok(job)
}

/// Asks for a stop of a job and of everything it is made of.
pub(crate) async fn cancel(state: &AppState, id: &str) -> Result<(), DbErr> {
    let mut ids = vec![id.to_owned()];
    // All of them or none: a crash between them would let some go on.
    let txn = state.db.begin_with_options(immediate()).await?;
    queue::cancel(&txn, id).await?;
    for stage in of(&txn, id).await?.into_iter().filter(|s| !s.status.is_final()) {
        queue::cancel(&txn, &stage.id).await?;
        ids.push(stage.id);
    }
    super::charge::settle(&txn, state.prices).await?;
    txn.commit().await?;
    for id in ids {
        if let Some(live) = state.live().get(&id) {
            live.cancel.cancel();
        }
        state.tick(&id);
    }
    // A whole may be waiting for what was stopped.
    state.work.notify_one();
    Ok(())
}

/// Drops the media of stages whose whole failed long ago: nobody goes on from there any more.
pub(super) async fn sweep(state: &AppState) -> Result<(), DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE status = 'succeeded' AND released = 1
         AND parent_id IN (SELECT id FROM job WHERE status IN ('failed', 'canceled', 'expired') AND finished_at_ms < $1)"
    );
    let old = all(&state.db, &sql, vec![(now_ms() - KEEP_MS).into()]).await?;
    for row in &old {
        let row = JobRow::read(row)?;
        let sql = "UPDATE job SET parent_id = NULL WHERE id = $1";
        execute(&state.db, sql, vec![row.id.clone().into()]).await?;
        for hash in queue::unneeded(&state.db, row.media()).await? {
            // On a server somebody may have published it meanwhile.
            if state.server.is_none() {
                state.blobs.remove(&hash);
            } else {
                crate::assets::forget_unused(state, &hash).await?;
            }
        }
    }
    Ok(())
}

fn database(error: &DbErr) -> EngineError {
    EngineError::new(
        ErrorClass::Unavailable,
        "database",
        format!("The parts of this could not be written down: {error}"),
    )
}

#[cfg(test)]
mod tests;
