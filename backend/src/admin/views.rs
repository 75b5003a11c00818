//! What operators see.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use sea_orm::{DbErr, QueryResult};
use serde::Deserialize;

use super::Operator;
use super::view::{Act, Block, Table, cell, chart, link, page};
use crate::db::{all, now_ms, one, value};
use crate::error::Refusal;
use crate::ledger::MICRO;
use crate::routes::body::Query;
use crate::routes::shared;
use crate::state::AppState;
use crate::{audit as log, ledger, works};

mod figures;
mod jobs;
mod money;

use figures::by_day;
pub(super) use figures::{analytics, csv};
pub(super) use jobs::{job, jobs, storage};
pub(super) use money::{payments, plans};

/// Rows of a table.
const ROWS: i64 = 100;
const DAY_MS: i64 = 86_400_000;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Find {
    #[serde(default)]
    q: String,
}

async fn number(state: &AppState, sql: &str, values: Vec<sea_orm::Value>) -> Result<i64, DbErr> {
    Ok(value::<Option<i64>>(&state.db, sql, values).await?.flatten().unwrap_or(0))
}

/// Text, number or nothing, as it is shown.
fn shown(row: &QueryResult, column: &str) -> String {
    row.try_get::<String>("", column)
        .or_else(|_| row.try_get::<i64>("", column).map(|n| n.to_string()))
        .unwrap_or_default()
}

fn at(row: &QueryResult, column: &str) -> String {
    let ms = row.try_get::<Option<i64>>("", column).ok().flatten();
    let time = ms.and_then(|ms| time::OffsetDateTime::from_unix_timestamp(ms / 1000).ok());
    time.map_or_else(String::new, |t| format!("{} {:02}:{:02}", t.date(), t.hour(), t.minute()))
}

fn figure(label: &str, value: impl ToString) -> (String, String, bool) {
    (label.to_owned(), value.to_string(), false)
}

/// Everything in one look.
pub(super) async fn overview(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    if who.admin().is_err() {
        return moderation(State(state), who).await;
    }
    let since = vec![(now_ms() - DAY_MS).into()];
    let ended = "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE finished_at_ms > $1";
    let good = "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE finished_at_ms > $1 AND status = 'succeeded'";
    let (n, ok) =
        (number(&state, ended, since.clone()).await?, number(&state, good, since.clone()).await?);
    let share = if n == 0 { "–".to_owned() } else { format!("{} %", ok * 100 / n) };
    let one = async |sql: &str| number(&state, sql, vec![]).await;
    let revenue = -one("SELECT -balance FROM ledger_account WHERE id = 'revenue'").await?;
    let spent = "SELECT CAST(COALESCE(SUM(cost_micro), 0) AS BIGINT) FROM spent";
    let reports = one("SELECT CAST(COUNT(*) AS BIGINT) FROM report WHERE state = 'open'").await?;
    let figures = vec![
        figure(
            "people",
            one("SELECT CAST(COUNT(*) AS BIGINT) FROM account WHERE state <> 'gone'").await?,
        ),
        figure(
            "new today",
            number(
                &state,
                "SELECT CAST(COUNT(*) AS BIGINT) FROM account WHERE created_at_ms > $1",
                since,
            )
            .await?,
        ),
        figure(
            "works on the wall",
            one("SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM cell_sum WHERE z = 20")
                .await?,
        ),
        figure(
            "jobs waiting",
            one("SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE status = 'queued'").await?,
        ),
        figure(
            "jobs running",
            one(
                "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE status IN ('running', 'canceling')",
            )
            .await?,
        ),
        figure("jobs ended today", n),
        figure("of them well", share),
        figure("tokens earned", revenue / MICRO),
        figure("dollars to engines", format!("{:.2}", one(spent).await? as f64 / 1e6)),
        figure(
            "media, MB",
            one("SELECT CAST(COALESCE(SUM(size), 0) / 1000000 AS BIGINT) FROM asset").await?,
        ),
        ("reports open".to_owned(), reports.to_string(), reports > 0),
    ];
    let jobs = by_day(&state, "jobs").await?;
    let blocks = vec![
        Block::Figures(figures),
        Block::Chart(chart("Jobs a day", "/admin/analytics/jobs".to_owned(), &jobs)),
    ];
    Ok(page(&who, "Overview", "", blocks))
}

