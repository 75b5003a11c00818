//! The contract that every chat client speaks, over the same jobs and the same ledger: `/v1/models`,
//! `/v1/chat/completions`, `/v1/images/generations` and `edits`, `/v1/audio/speech`, `/v1/videos`,
//! `/v1/moderations` (openai/openai-openapi). A call waits for its job; a caller who leaves stops it. Films
//! are asked for again and again instead.

mod chat;
mod images;
mod moderations;
mod videos;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use oto_api_types::{Job, JobInput, JobKind, JobStatus, NewJob};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Me, random};
use crate::error::Refusal;
use crate::jobs::queue;
use crate::jobs::row::JobRow;
use crate::jobs::stages::{self, shown};
use crate::routes::body::Json;
use crate::routes::jobs;
use crate::state::AppState;

/// Longest a call waits for its job.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at a job, when nothing rings.
const LOOK: Duration = Duration::from_millis(500);

/// A refusal in the words of this contract.
pub(crate) struct Fault(Refusal);

impl<T: Into<Refusal>> From<T> for Fault {
    fn from(error: T) -> Self {
        Self(error.into())
    }
}

impl Fault {
    /// As it stands in an answer or in an event.
    fn body(&self) -> Value {
        let status = self.0.status();
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::PAYMENT_REQUIRED => "insufficient_quota",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            s if s.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let error = json!({"message": self.0.sentence(), "type": kind, "param": null, "code": self.0.code()});
        json!({ "error": error })
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.0.status(), Json(self.body())).into_response()
    }
}

/// All of it.
pub(crate) fn router() -> Router<AppState> {
    let large = DefaultBodyLimit::max(images::MAX_EDIT);
    Router::new()
        .route("/models", get(models))
        .route("/models/{*id}", get(model))
        .route("/chat/completions", post(chat::complete))
        .route("/images/generations", post(images::generate))
        .route("/images/edits", post(images::edit).layer(large))
        .route("/audio/speech", post(speech))
        .route("/videos", post(videos::begin).get(videos::list).layer(large))
        .route("/videos/{id}", get(videos::show).delete(videos::remove))
        .route("/videos/{id}/content", get(videos::content))
        .route("/moderations", post(moderations::judge))
}

fn as_model(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": 0, "owned_by": "oto"})
}

/// Engines, and the models of theirs that may be asked for.
fn names(state: &AppState) -> Vec<String> {
    let set_up = state.server.as_ref().map_or(&[][..], |s| &s.config.engines);
    let registry = state.registry();
    let engines = registry.all().map(|(engine, _)| engine.describe().id);
    let with_models = engines.flat_map(|id| {
        let models = set_up.iter().find(|e| e.name == id).map_or(&[][..], |e| &e.models);
        let named: Vec<String> = models.iter().map(|m| format!("{id}/{m}")).collect();
        std::iter::once(id).chain(named)
    });
    with_models.collect()
}

async fn models(State(state): State<AppState>, me: Me) -> Result<Json<Value>, Fault> {
    me.may("jobs:read")?;
    let data: Vec<Value> = names(&state).iter().map(|id| as_model(id)).collect();
    Ok(Json(json!({"object": "list", "data": data})))
}

async fn model(
    State(state): State<AppState>,
    me: Me,
    axum::extract::Path(id): axum::extract::Path<String>,
) -> Result<Json<Value>, Fault> {
    me.may("jobs:read")?;
    let found = names(&state).into_iter().find(|name| *name == id);
    Ok(Json(as_model(&found.ok_or_else(|| Refusal::not_found("model"))?)))
}

/// `engine`, or `engine/model`.
fn named(model: &str) -> (String, String) {
    match model.split_once('/') {
        Some((engine, model)) => (engine.to_owned(), model.to_owned()),
        None => (model.to_owned(), String::new()),
    }
}

