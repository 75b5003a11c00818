//! What was made and what it cost, and limits.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use oto_api_types::{Budget, Usage};
use serde::Deserialize;

use crate::error::Refusal;
use crate::state::AppState;
use crate::usage;

#[derive(Debug, Deserialize)]
pub(crate) struct Days {
    /// How many days back, today included.
    #[serde(default = "month")]
    days: i64,
}

fn month() -> i64 {
    30
}

/// `GET /usage?days=30`.
pub(crate) async fn show(
    State(state): State<AppState>,
    Query(asked): Query<Days>,
) -> Result<Json<Usage>, Refusal> {
    Ok(Json(usage::report(&state.db, asked.days.clamp(1, 3_660)).await?))
}

/// `PUT /usage/budget`.
pub(crate) async fn set_budget(
    State(state): State<AppState>,
    Json(budget): Json<Budget>,
) -> Result<StatusCode, Refusal> {
    if [budget.day_micro, budget.month_micro].into_iter().flatten().any(|limit| limit < 0) {
        return Err(Refusal::validation("A limit is an amount of zero or more."));
    }
    usage::set_budget(&state.db, &budget).await?;
    Ok(StatusCode::NO_CONTENT)
}
