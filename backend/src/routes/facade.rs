//! The contract that every chat client speaks, over the same jobs and the same ledger: `/v1/models`,
//! `/v1/chat/completions`, `/v1/images/generations`, `/v1/audio/speech` (openai/openai-openapi). A call
//! waits for its job; a caller who leaves stops it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oto_api_types::{Job, JobKind, JobStatus, NewJob};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{Me, random};
use crate::db::now_ms;
use crate::error::Refusal;
use crate::jobs::queue;
use crate::jobs::stages::{self, shown};
use crate::routes::body::Json;
use crate::routes::jobs;
use crate::state::AppState;

/// Longest a call waits for its job.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at a job, when nothing rings.
const LOOK: Duration = Duration::from_millis(500);
/// Most pictures of one call.
const MOST_PICTURES: u32 = 4;

/// A refusal in the words of this contract.
pub(crate) struct Fault(Refusal);

impl<T: Into<Refusal>> From<T> for Fault {
    fn from(error: T) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status = self.0.status();
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::PAYMENT_REQUIRED => "insufficient_quota",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            s if s.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let error = json!({"message": self.0.sentence(), "type": kind, "param": null, "code": self.0.code()});
        (status, Json(json!({"error": error}))).into_response()
    }
}

/// All of it.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/models", get(models))
        .route("/chat/completions", post(chat))
        .route("/images/generations", post(images))
        .route("/audio/speech", post(speech))
}

async fn models(State(state): State<AppState>, me: Me) -> Result<Json<Value>, Fault> {
    me.may("jobs:read")?;
    let registry = state.registry();
    let data: Vec<Value> = registry
        .all()
        .map(|(engine, _)| engine.describe())
        .map(|told| json!({"id": told.id, "object": "model", "created": 0, "owned_by": "oto"}))
        .collect();
    Ok(Json(json!({"object": "list", "data": data})))
}

/// `engine`, or `engine/model`.
fn named(model: &str) -> (String, String) {
    match model.split_once('/') {
        Some((engine, model)) => (engine.to_owned(), model.to_owned()),
        None => (model.to_owned(), String::new()),
    }
}

/// Stops a job when the one who asked has gone before its end.
struct Guard {
    state: AppState,
    id: String,
    is_over: bool,
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

/// Makes something and waits for it.
async fn made(
    state: &AppState,
    me: &Me,
    kind: JobKind,
    model: &str,
    prompt: String,
    params: Vec<(&str, String)>,
) -> Result<Job, Fault> {
    let (engine, model) = named(model);
    let seed = u64::from_str_radix(&random::secret()?[..12], 16).unwrap_or(1);
    let job = NewJob {
        kind,
        engine,
        model,
        prompt,
        seed,
        params: params.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        inputs: Vec::new(),
        agent: None,
    };
    let mut changes = state.changes();
    let (row, _) = jobs::accept(state, me, uuid::Uuid::now_v7(), job).await?;
    let mut guard = Guard { state: state.clone(), id: row.id.clone(), is_over: false };
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
    let ended = waited.await.ok().ok_or_else(|| {
        Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "expired",
            "This takes longer than ten minutes; ask for a job instead.",
        )
    })??;
    guard.is_over = true;
    let job = shown(state, &ended).await?;
    match job.status {
        JobStatus::Succeeded => Ok(job),
        _ => {
            let words = job.error.map(|e| e.message);
            let sentence = words.unwrap_or_else(|| "This was stopped.".to_owned());
            Err(Refusal::new(StatusCode::BAD_GATEWAY, "job_failed", sentence).into())
        }
    }
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Value,
}

#[derive(Deserialize)]
struct Chat {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
}

/// The words of a message, whichever way it carries them.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

async fn chat(
    State(state): State<AppState>,
    me: Me,
    Json(asked): Json<Chat>,
) -> Result<Response, Fault> {
    let said = asked.messages.iter().map(|m| (m.role.as_str(), words(&m.content)));
    let prompt = match asked.messages.as_slice() {
        [] => return Err(Refusal::validation("A chat needs messages.").into()),
        [one] => words(&one.content),
        _ => said.map(|(role, words)| format!("{role}: {words}")).collect::<Vec<_>>().join("\n\n"),
    };
    let job = made(&state, &me, JobKind::Text, &asked.model, prompt, Vec::new()).await?;
    let (id, created) = (format!("chatcmpl-{}", job.id), now_ms() / 1000);
    if !asked.stream {
        let message = json!({"role": "assistant", "content": job.text, "refusal": null});
        let choice =
            json!({"index": 0, "message": message, "finish_reason": "stop", "logprobs": null});
        return Ok(Json(json!({
            "id": id, "object": "chat.completion", "created": created, "model": asked.model,
            "choices": [choice],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }))
        .into_response());
    }
    let chunk = |delta: Value, end: Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": end});
        let chunk = json!({"id": id, "object": "chat.completion.chunk", "created": created, "model": asked.model, "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let mut text = chunk(json!({"role": "assistant", "content": ""}), Value::Null);
    text.push_str(&chunk(json!({"content": job.text}), Value::Null));
    text.push_str(&chunk(json!({}), json!("stop")));
    text.push_str("data: [DONE]\n\n");
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], text).into_response())
}

#[derive(Deserialize)]
struct Images {
    model: String,
    prompt: String,
    #[serde(default)]
    n: Option<u32>,
    #[serde(default)]
    size: Option<String>,
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

async fn images(
    State(state): State<AppState>,
    me: Me,
    Json(asked): Json<Images>,
) -> Result<Json<Value>, Fault> {
    let n = asked.n.unwrap_or(1);
    if !(1..=MOST_PICTURES).contains(&n) {
        return Err(Refusal::validation("One to four pictures are made at once.").into());
    }
    let size = asked.size.as_deref().and_then(|s| s.split_once('x'));
    let sides = size.and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)));
    let aspect = sides.map(|(w, h)| match w.cmp(&h) {
        std::cmp::Ordering::Greater => "16:9",
        std::cmp::Ordering::Less => "9:16",
        std::cmp::Ordering::Equal => "1:1",
    });
    let params: Vec<(&str, String)> =
        aspect.map(|a| ("aspect", a.to_owned())).into_iter().collect();
    let mut data = Vec::new();
    for _ in 0..n {
        let prompt = asked.prompt.clone();
        let job = made(&state, &me, JobKind::Image, &asked.model, prompt, params.clone()).await?;
        let (bytes, _) = bytes(&state, &job).await?;
        data.push(json!({"b64_json": STANDARD.encode(bytes)}));
    }
    Ok(Json(json!({"created": now_ms() / 1000, "data": data})))
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
    // Voices of this contract are names of persons that engines here do not know.
    let voice = asked.voice.filter(|v| v.len() <= 5).map(|v| ("voice", v));
    let params = voice.into_iter().collect();
    let job = made(&state, &me, JobKind::Voice, &asked.model, asked.input, params).await?;
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
        assert_eq!(words(&json!([{"type": "text", "text": "a"}, {"type": "image_url"}])), "a");
    }
}
