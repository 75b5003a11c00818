//! The SQL of the job engine: accept, renew, end, cancel; claims and what was lost stand beside.

use oto_api_types::{JobError, JobKind, JobStatus, NewJob};
use oto_engines::Estimate;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait, Value};

use super::charge::{self, Prices};
use super::row::{COLUMNS, JobResult, JobRow, SubmitState, status_word};
use crate::auth::api_key;
use crate::db::{all, execute, immediate, now_ms, one, value};
use crate::ledger;
use crate::usage::{self, Spent};

mod claim;
mod lost;
pub(crate) mod media;

pub(crate) use claim::{LEASE_MS, claim, next_due_ms};

pub(crate) use lost::{Lost, expire, give_back, recover};
pub(crate) use media::{release, unneeded};

/// What became of a submission.
pub(crate) enum Accepted {
    /// It is new.
    New(JobRow),
    /// The same job was submitted before.
    Replayed(JobRow),
    /// Another job has this id.
    OtherBody,
    /// It would go over a limit: the sentence.
    OverBudget(String),
    /// Its owner has fewer tokens than it may cost.
    Poor,
    /// Its owner has as many jobs as their plan allows: the sentence.
    OverQuota(String),
}

/// Whose job it is on a server, and what they may do.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) account: String,
    /// The key it was asked with.
    pub(crate) api_key: Option<String>,
    /// Kept for it.
    pub(crate) hold_micro: i64,
}

pub(crate) async fn find(db: &DatabaseConnection, id: &str) -> Result<Option<JobRow>, DbErr> {
    let row = one(db, &format!("SELECT {COLUMNS} FROM job WHERE id = $1"), vec![id.into()]).await?;
    row.as_ref().map(JobRow::read).transpose()
}

/// Which jobs of an owner are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) status: Option<&'a str>,
    pub(crate) kind: Option<&'a str>,
    /// Whole works only, not their stages.
    pub(crate) wholes: bool,
    /// Older than this time and id.
    pub(crate) before: Option<(i64, String)>,
    pub(crate) limit: i64,
}

/// Jobs of an owner, newest first.
pub(crate) async fn newest(
    db: &DatabaseConnection,
    owner: &str,
    wanted: &Wanted<'_>,
) -> Result<Vec<JobRow>, DbErr> {
    let (at, id) = wanted.before.clone().unwrap_or((i64::MAX, String::new()));
    let wholes = if wanted.wholes { "AND parent_id IS NULL" } else { "" };
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE owner = $1 AND ($2 = '' OR status = $2) AND ($3 = '' OR kind_word = $3) {wholes}
         AND (created_at_ms < $4 OR (created_at_ms = $4 AND id < $5)) ORDER BY created_at_ms DESC, id DESC LIMIT $6"
    );
    let values = vec![
        owner.into(),
        wanted.status.unwrap_or_default().into(),
        wanted.kind.unwrap_or_default().into(),
        at.into(),
        id.into(),
        wanted.limit.into(),
    ];
    all(db, &sql, values).await?.iter().map(JobRow::read).collect()
}

/// Those of an owner that have not ended.
pub(crate) async fn under_way(db: &DatabaseConnection, owner: &str) -> Result<Vec<JobRow>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE owner = $1 AND status IN ('queued', 'running', 'canceling') ORDER BY created_at_ms, id"
    );
    all(db, &sql, vec![owner.into()]).await?.iter().map(JobRow::read).collect()
}

/// One row for one id, however often it is submitted. On a server it has an owner, who pays.
pub(crate) async fn accept(
    db: &DatabaseConnection,
    id: &str,
    job: &NewJob,
    estimate: Estimate,
    owner: Option<&Owner>,
) -> Result<Accepted, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let known = one(&txn, "SELECT 1 AS yes FROM job WHERE id = $1", vec![id.into()]).await?;
    if known.is_none()
        && owner.is_none()
        && let Some(sentence) = over_budget(&txn, estimate).await?
    {
        txn.rollback().await?;
        return Ok(Accepted::OverBudget(sentence));
    }
    let (request, fingerprint) = written(job)?;
    let inserted = insert(&txn, id, job, (request, &fingerprint), estimate, None).await?;
    if inserted == 1
        && let Some(owner) = owner
        && let Some(refused) = own(&txn, id, owner).await?
    {
        txn.rollback().await?;
        return Ok(refused);
    }
    txn.commit().await?;
    let row = find(db, id).await?.ok_or_else(|| DbErr::RecordNotFound(id.to_owned()))?;
    let account = owner.map_or("", |o| o.account.as_str());
    Ok(if inserted == 1 {
        Accepted::New(row)
    } else if row.fingerprint == fingerprint && row.owner == account {
        Accepted::Replayed(row)
    } else {
        Accepted::OtherBody
    })
}

