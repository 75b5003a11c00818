//! Figures of thirty days, as charts and as CSV.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::admin::Operator;
use crate::admin::view::{Block, chart, page};
use crate::db::{all, now_ms};
use crate::error::Refusal;
use crate::pages::day;
use crate::state::AppState;

use super::DAY_MS;

/// Figures of thirty days: name, title, and what is counted of a day.
const SERIES: [(&str, &str, &str); 5] = [
    (
        "jobs",
        "Jobs a day",
        "SELECT created_at_ms / 86400000 AS d, CAST(COUNT(*) AS BIGINT) AS n FROM job WHERE created_at_ms > $1 GROUP BY 1",
    ),
    (
        "people",
        "New people a day",
        "SELECT created_at_ms / 86400000 AS d, CAST(COUNT(*) AS BIGINT) AS n FROM account WHERE created_at_ms > $1 GROUP BY 1",
    ),
    (
        "works",
        "Works published a day",
        "SELECT published_at_ms / 86400000 AS d, CAST(COUNT(*) AS BIGINT) AS n FROM work WHERE published_at_ms > $1 GROUP BY 1",
    ),
    (
        "likes",
        "Likes a day",
        "SELECT at_ms / 86400000 AS d, CAST(COUNT(*) AS BIGINT) AS n FROM work_like WHERE at_ms > $1 GROUP BY 1",
    ),
    (
        "tokens",
        "Tokens spent a day",
        "SELECT t.at_ms / 86400000 AS d, CAST(SUM(e.amount) / 1000000 AS BIGINT) AS n FROM ledger_transfer t JOIN ledger_entry e ON e.transfer = t.id AND e.account = 'revenue' WHERE t.at_ms > $1 GROUP BY 1",
    ),
];

pub(super) async fn by_day(state: &AppState, name: &str) -> Result<Vec<(String, i64)>, Refusal> {
    let (_, _, sql) =
        SERIES.iter().find(|s| s.0 == name).ok_or_else(|| Refusal::not_found("figures"))?;
    let today = now_ms() / DAY_MS;
    let first = today - 29;
    let mut days: Vec<(String, i64)> = (first..=today).map(|d| (day(d * DAY_MS), 0)).collect();
    for row in all(&state.db, sql, vec![(first * DAY_MS).into()]).await? {
        let index = usize::try_from(row.try_get::<i64>("", "d")? - first).unwrap_or(usize::MAX);
        if let Some(slot) = days.get_mut(index) {
            slot.1 = row.try_get("", "n")?;
        }
    }
    Ok(days)
}

/// Charts of thirty days.
pub(in crate::admin) async fn analytics(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    who.admin()?;
    let mut blocks = Vec::new();
    for (name, title, _) in SERIES {
        let days = by_day(&state, name).await?;
        blocks.push(Block::Chart(chart(title, format!("/admin/analytics/{name}"), &days)));
    }
    Ok(page(&who, "Analytics", "", blocks))
}

/// The same figures as CSV.
pub(in crate::admin) async fn csv(
    State(state): State<AppState>,
    who: Operator,
    Path(name): Path<String>,
) -> Result<Response, Refusal> {
    who.admin()?;
    let days = by_day(&state, &name).await?;
    let lines = days.iter().map(|(day, n)| format!("{day},{n}\n"));
    let text: String = std::iter::once("day,value\n".to_owned()).chain(lines).collect();
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response())
}
