//! What adapters share: reading tolerant JSON, handles, checks of a request.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::http::invalid;
use crate::{EngineError, ErrorClass, Kind, Outcome, Output, Request};

/// A number, also one that comes as a text.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|v| v.is_finite())
}

/// How many: a whole number, not below zero; what is absurd is not known.
pub(super) fn count(value: &Value) -> Option<u64> {
    number(value).filter(|n| (0.0..=1e12).contains(n)).map(|n| n as u64)
}

/// A text, also of a number.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Words of a provider that may be shown: one short line.
pub(super) fn brief(value: &Value) -> String {
    let words = value.as_str().unwrap_or_default();
    words.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// A handle as it is kept on the job.
pub(super) fn handle_of<T: Serialize>(handle: &T) -> Result<String, EngineError> {
    serde_json::to_string(handle).or(Err(foreign_handle()))
}

/// A handle that was kept on the job.
pub(super) fn handle_from<T: DeserializeOwned>(text: &str) -> Result<T, EngineError> {
    serde_json::from_str(text).or(Err(foreign_handle()))
}

fn foreign_handle() -> EngineError {
    EngineError::new(
        ErrorClass::Internal,
        "old_job",
        "This job was made by another version of oTo and cannot be read.",
    )
}

/// True when a file is of the kind that was asked for.
pub(super) fn fits(kind: Kind, output: &Output) -> bool {
    let (seen, lasts) = (output.size_px != [0, 0], output.duration_ms > 0);
    match kind {
        Kind::Text => !seen && !lasts,
        Kind::Image => seen && !lasts,
        Kind::Voice => !seen && lasts,
        Kind::Video => seen && lasts,
    }
}

/// It ended, and what was asked for is not there.
pub(super) fn no_result(kind: Kind) -> EngineError {
    let what = match kind {
        Kind::Text => "a text",
        Kind::Image => "an image",
        Kind::Voice => "a voice",
        Kind::Video => "a film",
    };
    EngineError::new(
        ErrorClass::BadResponse,
        "no_result",
        format!("The engine ended without {what}. Choose a model or workflow that makes it."),
    )
}

/// Somebody stopped the request at the provider.
pub(super) fn stopped() -> EngineError {
    EngineError::new(ErrorClass::Canceled, "canceled", "This was stopped at the engine.")
}

/// The provider does not know the request any more.
pub(super) fn lost() -> EngineError {
    EngineError::new(
        ErrorClass::EngineLostJob,
        "engine_lost_job",
        "The engine no longer knows this job; it was restarted or let it go. Run it again.",
    )
}

/// The result was there for a while and is gone.
pub(super) fn expired() -> EngineError {
    EngineError::new(
        ErrorClass::Expired,
        "result_gone",
        "The engine’s result is no longer there. Run it again.",
    )
}

/// A request without words and without sources asks for nothing.
pub(super) fn asks_something(request: &Request) -> Result<(), EngineError> {
    if request.prompt.trim().is_empty() && request.inputs.is_empty() {
        return Err(invalid("Write on the agent what to make."));
    }
    Ok(())
}

/// An engine that does not make this kind.
pub(super) fn makes_no(kind: Kind) -> EngineError {
    let what = match kind {
        Kind::Text => "texts",
        Kind::Image => "images",
        Kind::Voice => "voices",
        Kind::Video => "films",
    };
    invalid(&format!("This engine makes no {what}. Choose another one on the agent."))
}

/// A model id that is safe as a part of an address: words with slashes between, no dots alone.
pub(super) fn is_model(model: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good =
        |part: &str| part.chars().all(fits) && part.chars().any(|c| c.is_ascii_alphanumeric());
    model.contains('/') && model.split('/').all(good)
}

/// Parameters as JSON, numbers and truth values as such, without those in `but`.
pub(super) fn params(all: &BTreeMap<String, String>, but: &[&str]) -> Map<String, Value> {
    let wanted = all.iter().filter(|(name, _)| !but.contains(&name.as_str()));
    wanted.map(|(name, text)| (name.clone(), typed(text))).collect()
}

/// A text of the user as the JSON it means.
pub(super) fn typed(text: &str) -> Value {
    match text.trim() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number => match number.parse::<i64>() {
            Ok(whole) => Value::from(whole),
            Err(_) => number
                .parse::<f64>()
                .ok()
                .and_then(serde_json::Number::from_f64)
                .map_or_else(|| Value::from(text), Value::Number),
        },
    }
}

/// Every address in a JSON value, in order: results come as text, list or object.
pub(super) fn links(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    gather(value, &mut found);
    found
}

fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("https://") || text.starts_with("http://") => {
            found.push(text.clone());
        }
        Value::Array(list) => list.iter().for_each(|v| gather(v, found)),
        Value::Object(map) => map.values().for_each(|v| gather(v, found)),
        _ => {}
    }
}

/// A result with one file, and what the engine is called with the model.
pub(super) fn outcome(engine: &str, model: &str, title: String, main: Output) -> Outcome {
    let model_name = if model.is_empty() { "default model" } else { model };
    Outcome {
        outputs: vec![main],
        title,
        text: String::new(),
        model: model.to_owned(),
        label: format!("{engine} · {model_name}"),
        cost_micro: None,
        draft: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_typed_becomes_json() {
        for (text, json) in [
            ("5", "5"),
            ("0.5", "0.5"),
            ("true", "true"),
            ("16:9", "\"16:9\""),
            ("", "\"\""),
            ("nan", "\"nan\""),
        ] {
            assert_eq!(typed(text).to_string(), json);
        }
    }

    #[test]
    fn links_are_found_in_any_shape() {
        let value = serde_json::json!({"a": ["https://x/1", {"url": "http://y/2"}], "b": "no"});
        assert_eq!(links(&value), ["https://x/1", "http://y/2"]);
    }
}
