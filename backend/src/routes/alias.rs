//! One call, one status word: for curl, n8n and other simple programs.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use oto_api_types::{CompatJob, Generate, Generating, JobKind, JobStatus, NewJob, Problem};

use crate::auth::Me;
use crate::error::Refusal;
use crate::jobs::stages::shown;
use crate::routes::body::{Id, Json};
use crate::routes::jobs;
use crate::state::AppState;
use crate::works::kind_word;

async fn generate(
    state: &AppState,
    me: &Me,
    headers: &HeaderMap,
    asked: Generate,
    kind: JobKind,
) -> Result<(StatusCode, Json<Generating>), Refusal> {
    let engine = if asked.engine.is_empty() {
        let wanted = crate::convert::kind_of(kind);
        let registry = state.registry();
        let found = registry.all().map(|(engine, _)| engine.describe()).find(|told| {
            wanted.is_some_and(|k| told.kinds.contains(&k)) && !told.id.ends_with("music")
        });
        let word = kind_word(kind).unwrap_or_default();
        found.ok_or_else(|| Refusal::validation(format!("No engine here makes {word}.")))?.id
    } else {
        asked.engine
    };
    // A key is welcome here, and not asked for.
    let key = match headers.get("idempotency-key").and_then(|v| v.to_str().ok()) {
        Some(text) => uuid::Uuid::parse_str(text)
            .ok()
            .ok_or_else(|| Refusal::validation("An Idempotency-Key is a UUID."))?,
        None => uuid::Uuid::now_v7(),
    };
    // The same key is the same job, so the seed follows from it; 48 bits, as every client can read them.
    let mut own = [0; 8];
    own[2..].copy_from_slice(&blake3::hash(key.as_bytes()).as_bytes()[..6]);
    let seed = asked.seed.unwrap_or(u64::from_be_bytes(own));
    let job = NewJob {
        kind,
        engine,
        model: asked.model,
        prompt: asked.prompt,
        seed,
        params: asked.params,
        inputs: Vec::new(),
        agent: None,
    };
    let (row, _) = jobs::accept(state, me, key, job).await?;
    let base = state.server.as_ref().map_or_else(String::new, |s| s.config.public_url.clone());
    let status_url = format!("{base}/api/v1/jobs/{}/status", row.id);
    let answer = Generating { job_id: row.id, status: "PENDING".to_owned(), status_url };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// Makes a text.
#[utoipa::path(post, path = "/generate_text", tag = "simple", security(("bearer" = [])), request_body = Generate,
    params(("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same key is the same job.")),
    responses((status = 202, body = Generating), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn text(
    State(state): State<AppState>,
    me: Me,
    headers: HeaderMap,
    Json(asked): Json<Generate>,
) -> Result<(StatusCode, Json<Generating>), Refusal> {
    generate(&state, &me, &headers, asked, JobKind::Text).await
}

/// Makes a picture.
#[utoipa::path(post, path = "/generate_image", tag = "simple", security(("bearer" = [])), request_body = Generate,
    params(("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same key is the same job.")),
    responses((status = 202, body = Generating), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn image(
    State(state): State<AppState>,
    me: Me,
    headers: HeaderMap,
    Json(asked): Json<Generate>,
) -> Result<(StatusCode, Json<Generating>), Refusal> {
    generate(&state, &me, &headers, asked, JobKind::Image).await
}

/// Makes a film.
#[utoipa::path(post, path = "/generate_video", tag = "simple", security(("bearer" = [])), request_body = Generate,
    params(("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same key is the same job.")),
    responses((status = 202, body = Generating), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn video(
    State(state): State<AppState>,
    me: Me,
    headers: HeaderMap,
    Json(asked): Json<Generate>,
) -> Result<(StatusCode, Json<Generating>), Refusal> {
    generate(&state, &me, &headers, asked, JobKind::Video).await
}

/// Makes a voice.
#[utoipa::path(post, path = "/generate_voice", tag = "simple", security(("bearer" = [])), request_body = Generate,
    params(("Idempotency-Key" = Option<String>, Header, description = "A UUID: the same key is the same job.")),
    responses((status = 202, body = Generating), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn voice(
    State(state): State<AppState>,
    me: Me,
    headers: HeaderMap,
    Json(asked): Json<Generate>,
) -> Result<(StatusCode, Json<Generating>), Refusal> {
    generate(&state, &me, &headers, asked, JobKind::Voice).await
}

/// How a job stands, in one of four words.
#[utoipa::path(get, path = "/jobs/{id}/status", tag = "simple", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = CompatJob), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn status(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<Json<CompatJob>, Refusal> {
    me.may("jobs:read")?;
    let row = jobs::own(&state, &me, &id).await?;
    let job = shown(&state, &row).await?;
    let word = match job.status {
        JobStatus::Queued => "PENDING",
        JobStatus::Running | JobStatus::Canceling | JobStatus::Unknown => "RUNNING",
        JobStatus::Succeeded => "COMPLETED",
        JobStatus::Failed | JobStatus::Canceled | JobStatus::Expired => "FAILED",
    };
    let base = state.server.as_ref().map_or_else(String::new, |s| s.config.public_url.clone());
    Ok(Json(CompatJob {
        job_id: job.id,
        status: word.to_owned(),
        state: serde_json::to_value(job.status)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default(),
        progress: job.progress.map_or(0.0, |p| p.value),
        text: job.text,
        result_urls: job
            .outputs
            .iter()
            .map(|o| format!("{base}/api/v1/assets/{}/content", o.hash))
            .collect(),
        error: job.error.map(|e| e.message),
    }))
}
