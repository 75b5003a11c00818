//! Comfy API v2: workflows on Comfy Cloud, on a deployment of one's own, or on one's own server
//! behind `comfy-api-proxy`. Wire shapes follow the published description (`openapi-v2.yaml` in
//! the repository Comfy-Org/docs).

mod assets;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{
    brief, expired, fits, handle_from, handle_of, lost, no_result, number, outcome, stopped, text,
};
use super::media::{output_in, text_output};
use super::workflow::{self, Filling};
use crate::http::{Auth, MAX_FILM, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Parameter, Pending, Place, Polled, Request, Stopped, Submitted,
};

/// Names no job: asking for it costs nothing and shows whether the service is there.
const NO_JOB: &str = "api/v2/jobs/00000000-0000-0000-0000-000000000000";
/// Longest text that is taken.
const MAX_TEXT: u64 = 1 << 20;

/// One account or server.
#[derive(Debug)]
pub struct ComfyV2 {
    id: String,
    provider: Provider,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    get: String,
    cancel: String,
    title: String,
    kind: Kind,
}

/// What this service says otherwise than the others.
fn reading(status: u16, body: &Value) -> Option<(ErrorClass, &'static str)> {
    Some(match body["error"]["code"].as_str()? {
        "idempotency_key_reuse" => (ErrorClass::UnknownOutcome, "already_sent"),
        "workflow_format_ui" => (ErrorClass::InvalidRequest, "workflow_format"),
        "missing_asset" => (ErrorClass::InvalidRequest, "missing_asset"),
        "hash_mismatch" => (ErrorClass::InvalidRequest, "source_changed"),
        "deployment_stopped" => (ErrorClass::InvalidRequest, "deployment_stopped"),
        "not_found" if status == 404 => (ErrorClass::InvalidRequest, "no_such_job"),
        _ => return None,
    })
}

/// Errors that only this service has, with what to do next.
fn told(error: EngineError) -> EngineError {
    let message = match error.code {
        "already_sent" => {
            "Comfy has this request already: an earlier try arrived, though its answer did not. Look at your jobs at Comfy before you run it again; it would be charged again."
        }
        "workflow_format" => workflow::EDITOR_FORMAT,
        "missing_asset" => {
            "The workflow names a file that this account does not have. Connect it to the agent as a source, or upload it at Comfy."
        }
        "source_changed" => "A source changed while it was sent. Run it again.",
        "deployment_stopped" => {
            "This Comfy deployment is stopped. Start it at Comfy, then run it again."
        }
        _ => return error,
    };
    EngineError { message: message.to_owned(), ..error }
}

