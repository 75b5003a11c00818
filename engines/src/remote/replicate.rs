//! Replicate: predictions of hosted models. Wire shapes follow the public HTTP reference
//! (replicate.com/docs/reference/http) and the exchanges recorded in `replicate-python`.

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::common::{
    asks_something, count, expired, handle_from, handle_of, is_model, links, lost, outcome, params,
    text,
};
use super::media::{data_url, output_in, text_output};
use crate::http::{Auth, MAX_FILM, Provider, Sends, invalid, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Added, BoxFuture, Check, Context, Description, Engine, EngineError, ErrorClass, Kind, Outcome,
    Parameter, Pending, Place, Polled, Request, Stopped, Submitted, TokenUsage,
};

/// Results of predictions are deleted after an hour.
const RESULT_LIFE_MS: i64 = 3_600_000;

/// One account.
#[derive(Debug)]
pub struct Replicate {
    id: String,
    model: String,
    provider: Provider,
}

#[derive(Serialize, Deserialize)]
struct Handle {
    id: String,
    get: String,
    cancel: String,
    model: String,
    title: String,
    kind: Kind,
    sent_ms: i64,
}

impl Replicate {
    /// An account; the model is `owner/name`, or `owner/name:version`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub fn new(added: &Added) -> Result<Self, String> {
        let provider = Provider::new(&added.base_url, Auth::Scheme("Bearer"))?;
        Ok(Self { id: added.name.clone(), model: added.model.clone(), provider })
    }

    fn model_of(&self, request: &Request) -> Result<String, EngineError> {
        let named = [&request.model, &self.model].into_iter().find(|m| !m.is_empty());
        let fits = |model: &&String| is_model(model.split(':').next().unwrap_or_default());
        named.filter(fits).cloned().ok_or_else(|| {
            invalid("Name a model on the agent, such as black-forest-labs/flux-schnell.")
        })
    }

    async fn create(&self, context: &Context, request: &Request) -> Result<Submitted, EngineError> {
        let model = self.model_of(request)?;
        let mut input = params(&request.params, &[]);
        input.entry("prompt").or_insert_with(|| json!(request.prompt));
        input.entry("seed").or_insert_with(|| json!(request.seed & 0x7fff_ffff));
        let picture = request.inputs.iter().find(|i| i.kind == Kind::Image && i.file.is_some());
        if let Some(picture) = picture
            && !input.contains_key("image")
        {
            input.insert("image".to_owned(), json!(data_url(picture)?));
        }
        let (path, mut body) = match model.split_once(':') {
            Some((_, version)) => ("predictions".to_owned(), json!({ "version": version })),
            None => (format!("models/{model}/predictions"), json!({})),
        };
        body["input"] = Value::Object(input);
        if let Some(url) = &context.webhook {
            body["webhook"] = json!(url);
            body["webhook_events_filter"] = json!(["completed"]);
        }
        context.report(0.02, "asking");
        // Every answer repeats the sources.
        let call = self.provider.post(context, &path, Sends::Work)?.json(&body).with_media();
        let answer = call.header("cancel-after", "30m").value().await?;
        let id = text(&answer["id"]).ok_or_else(nonsense)?;
        let link =
            |name: &str, usual: String| answer["urls"][name].as_str().map_or(usual, str::to_owned);
        let handle = Handle {
            get: link("get", format!("predictions/{id}")),
            cancel: link("cancel", format!("predictions/{id}/cancel")),
            model,
            title: title_from(&request.prompt),
            kind: request.kind,
            sent_ms: (context.now_ms)(),
            id,
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    async fn look(&self, context: &Context, handle: &Handle) -> Result<Polled, EngineError> {
        let url: Url = self.provider.own(&handle.get)?;
        let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?.with_media();
        let answer = match call.value().await {
            Err(error) if error.provider_status == Some(404) => return Err(lost()),
            other => other?,
        };
        let progress = progress_of(answer["logs"].as_str().unwrap_or_default());
        match answer["status"].as_str().unwrap_or_default() {
            "succeeded" => self.take(context, handle, &answer).await.map(Polled::Finished),
            "failed" => {
                let said = answer["error"].as_str().unwrap_or_default();
                Err(refusal(ErrorClass::InvalidRequest, "failed", said))
            }
            "canceled" => Err(EngineError::canceled()),
            "aborted" => Err(expired()),
            "starting" => Ok(Polled::Pending(Pending::queued("starting"))),
            _ => Ok(Polled::Pending(Pending::running(progress, "making"))),
        }
    }

    async fn take(
        &self,
        context: &Context,
        handle: &Handle,
        answer: &Value,
    ) -> Result<Outcome, EngineError> {
        // Official language models count their tokens.
        context.meter.set(TokenUsage {
            input: count(&answer["metrics"]["input_token_count"]),
            output: count(&answer["metrics"]["output_token_count"]),
        });
        let output = &answer["output"];
        if handle.kind == Kind::Text {
            let words = match output {
                Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect(),
                other => text(other).unwrap_or_default(),
            };
            if words.trim().is_empty() {
                return Err(nonsense());
            }
            let main = text_output(&words);
            let title = handle.title.clone();
            return Ok(Outcome { text: words, ..outcome(&self.id, &handle.model, title, main) });
        }
        let Some(link) = links(output).into_iter().next() else {
            let old = (context.now_ms)() - handle.sent_ms > RESULT_LIFE_MS;
            return Err(if old { expired() } else { nonsense() });
        };
        let file = self.provider.fetch_file(context, &link, MAX_FILM, "result.bin").await?;
        let main = output_in(context, file).await?;
        Ok(outcome(&self.id, &handle.model, handle.title.clone(), main))
    }
}

/// How far a run is, from the last progress bar in its log: `42%|####`.
fn progress_of(logs: &str) -> Option<f64> {
    let line = logs.rsplit(['\n', '\r']).find(|line| line.contains("%|"))?;
    let number = line.split('%').next()?.trim();
    let digits = number.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    Some(digits.parse::<f64>().ok()? / 100.0)
}

impl Engine for Replicate {
    fn describe(&self) -> Description {
        Description {
            id: self.id.clone(),
            label: self.id.clone(),
            kinds: vec![Kind::Text, Kind::Image, Kind::Voice, Kind::Video],
            place: if self.provider.is_local() { Place::Loopback } else { Place::Remote },
            draft: false,
            needs_key: !self.provider.is_local(),
            free: false,
            params: vec![Parameter { name: "aspect_ratio", default: "", choices: &[] }],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(self.provider.checked(context, async {
            let account = self.provider.get(context, "account")?.value().await?;
            let who = account["username"].as_str().ok_or_else(nonsense)?;
            Ok(Check::ready(format!("Ready, as {who}.")))
        }))
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
            let call = self.provider.call(context, Method::POST, url, Sends::Nothing)?.with_media();
            let answer = call.value().await?;
            Ok(match answer["status"].as_str().unwrap_or_default() {
                "canceled" | "aborted" => Stopped::Done,
                "succeeded" | "failed" => Stopped::AlreadyFinished,
                _ => Stopped::Requested,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::progress_of;

    #[test]
    fn the_last_bar_tells_how_far_it_is() {
        assert_eq!(progress_of("Using seed 4\n 10%|#   | 2/20\r 42%|####  | 21/50"), Some(0.42));
        assert_eq!(progress_of("no bar"), None);
    }
}
