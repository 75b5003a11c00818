//! Texts: chat completions, streamed.

use reqwest::Response;
use serde_json::{Value, json};

use super::super::common::typed;
use super::super::media::{data_url, text_output};
use super::{OpenAiCompatible, cost_micro};
use crate::http::{Events, MAX_JSON, Sends, nonsense, read_capped, refusal};
use crate::outcome::title_from;
use crate::{Context, EngineError, ErrorClass, Kind, Outcome, Request};

/// Longest text accepted.
const MAX_TEXT: usize = 1 << 20;
/// Parameters that a chat may have.
const PARAMS: [&str; 5] =
    ["temperature", "top_p", "max_tokens", "max_completion_tokens", "reasoning_effort"];

/// What has come of a chat.
#[derive(Default)]
struct Answer {
    text: String,
    cost_micro: Option<i64>,
}

impl OpenAiCompatible {
    pub(super) async fn chat(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let model = self.model_for(context, request).await?;
        let mut body = json!({
            "model": model,
            "messages": [{ "role": "user", "content": content_of(request)? }],
            "stream": true,
            "stream_options": { "include_usage": true },
            "seed": request.seed & 0x7fff_ffff,
        });
        for name in PARAMS {
            if let Some(value) = request.params.get(name) {
                body[name] = typed(value);
            }
        }
        context.report(0.05, "asking");
        let call = self.provider.post(context, "chat/completions", Sends::Whole)?;
        let response = call.json(&body).response().await?;
        let answer = if is_json(&response) {
            // Some servers ignore `stream`.
            let bytes = read_capped(response, MAX_JSON).await?;
            let value: Value = serde_json::from_slice(&bytes).or(Err(nonsense()))?;
            let text = value["choices"][0]["message"]["content"].as_str().ok_or_else(nonsense)?;
            Answer { text: text.to_owned(), cost_micro: cost_micro(&value["usage"]) }
        } else {
            read_stream(response, context).await?
        };
        if answer.text.trim().is_empty() {
            return Err(EngineError::new(
                ErrorClass::BadResponse,
                "empty_answer",
                "The engine answered with nothing. Try again or change the prompt.",
            ));
        }
        let main = text_output(&answer.text);
        let outcome = self.outcome(&model, title_from(&request.prompt), main);
        Ok(Outcome { text: answer.text, cost_micro: answer.cost_micro, ..outcome })
    }
}

/// Words of the agent and of its sources; pictures beside them.
fn content_of(request: &Request) -> Result<Value, EngineError> {
    let mut words = request.prompt.clone();
    for input in &request.inputs {
        if let Some(text) = &input.text {
            words.push_str(&format!("\n\n--- {} ---\n{text}", input.title));
        }
    }
    let pictures: Vec<_> =
        request.inputs.iter().filter(|i| i.kind == Kind::Image && i.file.is_some()).collect();
    if pictures.is_empty() {
        return Ok(json!(words));
    }
    let mut parts = vec![json!({ "type": "text", "text": words })];
    for picture in pictures {
        let url = data_url(picture)?;
        parts.push(json!({ "type": "image_url", "image_url": { "url": url } }));
    }
    Ok(json!(parts))
}

fn is_json(response: &Response) -> bool {
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok());
    kind.is_some_and(|t| t.starts_with("application/json"))
}

/// Reads the events of a chat. A stream that ends without saying so was cut off.
async fn read_stream(response: Response, context: &Context) -> Result<Answer, EngineError> {
    let mut events = Events::new(response);
    let (mut answer, mut done) = (Answer::default(), false);
    while let Some(event) = events.next(context).await? {
        if event.data == "[DONE]" {
            return Ok(answer);
        }
        let value: Value = serde_json::from_str(&event.data).or(Err(nonsense()))?;
        if value["error"].is_object() {
            let said: String =
                value["error"]["message"].as_str().unwrap_or_default().chars().take(300).collect();
            return Err(EngineError::new(
                ErrorClass::BadResponse,
                "cut_off",
                format!("The engine stopped in the middle: {said}"),
            ));
        }
        // With `include_usage` the last event has no choices.
        answer.cost_micro = cost_micro(&value["usage"]).or(answer.cost_micro);
        let choice = &value["choices"][0];
        if let Some(more) = choice["delta"]["content"].as_str() {
            answer.text.push_str(more);
        }
        match choice["finish_reason"].as_str() {
            Some("content_filter") => {
                return Err(refusal(ErrorClass::ContentRefused, "content_refused", ""));
            }
            Some(_) => done = true,
            None => {}
        }
        if answer.text.len() > MAX_TEXT {
            return Err(EngineError::new(
                ErrorClass::BadResponse,
                "too_large",
                "The engine’s answer is larger than oTo accepts.",
            ));
        }
        let words = answer.text.split_whitespace().count();
        let part = words as f32 / (words as f32 + 200.0);
        context.report(0.1 + 0.85 * part, &format!("{words} words"));
    }
    if done {
        return Ok(answer);
    }
    Err(EngineError::new(
        ErrorClass::BadResponse,
        "cut_off",
        "The engine’s answer was cut off. Try again; a paid engine may charge twice.",
    ))
}