/// People, newest first, or those that are searched.
pub(super) async fn people(
    State(state): State<AppState>,
    who: Operator,
    Query(find): Query<Find>,
) -> Result<Response, Refusal> {
    who.admin()?;
    let like = format!("%{}%", find.q.trim().to_lowercase().replace(['%', '_'], ""));
    let sql = "SELECT id, handle, name, email, role, state, plan, works, created_at_ms FROM account WHERE LOWER(handle) LIKE $1 OR LOWER(name) LIKE $1 OR LOWER(email) LIKE $1 OR id = $2 ORDER BY created_at_ms DESC LIMIT $3";
    let values = vec![like.into(), find.q.trim().into(), ROWS.into()];
    let rows = all(&state.db, sql, values).await?;
    let rows = rows.iter().map(|r| {
        vec![
            link(format!("@{}", shown(r, "handle")), format!("/admin/people/{}", shown(r, "id"))),
            cell(shown(r, "name")),
            cell(shown(r, "email")),
            cell(shown(r, "role")),
            cell(shown(r, "state")),
            cell(shown(r, "plan")),
            cell(shown(r, "works")),
            cell(at(r, "created_at_ms")),
        ]
    });
    let table = Table {
        title: "People".to_owned(),
        find: Some(("/admin/people".to_owned(), find.q)),
        head: vec!["Handle", "Name", "E-mail", "Role", "State", "Plan", "Works", "Came"],
        rows: rows.collect(),
    };
    Ok(page(&who, "People", "", vec![Block::Table(table)]))
}

/// One person: what they have and did, and what can be done.
pub(super) async fn person(
    State(state): State<AppState>,
    who: Operator,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    who.admin()?;
    let person = crate::accounts::own(&state.db, &id).await?;
    let person = person.ok_or_else(|| Refusal::not_found("person"))?;
    let [free, held, debt] = ledger::balances(&state.db, &id).await?;
    let figures = vec![
        figure("handle", format!("@{}", person.handle)),
        figure("role", &person.role),
        (person.state_reason.clone(), person.state.clone(), person.state != "active"),
        figure("tokens free", free / MICRO),
        figure("tokens held", held / MICRO),
        figure("tokens owed", -debt / MICRO),
        figure("works", person.works),
        figure("e-mail proved", if person.email_verified { "yes" } else { "no" }),
    ];
    let action = format!("/admin/people/{id}");
    let act = |title: &str, fields: Vec<_>, buttons: Vec<_>| {
        let (title, action) = (title.to_owned(), action.clone());
        Block::Act(Act { title, action, hidden: Vec::new(), fields, buttons })
    };
    let why = ("reason", "Why (they can read it)", "text");
    let mut blocks = vec![
        Block::Figures(figures),
        act(
            "State",
            vec![why],
            vec![
                ("freeze", "Freeze"),
                ("limit", "Limit"),
                ("suspend", "Suspend for 30 days"),
                ("restore", "Restore"),
            ],
        ),
        act(
            "Role",
            vec![("value", "member, moderator or admin", "text")],
            vec![("role", "Change role")],
        ),
        act("Plan", vec![("value", "Plan", "text")], vec![("plan", "Change plan")]),
        Block::Act(Act {
            title: "Tokens".to_owned(),
            action: action.clone(),
            // Sent twice it is booked once.
            hidden: vec![("once", uuid::Uuid::now_v7().to_string())],
            fields: vec![("value", "Give (or take, with a minus)", "number"), why],
            buttons: vec![("tokens", "Book")],
        }),
    ];
    let rows = ledger::statement(&state.db, &id, None, 30).await?;
    let rows = rows.iter().map(|r| {
        let tokens = |c: &str| {
            r.try_get::<i64>("", c)
                .map_or_else(|_| String::new(), |n| format!("{:.3}", n as f64 / MICRO as f64))
        };
        vec![
            cell(at(r, "at_ms")),
            cell(shown(r, "kind")),
            cell(tokens("available")),
            cell(tokens("held")),
            cell(shown(r, "memo")),
        ]
    });
    blocks.push(Block::Table(Table {
        title: "Ledger".to_owned(),
        find: None,
        head: vec!["When", "What", "Free", "Held", "Memo"],
        rows: rows.collect(),
    }));
    Ok(page(&who, "People", "", blocks))
}

