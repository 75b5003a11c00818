//! Films: the `/videos` shape, in OpenRouter's form too.

use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::common::{expired, handle_from, handle_of, lost, number, text};
use super::super::media::{data_url, output_in};
use super::{Dialect, OpenAiCompatible, cost_micro};
use crate::http::{MAX_FILM, Sends, nonsense, refusal};
use crate::outcome::title_from;
use crate::{
    Context, EngineError, ErrorClass, Kind, Outcome, Pending, Polled, Request, Stopped, Submitted,
};

/// A server may not know an id at once.
const FRESH_MS: i64 = 60_000;

#[derive(Serialize, Deserialize)]
struct Handle {
    id: String,
    url: String,
    model: String,
    title: String,
    sent_ms: i64,
}

impl OpenAiCompatible {
    pub(super) async fn video(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Submitted, EngineError> {
        let model = self.named(request).to_owned();
        let mut body = json!({ "prompt": request.prompt });
        if !model.is_empty() {
            body["model"] = json!(model);
        }
        let seconds = request.param("seconds", "");
        let first = request.inputs.iter().find(|i| i.kind == Kind::Image && i.file.is_some());
        match self.dialect {
            Dialect::Standard => {
                if !seconds.is_empty() {
                    body["seconds"] = json!(seconds);
                }
                if let Some(first) = first {
                    body["input_reference"] = json!({ "image_url": data_url(first)? });
                }
            }
            Dialect::OpenRouter => {
                body["seed"] = json!(request.seed & 0x7fff_ffff);
                if let Ok(seconds) = seconds.parse::<u32>() {
                    body["duration"] = json!(seconds);
                }
                if let Some(first) = first {
                    let image = json!({ "url": data_url(first)? });
                    body["frame_images"] = json!([
                        { "type": "image_url", "image_url": image, "frame_type": "first_frame" }
                    ]);
                }
            }
        }
        if let Some(size) = request.params.get("size").filter(|s| !s.is_empty()) {
            body["size"] = json!(size);
        }
        context.report(0.02, "asking");
        let call = self.provider.post(context, "videos", Sends::Work)?;
        let answer = call.json(&body).value().await?;
        let id = text(&answer["id"]).ok_or_else(nonsense)?;
        let url = answer["polling_url"].as_str().map_or(format!("videos/{id}"), str::to_owned);
        let handle = Handle {
            id,
            url,
            model,
            title: title_from(&request.prompt),
            sent_ms: (context.now_ms)(),
        };
        Ok(Submitted::Accepted { handle: handle_of(&handle)? })
    }

    pub(super) async fn look_at_video(
        &self,
        context: &Context,
        handle: &str,
    ) -> Result<Polled, EngineError> {
        let handle: Handle = handle_from(handle)?;
        let url = self.provider.own(&handle.url)?;
        let answer = self.provider.call(context, Method::GET, url, Sends::Nothing)?.value().await;
        let answer = match answer {
            Err(error) if error.provider_status == Some(404) => {
                if (context.now_ms)() - handle.sent_ms < FRESH_MS {
                    return Ok(Polled::Pending(Pending::queued("waiting for its turn")));
                }
                return Err(lost());
            }
            other => other?,
        };
        let said =
            || answer["error"]["message"].as_str().or(answer["error"].as_str()).unwrap_or_default();
        match answer["status"].as_str().unwrap_or_default() {
            "completed" => self.take_video(context, &handle, &answer).await.map(Polled::Finished),
            "failed" => Err(refusal(ErrorClass::InvalidRequest, "failed", said())),
            "cancelled" | "canceled" => Err(EngineError::canceled()),
            "expired" => Err(expired()),
            "queued" | "pending" => Ok(Polled::Pending(Pending::queued("waiting for its turn"))),
            _ => {
                let progress = number(&answer["progress"]).map(|p| p / 100.0);
                Ok(Polled::Pending(Pending::running(progress, "making")))
            }
        }
    }

    async fn take_video(
        &self,
        context: &Context,
        handle: &Handle,
        answer: &Value,
    ) -> Result<Outcome, EngineError> {
        let link = match answer["unsigned_urls"][0].as_str() {
            Some(link) => link.to_owned(),
            None => format!("videos/{}/content", handle.id),
        };
        let file = self.provider.fetch_file(context, &link, MAX_FILM, "result.bin").await?;
        let main = output_in(context, file).await?;
        if main.duration_ms == 0 || main.size_px == [0, 0] {
            return Err(nonsense());
        }
        let outcome = self.outcome(&handle.model, handle.title.clone(), main);
        Ok(Outcome { cost_micro: cost_micro(&answer["usage"]), ..outcome })
    }

    pub(super) async fn stop_video(
        &self,
        context: &Context,
        handle: &str,
    ) -> Result<Stopped, EngineError> {
        if self.dialect == Dialect::OpenRouter {
            return Ok(Stopped::NotSupported);
        }
        let handle: Handle = handle_from(handle)?;
        let url: Url = self.provider.own(&handle.url)?;
        let call = self.provider.call(context, Method::DELETE, url, Sends::Nothing)?;
        match call.response().await {
            Ok(_) => Ok(Stopped::Done),
            Err(error) => match error.provider_status {
                Some(404 | 409) => Ok(Stopped::AlreadyFinished),
                Some(405 | 501) => Ok(Stopped::NotSupported),
                _ => Err(error),
            },
        }
    }
}