/// Gives a new job its owner, keeps what it may cost, and asks what their plan and key allow. A
/// reason when it is not to be.
async fn own(
    txn: &impl ConnectionTrait,
    id: &str,
    owner: &Owner,
) -> Result<Option<Accepted>, DbErr> {
    match ledger::lots::monthly(txn, &owner.account).await {
        Ok(()) => {}
        Err(ledger::LedgerError::Database(error)) => return Err(error),
        Err(other) => return Err(DbErr::Custom(format!("{other:?}"))),
    }
    // The purse is locked first, by the hold: of many jobs at once each sees what the others took.
    let held =
        ledger::hold(txn, &owner.account, id, owner.hold_micro, owner.api_key.as_deref()).await;
    match held {
        Ok(()) => {}
        Err(ledger::LedgerError::Insufficient) => return Ok(Some(Accepted::Poor)),
        Err(ledger::LedgerError::Repeated) => {
            return Err(DbErr::Custom(format!("job {id} has a hold already")));
        }
        Err(ledger::LedgerError::Database(error)) => return Err(error),
    }
    if ledger::owes(txn, &owner.account).await? {
        return Ok(Some(Accepted::Poor));
    }
    let sql = "SELECT p.concurrent_jobs, p.jobs_per_day FROM account a JOIN plan p ON p.id = a.plan WHERE a.id = $1";
    let row = one(txn, sql, vec![owner.account.clone().into()]).await?;
    let (most, per_day): (i64, i64) = match row {
        Some(row) => (row.try_get("", "concurrent_jobs")?, row.try_get("", "jobs_per_day")?),
        None => (0, 0),
    };
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM job WHERE owner = $1 AND created_at_ms > $2 AND parent_id IS NULL";
    let day = vec![owner.account.clone().into(), (now_ms() - 86_400_000).into()];
    if value::<i64>(txn, sql, day).await?.unwrap_or(0) >= per_day {
        return Ok(Some(Accepted::OverQuota(format!(
            "Your plan allows {per_day} jobs in a day; wait, or choose a larger plan."
        ))));
    }
    if let Some(key) = &owner.api_key {
        for (limit, days) in api_key::limits(txn, key).await?.into_iter().zip([1, 30]) {
            let Some(limit) = limit else { continue };
            let since = now_ms() - days * 86_400_000;
            if ledger::spent_since(txn, &owner.account, Some(key), since).await? > limit {
                return Ok(Some(Accepted::OverQuota(
                    "This would go over the limit of this key. Raise it, or wait.".to_owned(),
                )));
            }
        }
    }
    let sql = "UPDATE job SET owner = $2, owner_most = $3, hold_micro = $4 WHERE id = $1";
    let values =
        vec![id.into(), owner.account.clone().into(), most.into(), owner.hold_micro.into()];
    execute(txn, sql, values).await?;
    Ok(None)
}

/// A request as it is kept, and its hash.
pub(super) fn written(job: &NewJob) -> Result<(String, String), DbErr> {
    let request = serde_json::to_string(job).map_err(|e| DbErr::Custom(e.to_string()))?;
    let fingerprint = blake3::hash(request.as_bytes()).to_hex().to_string();
    Ok((request, fingerprint))
}

/// The sentence when a job would go over a limit. The dearest it may be counts.
pub(super) async fn over_budget(
    txn: &impl ConnectionTrait,
    estimate: Estimate,
) -> Result<Option<String>, DbErr> {
    match estimate.micro.map(|[_, most]| most) {
        Some(0) => Ok(None),
        most => usage::refusal(txn, most).await,
    }
}

