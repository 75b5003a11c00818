//! What operators do. Each is written into the audit log, in the transaction in which it happens.

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use sea_orm::TransactionTrait;
use serde::Deserialize;

use super::Operator;
use crate::accounts::one_line;
use crate::audit;
use crate::db::{execute, immediate};
use crate::error::Refusal;
use crate::jobs::stages;
use crate::ledger::{self, LedgerError, MICRO, Transfer, lots};
use crate::moderation;
use crate::state::AppState;

#[derive(Debug, Deserialize)]
pub(super) struct PersonForm {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    value: String,
    /// Names this form, so that it is booked once however often it is sent.
    #[serde(default)]
    once: String,
}

/// Changes somebody's state, role, plan or tokens.
pub(super) async fn person(
    State(state): State<AppState>,
    who: Operator,
    Path(id): Path<String>,
    Form(form): Form<PersonForm>,
) -> Result<Response, Refusal> {
    who.admin()?;
    who.fresh()?;
    let (me, what) = (who.0.account.as_str(), form.what.as_str());
    match what {
        "freeze" | "limit" | "suspend" | "restore" => {
            moderation::decide(&state.db, me, "account", &id, what, &form.reason).await?;
        }
        "role" => {
            if !["member", "moderator", "admin"].contains(&form.value.as_str()) || id == me {
                return Err(Refusal::validation(
                    "A role is member, moderator or admin, and nobody changes their own.",
                ));
            }
            let sql = "UPDATE account SET role = $2 WHERE id = $1";
            change(&state, me, "role", &id, &form.value, sql).await?;
        }
        "plan" => {
            let sql = "UPDATE account SET plan = $2 WHERE id = $1 AND EXISTS (SELECT 1 FROM plan WHERE id = $2)";
            change(&state, me, "plan", &id, &form.value, sql).await?;
        }
        "tokens" => adjust(&state, me, &id, &form).await?,
        _ => return Err(Refusal::validation("There is no such action.")),
    }
    Ok(Redirect::to(&format!("/admin/people/{id}")).into_response())
}

async fn change(
    state: &AppState,
    me: &str,
    what: &str,
    id: &str,
    value: &str,
    sql: &str,
) -> Result<(), Refusal> {
    let txn = state.db.begin_with_options(immediate()).await?;
    if execute(&txn, sql, vec![id.into(), value.into()]).await? == 0 {
        return Err(Refusal::validation("There is no such person or plan."));
    }
    audit::write(&txn, me, &format!("account.{what}"), id, value).await?;
    txn.commit().await?;
    Ok(())
}

async fn adjust(state: &AppState, me: &str, id: &str, form: &PersonForm) -> Result<(), Refusal> {
    let tokens: i64 = form
        .value
        .trim()
        .parse()
        .ok()
        .filter(|n: &i64| *n != 0 && (-1_000_000..=1_000_000).contains(n))
        .ok_or_else(|| {
            Refusal::validation("Give or take a whole number of tokens, up to a million.")
        })?;
    let reason = form.reason.trim();
    if reason.is_empty() {
        return Err(Refusal::validation("Say why."));
    }
    let once = uuid::Uuid::parse_str(&form.once).ok().ok_or_else(|| {
        Refusal::validation("Open the page of this person again, and book there.")
    })?;
    let txn = state.db.begin_with_options(immediate()).await?;
    let booked = ledger::book(
        &txn,
        Transfer {
            kind: "adjust",
            reference: format!("adjust:{once}"),
            account: id,
            job: None,
            api_key: None,
            memo: reason,
            entries: vec![
                ("adjustments".to_owned(), -tokens * MICRO),
                (ledger::available(id), tokens * MICRO),
            ],
        },
    )
    .await;
    match booked {
        Ok(()) => lots::clip(&txn, id).await?,
        Err(LedgerError::Insufficient) => {
            return Err(Refusal::validation("They have fewer tokens than that."));
        }
        Err(LedgerError::Repeated) => return Err(Refusal::validation("This was booked before.")),
        Err(LedgerError::Database(error)) => return Err(error.into()),
    }
    audit::write(&txn, me, "ledger.adjust", id, &format!("{tokens} tokens: {reason}")).await?;
    txn.commit().await?;
    Ok(())
}

