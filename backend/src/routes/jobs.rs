//! Jobs: submit once, look, wait, stop.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use oto_api_types::{Job, JobEstimate, JobKind, JobPage, NewJob, Problem};
use oto_engines::Estimate;
use serde::Deserialize;

use crate::assets;
use crate::auth::Me;
use crate::blobs::is_hash;
use crate::convert::request_of;
use crate::db::one;
use crate::error::Refusal;
use crate::jobs::queue::{self, Accepted, Owner, Wanted};
use crate::jobs::row::JobRow;
use crate::jobs::stages::{self, shown};
use crate::routes::body;
use crate::state::AppState;
use crate::works::list as cursors;

/// Longest request, with workflows and timelines in it.
pub(crate) const MAX_JOB: usize = 8 << 20;
/// Longest request that others may leave at a server.
const MOST_ON_SERVER: usize = 400_000;
/// Most inputs of one request there.
const MOST_INPUTS: usize = 64;
/// Longest prompt.
const MAX_PROMPT: usize = 100_000;

/// Submits a job. The `Idempotency-Key` is its id, so a lost answer never makes a second one.
#[utoipa::path(post, path = "/jobs", tag = "jobs", security(("bearer" = [])), params(("Idempotency-Key" = String, Header)), request_body = NewJob,
    responses((status = 202, body = Job), (status = 200, body = Job, description = "It was submitted before"), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn submit(
    State(state): State<AppState>,
    me: Me,
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
    let Json(job) = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::validation(
            "This asks for more than 8 MB of words and settings at once; shorten it.",
        ),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", e.body_text())
        }
        _ => Refusal::validation(e.body_text()),
    })?;
    let (row, is_new) = accept(&state, &me, id, job).await?;
    let job = Json(shown(&state, &row).await?);
    if is_new {
        return Ok((StatusCode::ACCEPTED, job).into_response());
    }
    Ok((StatusCode::OK, [("idempotency-replayed", "true")], job).into_response())
}

/// Takes a job for whoever asks, once for its id. True when it is new.
pub(crate) async fn accept(
    state: &AppState,
    me: &Me,
    id: uuid::Uuid,
    job: NewJob,
) -> Result<(JobRow, bool), Refusal> {
    me.may("jobs:write")?;
    let job = checked(state, job)?;
    let estimate = estimate_of(state, &job);
    let owner = match &state.server {
        None => None,
        Some(_) => {
            for input in &job.inputs {
                for hash in input.hash.iter().chain(&input.captions) {
                    may_read(state, me, hash).await?;
                }
            }
            Some(Owner {
                account: me.account.clone(),
                api_key: me.api_key().map(str::to_owned),
                hold_micro: state.prices.hold(job.kind, estimate),
            })
        }
    };
    match queue::accept(&state.db, &id.to_string(), &job, estimate, owner.as_ref()).await? {
        Accepted::New(row) => {
            state.work.notify_one();
            Ok((row, true))
        }
        Accepted::Replayed(row) => Ok((row, false)),
        Accepted::OverBudget(sentence) => {
            Err(Refusal::new(StatusCode::PAYMENT_REQUIRED, "budget_exceeded", sentence))
        }
        Accepted::Poor => Err(Refusal::new(
            StatusCode::PAYMENT_REQUIRED,
            "insufficient_tokens",
            "You have fewer tokens than this may cost. Choose something cheaper, or get more: your wallet says how.",
        )),
        Accepted::OverQuota(sentence) => {
            Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "quota-exceeded", sentence).after(600))
        }
        Accepted::OtherBody => Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reuse",
            "Another job was submitted with this key.",
        )),
    }
}

/// On a server one reads what one uploaded, what one's jobs made and what hangs on the wall.
pub(crate) async fn may_read(state: &AppState, me: &Me, hash: &str) -> Result<(), Refusal> {
    if state.server.is_none() {
        return Ok(());
    }
    let missing = || Refusal::not_found("medium");
    if !is_hash(hash) {
        return Err(missing());
    }
    if assets::is_owned(&state.db, &me.account, hash).await? {
        return Ok(());
    }
    if queue::media::is_made_for(&state.db, &me.account, hash).await? {
        return Ok(());
    }
    let sql = "SELECT 1 AS yes FROM work WHERE (asset = $1 OR poster = $1) AND ((on_wall = 1 AND may_reuse = 1) OR author = $2) LIMIT 1";
    let hung = vec![hash.into(), me.account.clone().into()];
    one(&state.db, sql, hung).await?.map(drop).ok_or_else(missing)
}

/// A job of the caller's.
pub(crate) async fn own(state: &AppState, me: &Me, id: &str) -> Result<JobRow, Refusal> {
    let row = queue::find(&state.db, id).await?.filter(|row| row.owner == me.account);
    row.ok_or_else(|| Refusal::not_found("job"))
}

/// Said of a graph of nodes: it runs what it likes on the machine it is given to.
pub(crate) const NO_WORKFLOWS: &str =
    "This server takes no workflows of its people; choose another engine or parameters.";

