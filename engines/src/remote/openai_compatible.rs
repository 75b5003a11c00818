//! Any server that speaks the OpenAI contract: chat completions with streaming, images, speech.
//! Wire shapes follow the published `openai-openapi` description.

use std::time::Duration;

use futures_util::StreamExt;
use oto_media::sniff::{Sniffed, sniff};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::base64;
use crate::http::{
    MAX_IMAGE, MAX_JSON, MAX_SOUND, check_base_url, client_for, download, from_transport,
    is_local_name, read_capped, retry_after_ms,
};
use crate::outcome::title_from;
use crate::{
    Body, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Outcome, Output, OutputRole, Parameter, Place, Request, Submitted,
};

/// A synchronous generation may take this long to begin its answer.
const FIRST_BYTE: Duration = Duration::from_secs(600);
/// Longest text accepted.
const MAX_TEXT: usize = 1 << 20;

/// One server.
#[derive(Debug, Clone)]
pub struct OpenAiCompatible {
    id: String,
    base: Url,
    model: String,
}

impl OpenAiCompatible {
    /// A server under a name, at an address such as `https://api.example.com/v1`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(id: &str, base_url: &str, model: &str) -> Result<Self, String> {
        let mut base = check_base_url(base_url)?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { id: id.to_owned(), base, model: model.to_owned() })
    }

    fn url(&self, path: &str) -> Result<Url, EngineError> {
        self.base.join(path).or(Err({
            invalid("The engine’s address cannot be used; check it in the engine’s settings.")
        }))
    }

    fn request(&self, client: &Client, url: Url, context: &Context) -> RequestBuilder {
        let builder = client.post(url);
        match &context.key {
            Some(key) => builder.bearer_auth(key.expose_secret()),
            None => builder,
        }
    }

    async fn models(&self, context: &Context) -> Result<Vec<String>, EngineError> {
        let client = client_for(&self.base, Duration::from_secs(3))?;
        let mut builder = client.get(self.url("models")?);
        if let Some(key) = &context.key {
            builder = builder.bearer_auth(key.expose_secret());
        }
        let response = builder.send().await.map_err(|e| from_transport(&e, false))?;
        let response = accepted(response).await?;
        let value = json_of(&read_capped(response, MAX_JSON).await?)?;
        let list = value["data"].as_array().ok_or_else(nonsense)?;
        Ok(list.iter().filter_map(|m| m["id"].as_str()).map(str::to_owned).collect())
    }

    async fn model_for(&self, context: &Context, request: &Request) -> Result<String, EngineError> {
        for named in [&request.model, &self.model] {
            if !named.is_empty() {
                return Ok(named.clone());
            }
        }
        let models = self.models(context).await?;
        models.into_iter().next().ok_or_else(|| {
            EngineError::new(
                ErrorClass::InvalidRequest,
                "no_model",
                "The server names no model. Load one there, or name it on the agent.",
            )
        })
    }

    async fn chat(&self, context: &Context, request: &Request) -> Result<Outcome, EngineError> {
        let model = self.model_for(context, request).await?;
        let mut content = request.prompt.clone();
        for input in &request.inputs {
            if let Some(text) = &input.text {
                content.push_str(&format!("\n\n--- {} ---\n{text}", input.title));
            }
        }
        let body = json!({
            "model": model,
            "messages": [{ "role": "user", "content": content }],
            "stream": true,
            "stream_options": { "include_usage": true },
            "seed": request.seed & 0x7fff_ffff,
        });
        let client = client_for(&self.base, FIRST_BYTE)?;
        context.report(0.05, "asking");
        let sent =
            self.request(&client, self.url("chat/completions")?, context).json(&body).send().await;
        let response = accepted(sent.map_err(|e| from_transport(&e, true))?).await?;
        let text = if is_json(&response) {
            // Some servers ignore `stream`.
            let value = json_of(&read_capped(response, MAX_JSON).await?)?;
            value["choices"][0]["message"]["content"].as_str().ok_or_else(nonsense)?.to_owned()
        } else {
            read_stream(response, context).await?
        };
        if text.trim().is_empty() {
            return Err(EngineError::new(
                ErrorClass::BadResponse,
                "empty_answer",
                "The engine answered with nothing. Try again or change the prompt.",
            ));
        }
        let output = Output {
            role: OutputRole::Main,
            body: Body::Memory(text.clone().into_bytes()),
            size_px: [0, 0],
            duration_ms: 0,
            average_rgb: 0xfd_f3_b0,
        };
        Ok(self.outcome(output, title_from(&request.prompt), text, model))
    }

    async fn image(&self, context: &Context, request: &Request) -> Result<Outcome, EngineError> {
        let model =
            if request.model.is_empty() { self.model.clone() } else { request.model.clone() };
        let mut body =
            json!({ "prompt": request.prompt, "n": 1, "size": request.param("size", "1024x1024") });
        if !model.is_empty() {
            body["model"] = json!(model);
        }
        let client = client_for(&self.base, FIRST_BYTE)?;
        context.report(0.05, "asking");
        let sent = self
            .request(&client, self.url("images/generations")?, context)
            .json(&body)
            .send()
            .await;
        let response = accepted(sent.map_err(|e| from_transport(&e, true))?).await?;
        let value = json_of(&read_capped(response, MAX_JSON * 2).await?)?;
        let first = &value["data"][0];
        context.report(0.8, "fetching the picture");
        let bytes = if let Some(text) = first["b64_json"].as_str() {
            base64::decode(text).ok_or_else(nonsense)?
        } else if let Some(link) = first["url"].as_str() {
            download(link, &self.base, MAX_IMAGE).await?
        } else {
            return Err(nonsense());
        };
        let (picture, size_px) = checked_picture(context, bytes).await?;
        let output = Output { size_px, ..picture };
        Ok(self.outcome(output, title_from(&request.prompt), String::new(), model))
    }

    async fn speech(&self, context: &Context, request: &Request) -> Result<Outcome, EngineError> {
        let model =
            if request.model.is_empty() { self.model.clone() } else { request.model.clone() };
        let words = request.words();
        let body = json!({
            "model": if model.is_empty() { "tts-1" } else { &model },
            "input": words,
            "voice": request.param("voice", "alloy"),
            "response_format": "wav",
        });
        let client = client_for(&self.base, FIRST_BYTE)?;
        context.report(0.05, "asking");
        let sent =
            self.request(&client, self.url("audio/speech")?, context).json(&body).send().await;
        let response = accepted(sent.map_err(|e| from_transport(&e, true))?).await?;
        let bytes = read_capped(response, MAX_SOUND).await?;
        if !matches!(
            sniff(&bytes),
            Some(Sniffed::Wav | Sniffed::Mp3 | Sniffed::Ogg | Sniffed::Flac)
        ) {
            return Err(nonsense());
        }
        let path = context.folder.join("speech.bin");
        let duration_ms = context
            .blocking(move |c| {
                std::fs::write(&path, &bytes).map_err(|e| internal(&e))?;
                let pcm = c.workers.sound(&path)?;
                Ok((bytes, pcm.duration_ms()))
            })
            .await?;
        let (bytes, duration_ms) = duration_ms;
        let output = Output {
            role: OutputRole::Main,
            body: Body::Memory(bytes),
            size_px: [0, 0],
            duration_ms,
            average_rgb: 0xdf_f0_d2,
        };
        Ok(self.outcome(output, title_from(&words), words, model))
    }

    fn outcome(&self, main: Output, title: String, text: String, model: String) -> Outcome {
        let label =
            format!("{} · {}", self.id, if model.is_empty() { "default model" } else { &model });
        Outcome { outputs: vec![main], title, text, model, label, cost_micro: None }
    }
}

