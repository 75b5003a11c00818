//! One submission to an engine: sent once, looked up after a crash, asked until it ends, stopped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oto_engines::{
    Context, Engine, EngineError, ErrorClass, Lookup, Outcome, Pending, Polled, Request, Stopped,
    Submitted,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::queue;
use super::row::{JobRow, SubmitState};
use super::run::SENDING;
use crate::db::now_ms;
use crate::state::AppState;

/// Between two questions, unless the engine says otherwise.
const PACE_MS: u64 = 1_000;
/// Longest wait between two questions.
const MOST_WAIT_MS: u64 = 120_000;
/// Answers without sense that are read again.
const MOST_NONSENSE: u32 = 2;
/// How long a stop that was asked for may take.
const STOP_MS: i64 = 600_000;

/// A job at its engine.
pub(super) struct Submission<'a> {
    state: &'a AppState,
    row: &'a JobRow,
    engine: &'a dyn Engine,
    context: &'a Context,
    /// The same without the stop: to ask what became of it.
    after_stop: Context,
    handle: Mutex<Option<String>>,
    /// Rings when the provider says that something changed.
    poke: Arc<Notify>,
}

impl<'a> Submission<'a> {
    pub(super) fn new(
        state: &'a AppState,
        row: &'a JobRow,
        engine: &'a dyn Engine,
        context: &'a Context,
    ) -> Self {
        let after_stop = Context { cancel: CancellationToken::new(), ..context.clone() };
        let handle = Mutex::new(row.handle.clone());
        let poke = state.live().get(&row.id).map(|live| Arc::clone(&live.poke));
        Self { state, row, engine, context, after_stop, handle, poke: poke.unwrap_or_default() }
    }

    fn handle(&self) -> Option<String> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The result, of this submission or of one that was sent before.
    pub(super) async fn make(&self, request: &Request) -> Result<Outcome, EngineError> {
        if let Some(handle) = self.handle() {
            return self.follow(handle).await;
        }
        if self.row.submit_state == SubmitState::Submitting {
            match self.engine.lookup(self.context, &request.submission_id).await {
                Ok(Lookup::Found(handle)) => {
                    self.keep(&handle).await?;
                    return self.follow(handle).await;
                }
                Ok(Lookup::Absent) => {}
                Ok(Lookup::Unsupported) => return Err(unknown()),
                Err(error) if error.class.may_retry() || error.class == ErrorClass::Canceled => {
                    return Err(error);
                }
                // It says nothing of this submission, whatever it says of the question.
                Err(error) => {
                    tracing::warn!(job.id = %self.row.id, %error, "a submission could not be looked up");
                    return Err(unknown());
                }
            }
        }
        let is_free = self.engine.describe().free;
        let sending = (!is_free).then(|| Sending::begin(self.state));
        // A stop that came before the sending prevents it.
        if self.context.cancel.is_cancelled() {
            return Err(EngineError::canceled());
        }
        // Written down before anything is sent that may cost.
        if !is_free
            && !queue::submitting(&self.state.db, self.row, &request.submission_id)
                .await
                .map_err(|e| database(&e))?
        {
            return Err(lost_lease());
        }
        let answer = if is_free {
            self.engine.submit(self.context, request).await
        } else {
            self.send(request).await
        };
        let handle = match answer {
            Ok(Submitted::Finished(outcome)) => return Ok(outcome),
            Ok(Submitted::Accepted { handle }) => handle,
            Err(error) if error.class == ErrorClass::UnknownOutcome => {
                match self.engine.lookup(&self.after_stop, &request.submission_id).await {
                    Ok(Lookup::Found(handle)) => handle,
                    Ok(Lookup::Absent) => {
                        return Err(EngineError { class: ErrorClass::Unavailable, ..error });
                    }
                    _ if is_free => {
                        return Err(EngineError { class: ErrorClass::Unavailable, ..error });
                    }
                    _ => return Err(EngineError { code: "submission_unknown", ..error }),
                }
            }
            Err(error) => return Err(error),
        };
        self.keep(&handle).await?;
        // From here on a quit need not wait.
        drop(sending);
        self.follow(handle).await
    }

    /// Sends what may cost, once. It is not broken off at once when the home stops: nobody could say
    /// afterwards whether it arrived.
    async fn send(&self, request: &Request) -> Result<Submitted, EngineError> {
        let stop = CancellationToken::new();
        let context = Context { cancel: stop.clone(), ..self.context.clone() };
        let given_up = async {
            self.context.cancel.cancelled().await;
            if !self.state.stop.is_cancelled() {
                // Somebody wants it stopped: the engine says what became of it.
                stop.cancel();
                std::future::pending::<()>().await;
            }
            tokio::select! {
                () = tokio::time::sleep(SENDING) => {}
                () = self.state.hurry.cancelled() => {}
            }
        };
        tokio::select! {
            answer = self.engine.submit(&context, request) => answer,
            () = given_up => Err(EngineError::canceled()),
        }
    }

