//! The SQL of the job engine: accept, claim, renew, end, cancel, recover.

use oto_api_types::{JobError, JobKind, JobStatus, NewJob};
use oto_engines::Estimate;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait, Value};

use super::charge::{self, Prices};
use super::row::{COLUMNS, JobResult, JobRow, SubmitState, status_word};
use crate::auth::api_key;
use crate::db::{all, claim_lock, execute, immediate, now_ms, one, places, value};
use crate::ledger;
use crate::usage::{self, Spent};

pub(crate) mod media;

pub(crate) use media::{release, unneeded};

/// How long a claim lasts without being renewed.
pub(crate) const LEASE_MS: i64 = 60_000;

/// Starts of the home that a job may meet while it runs here.
const MOST_ENDS: i64 = 40;

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

/// Jobs of one lane share what they run on: this computer, or one engine elsewhere.
fn lane_of(engine: &str) -> &str {
    if engine.starts_with("local-") { LOCAL } else { engine }
}

const LOCAL: &str = "local";

/// How many jobs of a lane run at once: on this computer as many as have room beside the desk,
/// elsewhere what providers commonly allow.
fn most_of_lanes() -> (i64, i64) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ((cores / 2).clamp(2, 4) as i64, 4)
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
        vec![id.into(), fingerprint.into(), request.into(), now.into(), (now + minutes * 60_000).into(), lane_of(&job.engine).into(), most.into(), parent.into(), key.into(), of.into(), crate::works::kind_word(job.kind).unwrap_or_default().into()],
    )
    .await?;
    if written == 1 {
        media::note(txn, id, media::used(&job.inputs), false).await?;
    }
    Ok(written)
}

/// Takes a job that is due: of the lanes with room the one served longest ago, and in it the
/// oldest. The number of the lease grows with every claim.
pub(crate) async fn claim(db: &DatabaseConnection, owner: &str) -> Result<Option<JobRow>, DbErr> {
    let now = now_ms();
    let txn = db.begin_with_options(immediate()).await?;
    claim_lock(&txn).await?;
    let (most_here, most_away) = most_of_lanes();
    let due = one(
        &txn,
        "SELECT j.id, j.lane, j.owner FROM job j LEFT JOIN turn t ON t.lane = j.lane
         LEFT JOIN turn o ON o.lane = 'owner:' || j.owner
         LEFT JOIN (SELECT lane, COUNT(*) AS n FROM job WHERE status IN ('running', 'canceling') GROUP BY lane) r ON r.lane = j.lane
         LEFT JOIN (SELECT owner, COUNT(*) AS n FROM job WHERE status IN ('running', 'canceling') GROUP BY owner) m ON m.owner = j.owner
         WHERE j.status = 'queued' AND j.run_at_ms <= $1
         AND (j.waits = 0 OR NOT EXISTS (SELECT 1 FROM job c WHERE c.parent_id = j.id AND c.status IN ('queued', 'running', 'canceling')))
         AND COALESCE(r.n, 0) < CASE j.lane WHEN 'local' THEN $2 ELSE $3 END
         AND (j.owner = '' OR COALESCE(m.n, 0) < j.owner_most)
         ORDER BY COALESCE(o.served, 0), COALESCE(t.served, 0), j.created_at_ms, j.id LIMIT 1",
        vec![now.into(), most_here.into(), most_away.into()],
    )
    .await?;
    let Some(due) = due else {
        txn.rollback().await?;
        return Ok(None);
    };
    let (id, lane): (String, String) = (due.try_get("", "id")?, due.try_get("", "lane")?);
    let owner_of: String = due.try_get("", "owner")?;
    let mut turns = vec![lane];
    if !owner_of.is_empty() {
        turns.push(format!("owner:{owner_of}"));
    }
    for turn in turns {
        execute(
            &txn,
            "INSERT INTO turn (lane, served) VALUES ($1, (SELECT COALESCE(MAX(served), 0) + 1 FROM turn))
             ON CONFLICT (lane) DO UPDATE SET served = (SELECT MAX(served) + 1 FROM turn)",
            vec![turn.into()],
        )
        .await?;
    }
    execute(
        &txn,
        "UPDATE job SET status = 'running', waits = 0, lease_owner = $2, lease_seq = lease_seq + 1, lease_until_ms = $3, attempt = attempt + 1,
         started_at_ms = COALESCE(started_at_ms, $4), version = version + 1 WHERE id = $1",
        vec![id.clone().into(), owner.into(), (now + LEASE_MS).into(), now.into()],
    )
    .await?;
    let row =
        one(&txn, &format!("SELECT {COLUMNS} FROM job WHERE id = $1"), vec![id.into()]).await?;
    txn.commit().await?;
    row.as_ref().map(JobRow::read).transpose()
}

/// When the next waiting job is due.
pub(crate) async fn next_due_ms(db: &DatabaseConnection) -> Result<Option<i64>, DbErr> {
    // Those that are due and wait for room in their lane are woken by the end of another.
    let sql = "SELECT MIN(run_at_ms) AS due FROM job WHERE status = 'queued' AND run_at_ms > $1";
    let row = one(db, sql, vec![now_ms().into()]).await?;
    row.map(|r| r.try_get::<Option<i64>>("", "due")).transpose().map(Option::flatten)
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
    let waiting = "UPDATE job SET status = 'canceled', finished_at_ms = $2, version = version + 1 WHERE id = $1 AND status = 'queued'";
    if execute(db, waiting, vec![id.into(), now_ms().into()]).await? == 0 {
        execute(db, "UPDATE job SET status = 'canceling', version = version + 1 WHERE id = $1 AND status = 'running'", vec![id.into()]).await?;
    }
    Ok(())
}