fn internal(error: &std::io::Error) -> EngineError {
    EngineError::new(
        ErrorClass::Internal,
        "disk",
        format!("The result could not be written: {error}"),
    )
}

fn invalid(message: &str) -> EngineError {
    EngineError::new(ErrorClass::InvalidRequest, "invalid_request", message)
}

fn nonsense() -> EngineError {
    EngineError::new(
        ErrorClass::BadResponse,
        "bad_response",
        "The engine’s answer makes no sense to oTo. Check that its address ends with /v1 and that it offers this kind of work.",
    )
}

fn json_of(bytes: &[u8]) -> Result<Value, EngineError> {
    serde_json::from_slice(bytes).or(Err(nonsense()))
}

fn is_json(response: &Response) -> bool {
    response
        .headers()
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .is_some_and(|t| t.starts_with("application/json"))
}

/// Turns an error status into what it means.
async fn accepted(response: Response) -> Result<Response, EngineError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let wait = retry_after_ms(response.headers());
    // The provider's own words help, when there are any.
    let body = read_capped(response, 64 << 10).await.unwrap_or_default();
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let code =
        value["error"]["code"].as_str().or(value["error"]["type"].as_str()).unwrap_or_default();
    let said: String = value["error"]["message"]
        .as_str()
        .or(value["error"].as_str())
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect();
    let quota = matches!(code, "insufficient_quota" | "billing_hard_limit_reached");
    let refused =
        matches!(code, "content_policy_violation" | "moderation_blocked" | "content_filter");
    let (class, word, sentence) = match status {
        _ if refused => (
            ErrorClass::ContentRefused,
            "content_refused",
            "The engine does not want to make this. Change the prompt.",
        ),
        StatusCode::PAYMENT_REQUIRED => (
            ErrorClass::NoCredit,
            "no_credit",
            "The engine’s account has no credit left. Add some there, or choose another engine.",
        ),
        _ if quota => (
            ErrorClass::NoCredit,
            "no_credit",
            "The engine’s account has no credit left. Add some there, or choose another engine.",
        ),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            ErrorClass::Auth,
            "key_refused",
            "The engine refuses the key. Enter a valid key for it in Keys.",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            ErrorClass::RateLimited,
            "rate_limited",
            "The engine has too many requests just now; oTo tries again by itself.",
        ),
        s if s == StatusCode::REQUEST_TIMEOUT || s.is_server_error() => (
            ErrorClass::Unavailable,
            "unavailable",
            "The engine has a problem of its own just now. Try again later.",
        ),
        StatusCode::NOT_FOUND => (
            ErrorClass::InvalidRequest,
            "not_found",
            "The engine does not offer this kind of work or this model.",
        ),
        _ => (ErrorClass::InvalidRequest, "invalid_request", "The engine refuses this request."),
    };
    let message =
        if said.is_empty() { sentence.to_owned() } else { format!("{sentence} It says: {said}") };
    Err(EngineError {
        class,
        code: word,
        message,
        provider_status: Some(status.as_u16()),
        retry_after_ms: wait,
    })
}

