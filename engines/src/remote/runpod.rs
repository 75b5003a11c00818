//! RunPod: workers behind serverless endpoints. Wire shapes follow the public documentation
//! (docs.runpod.io/serverless/endpoints: send-requests, operation-reference, job-states); those of
//! the ComfyUI worker the contract that `worker-comfyui` publishes in its README.

mod input;
mod output;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{asks_something, handle_from, handle_of, lost, number, outcome, stopped, text};
use super::media::text_output;
use super::workflow;
use crate::http::{Auth, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Outcome, Parameter, Pending, Place, Polled, Request, Stopped, Submitted,
};

/// A fresh job may not be seen at once.
const FRESH_MS: i64 = 60_000;
/// How long a job may stand still after its worker ended before it counts as overwritten.
const STOOD_MS: i64 = 120_000;
/// How long a job lives, queue included; after that RunPod deletes it whatever its state.
const TTL_MS: u64 = 86_400_000;
/// Most bytes of a request.
const MOST: usize = 10_000_000;

/// One account.
#[derive(Debug)]
pub struct RunPod {
    id: String,
    model: String,
    provider: Provider,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Handle {
    get: String,
    cancel: String,
    endpoint: String,
    title: String,
    kind: Kind,
    sent_ms: i64,
    /// The farthest it has been.
    best: f64,
    /// Working time that does not grow any more, and since when.
    stood: Option<(f64, i64)>,
}

impl RunPod {
    /// An account; the model is the id of an endpoint.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Scheme("Bearer"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    fn endpoint<'a>(&'a self, named: &'a str) -> Result<&'a str, EngineError> {
        let endpoint = if named.is_empty() { &self.model } else { named }.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if endpoint.is_empty() || !endpoint.chars().all(fits) {
            return Err(invalid(
                "Name the RunPod endpoint as the model: its id, such as a1b2c3d4e5f6g7, is on its page in the RunPod console.",
            ));
        }
        Ok(endpoint)
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        let endpoint = self.endpoint(&request.model)?;
        let workflow = workflow::of(request)?;
        if workflow.is_none() {
            asks_something(request)?;
        }
        self.provider.needs_key(context)?;
        let input = match workflow {
            Some(workflow) => input::with_workflow(workflow, request)?,
            None => input::plain(request)?,
        };
        let seconds: u64 = request.param("execution_timeout_s", "").parse().unwrap_or(1_800);
        let mut body = json!({
            "input": input,
            "policy": { "executionTimeout": seconds.clamp(5, 86_400) * 1_000, "ttl": TTL_MS },
        });
        if let Some(url) = &context.webhook {
            body["webhook"] = json!(url);
        }
        if body.to_string().len() > MOST {
            return Err(invalid(
                "The sources are more than the 10 MB that RunPod takes in a request. Use smaller ones.",
            ));
        }
        context.report(0.02, "asking");
        let call = self.provider.post(context, &format!("{endpoint}/run"), Sends::Work)?;
        let answer = call.json(&body).value().await.map_err(|error| not_there(error, endpoint))?;
        let id = text(&answer["id"]).ok_or_else(nonsense)?;
        // Whole addresses: a change of the settings does not lose the job.
        let link = |what: &str| self.provider.own(&format!("{endpoint}/{what}/{id}"));
        let handle = Handle {
            get: link("status")?.to_string(),
            cancel: link("cancel")?.to_string(),
            endpoint: endpoint.to_owned(),
            title: title_from(&request.prompt),
            kind: request.kind,
            sent_ms: (context.now_ms)(),
            best: 0.0,
            stood: None,
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    async fn look(&self, context: &Context, handle: Handle) -> Result<Polled, EngineError> {
        let url = self.provider.own(&handle.get)?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?.with_media();
        let answer = match call.value().await {
            Err(error) if error.provider_status == Some(404) => {
                if (context.now_ms)() - handle.sent_ms < FRESH_MS {
                    return Ok(Polled::Pending(Pending::queued("waiting for its turn")));
                }
                return Err(lost());
            }
            other => other?,
        };
        match answer["status"].as_str().unwrap_or_default() {
            "COMPLETED" => self.take(context, &handle, &answer).await.map(Polled::Finished),
            "FAILED" => {
                let said = output::complaint(&answer);
                Err(refusal(ErrorClass::InvalidRequest, "failed", &said))
            }
            "TIMED_OUT" => Err(EngineError::new(
                ErrorClass::InvalidRequest,
                "timed_out",
                "The worker took longer than it may, or none came. Give the parameter “execution_timeout_s” a larger number, or give the endpoint more workers.",
            )),
            "CANCELLED" | "CANCELED" => Err(stopped()),
            "IN_QUEUE" => Ok(Polled::Pending(Pending::queued("waiting for a worker"))),
            _ => self.running(context, handle, &answer).await,
        }
    }

    /// A worker is at it. What it says last can arrive after its end and put the job back to
    /// running for ever, with the result overwritten: a working time that stands still shows it.
    async fn running(
        &self,
        context: &Context,
        handle: Handle,
        answer: &Value,
    ) -> Result<Polled, EngineError> {
        let (output, now) = (&answer["output"], (context.now_ms)());
        let mut next = handle.clone();
        let worked = number(&answer["executionTime"]).filter(|t| *t > 0.0);
        next.stood = worked.map(|worked| match handle.stood {
            Some((before, since)) if before == worked => (worked, since),
            _ => (worked, now),
        });
        if let Some((_, since)) = next.stood {
            if output::holds(output, handle.kind) {
                return self.take(context, &handle, answer).await.map(Polled::Finished);
            }
            if now - since > STOOD_MS {
                return Err(EngineError::new(
                    ErrorClass::BadResponse,
                    "overwritten",
                    "The worker ended, and a late progress report took the place of its result. Run it again, or use a worker that reports no progress after its end.",
                ));
            }
        }
        let said = output::progress(output).unwrap_or_default();
        next.best = handle.best.max(said);
        let progress = Some(next.best).filter(|best| *best > 0.0);
        let mut pending = Pending::running(progress, "making");
        if next != handle {
            pending.handle = Some(handle_of(&next)?);
        }
        Ok(Polled::Pending(pending))
    }

    async fn take(
        &self,
        context: &Context,
        handle: &Handle,
        answer: &Value,
    ) -> Result<Outcome, EngineError> {
        let (output, title) = (&answer["output"], handle.title.clone());
        let failed = |error: EngineError| {
            let said = output::complaint(answer);
            if error.code != "no_result" || said.is_empty() {
                return error;
            }
            // Some workers end well and say inside that they did not.
            refusal(ErrorClass::InvalidRequest, "failed", &said)
        };
        if handle.kind == Kind::Text {
            let words = output::words(output);
            if words.trim().is_empty() {
                return Err(failed(super::common::no_result(Kind::Text)));
            }
            let main = text_output(&words);
            return Ok(Outcome { text: words, ..outcome(&self.id, &handle.endpoint, title, main) });
        }
        let main = output::media(&self.provider, context, output, handle.kind).await;
        Ok(outcome(&self.id, &handle.endpoint, title, main.map_err(failed)?))
    }
}

fn not_there(error: EngineError, endpoint: &str) -> EngineError {
    if error.provider_status != Some(404) {
        return error;
    }
    let message = format!(
        "RunPod knows no endpoint “{endpoint}” for this key. Copy the endpoint’s id from the RunPod console."
    );
    EngineError { message, ..error }
}

impl Engine for RunPod {
    fn describe(&self) -> Description {
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Text, Kind::Image, Kind::Voice, Kind::Video],
            place: if self.provider.is_local() { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !self.provider.is_local(),
            free: false,
            params: vec![
                Parameter { name: "workflow", default: "", choices: &[] },
                Parameter { name: "negative_prompt", default: "", choices: &[] },
                Parameter { name: "execution_timeout_s", default: "1800", choices: &[] },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let none =
                |e: EngineError| Check { state: CheckState::NoModel, ..Check::ready(e.message) };
            let endpoint = match self.endpoint("") {
                Ok(endpoint) => endpoint,
                Err(error) => return Ok(none(error)),
            };
            let answer = self.provider.get(context, &format!("{endpoint}/health"))?.value().await;
            let answer = match answer {
                Err(error) if error.provider_status == Some(404) => {
                    return Ok(none(not_there(error, endpoint)));
                }
                other => other?,
            };
            let workers = answer["workers"].as_object().ok_or_else(nonsense)?;
            let count = |name: &&str| workers.get(*name).and_then(number).unwrap_or_default();
            let awake = ["idle", "ready", "running"].iter().any(|name| count(name) > 0.0);
            Ok(Check::ready(if awake {
                "Ready, with a worker awake."
            } else {
                "Ready. All workers sleep; the first request wakes one, which takes a while."
            }))
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
        Box::pin(async move { self.look(context, handle_from(handle)?).await })
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
            let answer = match call.value().await {
                Err(error) if error.provider_status == Some(404) => {
                    return Ok(Stopped::AlreadyFinished);
                }
                other => other?,
            };
            Ok(match answer["status"].as_str().unwrap_or_default() {
                "CANCELLED" | "CANCELED" => Stopped::Done,
                "COMPLETED" | "FAILED" | "TIMED_OUT" => Stopped::AlreadyFinished,
                _ => Stopped::Requested,
            })
        })
    }
}