/// What is to be made.
struct Asked {
    kind: JobKind,
    model: String,
    prompt: String,
    params: Vec<(&'static str, String)>,
    inputs: Vec<JobInput>,
}

/// Submits a job.
async fn submit(state: &AppState, me: &Me, asked: Asked) -> Result<JobRow, Refusal> {
    let (engine, model) = named(&asked.model);
    let seed = u64::from_str_radix(&random::secret()?[..12], 16).unwrap_or(1);
    let job = NewJob {
        kind: asked.kind,
        engine,
        model,
        prompt: asked.prompt,
        seed,
        params: asked.params.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        inputs: asked.inputs,
        agent: None,
    };
    Ok(jobs::accept(state, me, uuid::Uuid::now_v7(), job).await?.0)
}

/// Stops a job when the one who asked has gone before its end.
struct Guard {
    state: AppState,
    id: String,
    is_over: bool,
}

impl Guard {
    fn of(state: &AppState, id: &str) -> Self {
        Self { state: state.clone(), id: id.to_owned(), is_over: false }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (state, id) = (self.state.clone(), std::mem::take(&mut self.id));
        tokio::spawn(async move {
            if let Err(error) = stages::cancel(&state, &id).await {
                tracing::warn!(job.id = %id, %error, "job {id} could not be stopped");
            }
        });
    }
}

/// A job that has ended well, or why it did not.
async fn ended(state: &AppState, row: &JobRow) -> Result<Job, Refusal> {
    let job = shown(state, row).await?;
    match job.status {
        JobStatus::Succeeded => Ok(job),
        _ => {
            let words = job.error.map(|e| e.message);
            let sentence = words.unwrap_or_else(|| "This was stopped.".to_owned());
            Err(Refusal::new(StatusCode::BAD_GATEWAY, "job_failed", sentence))
        }
    }
}

fn too_long() -> Refusal {
    Refusal::new(
        StatusCode::GATEWAY_TIMEOUT,
        "expired",
        "This takes longer than ten minutes; ask for a job instead.",
    )
}

/// Makes something and waits for it: the job, and its row.
async fn made(state: &AppState, me: &Me, asked: Asked) -> Result<(Job, JobRow), Fault> {
    let mut changes = state.changes();
    let row = submit(state, me, asked).await?;
    let mut guard = Guard::of(state, &row.id);
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let Some(now) = queue::find(&state.db, &row.id).await? else {
                return Err(Refusal::not_found("job"));
            };
            if now.status.is_final() {
                return Ok(now);
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    });
    let row = waited.await.ok().ok_or_else(too_long)??;
    guard.is_over = true;
    Ok((ended(state, &row).await?, row))
}

/// The first file of a job.
async fn bytes(state: &AppState, job: &Job) -> Result<(Vec<u8>, String), Fault> {
    let main = job.outputs.iter().find(|o| o.role == "main");
    let main = main.ok_or_else(|| Refusal::not_found("result"))?;
    let path = state.blobs.bring(&main.hash).await?.ok_or_else(|| Refusal::not_found("result"))?;
    let read = tokio::fs::read(path).await;
    let bytes = read.map_err(crate::BackendError::io("reading media"))?;
    Ok((bytes, main.content_type.clone()))
}

#[derive(Deserialize)]
struct Speech {
    model: String,
    input: String,
    #[serde(default)]
    voice: Option<String>,
}

async fn speech(
    State(state): State<AppState>,
    me: Me,
    Json(asked): Json<Speech>,
) -> Result<Response, Fault> {
    // Voices of this contract are names of persons that local engines do not know.
    let is_local = asked.model.starts_with("local-");
    let voice = asked.voice.filter(|v| !is_local || v.len() <= 5).map(|v| ("voice", v));
    let asked = Asked {
        kind: JobKind::Voice,
        model: asked.model,
        prompt: asked.input,
        params: voice.into_iter().collect(),
        inputs: Vec::new(),
    };
    let (job, _) = made(&state, &me, asked).await?;
    let (bytes, kind) = bytes(&state, &job).await?;
    Ok(([(header::CONTENT_TYPE, kind)], Body::from(bytes)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_engines_with_or_without_a_model_of_theirs() {
        assert_eq!(named("local-text"), ("local-text".to_owned(), String::new()));
        assert_eq!(named("router/a/b"), ("router".to_owned(), "a/b".to_owned()));
    }
}