/// The picture of a work about which somebody has to decide, whoever may see it otherwise: one that was
/// reported, is held or taken down, or whose author appeals.
pub(super) async fn picture(
    State(state): State<AppState>,
    _who: Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let sql = "SELECT 1 AS yes FROM work w WHERE w.id = $1 AND (w.state <> 'shown'
        OR EXISTS (SELECT 1 FROM report r WHERE r.target_kind = 'work' AND r.target = w.id AND r.state = 'open')
        OR EXISTS (SELECT 1 FROM decision d WHERE d.target_kind = 'work' AND d.target = w.id AND d.appeal = 'open'))";
    if one(&state.db, sql, vec![id.clone().into()]).await?.is_none() {
        return Err(Refusal::not_found("picture"));
    }
    let work = works::find(&state.db, &id).await?;
    let poster = work.and_then(|w| w.poster).ok_or_else(|| Refusal::not_found("picture"))?;
    shared::send(&state, &poster, "image/jpeg", &headers, shared::OWN).await
}

/// What was reported, most often first, and appeals.
pub(super) async fn moderation(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    let sql = "SELECT target_kind, target, CAST(COUNT(*) AS BIGINT) AS n, MIN(created_at_ms) AS since, MIN(reason) AS reason, MIN(text) AS text FROM report WHERE state = 'open' GROUP BY target_kind, target ORDER BY 3 DESC, 4 LIMIT 30";
    let mut blocks = Vec::new();
    for row in all(&state.db, sql, vec![]).await? {
        let (kind, target) = (shown(&row, "target_kind"), shown(&row, "target"));
        let mut has_picture = false;
        let what = match kind.as_str() {
            "work" => works::find(&state.db, &target).await?.map(|w| {
                has_picture = w.poster.is_some();
                format!(
                    "“{}” by @{}: {}",
                    w.title,
                    w.author.handle,
                    w.text.chars().take(300).collect::<String>()
                )
            }),
            "comment" => works::comments::find(&state.db, &target)
                .await?
                .map(|(c, _)| format!("@{}: {}", c.author.handle, c.text)),
            _ => crate::accounts::own(&state.db, &target)
                .await?
                .map(|a| format!("@{} ({})", a.handle, a.name)),
        };
        let title = format!(
            "{} report(s) since {}: {} — {}",
            shown(&row, "n"),
            at(&row, "since"),
            shown(&row, "reason"),
            shown(&row, "text")
        );
        let buttons = match kind.as_str() {
            "work" => vec![
                ("keep", "Keep"),
                ("label", "Label"),
                ("unpublish", "Take down"),
                ("remove", "Remove"),
                ("restore", "Restore"),
            ],
            "comment" => vec![("keep", "Keep"), ("remove", "Remove")],
            _ => vec![
                ("keep", "Keep"),
                ("limit", "Limit"),
                ("freeze", "Freeze"),
                ("suspend", "Suspend"),
            ],
        };
        let title_of = what.unwrap_or_else(|| "gone".to_owned());
        if has_picture {
            let src = format!("/admin/works/{target}/picture");
            blocks.push(Block::Picture { src, alt: title_of.chars().take(80).collect() });
        }
        blocks.push(Block::Words(format!("{kind}: {title_of}")));
        if kind == "account" && !who.is_admin() {
            blocks.push(Block::Words(format!("{title}. An admin decides about people.")));
            continue;
        }
        blocks.push(Block::Act(Act {
            title,
            action: "/admin/moderation".to_owned(),
            hidden: vec![("kind", kind), ("target", target)],
            fields: vec![("reason", "Why (its owner can read it)", "text")],
            buttons,
        }));
    }
    if blocks.is_empty() {
        blocks.push(Block::Words("No report is open.".to_owned()));
    }
    let appeals = all(&state.db, "SELECT id, target_kind, target, action, reason, appeal_text FROM decision WHERE appeal = 'open' ORDER BY at_ms LIMIT 30", vec![]).await?;
    for row in &appeals {
        if shown(row, "target_kind") == "account" && !who.is_admin() {
            continue;
        }
        blocks.push(Block::Act(Act {
            title: format!(
                "Appeal against {} of {} {}: “{}” — “{}”",
                shown(row, "action"),
                shown(row, "target_kind"),
                shown(row, "target"),
                shown(row, "reason"),
                shown(row, "appeal_text")
            ),
            action: "/admin/appeals".to_owned(),
            hidden: vec![("decision", shown(row, "id"))],
            fields: vec![("reason", "Why", "text")],
            buttons: vec![("uphold", "Uphold"), ("overturn", "Overturn")],
        }));
    }
    let taken = all(&state.db, "SELECT target_kind, target, action, reason, at_ms, appeal FROM decision ORDER BY at_ms DESC LIMIT $1", vec![ROWS.into()]).await?;
    blocks.push(Block::Table(Table {
        title: "Decisions".to_owned(),
        find: None,
        head: vec!["When", "What", "About", "Why", "Appeal"],
        rows: taken
            .iter()
            .map(|r| {
                vec![
                    cell(at(r, "at_ms")),
                    cell(shown(r, "action")),
                    cell(format!("{} {}", shown(r, "target_kind"), shown(r, "target"))),
                    cell(shown(r, "reason")),
                    cell(shown(r, "appeal")),
                ]
            })
            .collect(),
    }));
    Ok(page(&who, "Moderation", "", blocks))
}

