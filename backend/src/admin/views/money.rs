//! What plans allow and what was paid.

use axum::extract::State;
use axum::response::Response;

use crate::admin::Operator;
use crate::admin::view::{Act, Block, Table, cell, link, page};
use crate::db::all;
use crate::error::Refusal;
use crate::ledger;
use crate::state::AppState;

use super::{ROWS, at, shown};

/// What plans allow.
pub(in crate::admin) async fn plans(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    who.admin()?;
    let sql = "SELECT p.*, CAST((SELECT COUNT(*) FROM account WHERE plan = p.id) AS BIGINT) AS people FROM plan p ORDER BY price_cents, id";
    let rows = all(&state.db, sql, vec![]).await?;
    let columns = [
        "id",
        "name",
        "price_cents",
        "monthly_micro",
        "concurrent_jobs",
        "jobs_per_day",
        "storage_bytes",
        "upload_bytes",
        "version",
        "people",
    ];
    let table = Table {
        title: "Plans".to_owned(),
        find: None,
        head: vec![
            "Plan",
            "Name",
            "Cents a month",
            "Millionths a month",
            "Jobs at once",
            "Jobs a day",
            "Bytes kept",
            "Bytes a file",
            "Version",
            "People",
        ],
        rows: rows.iter().map(|r| columns.iter().map(|c| cell(shown(r, c))).collect()).collect(),
    };
    let act = Act {
        title: "Set a plan (a new one, or all of an old one)".to_owned(),
        action: "/admin/plans".to_owned(),
        hidden: Vec::new(),
        fields: vec![
            ("id", "Plan", "text"),
            ("name", "Name", "text"),
            ("price_cents", "Cents a month", "number"),
            ("monthly_tokens", "Tokens a month", "number"),
            ("concurrent_jobs", "Jobs at once", "number"),
            ("jobs_per_day", "Jobs a day", "number"),
            ("storage_mb", "MB kept", "number"),
            ("upload_mb", "MB a file", "number"),
        ],
        buttons: vec![("set", "Set")],
    };
    Ok(page(&who, "Plans", "", vec![Block::Table(table), Block::Act(act)]))
}

/// Orders and what the payment service said.
pub(in crate::admin) async fn payments(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    who.admin()?;
    let orders = all(&state.db, "SELECT o.*, a.handle FROM payment_order o JOIN account a ON a.id = o.account ORDER BY o.created_at_ms DESC LIMIT $1", vec![ROWS.into()]).await?;
    let events = all(
        &state.db,
        "SELECT * FROM payment_event ORDER BY at_ms DESC LIMIT $1",
        vec![ROWS.into()],
    )
    .await?;
    let wrong = ledger::check(&state.db).await?;
    let orders = Table {
        title: "Orders".to_owned(),
        find: None,
        head: vec!["When", "Who", "Tokens", "Cents", "State", "Given back"],
        rows: orders
            .iter()
            .map(|r| {
                vec![
                    cell(at(r, "created_at_ms")),
                    link(
                        format!("@{}", shown(r, "handle")),
                        format!("/admin/people/{}", shown(r, "account")),
                    ),
                    cell(shown(r, "tokens")),
                    cell(shown(r, "cents")),
                    cell(shown(r, "state")),
                    cell(shown(r, "refunded_cents")),
                ]
            })
            .collect(),
    };
    let events = Table {
        title: "Events".to_owned(),
        find: None,
        head: vec!["When", "What", "About", "Handled", "Tries", "Note"],
        rows: events
            .iter()
            .map(|r| {
                vec![
                    cell(at(r, "at_ms")),
                    cell(shown(r, "kind")),
                    cell(shown(r, "object")),
                    cell(shown(r, "handled")),
                    cell(shown(r, "attempts")),
                    cell(shown(r, "note")),
                ]
            })
            .collect(),
    };
    let books = if wrong.is_empty() { "The ledger is right.".to_owned() } else { wrong.join("; ") };
    Ok(page(&who, "Payments", &books, vec![Block::Table(orders), Block::Table(events)]))
}
