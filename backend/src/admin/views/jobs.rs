//! Jobs and what is kept of them.

use axum::extract::{Path, State};
use axum::response::Response;

use crate::admin::Operator;
use crate::admin::view::{Act, Block, Cell, Table, cell, link, page};
use crate::db::all;
use crate::error::Refusal;
use crate::routes::body::Query;
use crate::state::AppState;

use super::{Find, ROWS, at, figure, number, shown};

/// Jobs, newest first.
pub(in crate::admin) async fn jobs(
    State(state): State<AppState>,
    who: Operator,
    Query(find): Query<Find>,
) -> Result<Response, Refusal> {
    who.admin()?;
    let sql = "SELECT j.id, j.kind_word, j.lane, j.status, j.attempt, j.created_at_ms, j.finished_at_ms, j.hold_micro, a.handle FROM job j LEFT JOIN account a ON a.id = j.owner
        WHERE $1 = '' OR j.status = $1 OR j.id = $1 OR a.handle = $1 OR j.lane = $1 ORDER BY j.created_at_ms DESC LIMIT $2";
    let rows = all(&state.db, sql, vec![find.q.trim().into(), ROWS.into()]).await?;
    let table = Table {
        title: "Jobs (search: a state, an engine, a handle, an id)".to_owned(),
        find: Some(("/admin/jobs".to_owned(), find.q)),
        head: vec!["Begun", "Job", "Kind", "Lane", "State", "Try", "Held", "Who"],
        rows: rows
            .iter()
            .map(|r| {
                vec![
                    cell(at(r, "created_at_ms")),
                    link(&shown(r, "id")[..8], format!("/admin/jobs/{}", shown(r, "id"))),
                    cell(shown(r, "kind_word")),
                    cell(shown(r, "lane")),
                    cell(shown(r, "status")),
                    cell(shown(r, "attempt")),
                    cell(shown(r, "hold_micro")),
                    cell(shown(r, "handle")),
                ]
            })
            .collect(),
    };
    Ok(page(&who, "Jobs", "", vec![Block::Table(table)]))
}

/// One job; of its words operators see none.
pub(in crate::admin) async fn job(
    State(state): State<AppState>,
    who: Operator,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    who.admin()?;
    let sql = "SELECT j.*, s.cost_micro, s.took_ms FROM job j LEFT JOIN spent s ON s.job_id = j.id WHERE j.id = $1";
    let rows = all(&state.db, sql, vec![id.clone().into()]).await?;
    let row = rows.first().ok_or_else(|| Refusal::not_found("job"))?;
    let mut facts: Vec<Vec<Cell>> = [
        "status",
        "submit_state",
        "lane",
        "attempt",
        "lease_owner",
        "lease_seq",
        "parent_id",
        "hold_micro",
        "settled",
        "cost_micro",
        "took_ms",
        "stage",
        "error",
    ]
    .iter()
    .map(|c| vec![cell(c), cell(shown(row, c))])
    .collect();
    for c in ["created_at_ms", "started_at_ms", "finished_at_ms", "deadline_at_ms"] {
        facts.push(vec![cell(c.trim_end_matches("_at_ms")), cell(at(row, c))]);
    }
    let sql = "SELECT kind, at_ms, memo FROM ledger_transfer WHERE job = $1 ORDER BY at_ms";
    let booked = all(&state.db, sql, vec![id.clone().into()]).await?;
    let booked =
        booked.iter().map(|r| vec![cell(at(r, "at_ms")), cell(shown(r, "kind"))]).collect();
    let blocks = vec![
        Block::Table(Table {
            title: id.clone(),
            find: None,
            head: vec!["What", "Is"],
            rows: facts,
        }),
        Block::Table(Table {
            title: "Booked".to_owned(),
            find: None,
            head: vec!["When", "What"],
            rows: booked,
        }),
        Block::Act(Act {
            title: "Stop it".to_owned(),
            action: format!("/admin/jobs/{id}/stop"),
            hidden: Vec::new(),
            fields: Vec::new(),
            buttons: vec![("stop", "Stop")],
        }),
    ];
    Ok(page(&who, "Jobs", "", blocks))
}

/// What is kept, of whom.
pub(in crate::admin) async fn storage(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    who.admin()?;
    let kinds = all(&state.db, "SELECT kind, CAST(COUNT(*) AS BIGINT) AS n, CAST(SUM(size) AS BIGINT) AS bytes FROM asset GROUP BY kind ORDER BY 3 DESC", vec![]).await?;
    let most = all(&state.db, "SELECT a.id, a.handle, CAST(COUNT(*) AS BIGINT) AS n, CAST(SUM(w.size) AS BIGINT) AS bytes FROM work w JOIN account a ON a.id = w.author WHERE w.state <> 'deleted' GROUP BY a.id, a.handle ORDER BY 4 DESC LIMIT $1", vec![ROWS.into()]).await?;
    let idle = number(&state, "SELECT CAST(COUNT(*) AS BIGINT) FROM asset s WHERE NOT EXISTS (SELECT 1 FROM work w WHERE w.original = s.hash OR w.asset = s.served)", vec![]).await?;
    let blocks = vec![
        Block::Figures(vec![figure("media without a work", idle)]),
        Block::Table(Table {
            title: "By kind".to_owned(),
            find: None,
            head: vec!["Kind", "Media", "Bytes"],
            rows: kinds
                .iter()
                .map(|r| vec![cell(shown(r, "kind")), cell(shown(r, "n")), cell(shown(r, "bytes"))])
                .collect(),
        }),
        Block::Table(Table {
            title: "By person".to_owned(),
            find: None,
            head: vec!["Who", "Works", "Bytes"],
            rows: most
                .iter()
                .map(|r| {
                    vec![
                        link(
                            format!("@{}", shown(r, "handle")),
                            format!("/admin/people/{}", shown(r, "id")),
                        ),
                        cell(shown(r, "n")),
                        cell(shown(r, "bytes")),
                    ]
                })
                .collect(),
        }),
    ];
    Ok(page(&who, "Storage", "", blocks))
}
