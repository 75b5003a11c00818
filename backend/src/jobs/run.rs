//! Workers: claim a job, let its engine work under a lease, write its end.

use std::sync::Arc;
use std::time::Duration;

use oto_api_types::JobStatus;
use oto_engines::{Context, Engine, EngineError, ErrorClass, Request};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::end::{Ended, finish, wire_error, written};
use super::queue::{self, Lost};
use super::row::{JobRow, SubmitState};
use super::sources;
use super::stages;
use super::stages::Turn;
use super::submission::Submission;
use crate::convert::request_of;
use crate::db::{now_ms, value};
use crate::routes::providers;
use crate::state::{AppState, Live};

/// How many jobs run at once; of one lane fewer run, see `queue`.
const SLOTS: usize = 32;
/// How long a locked keyring is left alone.
const KEYRING_MS: u64 = 60_000;

/// How often a lease is renewed; it lasts three times as long.
const RENEW: Duration = Duration::from_secs(20);
/// How often leases and deadlines are looked after.
const SWEEP: Duration = Duration::from_secs(30);
/// How long a quit waits for what is being sent to an engine that may charge for it.
pub(super) const SENDING: Duration = Duration::from_secs(20);
/// How long a quit waits for everything else.
const ENDING: Duration = Duration::from_secs(2);

/// Runs until the home stops, and until what runs has been given back.
pub(crate) async fn work(state: AppState) {
    let tasks = TaskTracker::new();
    tokio::join!(claim_all(&state, &tasks), sweep_all(&state));
    tasks.close();
    let mut sending = state.sending.subscribe();
    tokio::select! {
        _ = sending.wait_for(|n| *n == 0) => {}
        () = state.hurry.cancelled() => {}
        // A little later than the sending itself is given up.
        () = tokio::time::sleep(SENDING + ENDING) => {}
    }
    if tokio::time::timeout(ENDING, tasks.wait()).await.is_err() {
        tracing::warn!("jobs that did not stop are taken up again at the next start");
    }
}

/// Looks after what no worker looks after: leases that ran out, and jobs whose time is over.
async fn sweep_all(state: &AppState) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = state.stop.cancelled() => return,
        }
        let busy: Vec<String> = state.live().keys().cloned().collect();
        let outcome = async {
            let recovered =
                queue::recover(&state.db, &state.owner, Lost::RanOut(&busy), state.prices).await?;
            Ok::<_, sea_orm::DbErr>(recovered + queue::expire(&state.db, state.prices).await?)
        };
        match outcome.await {
            Ok(0) => {}
            Ok(_) => {
                state.tick_all();
                state.work.notify_one();
            }
            Err(error) => tracing::error!(%error, "leases and deadlines could not be looked after"),
        }
    }
}

async fn claim_all(state: &AppState, tasks: &TaskTracker) {
    // Beside other servers only what nobody renews any more is lost.
    let lost = if state.server.is_some() { Lost::RanOut(&[]) } else { Lost::Everything };
    if let Err(error) = queue::recover(&state.db, &state.owner, lost, state.prices).await {
        tracing::error!(%error, "jobs of the last start could not be recovered");
    }
    if let Err(error) = stages::sweep(state).await {
        tracing::error!(%error, "old stages could not be dropped");
    }
    let slots = Arc::new(Semaphore::new(SLOTS));
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot,
            () = state.stop.cancelled() => return,
        };
        let Ok(slot) = slot else { return };
        let claimed = match queue::expire(&state.db, state.prices).await {
            Ok(_) => queue::claim(&state.db, &state.owner).await,
            Err(error) => Err(error),
        };
        match claimed {
            Ok(Some(row)) => {
                let state = state.clone();
                tasks.spawn(async move {
                    let (own, lost) = (state.clone(), row.clone());
                    if tokio::spawn(async move { run(&own, row).await }).await.is_err() {
                        give_up(&state, &lost).await;
                    }
                    drop(slot);
                    state.work.notify_one();
                });
            }
            outcome => {
                if let Err(error) = outcome {
                    tracing::error!(%error, "no job could be claimed");
                }
                drop(slot);
                let due = queue::next_due_ms(&state.db).await.ok().flatten();
                // Beside other servers a job may come without a bell.
                let longest = if state.server.is_some() { 1_000 } else { 30_000 };
                let wait = due.map_or(longest, |due| (due - now_ms()).clamp(10, longest));
                tokio::select! {
                    () = state.work.notified() => {}
                    () = tokio::time::sleep(Duration::from_millis(wait as u64)) => {}
                    () = state.stop.cancelled() => return,
                }
            }
        }
    }
}

