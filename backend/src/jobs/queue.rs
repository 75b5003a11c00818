//! The SQL of the job engine: accept, claim, renew, end, cancel, recover.

use oto_api_types::{JobError, JobKind, JobStatus, NewJob};
use oto_engines::Estimate;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait, Value,
};

use super::row::{COLUMNS, JobResult, JobRow, SubmitState, status_word};
use crate::db::{all, execute, now_ms, one};
use crate::usage::{self, Spent};

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
}

pub(crate) async fn find(db: &DatabaseConnection, id: &str) -> Result<Option<JobRow>, DbErr> {
    let row = one(db, &format!("SELECT {COLUMNS} FROM job WHERE id = $1"), vec![id.into()]).await?;
    row.as_ref().map(JobRow::read).transpose()
}

pub(crate) async fn newest(db: &DatabaseConnection, limit: i64) -> Result<Vec<JobRow>, DbErr> {
    let rows = all(
        db,
        &format!("SELECT {COLUMNS} FROM job ORDER BY created_at_ms DESC, id DESC LIMIT $1"),
        vec![limit.into()],
    )
    .await?;
    rows.iter().map(JobRow::read).collect()
}

/// Those that have not ended.
pub(crate) async fn under_way(db: &DatabaseConnection) -> Result<Vec<JobRow>, DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE status IN ('queued', 'running', 'canceling') ORDER BY created_at_ms, id"
    );
    all(db, &sql, vec![]).await?.iter().map(JobRow::read).collect()
}

pub(super) fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
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

/// One row for one id, however often it is submitted.
pub(crate) async fn accept(
    db: &DatabaseConnection,
    id: &str,
    job: &NewJob,
    estimate: Estimate,
) -> Result<Accepted, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let known = one(&txn, "SELECT 1 AS yes FROM job WHERE id = $1", vec![id.into()]).await?;
    if known.is_none()
        && let Some(sentence) = over_budget(&txn, estimate).await?
    {
        txn.rollback().await?;
        return Ok(Accepted::OverBudget(sentence));
    }
    let (request, fingerprint) = written(job)?;
    let inserted = insert(&txn, id, job, (request, &fingerprint), estimate, None).await?;
    txn.commit().await?;
    let row = find(db, id).await?.ok_or_else(|| DbErr::RecordNotFound(id.to_owned()))?;
    Ok(if inserted == 1 {
        Accepted::New(row)
    } else if row.fingerprint == fingerprint {
        Accepted::Replayed(row)
    } else {
        Accepted::OtherBody
    })
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
    execute(
        txn,
        "INSERT INTO job (id, fingerprint, request, lane, estimate_micro, status, submit_state, lease_seq, lease_until_ms, attempt, run_at_ms, deadline_at_ms, created_at_ms, version, stage, parent_id, child_key, child_of)
         VALUES ($1, $2, $3, $6, $7, 'queued', 'none', 0, 0, 0, $4, $5, $4, 1, '', $8, $9, $10) ON CONFLICT DO NOTHING",
        vec![id.into(), fingerprint.into(), request.into(), now.into(), (now + minutes * 60_000).into(), lane_of(&job.engine).into(), most.into(), parent.into(), key.into(), of.into()],
    )
    .await
}

