//! Media that jobs need, and those that none needs any more. Which job made or uses a medium is a row
//! of its own, so that nobody looks through all jobs.

use oto_api_types::{JobInput, JobOutput};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use crate::db::{all, execute, immediate, one};
use crate::jobs::row::{COLUMNS, JobRow};

/// Jobs that are read at once when what they use is not known yet.
const BATCH: usize = 200;

/// Hashes of what a request works from.
pub(crate) fn used(inputs: &[JobInput]) -> Vec<String> {
    inputs.iter().flat_map(|i| [&i.hash, &i.captions]).flatten().cloned().collect()
}

/// Hashes of what was made.
pub(super) fn made(outputs: &[JobOutput]) -> Vec<String> {
    outputs.iter().map(|o| o.hash.clone()).collect()
}

/// Writes down that a job uses media, or made them.
pub(crate) async fn note(
    txn: &impl ConnectionTrait,
    job: &str,
    media: Vec<String>,
    is_made: bool,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO job_medium (hash, job, made) VALUES ($1, $2, $3) ON CONFLICT (hash, job) DO UPDATE SET made = CASE WHEN $3 = 1 THEN 1 ELSE job_medium.made END";
    for hash in media {
        execute(txn, sql, vec![hash.into(), job.into(), i64::from(is_made).into()]).await?;
    }
    Ok(())
}

/// Media of a job, as they were written down.
pub(crate) async fn of(db: &impl ConnectionTrait, job: &str) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT hash FROM job_medium WHERE job = $1";
    let rows = all(db, sql, vec![job.into()]).await?;
    rows.iter().map(|row| row.try_get("", "hash")).collect()
}

/// Writes down the media of jobs that an older version took or ended: of those that still need them.
/// Repeatable; at every start, since an older version may work beside. A job that this version took and an
/// older one ends is read here as well, as it has made nothing yet that is known.
pub(crate) async fn know(db: &DatabaseConnection) -> Result<(), DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE id > $1 AND (status IN ('queued', 'running', 'canceling') OR (status = 'succeeded' AND released = 0) OR parent_id IS NOT NULL)
         AND NOT EXISTS (SELECT 1 FROM job_medium m WHERE m.job = job.id AND (m.made = 1 OR job.status <> 'succeeded')) ORDER BY id LIMIT {BATCH}"
    );
    let mut after = String::new();
    loop {
        let rows = all(db, &sql, vec![after.clone().into()]).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let txn = db.begin_with_options(immediate()).await?;
        for row in &rows {
            let row = JobRow::read(row)?;
            let inputs = row.new_job().map(|job| used(&job.inputs)).unwrap_or_default();
            note(&txn, &row.id, inputs, false).await?;
            let outputs = row.result().map(|result| made(&result.outputs)).unwrap_or_default();
            note(&txn, &row.id, outputs, true).await?;
            after = row.id;
        }
        txn.commit().await?;
    }
}

/// Marks a job's results as taken over; gives the media that nothing needs any more: neither a
/// result that was not taken over, nor the sources of a job that is not finished, nor a stage of a
/// whole that is not there yet.
pub(crate) async fn release(db: &impl ConnectionTrait, id: &str) -> Result<Vec<String>, DbErr> {
    execute(
        db,
        "UPDATE job SET released = 1 WHERE id = $1 AND status = 'succeeded'",
        vec![id.into()],
    )
    .await?;
    let mut media = of(db, id).await?;
    for stage in crate::jobs::stages::of(db, id).await? {
        media.extend(of(db, &stage.id).await?);
    }
    media.sort_unstable();
    media.dedup();
    unneeded(db, media).await
}

/// Of these media, those that nothing needs.
pub(crate) async fn unneeded(
    db: &impl ConnectionTrait,
    media: Vec<String>,
) -> Result<Vec<String>, DbErr> {
    // What a finished job worked from stays with its result until that is taken over.
    let sql = "SELECT 1 AS yes FROM job_medium m JOIN job j ON j.id = m.job WHERE m.hash = $1 AND (
            j.status IN ('queued', 'running', 'canceling') OR (j.status = 'succeeded' AND j.released = 0)
            OR (j.status = 'succeeded' AND EXISTS (SELECT 1 FROM job w WHERE w.id = j.parent_id AND w.status <> 'succeeded'))) LIMIT 1";
    let mut unneeded = Vec::new();
    for hash in media {
        if one(db, sql, vec![hash.clone().into()]).await?.is_none() {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}

/// Whether a finished job of somebody's made a medium.
pub(crate) async fn is_made_for(
    db: &impl ConnectionTrait,
    owner: &str,
    hash: &str,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS yes FROM job_medium m JOIN job j ON j.id = m.job WHERE m.hash = $1 AND m.made = 1 AND j.owner = $2 AND j.status = 'succeeded' LIMIT 1";
    Ok(one(db, sql, vec![hash.into(), owner.into()]).await?.is_some())
}