/// An engine panicked: the job fails alone, with a sentence.
async fn give_up(state: &AppState, row: &JobRow) {
    state.live().remove(&row.id);
    let error = EngineError::new(
        ErrorClass::Internal,
        "internal",
        "oTo made a mistake while making this; try again, and report it if it happens again",
    );
    let told = Some(wire_error(&error));
    let end = || queue::end(&state.db, row, JobStatus::Failed, told.as_ref(), state.prices);
    if let Err(error) = renewed(state, row, written(row, end)).await {
        tracing::error!(job.id = %row.id, %error, "the end of job {} could not be written", row.id);
    }
    state.tick(&row.id);
}

async fn run(state: &AppState, row: JobRow) {
    let live = Live { cancel: state.stop.child_token(), ..Live::default() };
    let cancel = live.cancel.clone();
    state.live().insert(row.id.clone(), live);
    // A stop may have come between the claim and this line.
    if row.wants_stop()
        || matches!(queue::find(&state.db, &row.id).await, Ok(Some(now)) if now.status == JobStatus::Canceling)
    {
        cancel.cancel();
    }
    state.tick(&row.id);
    let outcome = under_lease(state, &row, cancel).await;
    if let Err(error) = renewed(state, &row, finish(state, &row, outcome)).await {
        tracing::error!(job.id = %row.id, %error, "the end of job {} could not be written", row.id);
    }
    state.live().remove(&row.id);
    state.tick(&row.id);
}

/// Renews the lease while the end of a job is written: a film may be long on its way to the store.
async fn renewed<T>(state: &AppState, row: &JobRow, end: impl Future<Output = T>) -> T {
    let renewing = async {
        loop {
            tokio::time::sleep(RENEW).await;
            if let Err(error) = queue::renew(&state.db, row).await {
                tracing::warn!(job.id = %row.id, %error, "a lease could not be renewed");
            }
        }
    };
    tokio::select! {
        ended = end => ended,
        () = renewing => unreachable!("it goes on for ever"),
    }
}

/// Lets the engine work while the lease is renewed.
async fn under_lease(
    state: &AppState,
    row: &JobRow,
    cancel: tokio_util::sync::CancellationToken,
) -> Ended {
    let folder = state.scratch.join(&row.id);
    let prepared = prepare(state, row, &folder, cancel).await;
    let (engine, context, request) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return Ended::Failed(error),
    };
    let request = match stages::turn(state, row, &engine, request).await {
        Ok(Turn::Ready(request)) => request,
        Ok(Turn::Park) => return Ended::Parked,
        Err(error) => return Ended::Failed(error),
    };
    // What an engine has is asked for at least once more, however late it is.
    let least = if row.submit_state == SubmitState::None { 1 } else { 60_000 };
    let deadline = Duration::from_millis((row.deadline_at_ms - now_ms()).max(least) as u64);
    let submission = Submission::new(state, row, engine.as_ref(), &context);
    let making = submission.make(&request);
    tokio::pin!(making);
    let renewing = async {
        let mut told = Told { reached: 0.0, poked: 0 };
        for beat in 1u32.. {
            tokio::time::sleep(Duration::from_secs(2)).await;
            let renewed = if beat.is_multiple_of(10) {
                queue::renew(&state.db, row).await
            } else if state.server.is_some() {
                tell_others(state, row, &context.cancel, &mut told).await
            } else {
                Ok(true)
            };
            if matches!(renewed, Ok(false)) {
                return;
            }
        }
    };
    let outcome = tokio::select! {
        outcome = &mut making => outcome,
        () = renewing => return Ended::Lost,
        () = tokio::time::sleep(deadline) => {
            submission.abandon().await;
            Err(EngineError::new(ErrorClass::Expired, "expired", "This took longer than its limit and was stopped."))
        }
    };
    match outcome {
        // The home stops: the next start runs the job again.
        Err(error) if state.stop.is_cancelled() && error.class == ErrorClass::Canceled => {
            Ended::Stopped
        }
        Ok(outcome) => {
            let draft = outcome.draft || engine.describe().draft;
            Ended::Made(outcome, draft, context.meter.usage())
        }
        Err(error) => Ended::Failed(error),
    }
}