/// Writes a new job, or leaves the one that has this id. `child` is the whole it is a stage of, its
/// key there and what it is made from. How many rows were written.
pub(super) async fn insert(
    txn: &impl ConnectionTrait,
    id: &str,
    job: &NewJob,
    (request, fingerprint): (String, &str),
    estimate: Estimate,
    child: Option<[String; 3]>,
) -> Result<u64, DbErr> {
    let now = now_ms();
    let minutes = match job.kind {
        // A stage waits for its turn among many, and over a pause: it has the time of its whole.
        _ if child.is_some() => 720,
        JobKind::Text => 15,
        JobKind::Image | JobKind::Voice => 30,
        JobKind::Video | JobKind::Unknown => 720,
    };
    let [parent, key, of] = child.map_or([None, None, None], |c| c.map(Some));
    let most = estimate.micro.map(|[_, most]| most);
    let written = execute(
        txn,
        "INSERT INTO job (id, fingerprint, request, lane, estimate_micro, status, submit_state, lease_seq, lease_until_ms, attempt, run_at_ms, deadline_at_ms, created_at_ms, version, stage, parent_id, child_key, child_of, kind_word, owner, owner_most)
         VALUES ($1, $2, $3, $6, $7, 'queued', 'none', 0, 0, 0, $4, $5, $4, 1, '', $8, $9, $10, $11,
         COALESCE((SELECT owner FROM job WHERE id = $8), ''), COALESCE((SELECT owner_most FROM job WHERE id = $8), 0)) ON CONFLICT DO NOTHING",
        vec![id.into(), fingerprint.into(), request.into(), now.into(), (now + minutes * 60_000).into(), claim::lane_of(&job.engine).into(), most.into(), parent.into(), key.into(), of.into(), crate::works::kind_word(job.kind).unwrap_or_default().into()],
    )
    .await?;
    if written == 1 {
        media::note(txn, id, media::used(&job.inputs), false).await?;
    }
    Ok(written)
}

/// A write of the worker that holds the lease; false when it holds it no longer.
async fn leased(
    db: &impl ConnectionTrait,
    row: &JobRow,
    set: &str,
    mut values: Vec<Value>,
) -> Result<bool, DbErr> {
    let n = values.len();
    values.extend([row.id.clone().into(), row.lease_seq.into()]);
    let sql = format!(
        "UPDATE job SET {set}, version = version + 1 WHERE id = ${} AND lease_seq = ${} AND status IN ('running', 'canceling')",
        n + 1,
        n + 2
    );
    Ok(execute(db, &sql, values).await? == 1)
}

/// The same for a write that may end a job, whose hold then ends with it.
async fn leased_to_the_end(
    db: &DatabaseConnection,
    row: &JobRow,
    set: &str,
    values: Vec<Value>,
    prices: Prices,
) -> Result<bool, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let written = leased(&txn, row, set, values).await?;
    charge::settle(&txn, prices).await?;
    txn.commit().await?;
    Ok(written)
}

pub(crate) async fn renew(db: &DatabaseConnection, row: &JobRow) -> Result<bool, DbErr> {
    leased(db, row, "lease_until_ms = $1", vec![(now_ms() + LEASE_MS).into()]).await
}

/// How far it is, for those who ask elsewhere.
pub(super) async fn reached(
    db: &DatabaseConnection,
    row: &JobRow,
    value: f32,
    message: &str,
) -> Result<bool, DbErr> {
    leased(db, row, "reached = $1, doing = $2", vec![f64::from(value).into(), message.into()]).await
}

/// Written before anything is sent that may cost.
pub(crate) async fn submitting(
    db: &DatabaseConnection,
    row: &JobRow,
    submission: &str,
) -> Result<bool, DbErr> {
    leased(db, row, "submit_state = 'submitting', submission = $1", vec![submission.into()]).await
}

/// The engine lost it, and nothing was paid: it may be sent again.
pub(crate) async fn forget_handle(db: &DatabaseConnection, row: &JobRow) -> Result<bool, DbErr> {
    leased(db, row, "submit_state = 'none', handle = NULL", vec![]).await
}

/// Written with the provider's handle before anything else happens.
pub(crate) async fn submitted(
    db: &DatabaseConnection,
    row: &JobRow,
    handle: &str,
) -> Result<bool, DbErr> {
    leased(db, row, "submit_state = 'submitted', handle = $1", vec![handle.into()]).await
}

/// The end of a job and what it cost, together or not at all.
async fn ended(
    db: &DatabaseConnection,
    row: &JobRow,
    set: &str,
    values: Vec<Value>,
    spent: &Spent,
    made: Vec<String>,
    prices: Prices,
) -> Result<bool, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let written = leased(&txn, row, set, values).await?;
    if written {
        media::note(&txn, &row.id, made, true).await?;
        usage::record(&txn, &row.id, spent).await?;
        charge::settle(&txn, prices).await?;
    }
    txn.commit().await?;
    Ok(written)
}