/// Reads the server-sent events of a chat. A stream that ends without saying so was cut off.
async fn read_stream(response: Response, context: &Context) -> Result<String, EngineError> {
    let mut stream = response.bytes_stream();
    let (mut text, mut waiting, mut done) = (String::new(), Vec::new(), false);
    while !done {
        let next = tokio::select! {
            next = stream.next() => next,
            () = context.cancel.cancelled() => {
                return Err(EngineError::new(ErrorClass::Canceled, "canceled", "stopped"));
            }
        };
        let Some(chunk) = next else { break };
        waiting.extend_from_slice(&chunk.map_err(|e| from_transport(&e, true))?);
        while let Some(end) = waiting.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = waiting.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let Some(data) = line.trim().strip_prefix("data:").map(str::trim) else { continue };
            if data == "[DONE]" {
                done = true;
                break;
            }
            let event = json_of(data.as_bytes())?;
            if event["error"].is_object() {
                let said: String = event["error"]["message"]
                    .as_str()
                    .unwrap_or_default()
                    .chars()
                    .take(300)
                    .collect();
                return Err(EngineError::new(
                    ErrorClass::BadResponse,
                    "cut_off",
                    format!("The engine stopped in the middle: {said}"),
                ));
            }
            // With `include_usage` the last event has no choices.
            let choice = &event["choices"][0];
            if let Some(more) = choice["delta"]["content"].as_str() {
                text.push_str(more);
            }
            match choice["finish_reason"].as_str() {
                Some("content_filter") => {
                    return Err(EngineError::new(
                        ErrorClass::ContentRefused,
                        "content_refused",
                        "The engine does not want to write this. Change the prompt.",
                    ));
                }
                Some(_) => done = true,
                None => {}
            }
        }
        if text.len() > MAX_TEXT || waiting.len() > MAX_TEXT {
            return Err(EngineError::new(
                ErrorClass::BadResponse,
                "too_large",
                "The engine’s answer is larger than oTo accepts.",
            ));
        }
        let words = text.split_whitespace().count();
        context.report(
            0.1 + 0.85 * (words as f32 / (words as f32 + 200.0)),
            &format!("{words} words"),
        );
    }
    if done {
        Ok(text)
    } else {
        Err(EngineError::new(
            ErrorClass::BadResponse,
            "cut_off",
            "The engine’s answer was cut off. Try again; a paid engine may charge twice.",
        ))
    }
}

