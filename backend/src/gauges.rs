//! Figures that are looked up when they are asked for.

use crate::db::{all, now_ms, value};
use crate::error::Refusal;
use crate::state::AppState;

/// Sets the gauges of queue, storage and streams.
pub(crate) async fn look(state: &AppState) -> Result<(), Refusal> {
    let sql = "SELECT status, CAST(COUNT(*) AS BIGINT) AS n FROM job WHERE status IN ('queued', 'running', 'canceling') GROUP BY status";
    let mut found = [("queued", 0i64), ("running", 0), ("canceling", 0)];
    for row in all(&state.db, sql, vec![]).await? {
        let status: String = row.try_get("", "status")?;
        if let Some(slot) = found.iter_mut().find(|(word, _)| *word == status) {
            slot.1 = row.try_get("", "n")?;
        }
    }
    for (status, n) in found {
        metrics::gauge!("jobs_open", "status" => status).set(n as f64);
    }
    let sql = "SELECT MIN(run_at_ms) FROM job WHERE status = 'queued' AND waits = 0";
    let oldest: Option<i64> = value(&state.db, sql, vec![]).await?.flatten();
    let age = oldest.map_or(0, |at| (now_ms() - at).max(0));
    metrics::gauge!("queue_age_seconds").set(age as f64 / 1000.0);
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM asset";
    let bytes: i64 = value(&state.db, sql, vec![]).await?.unwrap_or(0);
    metrics::gauge!("storage_bytes").set(bytes as f64);
    let server = state.server()?;
    metrics::gauge!("sse_streams").set((server.streams.count() + server.visitors.count()) as f64);
    metrics::gauge!("uptime_seconds").set((now_ms() - server.started_ms) as f64 / 1000.0);
    Ok(())
}
