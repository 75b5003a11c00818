//! Ends of jobs are told from their rows, once, wherever and however they ended: figures, and
//! webhooks to their owners.

use sea_orm::{DbErr, TransactionTrait};

use super::queue;
use super::row::{COLUMNS, JobRow, status_word};
use crate::assets::drop;
use crate::db::{all, execute, immediate};
use crate::state::AppState;
use crate::webhooks;

/// Most ends that are told in one round.
const MOST: i64 = 200;

/// Tells what has ended since. Of several processes the one that marks an end tells it.
pub(crate) async fn tell_ends(state: &AppState) -> Result<(), DbErr> {
    let sql = format!(
        "SELECT {COLUMNS} FROM job WHERE told = 0 AND status IN ('succeeded', 'failed', 'canceled', 'expired') LIMIT {MOST}"
    );
    for row in all(&state.db, &sql, vec![]).await? {
        let row = JobRow::read(&row)?;
        let status = status_word(row.status);
        let txn = state.db.begin_with_options(immediate()).await?;
        let sql = "UPDATE job SET told = 1 WHERE id = $1 AND told = 0";
        if execute(&txn, sql, vec![row.id.clone().into()]).await? == 0 {
            txn.rollback().await?;
            continue;
        }
        // A whole is told, not its stages.
        if row.parent_id.is_none() && !row.owner.is_empty() {
            webhooks::tell(&txn, &row.owner, &format!("job.{status}"), &row.id).await?;
        }
        if status != "succeeded" {
            // What it worked from may have waited only for it.
            for hash in queue::media::of(&txn, &row.id).await? {
                drop::mark(&txn, &hash).await?;
            }
        }
        txn.commit().await?;
        let spent = row.spent();
        let labels =
            [("kind", spent.kind.clone()), ("engine", spent.engine), ("status", status.to_owned())];
        metrics::counter!("jobs_total", &labels).increment(1);
        if let Some(took_ms) = row.took_ms() {
            metrics::histogram!("job_seconds", "kind" => spent.kind).record(took_ms as f64 / 1e3);
        }
    }
    Ok(())
}