impl ComfyV2 {
    /// A service at an address such as `https://cloud.comfy.org`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        // The address of the documentation ends with the version; ours begins before it.
        let base = added.base_url.trim().trim_end_matches('/');
        let base = base.strip_suffix("/api/v2").unwrap_or(base);
        Ok(Self { id: added.name.clone(), provider: Provider::new(base, Auth::Scheme("Bearer"))? })
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        let graph = workflow::of(request)?.ok_or_else(|| {
            invalid("Comfy runs workflows. In ComfyUI choose Workflow > Export (API) and paste that file into the agent’s parameter “workflow”.")
        })?;
        self.provider.needs_key(context)?;
        let filling = Filling::of(graph, request)?;
        let mut sources = Vec::new();
        for input in filling.sources(request) {
            sources.push((input.kind, self.asset(context, input).await?));
        }
        let body = json!({ "workflow": filling.finish(request, &sources)? });
        context.report(0.02, "asking");
        let call = self.provider.post(context, "api/v2/jobs", Sends::Work)?.json(&body);
        let call = call.header("idempotency-key", &request.submission_id).reading(reading);
        let answer = call.value().await.map_err(told)?;
        let id = text(&answer["id"]).ok_or_else(nonsense)?;
        let handle = Handle {
            get: self.link(&answer["urls"]["self"], &format!("api/v2/jobs/{id}"))?,
            cancel: self.link(&answer["urls"]["cancel"], &format!("api/v2/jobs/{id}/cancel"))?,
            title: title_from(&request.prompt),
            kind: request.kind,
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    /// A link of the answer as a whole address. One with a slash in front begins at the origin,
    /// whatever path the base has; one that leads elsewhere gives way to the usual address.
    fn link(&self, given: &Value, usual: &str) -> Result<String, EngineError> {
        let own = given.as_str().and_then(|link| self.provider.own(link).ok());
        Ok(own.map_or_else(|| self.provider.own(usual), Ok)?.to_string())
    }

    async fn look(&self, context: &Context, handle: &Handle) -> Result<Polled, EngineError> {
        let url = self.provider.own(&handle.get)?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?;
        let job = match call.reading(reading).value().await {
            Err(error) if error.provider_status == Some(404) => return Err(lost()),
            other => other?,
        };
        match job["status"].as_str().unwrap_or_default() {
            "succeeded" => self.take(context, handle, &job).await.map(Polled::Finished),
            "failed" => {
                let said = brief(&job["error"]["message"]);
                Err(refusal(ErrorClass::InvalidRequest, "failed", &said))
            }
            "canceled" | "cancelled" => Err(stopped()),
            "expired" => Err(expired()),
            "queued" => {
                Ok(Polled::Pending(Pending::queued(match number(&job["queue_position"]) {
                    Some(place) if place >= 1.0 => format!("number {place:.0} in the queue"),
                    _ => "waiting for its turn".to_owned(),
                })))
            }
            "canceling" => Ok(Polled::Pending(Pending::running(None, "stopping"))),
            _ => {
                let words = brief(&job["progress"]["message"]);
                let words = if words.is_empty() { "making".to_owned() } else { words };
                Ok(Polled::Pending(Pending::running(number(&job["progress"]["value"]), words)))
            }
        }
    }

    async fn take(
        &self,
        context: &Context,
        handle: &Handle,
        job: &Value,
    ) -> Result<Outcome, EngineError> {
        let none = || no_result(handle.kind);
        let outputs = job["outputs"].as_array().ok_or_else(none)?;
        // Previews are named so, and come beside what is saved.
        let saved = |o: &Value| !o["name"].as_str().is_some_and(|name| name.contains("_temp_"));
        let mut right = outputs.iter().filter(|o| kind_of(o) == Some(handle.kind));
        let first = right.clone().find(|o| saved(o)).or_else(|| right.next()).ok_or_else(none)?;
        let link = match text(&first["id"]).filter(|id| is_plain(id)) {
            Some(id) => format!("api/v2/assets/{id}/content"),
            None => first["url"].as_str().ok_or_else(nonsense)?.to_owned(),
        };
        let title = handle.title.clone();
        if handle.kind == Kind::Text {
            let bytes = self.provider.fetch(context, &link, MAX_TEXT).await?;
            let words = String::from_utf8(bytes).or(Err(nonsense()))?;
            let main = text_output(&words);
            return Ok(Outcome { text: words, ..outcome(&self.id, "workflow", title, main) });
        }
        let file = self.provider.fetch_file(context, &link, MAX_FILM, "result.bin").await?;
        let main = output_in(context, file).await?;
        if !fits(handle.kind, &main) {
            return Err(none());
        }
        Ok(outcome(&self.id, "workflow", title, main))
    }
}

/// What an output is, by its type or else by its media type.
fn kind_of(output: &Value) -> Option<Kind> {
    let (word, mime) = (output["type"].as_str(), output["content_type"].as_str());
    let by = |name: &str| match name {
        "image" => Some(Kind::Image),
        "video" => Some(Kind::Video),
        "audio" => Some(Kind::Voice),
        "text" => Some(Kind::Text),
        _ => None,
    };
    // Films of some nodes come as images; the media type knows better.
    let sure = mime.and_then(|m| by(m.split('/').next().unwrap_or_default()));
    sure.or_else(|| word.and_then(by))
}

/// True when an id can stand in a path as it is.
fn is_plain(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

impl Engine for ComfyV2 {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Text, Kind::Image, Kind::Voice, Kind::Video],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: local,
            params: vec![
                Parameter { name: "workflow", default: "", choices: &[] },
                Parameter { name: "negative_prompt", default: "", choices: &[] },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            match self.provider.get(context, NO_JOB)?.reading(reading).value().await {
                Err(error) if error.code == "no_such_job" => Ok(Check::ready("Ready.")),
                // Any web server says that something is not there; this one says it in its way.
                Err(error) if error.provider_status == Some(404) => Err(nonsense()),
                Err(error) => Err(error),
                Ok(_) => Err(nonsense()),
            }
        }))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(self.create(context, request))
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
            let url = self.provider.own(&handle.cancel)?;
            let call = self.provider.call(context, Method::POST, url, Sends::Nothing)?;
            let job = match call.reading(reading).value().await {
                Err(error) if error.provider_status == Some(404) => {
                    return Ok(Stopped::AlreadyFinished);
                }
                other => other?,
            };
            Ok(match job["status"].as_str().unwrap_or_default() {
                "canceled" | "cancelled" => Stopped::Done,
                "succeeded" | "failed" | "expired" => Stopped::AlreadyFinished,
                _ => Stopped::Requested,
            })
        })
    }
}
