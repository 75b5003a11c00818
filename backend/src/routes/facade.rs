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
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
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
        let mut answer = (self.0.status(), Json(self.body())).into_response();
        let told = self.0.clone().into_response();
        for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
            if let Some(value) = told.headers().get(&name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        // Clients of this contract repeat by themselves what ends with such a status; a job that failed
        // would be made, and paid, once more.
        if matches!(self.0.code(), "job_failed" | "expired") {
            answer.headers_mut().insert("x-should-retry", HeaderValue::from_static("false"));
        }
        answer
    }
}

/// All of it.
pub(crate) fn router() -> Router<AppState> {
    let large = DefaultBodyLimit::max(images::MAX_EDIT);
    Router::new()
        .route("/models", get(models))
        .route("/models/{*id}", get(model))
        .route("/chat/completions", post(chat::complete).layer(large))
        .route("/images/generations", post(images::generate))
        .route("/images/edits", post(images::edit).layer(large))
        .route("/audio/speech", post(speech))
        .route("/videos", post(videos::begin).get(videos::list).layer(large))
        .route("/videos/{id}", get(videos::show).delete(videos::remove))
        .route("/videos/{id}/content", get(videos::content))
        .route("/moderations", post(moderations::judge))
        .fallback(|| async { Fault(Refusal::not_found("address")) })
        .method_not_allowed_fallback(|| async { Fault(Refusal::wrong_method()) })
}

/// What is refused before a call is read is said in the words of this contract, too.
pub(crate) fn in_its_words(answer: &Response) -> Option<Response> {
    let refusal = answer.extensions().get::<Refusal>()?;
    Some(Fault(refusal.clone()).into_response())
}

/// Words without which nothing is made.
fn not_empty(words: String) -> Result<String, Refusal> {
    if words.trim().is_empty() {
        return Err(Refusal::validation("Say in words what is to be made."));
    }
    Ok(words)
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
    once: Once,
}

/// Names a call: the same call with the same `Idempotency-Key` is the same job, also after its first
/// answer got lost.
#[derive(Debug, Clone, Default)]
struct Once(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Once {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Fault> {
        let key = parts.headers.get("idempotency-key").and_then(|v| v.to_str().ok());
        if key.is_some_and(|key| key.len() > 255) {
            return Err(Refusal::validation("An Idempotency-Key has up to 255 characters.").into());
        }
        Ok(Self(key.filter(|k| !k.is_empty()).map(|k| format!("{} {k}", parts.uri.path()))))
    }
}

impl Once {
    /// The same for one of several jobs of a call.
    fn part(&self, n: u32) -> Self {
        Self(self.0.as_ref().map(|name| format!("{name} {n}")))
    }

    /// The id of the job, and its seed: they follow from the name, if there is one.
    fn id_of(&self, account: &str) -> Result<(uuid::Uuid, u64), Refusal> {
        let Some(name) = &self.0 else {
            let seed = u64::from_str_radix(&random::secret()?[..12], 16).unwrap_or(1);
            return Ok((uuid::Uuid::now_v7(), seed));
        };
        let hash = blake3::hash(format!("{account} {name}").as_bytes());
        let (mut id, mut seed) = ([0; 16], [0; 8]);
        id.copy_from_slice(&hash.as_bytes()[..16]);
        seed[2..].copy_from_slice(&hash.as_bytes()[16..22]);
        let id = uuid::Builder::from_bytes(id)
            .with_variant(uuid::Variant::RFC4122)
            .with_version(uuid::Version::Custom);
        Ok((id.into_uuid(), u64::from_be_bytes(seed)))
    }
}

/// Submits a job.
async fn submit(state: &AppState, me: &Me, asked: Asked) -> Result<JobRow, Refusal> {
    // A picture may say it all.
    let prompt = match asked.inputs.is_empty() {
        true => not_empty(asked.prompt)?,
        false => asked.prompt,
    };
    let (engine, model) = named(&asked.model);
    let (id, seed) = asked.once.id_of(&me.account)?;
    let job = NewJob {
        kind: asked.kind,
        engine,
        model,
        prompt,
        seed,
        params: asked.params.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        inputs: asked.inputs,
        agent: None,
    };
    Ok(jobs::accept(state, me, id, job).await?.0)
}

/// Stops a job when the one who asked has gone before its end.
struct Guard {
    state: AppState,
    id: String,
    is_over: bool,
}

impl Guard {
    /// A call that has a name may come again: then its job goes on.
    fn of(state: &AppState, id: &str, once: &Once) -> Self {
        Self { state: state.clone(), id: id.to_owned(), is_over: once.0.is_some() }
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
            let is_refused = job.error.as_ref().is_some_and(|e| e.class == "content_refused");
            let words = job.error.map(|e| e.message);
            let sentence = words.unwrap_or_else(|| "This was stopped.".to_owned());
            Err(if is_refused {
                Refusal::new(StatusCode::BAD_REQUEST, "content_policy_violation", sentence)
            } else {
                Refusal::new(StatusCode::BAD_GATEWAY, "job_failed", sentence)
            })
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
    let once = asked.once.clone();
    let row = submit(state, me, asked).await?;
    let mut guard = Guard::of(state, &row.id, &once);
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
    once: Once,
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
        once,
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