/// A job that somebody here can do.
fn checked(state: &AppState, job: NewJob) -> Result<NewJob, Refusal> {
    if job.prompt.len() > MAX_PROMPT {
        return Err(Refusal::validation("A prompt has up to 100,000 bytes; shorten it."));
    }
    if let Some(server) = &state.server {
        let size = serde_json::to_vec(&job).map_or(usize::MAX, |text| text.len());
        if size > MOST_ON_SERVER || job.inputs.len() > MOST_INPUTS {
            return Err(Refusal::validation(
                "A request has up to 64 inputs and 400,000 bytes; shorten it.",
            ));
        }
        if job.params.contains_key("workflow") && !server.config.open_workflows {
            return Err(Refusal::forbidden(NO_WORKFLOWS));
        }
    }
    let engine = state
        .registry()
        .get(&job.engine)
        .ok_or_else(|| Refusal::validation(format!("There is no engine “{}” here.", job.engine)))?;
    if let Some(server) = &state.server {
        server.config.offers(&job.engine, &job.model).map_err(Refusal::validation)?;
    }
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

/// What a job would cost at its engine. Nothing is submitted.
#[utoipa::path(post, path = "/jobs/estimate", tag = "jobs", security(("bearer" = [])), request_body = NewJob,
    responses((status = 200, body = JobEstimate), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn estimate(
    State(state): State<AppState>,
    me: Me,
    body::Json(job): body::Json<NewJob>,
) -> Result<Json<JobEstimate>, Refusal> {
    me.may("jobs:read")?;
    let job = checked(&state, job)?;
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

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Find {
    /// "queued", "running", "canceling", "succeeded", "failed", "canceled" or "expired".
    #[serde(default)]
    status: Option<String>,
    /// "text", "image", "voice" or "video".
    #[serde(default)]
    kind: Option<String>,
    /// 1 to 100; 50 when left out.
    #[serde(default)]
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// From the page before.
    #[serde(default)]
    cursor: Option<String>,
}

/// One's jobs, newest first, a page at a time.
#[utoipa::path(get, path = "/jobs", tag = "jobs", security(("bearer" = [])), params(Find),
    responses((status = 200, body = JobPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    me: Me,
    body::Query(find): body::Query<Find>,
) -> Result<Json<JobPage>, Refusal> {
    me.may("jobs:read")?;
    let before = find.cursor.as_deref().map(cursors::place).transpose()?;
    let limit = find.limit.unwrap_or(50).clamp(1, 100) as usize;
    let wanted = Wanted {
        status: find.status.as_deref(),
        kind: find.kind.as_deref(),
        before: before.map(|(at, id)| (at as i64, id)),
        limit: limit as i64 + 1,
        ..Wanted::default()
    };
    let rows = queue::newest(&state.db, &me.account, &wanted).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in rows.iter().take(limit) {
        items.push(shown(&state, row).await?);
    }
    let next_cursor = (rows.len() > limit).then(|| items.last()).flatten();
    let next_cursor = next_cursor.map(|job| cursors::cursor(job.created_at_ms as f64, &job.id));
    Ok(Json(JobPage { items, next_cursor }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Seconds to wait for a change, at most 25.
    #[serde(default)]
    wait: u64,
    /// The version the caller knows.
    #[serde(default)]
    version: u64,
}

/// A job; with `wait` and `version` at once when it differs from that version or is final, else as
/// soon as it changes.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])), params(("id" = String, Path), Wait),
    responses((status = 200, body = Job), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
    body::Query(wait): body::Query<Wait>,
) -> Result<Json<Job>, Refusal> {
    me.may("jobs:read")?;
    let mut changes = state.changes();
    let patience = tokio::time::sleep(Duration::from_secs(wait.wait.min(25)));
    tokio::pin!(patience);
    loop {
        let row = own(&state, &me, &id).await?;
        let job = shown(&state, &row).await?;
        if wait.wait == 0 || job.version != wait.version || job.status.is_final() {
            return Ok(Json(job));
        }
        // Beside other servers a change may come without a bell.
        let beat = async {
            match state.server {
                Some(_) => tokio::time::sleep(Duration::from_secs(1)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return Ok(Json(job)) },
            () = beat => {}
            () = &mut patience => return Ok(Json(job)),
            () = state.stop.cancelled() => return Ok(Json(job)),
        }
    }
}

/// Asks for a stop. Repeatable; a finished job is answered as it is.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Job), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
) -> Result<Json<Job>, Refusal> {
    me.may("jobs:write")?;
    own(&state, &me, &id).await?;
    stages::cancel(&state, &id).await?;
    let row = own(&state, &me, &id).await?;
    Ok(Json(shown(&state, &row).await?))
}

/// The caller has the results. Media that no other job needs are dropped here. Repeatable.
#[utoipa::path(post, path = "/jobs/{id}/release", tag = "jobs", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn release(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    me.may("jobs:write")?;
    if state.server.is_some() {
        own(&state, &me, &id).await?;
    }
    let_go(&state, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Drops the media of a finished job that nothing else needs.
pub(crate) async fn let_go(state: &AppState, id: &str) -> Result<(), Refusal> {
    for hash in queue::release(&state.db, id).await? {
        match &state.server {
            Some(_) => assets::forget_unused(state, &hash).await?,
            None => drop(state.blobs.remove(&hash)),
        }
    }
    Ok(())
}
