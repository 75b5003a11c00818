//! Objecting to a decision with the link of a letter: whoever is suspended cannot sign in.

use axum::extract::{Form as Posted, State};
use axum::response::Response;
use sea_orm::TransactionTrait;
use serde::Deserialize;

use super::sign_in::{Form, Token, done, field, hidden};
use crate::auth::letter_token;
use crate::db::immediate;
use crate::error::Refusal;
use crate::moderation;
use crate::routes::body::Query;
use crate::state::AppState;

fn asked(token: &str) -> Form<'static> {
    Form {
        action: "/appeal",
        words: "Say why this decision should be looked at again. Somebody else than the one who decided reads it; you can object once.",
        fields: vec![field("text", "Your words", "text", "off"), hidden("token", token)],
        buttons: &[("go", "Object")],
        ..Form::new("A decision about what is yours")
    }
}

pub(super) async fn form(Query(token): Query<Token>) -> Response {
    asked(&token.token).shown()
}

#[derive(Deserialize)]
pub(super) struct Objection {
    token: String,
    text: String,
}

pub(super) async fn sent(
    State(state): State<AppState>,
    Posted(given): Posted<Objection>,
) -> Response {
    match object(&state, &given).await {
        Ok(()) => done(
            "Thank you",
            "Somebody else looks at it now; a letter tells you what became of it.",
        ),
        Err(refusal) => asked(&given.token).refused(&refusal),
    }
}

/// Both or neither: the link stays good when the words will not do.
async fn object(state: &AppState, given: &Objection) -> Result<(), Refusal> {
    state.server()?;
    let txn = state.db.begin_with_options(immediate()).await?;
    let (account, purpose) = letter_token::take(&txn, &given.token, "appeal:").await?;
    let decision = purpose.strip_prefix("appeal:").unwrap_or_default();
    moderation::appeal(&txn, &account, decision, &given.text).await?;
    txn.commit().await?;
    Ok(())
}