#[derive(Debug, Deserialize)]
pub(super) struct PlanForm {
    id: String,
    name: String,
    price_cents: i64,
    monthly_tokens: i64,
    concurrent_jobs: i64,
    jobs_per_day: i64,
    storage_mb: i64,
    upload_mb: i64,
}

/// Makes a plan, or changes one: its version grows. Whoever has it keeps what was sold to them until
/// they order anew; what it allows counts at once.
pub(super) async fn plan(
    State(state): State<AppState>,
    who: Operator,
    Form(form): Form<PlanForm>,
) -> Result<Response, Refusal> {
    who.admin()?;
    who.fresh()?;
    let all = [
        form.price_cents,
        form.monthly_tokens,
        form.concurrent_jobs,
        form.jobs_per_day,
        form.storage_mb,
        form.upload_mb,
    ];
    let is_word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    if !(1..=30).contains(&form.id.len()) || !form.id.bytes().all(is_word) {
        return Err(Refusal::validation("A plan is named by up to 30 of a–z, 0–9 and -."));
    }
    let name = one_line(&form.name, 60)
        .ok_or_else(|| Refusal::validation("A plan has a name people can read."))?;
    if all.iter().any(|n| !(0..=1_000_000_000).contains(n)) {
        return Err(Refusal::validation("What a plan allows is nothing or more."));
    }
    let txn = state.db.begin_with_options(immediate()).await?;
    let sql = "INSERT INTO plan (id, concurrent_jobs, jobs_per_day, storage_bytes, upload_bytes, name, price_cents, monthly_micro) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO UPDATE SET concurrent_jobs = $2, jobs_per_day = $3, storage_bytes = $4, upload_bytes = $5, name = $6, price_cents = $7, monthly_micro = $8, version = plan.version + 1";
    let values = vec![
        form.id.clone().into(),
        form.concurrent_jobs.into(),
        form.jobs_per_day.into(),
        (form.storage_mb * 1_000_000).into(),
        (form.upload_mb * 1_000_000).into(),
        name.into(),
        form.price_cents.into(),
        (form.monthly_tokens * MICRO).into(),
    ];
    execute(&txn, sql, values).await?;
    audit::write(&txn, &who.0.account, "plan.change", &form.id, &format!("{all:?}")).await?;
    txn.commit().await?;
    Ok(Redirect::to("/admin/plans").into_response())
}

/// Stops a job.
pub(super) async fn stop_job(
    State(state): State<AppState>,
    who: Operator,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    who.admin()?;
    // Written down before it is done: a stop is repeatable, a missing row is not.
    let txn = state.db.begin_with_options(immediate()).await?;
    audit::write(&txn, &who.0.account, "job.stop", &id, "").await?;
    txn.commit().await?;
    stages::cancel(&state, &id).await?;
    Ok(Redirect::to(&format!("/admin/jobs/{id}")).into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct DecisionForm {
    #[serde(rename = "do")]
    what: String,
    kind: String,
    target: String,
    reason: String,
}

/// Decides about what was reported.
pub(super) async fn decide(
    State(state): State<AppState>,
    who: Operator,
    Form(form): Form<DecisionForm>,
) -> Result<Response, Refusal> {
    if form.kind == "account" {
        who.admin()?;
        who.fresh()?;
    }
    let me = &who.0.account;
    moderation::decide(&state.db, me, &form.kind, &form.target, &form.what, &form.reason).await?;
    Ok(Redirect::to("/admin/moderation").into_response())
}

#[derive(Debug, Deserialize)]
pub(super) struct AppealForm {
    #[serde(rename = "do")]
    what: String,
    decision: String,
    reason: String,
}

/// Ends an appeal.
pub(super) async fn end_appeal(
    State(state): State<AppState>,
    who: Operator,
    Form(form): Form<AppealForm>,
) -> Result<Response, Refusal> {
    let overturned = form.what == "overturn";
    if moderation::is_about_account(&state.db, &form.decision).await? {
        who.admin()?;
        who.fresh()?;
    }
    let me = &who.0.account;
    moderation::end_appeal(&state.db, me, &form.decision, overturned, &form.reason).await?;
    Ok(Redirect::to("/admin/moderation").into_response())
}
