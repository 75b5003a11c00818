//! fal: hosted models behind a queue. Wire shapes follow its public documentation
//! (docs.fal.ai, “Queue” and “Media expiration”) and its own client, `fal-js`
//! (libs/client/src/{queue,headers,response}.ts).

mod result;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Auth, Provider, Sends, invalid, nonsense};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind,
    Parameter, Pending, Place, Polled, Request, Stopped, Submitted,
};

use super::common::{asks_something, handle_from, handle_of, is_model, lost, number, params, text};
use super::media::data_url;

/// Results are fetched at once; a day is kept for a computer that sleeps over night.
const RESULT_LIFE: &str = "{\"expiration_duration_seconds\":86400}";
/// A request that nobody made, to be asked for in a check.
const NOBODY: &str = "00000000-0000-0000-0000-000000000000";

/// One account.
#[derive(Debug)]
pub struct Fal {
    id: String,
    model: String,
    provider: Provider,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    status: String,
    response: String,
    cancel: String,
    model: String,
    title: String,
    kind: Kind,
}

impl Fal {
    /// An account; the model is its id, such as `fal-ai/flux/dev`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Scheme("Key"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    fn model_of<'a>(&'a self, request: &'a Request) -> Result<&'a str, EngineError> {
        let named = [&request.model, &self.model].into_iter().find(|m| !m.is_empty());
        let model = named.map_or("", String::as_str);
        if is_model(model) {
            return Ok(model);
        }
        Err(invalid("Name a model of fal on the agent, such as fal-ai/flux/dev."))
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        let model = self.model_of(request)?;
        let mut input = params(&request.params, &[]);
        input.entry("prompt").or_insert_with(|| json!(request.prompt));
        input.entry("seed").or_insert_with(|| json!(request.seed & 0x7fff_ffff));
        let picture = request.inputs.iter().find(|i| i.kind == Kind::Image && i.file.is_some());
        if let Some(picture) = picture
            && !input.contains_key("image_url")
        {
            input.insert("image_url".to_owned(), json!(data_url(picture)?));
        }
        context.report(0.02, "asking");
        let mut url = self.provider.own(model)?;
        if let Some(webhook) = &context.webhook {
            url.query_pairs_mut().append_pair("fal_webhook", webhook);
        }
        let call = self.provider.call(context, Method::POST, url, Sends::Work)?.reading(reading);
        let call = call.header("x-fal-object-lifecycle-preference", RESULT_LIFE);
        let answer = call.json(&Value::Object(input)).value().await?;
        let id = text(&answer["request_id"]).ok_or_else(nonsense)?;
        // What belongs to a request lies below the model without its last parts.
        let app: Vec<&str> = model.split('/').take(2).collect();
        let usual = format!("{}/requests/{id}", app.join("/"));
        let link = |name: &str, usual: String| answer[name].as_str().map_or(usual, str::to_owned);
        let handle = Handle {
            status: link("status_url", format!("{usual}/status")),
            cancel: link("cancel_url", format!("{usual}/cancel")),
            response: link("response_url", usual),
            model: model.to_owned(),
            title: title_from(&request.prompt),
            kind: request.kind,
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    async fn look(&self, context: &Context, handle: &Handle) -> Result<Polled, EngineError> {
        let url = self.provider.own(&handle.status)?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?.reading(reading);
        let answer = match call.value().await {
            Err(error) if error.provider_status == Some(404) => return Err(lost()),
            other => other?,
        };
        match answer["status"].as_str().unwrap_or_default() {
            // This word says only that it has ended; the answer itself tells how.
            "COMPLETED" => self.take(context, handle).await.map(Polled::Finished),
            "CANCELED" | "CANCELLED" => Err(EngineError::canceled()),
            "IN_QUEUE" => {
                let ahead = number(&answer["queue_position"]).filter(|n| *n >= 1.0);
                let message = ahead.map_or("waiting for its turn".to_owned(), |n| {
                    format!("waiting for its turn, {n:.0} before it")
                });
                Ok(Polled::Pending(Pending::queued(message)))
            }
            _ => Ok(Polled::Pending(Pending::running(None, "making"))),
        }
    }

    /// Asks for a request that nobody made: a key that is refused is refused before.
    async fn looked(&self, context: &Context) -> Result<Check, EngineError> {
        let model = if is_model(&self.model) { self.model.as_str() } else { "fal-ai/flux" };
        let app: Vec<&str> = model.split('/').take(2).collect();
        let url = self.provider.own(&format!("{}/requests/{NOBODY}/status", app.join("/")))?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?.reading(reading);
        match call.response().await {
            Ok(_) => {}
            Err(error) if matches!(error.provider_status, Some(400 | 404 | 405 | 410 | 422)) => {}
            Err(error) => return Err(error),
        }
        Ok(Check::ready("fal answers and takes the key. Name a model of it on the agent."))
    }
}

/// Refusals that fal tells in the words of its validation.
fn reading(status: u16, body: &Value) -> Option<(ErrorClass, &'static str)> {
    let detail = &body["detail"];
    let kind = detail[0]["type"].as_str().or(body["error_type"].as_str()).unwrap_or_default();
    let locked = detail.as_str().is_some_and(|d| d.to_lowercase().contains("balance"));
    match (status, kind) {
        (_, "content_policy_violation") => Some((ErrorClass::ContentRefused, "content_refused")),
        (403, _) if locked => Some((ErrorClass::NoCredit, "no_credit")),
        (499, _) => Some((ErrorClass::Canceled, "canceled")),
        // A fault of the run, told with its kind, is its end; a gateway names none.
        (500..=599, kind) if !kind.is_empty() => Some((ErrorClass::InvalidRequest, "failed")),
        _ => None,
    }
}

impl Engine for Fal {
    fn describe(&self) -> Description {
        let local = self.provider.is_local();
        let plain = |name| Parameter { name, default: "", choices: &[] };
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Image, Kind::Video, Kind::Voice, Kind::Text],
            place: if local { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !local,
            free: false,
            params: ["image_size", "aspect_ratio", "duration"].map(plain).into(),
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, self.looked(context)))
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            asks_something(request)?;
            self.provider.needs_key(context)?;
            self.create(context, request).await
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
            let url = self.provider.own(&handle.cancel)?;
            let call = self.provider.call(context, Method::PUT, url, Sends::Nothing)?;
            match call.response().await {
                Ok(_) => Ok(Stopped::Requested),
                // Too late.
                Err(error) if matches!(error.provider_status, Some(400 | 404 | 409 | 410)) => {
                    Ok(Stopped::AlreadyFinished)
                }
                Err(error) => Err(error),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_model;

    #[test]
    fn only_names_of_models_become_addresses() {
        for model in ["fal-ai/flux/dev", "o/m", "fal-ai/kling-video/v2.1/master/text-to-video"] {
            assert!(is_model(model), "{model}");
        }
        for other in
            ["", "flux", "//evil.example/x", "https://evil.example/x", "a/../../b", "a/b?c", "a//b"]
        {
            assert!(!is_model(other), "{other}");
        }
    }
}
