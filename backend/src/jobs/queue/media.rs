//! Media that jobs need, and those that none needs any more.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

use super::find;
use crate::db::{execute, one};
use crate::jobs::row::JobRow;

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
    let mut unneeded = Vec::new();
    for hash in media {
        let needed = one(
            db,
            "SELECT 1 AS yes FROM job WHERE (status = 'succeeded' AND released = 0 AND result LIKE '%' || $1 || '%')
             OR (status IN ('queued', 'running', 'canceling') AND request LIKE '%' || $1 || '%')
             OR (status = 'succeeded' AND result LIKE '%' || $1 || '%' AND parent_id IN (SELECT id FROM job WHERE status <> 'succeeded')) LIMIT 1",
            vec![hash.clone().into()],
        )
        .await?;
        if needed.is_none() {
            unneeded.push(hash);
        }
    }
    Ok(unneeded)
}
