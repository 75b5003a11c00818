//! Keys for programs, on a page that needs no scripts: made, shown once, ended.

use axum::extract::{Form as Posted, State};
use axum::response::{IntoResponse, Redirect, Response};
use oto_api_types::NewApiKey;
use serde::Deserialize;

use super::day;
use super::session::{Visit, Visitor};
use super::sign_in::{Form, field};
use crate::auth::api_key;
use crate::db::now_ms;
use crate::error::Refusal;
use crate::state::AppState;

/// What a key may be for: a word, what is read beside it, the scopes.
const USES: [(&str, &str, &[&str]); 3] = [
    (
        "make",
        "A key to make works, for oTo or a chat program",
        &["jobs:read", "jobs:write", "assets:read", "assets:write", "wallet:read"],
    ),
    (
        "publish",
        "A key to make and publish works",
        &[
            "jobs:read",
            "jobs:write",
            "assets:read",
            "assets:write",
            "works:read",
            "works:write",
            "wallet:read",
        ],
    ),
    ("read", "A key that only reads", &["jobs:read", "works:read", "wallet:read"]),
];

async fn page(
    state: &AppState,
    visitor: &Visitor,
    said: &str,
    refused: Option<&Refusal>,
) -> Result<Response, Refusal> {
    let keys = api_key::of(&state.db, &visitor.account).await?;
    let mut words = String::from("A key lets a program act for you, without your password.");
    for key in &keys {
        let used = key.last_used_at_ms.map_or_else(|| "never used".to_owned(), day);
        words.push_str(&format!(
            "\n• “{}”, made {}, last used: {used}; may {}",
            key.name,
            day(key.created_at_ms),
            key.scopes.join(", ")
        ));
        match key.expires_at_ms {
            Some(at) if at <= now_ms() => words.push_str("; it has ended"),
            Some(at) => words.push_str(&format!("; ends {}", day(at))),
            None => {}
        }
    }
    let ends: Vec<(String, String)> =
        keys.iter().map(|k| (format!("end:{}", k.id), format!("End “{}”", k.name))).collect();
    let mut buttons: Vec<(&str, &str)> = USES.iter().map(|(id, words, _)| (*id, *words)).collect();
    buttons.extend(ends.iter().map(|(id, words)| (id.as_str(), words.as_str())));
    let mut name = field("name", "Name", "text", "off");
    name.value = "My desk".to_owned();
    let form = Form {
        said: said.to_owned(),
        good: true,
        words: &words,
        action: "/keys",
        fields: vec![name],
        buttons: &buttons,
        links: &[("/wallet", "Back")],
        ..Form::new("Keys for programs")
    };
    Ok(match refused {
        Some(refusal) => form.refused(refusal),
        None => form.shown(),
    })
}

pub(super) async fn show(
    State(state): State<AppState>,
    Visit(visitor): Visit,
) -> Result<Response, Refusal> {
    let Some(visitor) = visitor else { return Ok(Redirect::to("/login").into_response()) };
    page(&state, &visitor, "", None).await
}

#[derive(Deserialize)]
pub(super) struct Wish {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    name: String,
}

/// Makes a key, whose secret is on the page this once, or ends one.
pub(super) async fn change(
    State(state): State<AppState>,
    Visit(visitor): Visit,
    Posted(wish): Posted<Wish>,
) -> Result<Response, Refusal> {
    let Some(visitor) = visitor else { return Ok(Redirect::to("/login").into_response()) };
    match changed(&state, &visitor, &wish).await {
        Ok(said) => page(&state, &visitor, &said, None).await,
        Err(refusal) => page(&state, &visitor, "", Some(&refusal)).await,
    }
}

async fn changed(state: &AppState, visitor: &Visitor, wish: &Wish) -> Result<String, Refusal> {
    visitor.may_change()?;
    if let Some(id) = wish.what.strip_prefix("end:") {
        let ended = api_key::revoke(&state.db, &visitor.account, id).await?;
        return if ended {
            Ok("It has ended; nothing gets in with it any more.".to_owned())
        } else {
            Err(Refusal::not_found("key of yours"))
        };
    }
    let (.., scopes) = USES
        .into_iter()
        .find(|(word, ..)| *word == wish.what)
        .ok_or_else(|| Refusal::validation("Choose what the key is for."))?;
    let new = NewApiKey {
        name: wish.name.clone(),
        scopes: scopes.iter().map(|s| (*s).to_owned()).collect(),
        day_limit_micro: None,
        month_limit_micro: None,
        expires_at_ms: None,
    };
    let made = api_key::make_checked(&state.db, &visitor.account, &new).await?;
    let secret = made.secret.unwrap_or_default();
    Ok(format!("Copy it now, it is not shown again: {secret}"))
}
