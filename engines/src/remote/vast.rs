//! Vast.ai serverless: the route server names a worker, and the worker runs a ComfyUI workflow in
//! one long call. Wire shapes follow the public guides (docs.vast.ai: "Serverless", "ComfyUI Wan
//! 2.2", "The PyWorker").

mod mock;
mod worker;

use serde_json::{Value, json};

use super::common::{asks_something, links, makes_no, outcome, text, typed};
use super::media::output_in;
use super::workflow::{self, Filling};
use crate::http::{Auth, MAX_FILM, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Estimate, Kind, Outcome, Parameter, Place, Request, Submitted,
};

/// How soon to ask again while no worker is there.
const NO_WORKER_MS: u64 = 5_000;

/// One account, or a play of one without network.
#[derive(Debug)]
pub struct Vast {
    id: String,
    model: String,
    /// None for the play.
    provider: Option<Provider>,
}

impl Vast {
    /// An account; the model is the name of the endpoint. The address `mock:` plays one.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = if added.base_url.trim() == "mock:" {
            None
        } else {
            Some(Provider::new(&added.base_url, Auth::Scheme("Bearer"))?)
        };
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    /// Asks for a worker. Nothing is paid for that.
    async fn route(
        &self,
        context: &Context,
        provider: &Provider,
        endpoint: &str,
        cost: &Value,
    ) -> Result<Value, EngineError> {
        context.report(0.02, "looking for a worker");
        let call = provider.post(context, "route/", Sends::Nothing)?;
        let answer = call.json(&json!({ "endpoint": endpoint, "cost": cost })).value().await?;
        if answer["url"].as_str().is_some_and(|url| !url.is_empty()) {
            return Ok(answer);
        }
        if let Some(said) = answer["error"].as_str() {
            return Err(refusal(ErrorClass::InvalidRequest, "invalid_request", said));
        }
        // An endpoint without a worker says how it stands instead.
        let Some(said) = text(&answer["status"]).or_else(|| text(&answer["message"])) else {
            return Err(nonsense());
        };
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        Err(no_worker(&said))
    }

    async fn make(&self, context: &Context, request: &Request) -> Result<Outcome, EngineError> {
        if !matches!(request.kind, Kind::Image | Kind::Video) {
            return Err(makes_no(request.kind));
        }
        let endpoint = if request.model.is_empty() { &self.model } else { &request.model };
        let how = request.param("mock", "");
        let plays = !matches!(how, "" | "false" | "no");
        let Some(provider) = self.provider.as_ref().filter(|_| !plays) else {
            return mock::play(&self.id, endpoint, context, request);
        };
        if endpoint.is_empty() {
            return Err(invalid(
                "Name the endpoint of your Vast account as the model of the agent.",
            ));
        }
        let graph = workflow::of(request)?.ok_or_else(|| {
            invalid("Vast runs workflows. In ComfyUI choose Workflow > Export (API) and put the content of that file into the agent’s workflow.")
        })?;
        let filling = Filling::of(graph, request)?;
        if !filling.sources(request).is_empty() {
            return Err(invalid("This engine takes no source files. Use words alone."));
        }
        let graph = filling.finish(request, &[])?;
        provider.needs_key(context)?;
        let cost = typed(request.param("cost", "100"));
        let route = self.route(context, provider, endpoint, &cost).await?;
        let worker = worker::at(provider, route["url"].as_str().unwrap_or_default())?;
        let worker = worker.without(context.key.clone());
        // The worker is somebody's computer: it gets the signature for this call and no key.
        let keyless = Context { key: None, ..context.clone() };
        context.report(0.1, "making");
        let answer = worker::run(&worker, &keyless, &route, &request.submission_id, graph).await?;
        let link = worker::result_of(&answer, request.kind)?;
        context.report(0.95, "fetching the result");
        let file = worker.fetch_paid(&keyless, &link, MAX_FILM, "result.bin").await?;
        let main = output_in(context, file).await?;
        if main.size_px == [0, 0] || (request.kind == Kind::Video) != (main.duration_ms > 0) {
            return Err(invalid(
                "The workflow makes something else than was asked. Choose a workflow for this kind of work.",
            ));
        }
        Ok(outcome(&self.id, endpoint, title_from(&request.prompt), main))
    }
}

fn no_worker(said: &str) -> EngineError {
    let message = format!(
        "No worker of the endpoint is free yet; oTo tries again by itself. Vast says: {said}"
    );
    let error = EngineError::new(ErrorClass::RateLimited, "no_worker", message);
    EngineError { retry_after_ms: Some(NO_WORKER_MS), ..error }
}

impl Engine for Vast {
    fn describe(&self) -> Description {
        let place = match &self.provider {
            None => Place::Local,
            Some(provider) if provider.is_local() => Place::Loopback,
            Some(_) => Place::Remote,
        };
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: if self.provider.is_none() {
                vec![Kind::Image]
            } else {
                vec![Kind::Image, Kind::Video]
            },
            place,
            draft: self.provider.is_none(),
            needs_key: place == Place::Remote,
            free: self.provider.is_none(),
            params: vec![
                Parameter { name: "workflow", default: "", choices: &[] },
                Parameter { name: "cost", default: "100", choices: &[] },
                Parameter { name: "mock", default: "", choices: &["", "true", "busy", "failed"] },
            ],
        }
    }

    fn estimate(&self, request: &Request) -> Estimate {
        let plays = !matches!(request.param("mock", ""), "" | "false" | "no");
        if plays || self.provider.is_none() { Estimate::FREE } else { Estimate::UNKNOWN }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(async move {
            let Some(provider) = &self.provider else {
                return Check::ready(
                    "Ready. This is a mock: it plays Vast without network and makes a test picture.",
                );
            };
            provider
                .checked(context, async {
                    if self.model.is_empty() {
                        return Ok(Check {
                            state: CheckState::NoModel,
                            sentence: "Name the endpoint of your Vast account as the model."
                                .to_owned(),
                            models: Vec::new(),
                        });
                    }
                    // Asking for a route would start a worker, which costs.
                    Ok(Check::ready(
                        "The key is set. Vast looks at it when the first work is made.",
                    ))
                })
                .await
        })
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            asks_something(request)?;
            // Stopping closes the connection; the worker has nothing to stop it with.
            tokio::select! {
                outcome = self.make(context, request) => outcome.map(Submitted::Finished),
                () = context.cancel.cancelled() => Err(EngineError::canceled()),
            }
        })
    }
}

/// Links of a list of results that are meant to be kept.
fn kept_links(output: &Value) -> Vec<String> {
    let Some(list) = output.as_array() else { return links(output) };
    let kept = list.iter().filter(|entry| entry["type"].as_str() != Some("temp"));
    kept.filter_map(|entry| links(&entry["url"]).into_iter().next()).collect()
}
