//! Media that jobs need, and those that none needs any more. Which job made or uses a medium is a row
//! of its own, so that nobody looks through all jobs.

use oto_api_types::{JobInput, JobOutput};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

use super::find;
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

/// Writes down that a job made or uses media.
pub(super) async fn note(
    txn: &impl ConnectionTrait,
    job: &str,
    media: Vec<String>,
) -> Result<(), DbErr> {
    let sql = "INSERT INTO job_medium (hash, job) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    for hash in media {
        execute(txn, sql, vec![hash.into(), job.into()]).await?;
    }
    Ok(())
}

/// Writes down the media of jobs that were there before this was kept. Repeatable.
pub(crate) async fn know(db: &DatabaseConnection) -> Result<(), DbErr> {
    if one(db, "SELECT 1 AS yes FROM job_medium LIMIT 1", vec![]).await?.is_some() {
        return Ok(());
    }
    // All of them or none: one row is the sign that it was done.
    let txn = db.begin_with_options(immediate()).await?;
    let mut after = String::new();
    loop {
        let sql = format!("SELECT {COLUMNS} FROM job WHERE id > $1 ORDER BY id LIMIT {BATCH}");
        let rows = all(&txn, &sql, vec![after.clone().into()]).await?;
        for row in &rows {
            let row = JobRow::read(row)?;
            note(&txn, &row.id, row.media()).await?;
            after = row.id;
        }
        if rows.len() < BATCH {
            break;
        }
    }
    txn.commit().await
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
    let stages = crate::jobs::stages::of(db, id).await?;
    let mut media: Vec<String> = row.media();
    media.extend(stages.iter().flat_map(JobRow::media));
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
            OR (j.status = 'succeeded' AND j.parent_id IN (SELECT id FROM job WHERE status <> 'succeeded'))) LIMIT 1";
    let mut unneeded = Vec::new();
    for hash in media {
        if one(db, sql, vec![hash.clone().into()]).await?.is_none() {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}

/// Whether a finished job of somebody's made or used a medium.
pub(crate) async fn is_of(
    db: &impl ConnectionTrait,
    owner: &str,
    hash: &str,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS yes FROM job_medium m JOIN job j ON j.id = m.job WHERE m.hash = $1 AND j.owner = $2 AND j.status = 'succeeded' LIMIT 1";
    Ok(one(db, sql, vec![hash.into(), owner.into()]).await?.is_some())
}