pub(crate) async fn succeed(
    db: &DatabaseConnection,
    row: &JobRow,
    result: &JobResult,
    prices: Prices,
) -> Result<bool, DbErr> {
    let cost_micro = result.cost_micro.or(row.estimate_micro);
    let spent = Spent { cost_micro, ..result.spent(row.spent()) };
    let made = media::made(&result.outputs);
    let result = serde_json::to_string(result).map_err(|e| DbErr::Custom(e.to_string()))?;
    let set = "status = 'succeeded', result = $1, finished_at_ms = $2, stage = ''";
    ended(db, row, set, vec![result.into(), now_ms().into()], &spent, made, prices).await
}

pub(crate) async fn end(
    db: &DatabaseConnection,
    row: &JobRow,
    status: JobStatus,
    error: Option<&JobError>,
    prices: Prices,
) -> Result<bool, DbErr> {
    // What was refused cost nothing; of what may have been made nobody knows.
    let was_refused = |e: &JobError| {
        matches!(
            e.class.as_str(),
            "network"
                | "rate_limited"
                | "unavailable"
                | "invalid_request"
                | "auth"
                | "no_credit"
                | "content_refused"
        )
    };
    let is_free = row.estimate_micro == Some(0);
    let is_known = is_free || error.is_some_and(was_refused);
    let cost_micro = is_known.then_some(0);
    let spent = Spent { cost_micro, unless_taken: !is_free, ..row.spent() };
    let error = error.and_then(|e| serde_json::to_string(e).ok());
    let set = "status = $1, error = $2, finished_at_ms = $3, stage = ''";
    let values = vec![status_word(status).into(), Value::String(error), now_ms().into()];
    ended(db, row, set, values, &spent, Vec::new(), prices).await
}

/// Back into the queue, to be tried again at `run_at_ms`, with a reason people can read.
pub(crate) async fn postpone(
    db: &DatabaseConnection,
    row: &JobRow,
    run_at_ms: i64,
    stage: &str,
    prices: Prices,
) -> Result<bool, DbErr> {
    // A stop that came meanwhile wins.
    leased_to_the_end(
        db,
        row,
        "status = CASE status WHEN 'canceling' THEN 'canceled' ELSE 'queued' END, run_at_ms = $1, stage = $2,
         finished_at_ms = CASE status WHEN 'canceling' THEN $4 ELSE finished_at_ms END,
         submit_state = CASE WHEN handle IS NULL AND $3 = 0 THEN 'none' ELSE submit_state END",
        // What may have been sent before this attempt is looked up again, never forgotten.
        vec![
            run_at_ms.into(),
            stage.into(),
            i64::from(row.submit_state == SubmitState::Submitting).into(),
            now_ms().into(),
        ],
        prices,
    )
    .await
}

/// Lets go of a job that goes on when its stages have ended. It was no try.
pub(super) async fn park(
    db: &DatabaseConnection,
    row: &JobRow,
    prices: Prices,
) -> Result<bool, DbErr> {
    // A stop that came meanwhile wins.
    leased_to_the_end(
        db,
        row,
        "waits = CASE status WHEN 'canceling' THEN 0 ELSE 1 END, attempt = attempt - 1,
         finished_at_ms = CASE status WHEN 'canceling' THEN $1 ELSE finished_at_ms END,
         status = CASE status WHEN 'canceling' THEN 'canceled' ELSE 'queued' END",
        vec![now_ms().into()],
        prices,
    )
    .await
}

/// Asks for a stop: a waiting job ends at once, a running one is told.
pub(crate) async fn cancel(db: &impl ConnectionTrait, id: &str) -> Result<(), DbErr> {
    // One statement: between two it could begin, and hear of neither.
    let sql = "UPDATE job SET finished_at_ms = CASE status WHEN 'queued' THEN $2 ELSE finished_at_ms END,
         status = CASE status WHEN 'queued' THEN 'canceled' ELSE 'canceling' END, version = version + 1
         WHERE id = $1 AND status IN ('queued', 'running')";
    execute(db, sql, vec![id.into(), now_ms().into()]).await.map(drop)
}

#[cfg(test)]
mod tests;
