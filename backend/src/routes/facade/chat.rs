//! Chat: whole, or as it comes.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use oto_api_types::JobKind;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::images::Form;
use super::{Asked, Fault, Guard, LOOK, Once, PATIENCE, ended, made, not_empty, submit, too_long};
use crate::auth::Me;
use crate::db::now_ms;
use crate::error::Refusal;
use crate::jobs::queue;
use crate::jobs::row::JobRow;
use crate::routes::body::Json;
use crate::state::AppState;

/// Settings that engines of this contract take as they are.
const PASSED_ON: [&str; 5] =
    ["temperature", "top_p", "max_tokens", "max_completion_tokens", "reasoning_effort"];
/// Settings that no engine here has a way to follow, and the values that ask for nothing.
const NOT_DONE: [(&str, &[&str]); 11] = [
    ("tools", &[]),
    ("functions", &[]),
    ("tool_choice", &["none", "auto"]),
    ("function_call", &["none", "auto"]),
    ("stop", &[]),
    ("n", &["1"]),
    ("logprobs", &[]),
    ("response_format", &["text"]),
    ("modalities", &["text"]),
    ("audio", &[]),
    ("web_search_options", &[]),
];

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Value,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
pub(super) struct Chat {
    model: String,
    messages: Vec<Message>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(flatten)]
    more: serde_json::Map<String, Value>,
}

/// The words of a message, whichever way it carries them.
fn words(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|p| p["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// What engines here have no way to do is refused, not left out.
fn checked(chat: &Chat) -> Result<(), Refusal> {
    for (name, harmless) in NOT_DONE {
        let asks = match chat.more.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Array(all)) => {
                all.iter().any(|v| v.as_str().is_none_or(|v| !harmless.contains(&v)))
            }
            Some(Value::Object(form)) => form
                .get("type")
                .and_then(Value::as_str)
                .is_none_or(|kind| !harmless.contains(&kind)),
            Some(Value::String(text)) => !harmless.contains(&text.as_str()),
            Some(other) => !harmless.contains(&other.to_string().as_str()),
        };
        if asks {
            return Err(Refusal::validation(format!("“{name}” is not done here; leave it out.")));
        }
    }
    Ok(())
}

/// Pictures in the messages, as data.
fn pictures(chat: &Chat) -> Result<Form, Refusal> {
    let mut form = Form::default();
    let parts = chat.messages.iter().filter_map(|m| m.content.as_array()).flatten();
    for part in parts.filter(|part| part["type"] != "text") {
        form.add_data(&part["image_url"]["url"])?;
    }
    Ok(form)
}

fn asked(chat: &Chat) -> Result<Asked, Refusal> {
    checked(chat)?;
    let said = chat.messages.iter().map(|m| (m.role.as_str(), words(&m.content)));
    let prompt = match chat.messages.as_slice() {
        [] => return Err(Refusal::validation("A chat needs messages.")),
        [one] => words(&one.content),
        _ => said.map(|(role, words)| format!("{role}: {words}")).collect::<Vec<_>>().join("\n\n"),
    };
    // Local engines have other settings, and none of these.
    let is_local = chat.model.starts_with("local-");
    let params = PASSED_ON.into_iter().filter(|_| !is_local).filter_map(|name| {
        let set = chat.more.get(name)?;
        let text = set.as_str().map(str::to_owned);
        text.or_else(|| set.is_number().then(|| set.to_string())).map(|text| (name, text))
    });
    Ok(Asked {
        kind: JobKind::Text,
        model: chat.model.clone(),
        prompt,
        params: params.collect(),
        inputs: Vec::new(),
        once: Once::default(),
    })
}

