//! Films: begun with one call, asked for with others.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use oto_api_types::{Job, JobKind, JobStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use super::images::{Form, aspect_of, checked_size};
use super::{Asked, Fault, Once, ended, submit};
use crate::auth::Me;
use crate::error::Refusal;
use crate::jobs::queue::{self, Wanted};
use crate::jobs::row::JobRow;
use crate::jobs::stages::{self, shown};
use crate::routes::body::{Json, Query};
use crate::routes::{jobs, shared};
use crate::state::AppState;

/// Most films of one list.
const MOST: i64 = 50;

/// A film as this contract shows it.
async fn as_video(state: &AppState, row: &JobRow) -> Result<Value, Refusal> {
    let job = shown(state, row).await?;
    let asked = row.new_job();
    let param = |name: &str| asked.as_ref().and_then(|a| a.params.get(name).cloned());
    Ok(video(&job, param("seconds"), param("size")))
}

fn video(job: &Job, seconds: Option<String>, size: Option<String>) -> Value {
    let status = match job.status {
        JobStatus::Queued => "queued",
        JobStatus::Succeeded => "completed",
        JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired => "failed",
        JobStatus::Running | JobStatus::Canceling | JobStatus::Unknown => "in_progress",
    };
    let progress = job.progress.as_ref().map_or(0.0, |p| p.value.clamp(0.0, 1.0) * 100.0);
    let model = if job.model.is_empty() {
        job.engine.clone()
    } else {
        format!("{}/{}", job.engine, job.model)
    };
    let error = job.error.as_ref().map(|e| json!({"code": e.code, "message": e.message}));
    json!({
        "id": format!("video_{}", job.id), "object": "video", "status": status, "progress": progress.round() as i64,
        "model": model, "created_at": job.created_at_ms / 1000, "completed_at": job.finished_at_ms.map(|ms| ms / 1000),
        "expires_at": null, "seconds": seconds, "size": size, "error": error, "remixed_from_video_id": null,
    })
}

/// One's film by its name here.
async fn own(state: &AppState, me: &Me, id: &str) -> Result<JobRow, Refusal> {
    let id = id.strip_prefix("video_").and_then(|id| uuid::Uuid::parse_str(id).ok());
    let id = id.ok_or_else(|| Refusal::not_found("video"))?.to_string();
    let row = jobs::own(state, me, &id).await?;
    let is_film = row.new_job().is_some_and(|job| job.kind == JobKind::Video);
    if is_film { Ok(row) } else { Err(Refusal::not_found("video")) }
}

pub(super) async fn begin(
    State(state): State<AppState>,
    me: Me,
    once: Once,
    request: Request,
) -> Result<Json<Value>, Fault> {
    let form = Form::of(request).await?;
    let (model, prompt) = (form.field("model")?, form.field("prompt")?);
    let size = form.fields.get("size").cloned();
    let seconds = form.fields.get("seconds").cloned();
    if seconds.as_ref().is_some_and(|s| !s.parse::<f64>().is_ok_and(|n| n > 0.0 && n <= 3_600.0)) {
        return Err(Refusal::validation("A film lasts some seconds, as a number.").into());
    }
    let mut params: Vec<(&'static str, String)> = Vec::new();
    checked_size(size.as_deref())?;
    params.extend(aspect_of(size.as_deref()));
    params.extend(size.map(|size| ("size", size)));
    params.extend(seconds.map(|seconds| ("seconds", seconds)));
    let inputs = form.inputs(&state, &me).await?;
    let asked = Asked { kind: JobKind::Video, model, prompt, params, inputs, once };
    let row = submit(&state, &me, asked).await?;
    Ok(Json(as_video(&state, &row).await?))
}

#[derive(Default, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    after: Option<String>,
    #[serde(default)]
    limit: Option<i64>,
}

pub(super) async fn list(
    State(state): State<AppState>,
    me: Me,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Fault> {
    me.may("jobs:read")?;
    let mut data = Vec::new();
    let before = match &page.after {
        Some(id) => Some(own(&state, &me, id).await?.place()),
        None => None,
    };
    let limit = page.limit.unwrap_or(20).clamp(1, MOST);
    let wanted =
        Wanted { kind: Some("video"), wholes: true, limit: limit + 1, before, ..Wanted::default() };
    let rows = queue::newest(&state.db, &me.account, &wanted).await?;
    let has_more = rows.len() as i64 > limit;
    for row in rows.iter().take(limit as usize) {
        data.push(as_video(&state, row).await?);
    }
    let id = |v: Option<&Value>| v.map_or(Value::Null, |v| v["id"].clone());
    let (first, last) = (id(data.first()), id(data.last()));
    Ok(Json(
        json!({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": has_more}),
    ))
}

pub(super) async fn show(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    me.may("jobs:read")?;
    let row = own(&state, &me, &id).await?;
    Ok(Json(as_video(&state, &row).await?))
}

/// Stops a film that is made, and forgets one that is there.
pub(super) async fn remove(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
) -> Result<Json<Value>, Fault> {
    me.may("jobs:write")?;
    let row = own(&state, &me, &id).await?;
    if row.status.is_final() {
        jobs::let_go(&state, &row.id).await?;
    } else {
        stages::cancel(&state, &row.id).await?;
    }
    Ok(Json(json!({"id": id, "object": "video.deleted", "deleted": true})))
}

pub(super) async fn content(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    me.may("jobs:read")?;
    let row = own(&state, &me, &id).await?;
    if !row.status.is_final() {
        let early = "This film is still being made; ask again later.";
        return Err(Refusal::new(StatusCode::CONFLICT, "not_ready", early).into());
    }
    let job = ended(&state, &row).await?;
    let main = job.outputs.iter().find(|o| o.role == "main");
    let main = main.ok_or_else(|| Refusal::not_found("result"))?;
    Ok(shared::send(&state, &main.hash, &main.content_type, &headers, shared::OWN).await?)
}
