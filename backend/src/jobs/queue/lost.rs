//! Jobs that nobody works on any more, and those whose time is over.

use oto_api_types::JobError;
use sea_orm::{DatabaseConnection, DbErr, TransactionTrait, Value};

use crate::db::{execute, immediate, now_ms, places};
use crate::jobs::charge::{self, Prices};
use crate::jobs::row::JobRow;

/// Starts of the home that a job may meet while it runs here.
const MOST_ENDS: i64 = 40;

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
pub(crate) async fn give_back(db: &DatabaseConnection, row: &JobRow) -> Result<bool, DbErr> {
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