/// What the engine counted; nothing where it does not tell.
fn usage(row: &JobRow) -> Value {
    let result = row.result().unwrap_or_default();
    let (asked, said) = (result.tokens_in.unwrap_or(0), result.tokens_out.unwrap_or(0));
    json!({"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked.saturating_add(said)})
}

pub(super) async fn complete(
    State(state): State<AppState>,
    me: Me,
    once: Once,
    Json(chat): Json<Chat>,
) -> Result<Response, Fault> {
    let asked = asked(&chat)?;
    let pictures = pictures(&chat)?;
    if pictures.pictures.is_empty() {
        // Before anything is kept.
        not_empty(asked.prompt.clone())?;
    }
    let inputs = pictures.inputs(&state, &me).await?;
    let asked = Asked { inputs, once, ..asked };
    if chat.stream {
        return stream(&state, &me, &chat, asked).await;
    }
    let (job, row) = made(&state, &me, asked).await?;
    let message = json!({"role": "assistant", "content": job.text, "refusal": null});
    let choice = json!({"index": 0, "message": message, "finish_reason": "stop", "logprobs": null});
    Ok(Json(json!({
        "id": format!("chatcmpl-{}", job.id), "object": "chat.completion", "created": now_ms() / 1000, "model": chat.model,
        "choices": [choice], "usage": usage(&row),
    }))
    .into_response())
}

/// A chat that is told while it comes.
struct Telling {
    state: AppState,
    guard: Guard,
    changes: watch::Receiver<u64>,
    model: String,
    created: i64,
    with_usage: bool,
    /// Bytes of the text that were told.
    told: String,
    ready: VecDeque<Event>,
    until: Instant,
    is_over: bool,
}

async fn stream(state: &AppState, me: &Me, chat: &Chat, asked: Asked) -> Result<Response, Fault> {
    let changes = state.changes();
    let once = asked.once.clone();
    let row = submit(state, me, asked).await?;
    let mut telling = Telling {
        state: state.clone(),
        guard: Guard::of(state, &row.id, &once),
        changes,
        model: chat.model.clone(),
        created: now_ms() / 1000,
        with_usage: chat.stream_options.as_ref().is_some_and(|o| o.include_usage),
        told: String::new(),
        ready: VecDeque::new(),
        until: Instant::now() + PATIENCE,
        is_over: false,
    };
    telling.say(&json!({"role": "assistant", "content": ""}), &Value::Null);
    let events = futures_util::stream::unfold(telling, |mut telling| async move {
        telling.next().await.map(|event| (Ok::<_, Infallible>(event), telling))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}

impl Telling {
    fn chunk(&self, choices: &Value, usage: Option<Value>) -> Event {
        let mut chunk = json!({"id": format!("chatcmpl-{}", self.guard.id), "object": "chat.completion.chunk", "created": self.created, "model": self.model, "choices": choices});
        if let Some(usage) = usage {
            chunk["usage"] = usage;
        }
        Event::default().data(chunk.to_string())
    }

    fn say(&mut self, delta: &Value, end: &Value) {
        let choice = json!([{"index": 0, "delta": delta, "finish_reason": end}]);
        let event = self.chunk(&choice, None);
        self.ready.push_back(event);
    }

    fn say_words(&mut self, more: &str) {
        if !more.is_empty() {
            self.say(&json!({"content": more}), &Value::Null);
            self.told.push_str(more);
        }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.is_over {
                return None;
            }
            if let Err(refusal) = self.look().await {
                self.ready.push_back(Event::default().data(Fault(refusal).body().to_string()));
                self.finish();
            } else if self.ready.is_empty() {
                tokio::select! {
                    _ = self.changes.changed() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    }

    fn finish(&mut self) {
        self.ready.push_back(Event::default().data("[DONE]"));
        self.is_over = true;
    }

    /// Tells what has come, and the end.
    async fn look(&mut self) -> Result<(), Refusal> {
        let draft = self.state.live().get(&self.guard.id).map(|live| live.draft.clone());
        if let Some(more) = draft.and_then(|d| d.behind(self.told.len())) {
            self.say_words(&more);
            return Ok(());
        }
        // What is worked on here has not ended; nobody need ask the database at every word.
        let is_here = self.state.live().contains_key(&self.guard.id);
        if is_here && Instant::now() < self.until {
            return Ok(());
        }
        let row = queue::find(&self.state.db, &self.guard.id).await?;
        let row = row.ok_or_else(|| Refusal::not_found("job"))?;
        if !row.status.is_final() {
            return if Instant::now() > self.until { Err(too_long()) } else { Ok(()) };
        }
        self.guard.is_over = true;
        let text = ended(&self.state, &row).await?.text;
        match text.strip_prefix(self.told.as_str()) {
            Some(rest) => self.say_words(rest),
            // The engine began anew in the middle: what it made in the end follows whole.
            None => self.say_words(&format!("\n\n{text}")),
        }
        self.say(&json!({}), &json!("stop"));
        if self.with_usage {
            let event = self.chunk(&json!([]), Some(usage(&row)));
            self.ready.push_back(event);
        }
        self.finish();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_either_form_and_settings_are_for_engines_that_have_them() {
        assert_eq!(words(&json!([{"type": "text", "text": "a"}, {"type": "image_url"}])), "a");
        let of = |model: &str| {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "a tram"}], "temperature": 0.5, "n": 3});
            asked(&serde_json::from_value(body).unwrap())
        };
        assert!(of("local-text").is_err(), "three answers at once are not given");
        let of = |model: &str| {
            let body = json!({"model": model, "messages": [{"role": "user", "content": "a tram"}], "temperature": 0.5, "n": 1, "stop": []});
            asked(&serde_json::from_value(body).unwrap()).unwrap()
        };
        assert!(of("local-text").params.is_empty());
        assert_eq!(of("lab").params, [("temperature", "0.5".to_owned())]);
    }
}