/// What other processes were told and said of a job.
struct Told {
    reached: f32,
    /// How often its provider said that something changed.
    poked: i64,
}

/// Beside other servers: writes down how far a job is, and hears whether it is to be stopped, since
/// whoever asks may ask elsewhere. False when the lease was lost.
async fn tell_others(
    state: &AppState,
    row: &JobRow,
    cancel: &tokio_util::sync::CancellationToken,
    told: &mut Told,
) -> Result<bool, sea_orm::DbErr> {
    let now = state.live().get(&row.id).map(|l| (l.value, l.message.clone()));
    if let Some((value, message)) = now
        && value > told.reached
    {
        told.reached = value;
        if !queue::reached(&state.db, row, value, &message).await? {
            return Ok(false);
        }
    }
    match queue::find(&state.db, &row.id).await? {
        Some(now) if now.lease_seq != row.lease_seq => Ok(false),
        Some(now) => {
            if now.status == JobStatus::Canceling {
                cancel.cancel();
            }
            let sql = "SELECT poked FROM job WHERE id = $1";
            let poked = value(&state.db, sql, vec![row.id.clone().into()]).await?.unwrap_or(0);
            if poked > told.poked {
                told.poked = poked;
                if let Some(live) = state.live().get(&row.id) {
                    live.poke.notify_one();
                }
            }
            Ok(true)
        }
        None => Ok(false),
    }
}

async fn prepare(
    state: &AppState,
    row: &JobRow,
    folder: &std::path::Path,
    cancel: tokio_util::sync::CancellationToken,
) -> Result<(Arc<dyn Engine>, Context, Request), EngineError> {
    let no_folder = |e: std::io::Error| {
        EngineError::new(
            ErrorClass::Unavailable,
            "disk",
            format!("No folder could be made for this job: {e}. Make room on the disk."),
        )
    };
    let asked = row.new_job().ok_or_else(|| {
        EngineError::new(
            ErrorClass::Internal,
            "old_job",
            "This job was made by another version of oTo and cannot be read.",
        )
    })?;
    let engine = state.registry().get(&asked.engine).ok_or_else(|| {
        EngineError::new(
            ErrorClass::InvalidRequest,
            "no_engine",
            format!(
                "There is no engine “{}” any more. Choose another one on the agent.",
                asked.engine
            ),
        )
    })?;
    // Sources that were uploaded at another server.
    sources::bring(state, row.media()).await?;
    let request = request_of(&asked, &state.blobs, row.submission_id())?;
    let keys = Arc::clone(&state.keys);
    let (name, base_url) = (asked.engine.clone(), state.base_url_of(&asked.engine));
    let key = if asked.engine.starts_with("local-") {
        None
    } else {
        let found = tokio::task::spawn_blocking(move || keys.key(&name, &base_url)).await;
        match found.unwrap_or_else(|_| Err("the keyring gave no answer".to_owned())) {
            Ok(key) => key,
            // A server on this machine works without a key, and so without a keyring.
            Err(_) if !engine.describe().needs_key => None,
            Err(e) => {
                let sentence = format!("The key could not be read: {e}. Then try again.");
                let error = EngineError::new(ErrorClass::Auth, "keyring", sentence);
                if row.submit_state == SubmitState::None {
                    return Err(error);
                }
                // The engine has it: a locked keyring is waited for, not failed.
                let retry_after_ms = Some(KEYRING_MS);
                return Err(EngineError {
                    class: ErrorClass::RateLimited,
                    retry_after_ms,
                    ..error
                });
            }
        }
    };
    tokio::fs::create_dir_all(folder).await.map_err(no_folder)?;
    let (sink, id) = (state.clone(), row.id.clone());
    let progress = Arc::new(move |value: f32, message: &str| {
        if let Some(live) = sink.live().get_mut(&id) {
            live.value = live.value.max(value.clamp(0.0, 1.0));
            message.clone_into(&mut live.message);
            live.ticks += 1;
        }
        sink.tick(&id);
    });
    let context = Context {
        key,
        workers: state.workers.clone(),
        folder: folder.to_owned(),
        progress,
        webhook: state.server.as_ref().and_then(|s| providers::told(s, &asked.engine)),
        meter: oto_engines::Meter::default(),
        draft: state.live().get(&row.id).map(|live| live.draft.clone()).unwrap_or_default(),
        cancel,
        now_ms: Arc::new(now_ms),
        probe: Arc::new(state.workers.clone()),
    };
    Ok((engine, context, request))
}