/// What was done by whom, and whether the log is as it was written.
pub(super) async fn audit(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    who.admin()?;
    let broken = log::first_broken(&state.db).await?;
    let said = broken.map_or_else(
        || "Every row is as it was written.".to_owned(),
        |n| format!("Row {n} is not as it was written."),
    );
    let rows = all(&state.db, "SELECT d.n, d.at_ms, d.action, d.target, d.detail, a.handle FROM audit d LEFT JOIN account a ON a.id = d.actor ORDER BY d.n DESC LIMIT $1", vec![ROWS.into()]).await?;
    let table = Table {
        title: "Audit".to_owned(),
        find: None,
        head: vec!["Row", "When", "Who", "What", "About", "Detail"],
        rows: rows
            .iter()
            .map(|r| {
                vec![
                    cell(shown(r, "n")),
                    cell(at(r, "at_ms")),
                    cell(shown(r, "handle")),
                    cell(shown(r, "action")),
                    cell(shown(r, "target")),
                    cell(shown(r, "detail")),
                ]
            })
            .collect(),
    };
    Ok(page(&who, "Audit", &said, vec![Block::Table(table)]))
}

/// Whether everything is well.
pub(super) async fn health(
    State(state): State<AppState>,
    who: Operator,
) -> Result<Response, Refusal> {
    who.admin()?;
    let server = state.server()?;
    let wrong = [ledger::check(&state.db).await?, works::said::check(&state.db).await?].concat();
    let store = state.blobs.check().await.err().map_or("answers".to_owned(), |e| e.to_string());
    let failing = number(&state, "SELECT CAST(COUNT(*) AS BIGINT) FROM webhook_delivery WHERE state = 'open' AND attempt > 0", vec![]).await?;
    let open = number(
        &state,
        "SELECT CAST(COUNT(*) AS BIGINT) FROM payment_event WHERE handled = 0",
        vec![],
    )
    .await?;
    let figures = vec![
        figure("version", env!("CARGO_PKG_VERSION")),
        figure("up, minutes", (now_ms() - server.started_ms) / 60_000),
        figure("media store", store),
        ("faults in the books".to_owned(), wrong.len().to_string(), !wrong.is_empty()),
        ("webhooks failing".to_owned(), failing.to_string(), failing > 0),
        ("payment events open".to_owned(), open.to_string(), open > 0),
        (
            "second factor of yours".to_owned(),
            if who.0.is_strong { "on" } else { "off" }.to_owned(),
            !who.0.is_strong,
        ),
    ];
    let mut blocks = vec![Block::Figures(figures)];
    blocks.extend(wrong.into_iter().map(Block::Words));
    if !who.0.is_strong {
        blocks.push(Block::Words("Set a second factor at /admin/second-factor.".to_owned()));
    }
    let rows = all(&state.db, "SELECT e.url, d.kind, d.attempt, d.answer, d.due_at_ms FROM webhook_delivery d JOIN webhook_endpoint e ON e.id = d.endpoint WHERE d.state <> 'done' ORDER BY d.created_at_ms DESC LIMIT 30", vec![]).await?;
    blocks.push(Block::Table(Table {
        title: "Webhooks not delivered".to_owned(),
        find: None,
        head: vec!["Address", "What", "Tries", "Answer", "Next"],
        rows: rows
            .iter()
            .map(|r| {
                vec![
                    cell(shown(r, "url")),
                    cell(shown(r, "kind")),
                    cell(shown(r, "attempt")),
                    cell(shown(r, "answer")),
                    cell(at(r, "due_at_ms")),
                ]
            })
            .collect(),
    }));
    Ok(page(&who, "Health", "", blocks))
}
