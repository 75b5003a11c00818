//! Rings for those who were told something, whichever process wrote it down.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::broadcast;

use crate::db::{all, now_ms};

/// Notices are looked for a little further back than the last look: transactions end in another order
/// than they began.
const OVERLAP_MS: i64 = 5_000;
/// Most notices of one look.
const MOST: i64 = 2_000;
/// Names of notices that were rung for, to ring once for each.
const REMEMBERED: usize = 10_000;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Bell(broadcast::Sender<Arc<str>>);

impl Bell {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(1_024))
    }

    /// Hears the accounts that are told something from now on.
    pub(crate) fn hear(&self) -> broadcast::Receiver<Arc<str>> {
        self.0.subscribe()
    }
}

/// What was rung for already.
#[derive(Debug)]
pub(crate) struct Ringer {
    since_ms: i64,
    rung: HashSet<String>,
    order: VecDeque<String>,
}

impl Ringer {
    pub(crate) fn new() -> Self {
        Self { since_ms: now_ms(), rung: HashSet::new(), order: VecDeque::new() }
    }

    /// Rings for whoever was told something since the last look. Without listeners nobody looks.
    pub(crate) async fn ring(&mut self, db: &DatabaseConnection, bell: &Bell) -> Result<(), DbErr> {
        let now = now_ms();
        if bell.0.receiver_count() > 0 {
            let sql =
                "SELECT id, account FROM notification WHERE at_ms > $1 ORDER BY at_ms LIMIT $2";
            let from = self.since_ms - OVERLAP_MS;
            for row in all(db, sql, vec![from.into(), MOST.into()]).await? {
                let id: String = row.try_get("", "id")?;
                if self.rung.insert(id.clone()) {
                    self.order.push_back(id);
                    // Nobody may listen any more; that is no fault.
                    bell.0.send(Arc::from(row.try_get::<String>("", "account")?)).ok();
                }
            }
            while self.order.len() > REMEMBERED {
                if let Some(oldest) = self.order.pop_front() {
                    self.rung.remove(&oldest);
                }
            }
        }
        self.since_ms = now;
        Ok(())
    }
}
