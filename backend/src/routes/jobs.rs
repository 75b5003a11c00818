//! Jobs: submit once, look, wait, stop.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use oto_api_types::{Job, JobEstimate, JobKind, JobPage, NewJob};
use oto_engines::Estimate;
use serde::Deserialize;

use crate::convert::request_of;
use crate::error::Refusal;
use crate::jobs::queue::{self, Accepted};
use crate::jobs::stages::{self, shown};
use crate::state::AppState;

/// Longest request, with workflows and timelines in it.
pub(crate) const MAX_JOB: usize = 8 << 20;
/// Longest prompt.
const MAX_PROMPT: usize = 100_000;

/// `POST /jobs`: the `Idempotency-Key` is the job's id, so a lost answer never makes a second job.
pub(crate) async fn submit(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Result<Json<NewJob>, JsonRejection>,
) -> Result<Response, Refusal> {
    let key = headers.get("idempotency-key").and_then(|v| v.to_str().ok());
    let Some(id) = key.and_then(|k| uuid::Uuid::parse_str(k).ok()) else {
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_missing",
            "A job needs an Idempotency-Key header with a UUID.",
        ));
    };
    let job = checked(&state, body)?;
    let estimate = estimate_of(&state, &job);
    match queue::accept(&state.db, &id.to_string(), &job, estimate).await? {
        Accepted::New(row) => {
            state.work.notify_one();
            Ok((StatusCode::ACCEPTED, Json(shown(&state, &row).await?)).into_response())
        }
        Accepted::Replayed(row) => Ok((
            StatusCode::OK,
            [("idempotency-replayed", "true")],
            Json(shown(&state, &row).await?),
        )
            .into_response()),
        Accepted::OverBudget(sentence) => {
            Err(Refusal::new(StatusCode::PAYMENT_REQUIRED, "budget_exceeded", sentence))
        }
        Accepted::OtherBody => Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reuse",
            "Another job was submitted with this key.",
        )),
    }
}

/// A job that somebody here can do.
fn checked(state: &AppState, body: Result<Json<NewJob>, JsonRejection>) -> Result<NewJob, Refusal> {
    let Json(job) = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::validation(
            "This asks for more than 8 MB of words and settings at once; shorten it.",
        ),
        _ => Refusal::validation(e.body_text()),
    })?;
    if job.prompt.len() > MAX_PROMPT {
        return Err(Refusal::validation("A prompt has up to 100,000 bytes; shorten it."));
    }
    let engine = state
        .registry()
        .get(&job.engine)
        .ok_or_else(|| Refusal::validation(format!("There is no engine “{}” here.", job.engine)))?;
    let makes = engine.describe().kinds.iter().any(|k| {
        matches!(
            (k, job.kind),
            (oto_engines::Kind::Text, JobKind::Text)
                | (oto_engines::Kind::Image, JobKind::Image)
                | (oto_engines::Kind::Voice, JobKind::Voice)
                | (oto_engines::Kind::Video, JobKind::Video)
        )
    });
    if !makes {
        return Err(Refusal::validation(format!(
            "The engine “{}” does not make this kind of work.",
            job.engine
        )));
    }
    Ok(job)
}

/// `POST /jobs/estimate`: what a job would cost. Nothing is submitted.
pub(crate) async fn estimate(
    State(state): State<AppState>,
    body: Result<Json<NewJob>, JsonRejection>,
) -> Result<Json<JobEstimate>, Refusal> {
    let job = checked(&state, body)?;
    let range = estimate_of(&state, &job).micro;
    Ok(Json(JobEstimate {
        low_micro: range.map(|[low, _]| low),
        high_micro: range.map(|[_, high]| high),
    }))
}

/// What a job may cost. Of its sources only the words count: no price depends on their media.
fn estimate_of(state: &AppState, job: &NewJob) -> Estimate {
    let mut alone = job.clone();
    for input in &mut alone.inputs {
        (input.hash, input.captions) = (None, None);
    }
    match request_of(&alone, &state.blobs, String::new()) {
        Ok(request) => state.registry().estimate(&job.engine, &request),
        Err(_) => Estimate::UNKNOWN,
    }
}

pub(crate) async fn list(State(state): State<AppState>) -> Result<Json<JobPage>, Refusal> {
    let rows = queue::newest(&state.db, 100).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(shown(&state, row).await?);
    }
    Ok(Json(JobPage { items }))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Wait {
    /// Seconds to wait for a change, at most 25.
    #[serde(default)]
    wait: u64,
    /// The version the caller knows.
    #[serde(default)]
    version: u64,
}

/// `GET /jobs/{id}?wait=25&version=V`: at once when it differs from V or is final, else as soon as
/// it changes.
pub(crate) async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(wait): Query<Wait>,
) -> Result<Json<Job>, Refusal> {
    let mut changes = state.changes();
    let patience = tokio::time::sleep(Duration::from_secs(wait.wait.min(25)));
    tokio::pin!(patience);
    loop {
        let row = queue::find(&state.db, &id).await?.ok_or_else(|| Refusal::not_found("job"))?;
        let job = shown(&state, &row).await?;
        if wait.wait == 0 || job.version != wait.version || job.status.is_final() {
            return Ok(Json(job));
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return Ok(Json(job)) },
            () = &mut patience => return Ok(Json(job)),
            () = state.stop.cancelled() => return Ok(Json(job)),
        }
    }
}

/// `POST /jobs/{id}/cancel`: repeatable; a finished job is answered as it is.
pub(crate) async fn cancel(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<Json<Job>, Refusal> {
    stages::cancel(&state, &id).await?;
    let row = queue::find(&state.db, &id).await?.ok_or_else(|| Refusal::not_found("job"))?;
    Ok(Json(shown(&state, &row).await?))
}

/// `POST /jobs/{id}/release`: the desk has the results on disk. Media that no other job needs is
/// dropped here. Repeatable.
pub(crate) async fn release(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    for hash in queue::release(&state.db, &id).await? {
        state.blobs.remove(&hash);
    }
    Ok(StatusCode::NO_CONTENT)
}
