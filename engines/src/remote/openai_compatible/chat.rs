//! Texts: chat completions, streamed.

use reqwest::Response;
use serde_json::{Value, json};

use super::super::common::typed;
use super::super::media::{data_url, text_output};
use super::{OpenAiCompatible, cost_micro, tokens};
use crate::http::{Events, MAX_JSON, Sends, Veil, nonsense, read_capped, refusal, too_large};
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
    words: Words,
    cost_micro: Option<i64>,
}

/// Counts words as they come, without looking back.
#[derive(Default)]
struct Words {
    n_words: usize,
    is_inside: bool,
}

impl Words {
    fn hear(&mut self, text: &str) {
        for letter in text.chars() {
            let is_inside = !letter.is_whitespace();
            self.n_words += usize::from(is_inside && !self.is_inside);
            self.is_inside = is_inside;
        }
    }
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
        let mut answer = if is_json(&response) {
            // Some servers ignore `stream`.
            let bytes = read_capped(response, MAX_JSON, Sends::Whole).await?;
            let value: Value = serde_json::from_slice(&bytes).or(Err(nonsense()))?;
            let text = value["choices"][0]["message"]["content"].as_str().ok_or_else(nonsense)?;
            if text.len() > MAX_TEXT {
                return Err(too_large());
            }
            context.meter.set(tokens(&value["usage"]));
            let cost_micro = cost_micro(&value["usage"]);
            Answer { text: text.to_owned(), cost_micro, ..Answer::default() }
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
        // It came in pieces, of which none needs to hold all of the key.
        answer.text = Veil::of(context.key.as_ref()).text(answer.text);
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
    let (mut answer, mut done, mut shown) = (Answer::default(), false, 0);
    let veil = Veil::of(context.key.as_ref());
    while let Some(event) = events.next(context).await? {
        if event.data == "[DONE]" {
            return Ok(answer);
        }
        let mut value: Value = serde_json::from_str(&event.data).or(Err(nonsense()))?;
        veil.value(&mut value);
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
        // Others repeat what was used so far in every event.
        if value["usage"].is_object() {
            context.meter.set(tokens(&value["usage"]));
        }
        answer.cost_micro = cost_micro(&value["usage"]).or(answer.cost_micro);
        let choice = &value["choices"][0];
        if let Some(more) = choice["delta"]["content"].as_str() {
            if answer.text.len() + more.len() > MAX_TEXT {
                return Err(too_large());
            }
            answer.text.push_str(more);
            answer.words.hear(more);
            let n = veil.settled(&answer.text[shown..]);
            context.draft.push(&veil.text(answer.text[shown..shown + n].to_owned()));
            shown += n;
        }
        match choice["finish_reason"].as_str() {
            Some("content_filter") => {
                return Err(refusal(ErrorClass::ContentRefused, "content_refused", ""));
            }
            Some(_) => done = true,
            None => {}
        }
        let words = answer.words.n_words;
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

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words_are_counted_as_they_come_however_they_are_cut() {
        let text = " The tram\u{2003}climbs,\n\n slowly .  ";
        for size in 1..=text.chars().count() {
            let letters: Vec<char> = text.chars().collect();
            let mut words = Words::default();
            letters.chunks(size).for_each(|c| words.hear(&c.iter().collect::<String>()));
            assert_eq!(words.n_words, text.split_whitespace().count());
        }
    }
}