    /// A handle is on disk before anything else happens.
    async fn keep(&self, handle: &str) -> Result<(), EngineError> {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle.to_owned());
        for pause_ms in [0, 200, 1_000, 5_000] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            match queue::submitted(&self.state.db, self.row, handle).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(lost_lease()),
                Err(error) => {
                    tracing::error!(job.id = %self.row.id, %error, "a handle could not be written");
                }
            }
        }
        // It is known here: to give the job up now would lose what is paid for.
        Ok(())
    }

    /// Asks until it has ended. What passes is waited out: it is never sent again here.
    async fn follow(&self, mut handle: String) -> Result<Outcome, EngineError> {
        let (mut failures, mut nonsense) = (0u32, 0u32);
        let mut stopping_since: Option<i64> = None;
        loop {
            let context = if stopping_since.is_some() { &self.after_stop } else { self.context };
            let polled = tokio::select! {
                polled = self.engine.poll(context, &handle) => polled,
                () = context.cancel.cancelled() => {
                    stopping_since = Some(self.stop(&handle).await?);
                    continue;
                }
            };
            let wait_ms = match polled {
                Ok(Polled::Finished(outcome)) => return Ok(outcome),
                Ok(Polled::Pending(pending)) => {
                    (failures, nonsense) = (0, 0);
                    self.pending(pending, &mut handle).await?
                }
                Err(error) => {
                    let passes = error.class.may_retry();
                    if error.class == ErrorClass::BadResponse && nonsense < MOST_NONSENSE {
                        nonsense += 1;
                    } else if !passes {
                        return Err(self.of_a_paid_one(error));
                    }
                    failures += 1;
                    let backoff = PACE_MS << failures.min(5);
                    if passes {
                        self.context.report(0.0, &error.message);
                    }
                    error.retry_after_ms.unwrap_or(0).max(backoff)
                }
            };
            if stopping_since.is_some_and(|since| now_ms() - since > STOP_MS) {
                return Err(EngineError::canceled());
            }
            let context = if stopping_since.is_some() { &self.after_stop } else { self.context };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(wait_ms.min(MOST_WAIT_MS))) => {}
                () = self.poke.notified() => {}
                () = context.cancel.cancelled() => stopping_since = Some(self.stop(&handle).await?),
            }
        }
    }

    async fn pending(&self, pending: Pending, handle: &mut String) -> Result<u64, EngineError> {
        self.context.report(pending.progress.unwrap_or(0.0), &pending.message);
        if let Some(newer) = pending.handle {
            self.keep(&newer).await?;
            *handle = newer;
        }
        Ok(if pending.wait_ms == 0 { PACE_MS } else { pending.wait_ms })
    }

    /// What a provider lost that may have been paid for is not sent again by itself.
    fn of_a_paid_one(&self, error: EngineError) -> EngineError {
        if error.class == ErrorClass::EngineLostJob && !self.engine.describe().free {
            return EngineError { class: ErrorClass::InvalidRequest, ..error };
        }
        error
    }

    /// Somebody wants it stopped, or the home stops: then nothing is told to the engine, and the
    /// next start goes on with the handle. When it was stopped.
    async fn stop(&self, handle: &str) -> Result<i64, EngineError> {
        if self.state.stop.is_cancelled() {
            return Err(EngineError::canceled());
        }
        match self.engine.cancel(&self.after_stop, handle).await {
            Ok(Stopped::Done) => Err(EngineError::canceled()),
            Ok(Stopped::Requested | Stopped::AlreadyFinished) => Ok(now_ms()),
            Ok(Stopped::NotSupported) => {
                self.context.report(0.0, "This engine cannot stop; what it makes is kept.");
                // Until its deadline.
                Ok(i64::MAX / 2)
            }
            // It may have heard; the next answers tell.
            Err(_) => Ok(now_ms()),
        }
    }

    /// Its time is over: the engine is told, and nobody waits for the answer.
    pub(super) async fn abandon(&self) {
        if let Some(handle) = self.handle() {
            let stop = self.engine.cancel(&self.after_stop, &handle);
            // Whatever it says, the job has ended here.
            drop(tokio::time::timeout(Duration::from_secs(5), stop).await);
        }
    }
}

/// One more that is being sent, until it is dropped.
struct Sending<'a>(&'a AppState);

impl<'a> Sending<'a> {
    fn begin(state: &'a AppState) -> Self {
        state.sending.send_modify(|n| *n += 1);
        Self(state)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.sending.send_modify(|n| *n -= 1);
    }
}

fn lost_lease() -> EngineError {
    EngineError::new(ErrorClass::Internal, "lease_lost", "Another process has taken this job over.")
}

fn database(error: &sea_orm::DbErr) -> EngineError {
    EngineError::new(
        ErrorClass::Unavailable,
        "database",
        format!("The job could not be written down: {error}"),
    )
}

/// It was being sent when oTo ended, and nobody can say whether it arrived.
pub(super) fn unknown() -> EngineError {
    EngineError::new(
        ErrorClass::UnknownOutcome,
        "submission_unknown",
        "oTo was closed while the engine was being asked, so it may have made this already. Trying again may be paid twice.",
    )
}