/// Takes a job that is due: of the lanes with room the one served longest ago, and in it the
/// oldest. The number of the lease grows with every claim.
pub(crate) async fn claim(db: &DatabaseConnection, owner: &str) -> Result<Option<JobRow>, DbErr> {
    let now = now_ms();
    let txn = db.begin_with_options(immediate()).await?;
    let (most_here, most_away) = most_of_lanes();
    let due = one(
        &txn,
        "SELECT j.id, j.lane FROM job j LEFT JOIN turn t ON t.lane = j.lane
         LEFT JOIN (SELECT lane, COUNT(*) AS n FROM job WHERE status IN ('running', 'canceling') GROUP BY lane) r ON r.lane = j.lane
         WHERE j.status = 'queued' AND j.run_at_ms <= $1
         AND (j.waits = 0 OR NOT EXISTS (SELECT 1 FROM job c WHERE c.parent_id = j.id AND c.status IN ('queued', 'running', 'canceling')))
         AND COALESCE(r.n, 0) < CASE j.lane WHEN 'local' THEN $2 ELSE $3 END
         ORDER BY COALESCE(t.served, 0), j.created_at_ms, j.id LIMIT 1",
        vec![now.into(), most_here.into(), most_away.into()],
    )
    .await?;
    let Some(due) = due else {
        txn.rollback().await?;
        return Ok(None);
    };
    let (id, lane): (String, String) = (due.try_get("", "id")?, due.try_get("", "lane")?);
    execute(
        &txn,
        "INSERT INTO turn (lane, served) VALUES ($1, (SELECT COALESCE(MAX(served), 0) + 1 FROM turn))
         ON CONFLICT (lane) DO UPDATE SET served = (SELECT MAX(served) + 1 FROM turn)",
        vec![lane.into()],
    )
    .await?;
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

pub(crate) async fn renew(db: &DatabaseConnection, row: &JobRow) -> Result<bool, DbErr> {
    leased(db, row, "lease_until_ms = $1", vec![(now_ms() + LEASE_MS).into()]).await
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
) -> Result<bool, DbErr> {
    let txn = db.begin_with_options(immediate()).await?;
    let written = leased(&txn, row, set, values).await?;
    if written {
        usage::record(&txn, &row.id, spent).await?;
    }
    txn.commit().await?;
    Ok(written)
}

pub(crate) async fn succeed(
    db: &DatabaseConnection,
    row: &JobRow,
    result: &JobResult,
) -> Result<bool, DbErr> {
    let cost_micro = result.cost_micro.or(row.estimate_micro);
    let spent = Spent { cost_micro, ..result.spent(row.spent()) };
    let result = serde_json::to_string(result).map_err(|e| DbErr::Custom(e.to_string()))?;
    let set = "status = 'succeeded', result = $1, finished_at_ms = $2, stage = ''";
    ended(db, row, set, vec![result.into(), now_ms().into()], &spent).await
}

pub(crate) async fn end(
    db: &DatabaseConnection,
    row: &JobRow,
    status: JobStatus,
    error: Option<&JobError>,
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
    ended(db, row, set, values, &spent).await
}

/// Back into the queue, to be tried again at `run_at_ms`, with a reason people can read.
pub(crate) async fn postpone(
    db: &DatabaseConnection,
    row: &JobRow,
    run_at_ms: i64,
    stage: &str,
) -> Result<bool, DbErr> {
    // A stop that came meanwhile wins.
    leased(
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
    )
    .await
}

/// Lets go of a job that goes on when its stages have ended. It was no try.
pub(super) async fn park(db: &DatabaseConnection, row: &JobRow) -> Result<bool, DbErr> {
    // A stop that came meanwhile wins.
    leased(
        db,
        row,
        "waits = CASE status WHEN 'canceling' THEN 0 ELSE 1 END, attempt = attempt - 1,
         finished_at_ms = CASE status WHEN 'canceling' THEN $1 ELSE finished_at_ms END,
         status = CASE status WHEN 'canceling' THEN 'canceled' ELSE 'queued' END",
        vec![now_ms().into()],
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
) -> Result<u64, DbErr> {
    let now = now_ms();
    let (horizon, busy) = match which {
        Lost::Everything => (i64::MAX, &[][..]),
        Lost::RanOut(busy) => (now, busy),
    };
    let busy = serde_json::to_string(busy).map_err(|e| DbErr::Custom(e.to_string()))?;
    let lost = "status IN ('running', 'canceling') AND lease_until_ms <= $2
        AND (lease_owner <> $1 OR id NOT IN (SELECT value FROM json_each($4)))";
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
        db,
        &format!("UPDATE job SET status = 'failed', error = $5, finished_at_ms = $3, lease_seq = lease_seq + 1, version = version + 1 WHERE {lost} AND attempt >= {MOST_ENDS} AND submit_state = 'none'"),
        vec![owner.into(), horizon.into(), now.into(), busy.clone().into(), poisoned.into()],
    )
    .await?;
    n += execute(
        db,
        &format!("UPDATE job SET status = 'canceled', finished_at_ms = $3, lease_seq = lease_seq + 1, version = version + 1 WHERE {lost} AND status = 'canceling' AND submit_state = 'none'"),
        vec![owner.into(), horizon.into(), now.into(), busy.clone().into()],
    )
    .await?;
    // What runs at an engine while somebody wants it stopped is stopped there first.
    n += execute(
        db,
        &format!("UPDATE job SET status = 'queued', run_at_ms = $3, lease_seq = lease_seq + 1, stage = CASE WHEN status = 'canceling' OR stage = 'stop' THEN 'stop' ELSE 'resumed' END, version = version + 1 WHERE {lost}"),
        vec![owner.into(), horizon.into(), now.into(), busy.into()],
    )
    .await?;
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
pub(crate) async fn expire(db: &DatabaseConnection) -> Result<u64, DbErr> {
    let late = JobError {
        code: "expired".to_owned(),
        class: "expired".to_owned(),
        message: "This waited longer than its limit and was not begun. Try again.".to_owned(),
        retryable: true,
        provider_status: None,
    };
    let late = serde_json::to_string(&late).map_err(|e| DbErr::Custom(e.to_string()))?;
    let now = now_ms();
    let expired = execute(db, "UPDATE job SET status = 'expired', error = $2, finished_at_ms = $1, version = version + 1 WHERE status = 'queued' AND deadline_at_ms < $1 AND handle IS NULL AND submit_state = 'none'", vec![now.into(), late.into()]).await?;
    let stopped = execute(db, "UPDATE job SET status = 'canceled', finished_at_ms = $1, version = version + 1 WHERE status = 'queued' AND parent_id IN (SELECT id FROM job WHERE status IN ('canceled', 'expired'))", vec![now.into()]).await?;
    Ok(expired + stopped)
}

/// Marks a job's results as taken over; gives the media that nothing needs any more: neither a
/// result that was not taken over, nor the sources of a job that is not finished, nor a stage of a
/// whole that is not there yet.
pub(crate) async fn release(db: &DatabaseConnection, id: &str) -> Result<Vec<String>, DbErr> {
    let Some(row) = find(db, id).await? else { return Ok(Vec::new()) };
    execute(
        db,
        "UPDATE job SET released = 1 WHERE id = $1 AND status = 'succeeded'",
        vec![id.into()],
    )
    .await?;
    let stages = super::stages::of(db, id).await?;
    let mut media: Vec<String> = row.media();
    media.extend(stages.iter().flat_map(JobRow::media));
    unneeded(db, media).await
}

/// Of these media, those that nothing needs.
pub(super) async fn unneeded(
    db: &DatabaseConnection,
    media: Vec<String>,
) -> Result<Vec<String>, DbErr> {
    let mut unneeded = Vec::new();
    for hash in media {
        let needed = one(
            db,
            "SELECT 1 AS yes FROM job WHERE (status = 'succeeded' AND released = 0 AND instr(result, $1) > 0)
             OR (status IN ('queued', 'running', 'canceling') AND instr(request, $1) > 0)
             OR (status = 'succeeded' AND instr(result, $1) > 0 AND parent_id IN (SELECT id FROM job WHERE status <> 'succeeded')) LIMIT 1",
            vec![hash.clone().into()],
        )
        .await?;
        if needed.is_none() {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn leases_that_ran_out_are_taken_up_and_those_that_hold_are_left() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::db::open(&folder.path().join("jobs.sqlite")).await.unwrap();
        let job: NewJob = serde_json::from_str(
            r#"{"kind": "text", "engine": "core", "prompt": "a tram", "seed": 1}"#,
        )
        .unwrap();
        let mut rows = Vec::new();
        for (id, owner) in [("away", "other"), ("fresh", "other"), ("orphan", "me"), ("busy", "me")]
        {
            accept(&db, id, &job, Estimate::FREE).await.unwrap();
            rows.push(claim(&db, owner).await.unwrap().unwrap());
        }
        let ran_out = "UPDATE job SET lease_until_ms = 1 WHERE id <> 'fresh'";
        execute(&db, ran_out, vec![]).await.unwrap();
        let busy = ["busy".to_owned()];
        assert_eq!(recover(&db, "me", Lost::RanOut(&busy)).await.unwrap(), 2);
        assert_eq!(recover(&db, "me", Lost::RanOut(&busy)).await.unwrap(), 0);
        let status = async |id: &str| find(&db, id).await.unwrap().unwrap().status;
        for (id, is) in [
            ("away", JobStatus::Queued),
            ("fresh", JobStatus::Running),
            ("orphan", JobStatus::Queued),
            ("busy", JobStatus::Running),
        ] {
            assert_eq!(status(id).await, is, "{id}");
        }
        // Whoever was given up on changes nothing any more.
        assert!(!end(&db, &rows[0], JobStatus::Failed, None).await.unwrap());
        assert!(!give_back(&db, &rows[0]).await.unwrap());
        // What runs here is given back, and was no try; what is being sent is not.
        assert!(give_back(&db, &rows[3]).await.unwrap());
        let back = find(&db, "busy").await.unwrap().unwrap();
        assert_eq!((back.status, back.attempt), (JobStatus::Queued, 0));
        submitting(&db, &rows[1], "fresh-1").await.unwrap();
        assert!(!give_back(&db, &rows[1]).await.unwrap());
        // Deadlines of those that wait.
        execute(&db, "UPDATE job SET deadline_at_ms = 1", vec![]).await.unwrap();
        assert_eq!(expire(&db).await.unwrap(), 3);
        assert_eq!(status("away").await, JobStatus::Expired);
    }
}
