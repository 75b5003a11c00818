//! What the rules of this house say of a text. There is no model behind it: a text is flagged when it
//! has words that the operator listed.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Fault;
use crate::auth::Me;
use crate::error::Refusal;
use crate::moderation::rules;
use crate::routes::body::Json;
use crate::state::AppState;

/// Most texts of one call.
const MOST: usize = 64;

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    One(String),
    Many(Vec<String>),
    Parts(Vec<Part>),
}

/// One of several parts of an input; a picture has no words.
#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
pub(super) struct Moderation {
    input: Input,
}

pub(super) async fn judge(
    State(state): State<AppState>,
    me: Me,
    Json(asked): Json<Moderation>,
) -> Result<Json<Value>, Fault> {
    me.may("jobs:read")?;
    let texts = match asked.input {
        Input::One(text) => vec![text],
        Input::Many(texts) => texts,
        Input::Parts(parts) => parts.into_iter().map(|part| part.text).collect(),
    };
    if texts.is_empty() || texts.len() > MOST {
        return Err(Refusal::validation("One to 64 texts are looked at once.").into());
    }
    let words = &state.server()?.config.held_words;
    let results: Vec<Value> = texts
        .iter()
        .map(|text| {
            let flagged = rules::found(words, text).is_some();
            let score = if flagged { 1.0 } else { 0.0 };
            json!({"flagged": flagged, "categories": {"house_rules": flagged}, "category_scores": {"house_rules": score}})
        })
        .collect();
    let id = format!("modr-{}", uuid::Uuid::now_v7().simple());
    Ok(Json(json!({"id": id, "model": "house-rules", "results": results})))
}
