//! An oTo server as an engine: works are made there, by the engines its operator set up, and paid with
//! tokens. The key is one of the server's own, with the scopes for jobs and assets; no key of a
//! provider ever goes there. The wire is the server's `/api/v1` (its OpenAPI document).
//!
//! A model is `engine` or `engine/model` at the server; without one the server's first engine for
//! the kind is taken.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{asks_something, brief, handle_from, handle_of, lost, number, text};
use super::media::{bytes_of, output_in, text_output};
use crate::http::{Auth, MAX_FILM, Provider, Sends, invalid, nonsense, refusal};
use crate::{
    Added, Body, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError,
    ErrorClass, Input, Kind, Lookup, Outcome, Output, OutputRole, Pending, Place, Polled, Request,
    Stopped, Submitted,
};

/// Between two questions about a job.
const PACE_MS: u64 = 1_500;

/// One server.
#[derive(Debug)]
pub struct Oto {
    id: String,
    model: String,
    provider: Provider,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    id: String,
}

/// A kind as the server writes it.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Image => "image",
        Kind::Voice => "voice",
        Kind::Video => "video",
    }
}

/// The id of a job: one for one submission, whatever happens to the answer (RFC 9562, version 8).
fn job_id(submission_id: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&blake3::hash(submission_id.as_bytes()).as_bytes()[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// What a server refuses in words of its own.
fn reading(_status: u16, body: &Value) -> Option<(ErrorClass, &'static str)> {
    match body["code"].as_str()? {
        "insufficient_tokens" => Some((ErrorClass::NoCredit, "no_credit")),
        "quota-exceeded" => Some((ErrorClass::NoCredit, "quota")),
        "account_frozen" | "account_suspended" => Some((ErrorClass::Auth, "key_refused")),
        _ => None,
    }
}

impl Oto {
    /// A server at an address such as `https://wall.example.org`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let base = added.base_url.trim().trim_end_matches('/').trim_end_matches("/api/v1");
        let provider = Provider::new(&format!("{base}/api/v1"), Auth::Scheme("Bearer"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    fn needs_key(context: &Context) -> Result<(), EngineError> {
        if context.key.is_some() {
            return Ok(());
        }
        Err(EngineError::new(
            ErrorClass::Auth,
            "no_key",
            "This server needs a key. Make one on its page “Keys for programs”, and enter it in Keys.",
        ))
    }

    /// The engines of the server.
    async fn engines(&self, context: &Context) -> Result<Vec<Value>, EngineError> {
        let answer = self.provider.get(context, "engines")?.reading(reading).value().await?;
        answer.as_array().cloned().ok_or_else(nonsense)
    }

    /// Engine and model that make what is asked.
    async fn target(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<(String, String), EngineError> {
        let named = if request.model.is_empty() { &self.model } else { &request.model };
        if !named.is_empty() {
            let (engine, model) = named.split_once('/').unwrap_or((named, ""));
            return Ok((engine.to_owned(), model.to_owned()));
        }
        let makes = |engine: &&Value| {
            let kinds = engine["kinds"].as_array();
            kinds.is_some_and(|k| k.iter().any(|k| k == word(request.kind)))
        };
        let all = self.engines(context).await?;
        // What is no draft is what somebody asks a server for.
        let able = || all.iter().filter(makes);
        let chosen = able().find(|e| e["draft"] == false).or_else(|| able().next());
        let id = chosen.and_then(|e| text(&e["id"]));
        let id = id.ok_or_else(|| invalid("This server makes nothing of this kind."))?;
        Ok((id, String::new()))
    }

    /// A source as the server takes it; its bytes are brought there first.
    async fn input(&self, context: &Context, input: &Input) -> Result<Value, EngineError> {
        let mut told = json!({ "role": word(input.kind), "title": input.title });
        if let Some(words) = &input.text {
            told["text"] = json!(words);
        }
        if input.file.is_some() {
            told["hash"] = json!(self.upload(context, input).await?);
        }
        Ok(told)
    }

    async fn upload(&self, context: &Context, input: &Input) -> Result<String, EngineError> {
        let there = self.provider.url(&format!("assets/by-hash/{}", input.hash))?;
        let there = self.provider.call(context, Method::HEAD, there, Sends::Nothing)?;
        if there.response().await.is_ok() {
            return Ok(input.hash.clone());
        }
        let source = input.clone();
        let bytes = context.blocking(move |_| bytes_of(&source)).await?;
        // The same bytes twice are one medium: it may be sent again.
        let call = self.provider.post(context, "assets", Sends::Nothing)?;
        let answer = call.reading(reading).body(bytes).value().await?;
        text(&answer["hash"]).ok_or_else(nonsense)
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        asks_something(request)?;
        Self::needs_key(context)?;
        let (engine, model) = self.target(context, request).await?;
        let mut inputs = Vec::new();
        for (i, input) in request.inputs.iter().enumerate() {
            context.report(0.0, &format!("sending source {} of {}", i + 1, request.inputs.len()));
            inputs.push(self.input(context, input).await?);
        }
        let body = json!({
            "kind": word(request.kind), "engine": engine, "model": model,
            "prompt": request.prompt, "seed": request.seed,
            "params": request.params, "inputs": inputs,
        });
        let id = job_id(&request.submission_id);
        context.report(0.02, "asking");
        let call = self.provider.post(context, "jobs", Sends::Work)?.reading(reading);
        let answer = call.header("idempotency-key", &id).json(&body).value().await?;
        let id = text(&answer["id"]).filter(|given| *given == id).ok_or_else(nonsense)?;
        Ok(Submitted::Accepted { handle: handle_of(&Handle { id })? })
    }

    async fn job(&self, context: &Context, id: &str) -> Result<Value, EngineError> {
        let call = self.provider.get(context, &format!("jobs/{id}"))?.reading(reading);
        match call.with_media().value().await {
            Err(error) if error.provider_status == Some(404) => Err(lost()),
            other => other,
        }
    }

    async fn look(&self, context: &Context, handle: &Handle) -> Result<Polled, EngineError> {
        let job = self.job(context, &handle.id).await?;
        let said = || brief(&job["error"]["message"]);
        match job["status"].as_str().unwrap_or_default() {
            "succeeded" => self.take(context, &job).await.map(Polled::Finished),
            "failed" => {
                let class = match job["error"]["class"].as_str() {
                    Some("content_refused") => ErrorClass::ContentRefused,
                    Some("no_credit") => ErrorClass::NoCredit,
                    _ => ErrorClass::InvalidRequest,
                };
                Err(refusal(class, "failed", &said()))
            }
            "expired" => Err(refusal(ErrorClass::InvalidRequest, "failed", &said())),
            "canceled" => Err(EngineError::canceled()),
            status => {
                let progress = &job["progress"];
                let message = brief(&progress["message"]);
                let pending = if status == "queued" && message.is_empty() {
                    Pending::queued("waiting for its turn")
                } else {
                    Pending::running(number(&progress["value"]), message)
                };
                Ok(Polled::Pending(Pending { wait_ms: PACE_MS, ..pending }))
            }
        }
    }

    async fn take(&self, context: &Context, job: &Value) -> Result<Outcome, EngineError> {
        let mut outputs = Vec::new();
        for (i, told) in job["outputs"].as_array().into_iter().flatten().enumerate() {
            let role = match told["role"].as_str() {
                Some("main") => OutputRole::Main,
                Some("captions") => OutputRole::Captions,
                Some("timeline") => OutputRole::Timeline,
                _ => continue,
            };
            outputs.push(self.output(context, told, role, i).await?);
        }
        outputs.sort_by_key(|output| output.role != OutputRole::Main);
        if outputs.first().is_none_or(|first| first.role != OutputRole::Main) {
            return Err(nonsense());
        }
        let made_by = text(&job["model"]).filter(|m| !m.is_empty());
        let made_by = made_by.or_else(|| text(&job["engine"])).unwrap_or_default();
        // What a draft says of itself is shown wherever it is.
        let label = text(&job["label"]).filter(|l| !l.is_empty());
        Ok(Outcome {
            outputs,
            title: brief(&job["title"]),
            text: text(&job["text"]).unwrap_or_default(),
            label: label.unwrap_or_else(|| format!("{} · {made_by}", self.id)),
            model: made_by,
            cost_micro: None,
            draft: job["draft"] == true,
        })
    }

    async fn output(
        &self,
        context: &Context,
        told: &Value,
        role: OutputRole,
        i: usize,
    ) -> Result<Output, EngineError> {
        let hash = text(&told["hash"]).ok_or_else(nonsense)?;
        let link = format!("assets/{hash}/content");
        let name = format!("result-{i}.bin");
        let path = self.provider.fetch_paid(context, &link, MAX_FILM, &name).await?;
        let there = path.clone();
        // What came is what was made, or nothing.
        let found = context.blocking(move |_| {
            let mut hasher = blake3::Hasher::new();
            let file =
                std::fs::File::open(&there).and_then(|file| hasher.update_reader(file).map(drop));
            file.map_err(|e| super::media::disk(&e))?;
            Ok(hasher.finalize().to_hex().to_string())
        });
        if found.await? != hash {
            return Err(nonsense());
        }
        let is_text = told["content_type"].as_str().is_some_and(|t| t.starts_with("text/"));
        if role == OutputRole::Main && !is_text {
            return output_in(context, path).await;
        }
        Ok(Output { role, body: Body::File(path), ..text_output("") })
    }
}

impl Engine for Oto {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Text, Kind::Image, Kind::Voice, Kind::Video],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: true,
            free: false,
            params: Vec::new(),
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(async move {
            if let Err(error) = Self::needs_key(context) {
                return Check {
                    state: CheckState::NoKey,
                    sentence: error.message,
                    models: Vec::new(),
                };
            }
            self.provider
                .checked(context, async {
                    let home = self.provider.get(context, "home")?.value().await?;
                    if home["kind"] != "remote" {
                        return Err(EngineError::new(
                            ErrorClass::BadResponse,
                            "other_server",
                            "Something else than an oTo server answers at this address.",
                        ));
                    }
                    let engines = self.engines(context).await?;
                    let models: Vec<String> =
                        engines.iter().filter_map(|e| text(&e["id"])).collect();
                    // A key need not have the right to look into the purse.
                    let purse = self.provider.get(context, "get_tokens")?.value().await;
                    let tokens = purse.ok().and_then(|p| number(&p["tokens"]));
                    let sentence = match tokens {
                        Some(n) => format!("Ready; {n:.0} tokens are free to spend there."),
                        None => "Ready.".to_owned(),
                    };
                    Ok(Check { state: CheckState::Ready, sentence, models })
                })
                .await
        })
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(self.create(context, request))
    }

    fn lookup<'a>(
        &'a self,
        context: &'a Context,
        submission_id: &'a str,
    ) -> BoxFuture<'a, Result<Lookup, EngineError>> {
        Box::pin(async move {
            let id = job_id(submission_id);
            match self.job(context, &id).await {
                Ok(_) => Ok(Lookup::Found(handle_of(&Handle { id })?)),
                Err(error) if error.class == ErrorClass::EngineLostJob => Ok(Lookup::Absent),
                Err(error) => Err(error),
            }
        })
    }

    fn poll<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Polled, EngineError>> {
        Box::pin(async move { self.look(context, &handle_from(handle)?).await })
    }

    fn cancel<'a>(
        &'a self,
        context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Stopped, EngineError>> {
        Box::pin(async move {
            let handle: Handle = handle_from(handle)?;
            let path = format!("jobs/{}/cancel", handle.id);
            let call = self.provider.post(context, &path, Sends::Nothing)?;
            let job = match call.value().await {
                Err(error) if error.provider_status == Some(404) => {
                    return Ok(Stopped::AlreadyFinished);
                }
                other => other?,
            };
            Ok(match job["status"].as_str().unwrap_or_default() {
                "canceled" => Stopped::Done,
                "succeeded" | "failed" | "expired" => Stopped::AlreadyFinished,
                _ => Stopped::Requested,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::job_id;

    #[test]
    fn a_submission_has_one_id_that_is_a_uuid() {
        let id = job_id("0192f0c1-1");
        assert_eq!(id, job_id("0192f0c1-1"));
        assert_ne!(id, job_id("0192f0c1-2"));
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&id[14..15], "8");
    }
}
