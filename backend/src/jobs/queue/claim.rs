//! Who works on what next: lanes take turns, and so do people.

use sea_orm::{DatabaseConnection, DbErr, TransactionTrait};

use crate::db::{claim_lock, execute, immediate, now_ms, one};
use crate::jobs::row::{COLUMNS, JobRow};

/// How long a claim lasts without being renewed.
pub(crate) const LEASE_MS: i64 = 60_000;

/// Jobs of one lane share what they run on: this computer, or one engine elsewhere.
pub(super) fn lane_of(engine: &str) -> &str {
    if engine.starts_with("local-") { LOCAL } else { engine }
}

const LOCAL: &str = "local";

/// How many jobs of a lane run at once: on this computer as many as have room beside the desk,
/// elsewhere what providers commonly allow.
fn most_of_lanes() -> (i64, i64) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    ((cores / 2).clamp(2, 4) as i64, 4)
}

/// What became of a look for a job that is due.
enum Due {
    None,
    /// Somebody ended it in the same moment.
    Gone,
    Claimed(Box<JobRow>),
}

/// Takes a job that is due: of the lanes with room the one served longest ago, and in it the
/// oldest. The number of the lease grows with every claim.
pub(crate) async fn claim(db: &DatabaseConnection, owner: &str) -> Result<Option<JobRow>, DbErr> {
    loop {
        match claim_due(db, owner).await? {
            Due::None => return Ok(None),
            Due::Gone => {}
            Due::Claimed(row) => return Ok(Some(*row)),
        }
    }
}

async fn claim_due(db: &DatabaseConnection, owner: &str) -> Result<Due, DbErr> {
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
        return Ok(Due::None);
    };
    let (id, lane): (String, String) = (due.try_get("", "id")?, due.try_get("", "lane")?);
    // Between the look and this somebody may have stopped it, or its time may have ended it.
    let sql = format!(
        "UPDATE job SET status = 'running', waits = 0, lease_owner = $2, lease_seq = lease_seq + 1, lease_until_ms = $3, attempt = attempt + 1,
         started_at_ms = COALESCE(started_at_ms, $4), version = version + 1 WHERE id = $1 AND status = 'queued' RETURNING {COLUMNS}"
    );
    let values = vec![id.into(), owner.into(), (now + LEASE_MS).into(), now.into()];
    let Some(row) = one(&txn, &sql, values).await? else {
        txn.rollback().await?;
        return Ok(Due::Gone);
    };
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
    txn.commit().await?;
    Ok(Due::Claimed(Box::new(JobRow::read(&row)?)))
}

/// When the next waiting job is due.
pub(crate) async fn next_due_ms(db: &DatabaseConnection) -> Result<Option<i64>, DbErr> {
    // Those that are due and wait for room in their lane are woken by the end of another.
    let sql = "SELECT MIN(run_at_ms) AS due FROM job WHERE status = 'queued' AND run_at_ms > $1";
    let row = one(db, sql, vec![now_ms().into()]).await?;
    row.map(|r| r.try_get::<Option<i64>>("", "due")).transpose().map(Option::flatten)
}