/// Bytes that a worker could open as a picture, with their size.
async fn checked_picture(
    context: &Context,
    bytes: Vec<u8>,
) -> Result<(Output, [u32; 2]), EngineError> {
    if !sniff(&bytes).is_some_and(Sniffed::is_image) {
        return Err(nonsense());
    }
    let path = context.folder.join("picture.bin");
    context
        .blocking(move |c| {
            std::fs::write(&path, &bytes).map_err(|e| internal(&e))?;
            let (picture, size) = c.workers.picture(&path, 256)?;
            let output = Output {
                role: OutputRole::Main,
                body: Body::Memory(bytes),
                size_px: size,
                duration_ms: 0,
                average_rgb: picture.average_rgb(),
            };
            Ok((output, size))
        })
        .await
}

impl Engine for OpenAiCompatible {
    fn describe(&self) -> Description {
        let local = is_local_name(&self.base);
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Text, Kind::Image, Kind::Voice],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: local,
            params: vec![
                Parameter { name: "size", default: "1024x1024", choices: &[] },
                Parameter { name: "voice", default: "alloy", choices: &[] },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(async move {
            if context.key.is_none() && !is_local_name(&self.base) {
                return Check {
                    state: CheckState::NoKey,
                    sentence: "Enter the key of this engine in Keys.".to_owned(),
                    models: Vec::new(),
                };
            }
            match self.models(context).await {
                Ok(models) if models.is_empty() => Check {
                    state: CheckState::NoModel,
                    sentence: "The server answers but has no model. Load one there.".to_owned(),
                    models,
                },
                Ok(models) => Check {
                    state: CheckState::Ready,
                    sentence: format!("Ready, with {} models.", models.len()),
                    models,
                },
                Err(error) => {
                    let state = match error.class {
                        ErrorClass::Auth => CheckState::Unauthorised,
                        ErrorClass::NoCredit => CheckState::OutOfCredit,
                        _ => CheckState::Unreachable,
                    };
                    Check { state, sentence: error.message, models: Vec::new() }
                }
            }
        })
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            if request.prompt.trim().is_empty() && request.inputs.is_empty() {
                return Err(invalid("Write on the agent what to make."));
            }
            if context.key.is_none() && !is_local_name(&self.base) {
                return Err(EngineError::new(
                    ErrorClass::Auth,
                    "no_key",
                    "This engine needs a key. Enter it in Keys.",
                ));
            }
            let work = async {
                match request.kind {
                    Kind::Text => self.chat(context, request).await,
                    Kind::Image => self.image(context, request).await,
                    Kind::Voice => self.speech(context, request).await,
                    Kind::Video => Err(invalid(
                        "This engine makes no films. Choose “Assembled here” on the agent.",
                    )),
                }
            };
            // Stopping closes the connection.
            tokio::select! {
                outcome = work => outcome.map(Submitted::Finished),
                () = context.cancel.cancelled() => Err(EngineError::new(ErrorClass::Canceled, "canceled", "stopped")),
            }
        })
    }
}