/// Whose leases are looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lost<'a> {
    /// At a start, in a database that only one process uses: nobody else can be alive.
    Everything,
    /// Those that ran out, but for these jobs, which are worked on here.
    RanOut(&'a [String]),
}

/// What nobody renews any more is taken up again. What was sent to an engine keeps its handle, or is
/// looked up before anything is sent again.
pub(crate) async fn recover(
    db: &DatabaseConnection,
    owner: &str,
    which: Lost<'_>,
    prices: Prices,
) -> Result<u64, DbErr> {
    let now = now_ms();
    let txn = db.begin_with_options(immediate()).await?;
    let (horizon, busy) = match which {
        Lost::Everything => (i64::MAX, &[][..]),
        Lost::RanOut(busy) => (now, busy),
    };
    let lost = if busy.is_empty() {
        "status IN ('running', 'canceling') AND lease_until_ms <= $2 AND $1 <> ''".to_owned()
    } else {
        format!(
            "status IN ('running', 'canceling') AND lease_until_ms <= $2 AND (lease_owner <> $1 OR id NOT IN ({}))",
            places(5, busy.len())
        )
    };
    let with_busy = |fourth: Value| -> Vec<Value> {
        let first = [owner.into(), horizon.into(), now.into(), fourth];
        first.into_iter().chain(busy.iter().map(|id| id.clone().into())).collect()
    };
    // What brings the home down every time must not do so for ever.
    let poisoned = JobError {
        code: "poisoned".to_owned(),
        class: "internal".to_owned(),
        message: "oTo ended each time while working on this, so it is not begun again. Report it if it happens again.".to_owned(),
        retryable: false,
        provider_status: None,
    };
    let poisoned = serde_json::to_string(&poisoned).map_err(|e| DbErr::Custom(e.to_string()))?;
    let mut n = execute(
        &txn,
        &format!("UPDATE job SET status = 'failed', error = $4, finished_at_ms = $3, lease_seq = lease_seq + 1, version = version + 1 WHERE {lost} AND attempt >= {MOST_ENDS} AND submit_state = 'none'"),
        with_busy(poisoned.into()),
    )
    .await?;
    n += execute(
        &txn,
        &format!("UPDATE job SET status = 'canceled', finished_at_ms = $3, lease_seq = lease_seq + 1, version = version + 1 WHERE {lost} AND status = 'canceling' AND submit_state = 'none' AND $4 = ''"),
        with_busy("".into()),
    )
    .await?;
    // What runs at an engine while somebody wants it stopped is stopped there first.
    n += execute(
        &txn,
        &format!("UPDATE job SET status = 'queued', run_at_ms = $3, lease_seq = lease_seq + 1, stage = CASE WHEN status = 'canceling' OR stage = 'stop' THEN 'stop' ELSE 'resumed' END, version = version + 1 WHERE {lost} AND $4 = ''"),
        with_busy("".into()),
    )
    .await?;
    charge::settle(&txn, prices).await?;
    txn.commit().await?;
    Ok(n)
}

/// The home stops: what was not sent, or is at its engine, waits for the next start, and this was no
/// try. What is being sent stays as it is, to be looked up; and so does what somebody wants stopped.
pub(super) async fn give_back(db: &DatabaseConnection, row: &JobRow) -> Result<bool, DbErr> {
    let sql = "UPDATE job SET status = 'queued', attempt = attempt - 1, run_at_ms = $3, stage = 'resumed', version = version + 1
         WHERE id = $1 AND lease_seq = $2 AND status = 'running' AND (submit_state = 'none' OR handle IS NOT NULL)";
    let values = vec![row.id.clone().into(), row.lease_seq.into(), now_ms().into()];
    Ok(execute(db, sql, values).await? == 1)
}

/// Ends jobs that waited past their deadline, and stages whose whole was stopped or has expired. What
/// an engine has is asked for once more first.
pub(crate) async fn expire(db: &DatabaseConnection, prices: Prices) -> Result<u64, DbErr> {
    let late = JobError {
        code: "expired".to_owned(),
        class: "expired".to_owned(),
        message: "This waited longer than its limit and was not begun. Try again.".to_owned(),
        retryable: true,
        provider_status: None,
    };
    let late = serde_json::to_string(&late).map_err(|e| DbErr::Custom(e.to_string()))?;
    let now = now_ms();
    let txn = db.begin_with_options(immediate()).await?;
    let expired = execute(&txn, "UPDATE job SET status = 'expired', error = $2, finished_at_ms = $1, version = version + 1 WHERE status = 'queued' AND deadline_at_ms < $1 AND handle IS NULL AND submit_state = 'none'", vec![now.into(), late.into()]).await?;
    let stopped = execute(&txn, "UPDATE job SET status = 'canceled', finished_at_ms = $1, version = version + 1 WHERE status = 'queued' AND parent_id IN (SELECT id FROM job WHERE status IN ('canceled', 'expired'))", vec![now.into()]).await?;
    charge::settle(&txn, prices).await?;
    txn.commit().await?;
    Ok(expired + stopped)
}

#[cfg(test)]
mod tests;
