//! What this process remembers of tiles, and how it hears of changes that any process made: it looks
//! at the rows of changes every second, forgets the tiles above them and tells whoever listens.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oto_api_types::WallEvent;
use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::broadcast;

use super::tiles::{TOP, ancestor};
use crate::db::{all, now_ms};

/// Bytes of remembered tiles.
const MOST_BYTES: usize = 128 << 20;
/// A tile is looked up again after this, whatever was heard.
const LIFE: Duration = Duration::from_secs(15);
/// Events that a slow listener may be behind.
const BEHIND: usize = 4_096;
/// Changes are looked for a little further back than the last one seen: transactions end in another
/// order than they began.
const OVERLAP_MS: i64 = 5_000;

type Key = (u8, i64, i64);

/// A tile as it is sent.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) body: Bytes,
    pub(crate) etag: Arc<str>,
}

struct Kept {
    sent: Sent,
    at: Instant,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Wall {
    kept: Arc<Mutex<Memory>>,
    told: broadcast::Sender<WallEvent>,
}

#[derive(Default)]
struct Memory {
    tiles: HashMap<Key, Kept>,
    /// In the order in which they came, for forgetting the oldest.
    order: VecDeque<Key>,
    bytes: usize,
    /// Grows when anything is forgotten: what was read before that is not kept.
    turn: u64,
}

impl Wall {
    pub(crate) fn new() -> Self {
        Self { kept: Arc::default(), told: broadcast::Sender::new(BEHIND) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tile that is remembered.
    pub(crate) fn get(&self, key: Key) -> Option<Sent> {
        let memory = self.memory();
        memory.tiles.get(&key).filter(|k| k.at.elapsed() < LIFE).map(|k| k.sent.clone())
    }

    /// For [`Self::keep`]: what is read from the database after this.
    pub(crate) fn turn(&self) -> u64 {
        self.memory().turn
    }

    /// Remembers a tile, unless something changed since `turn`.
    pub(crate) fn keep(&self, key: Key, sent: &Sent, turn: u64) {
        let mut memory = self.memory();
        if memory.turn != turn {
            return;
        }
        let kept = Kept { sent: sent.clone(), at: Instant::now() };
        memory.bytes += sent.body.len();
        match memory.tiles.insert(key, kept) {
            Some(old) => memory.bytes -= old.sent.body.len(),
            None => memory.order.push_back(key),
        }
        while memory.bytes > MOST_BYTES {
            let Some(oldest) = memory.order.pop_front() else { break };
            if let Some(old) = memory.tiles.remove(&oldest) {
                memory.bytes -= old.sent.body.len();
            }
        }
    }

    /// Something changed in a tile of level 0.
    fn changed(&self, x: i64, y: i64) {
        {
            let mut memory = self.memory();
            memory.turn += 1;
            for z in 0..=TOP {
                let (x, y) = ancestor(z, x, y);
                if let Some(old) = memory.tiles.get_mut(&(z, x, y)) {
                    // Stays where it is in the order; it is looked up again when it is asked for.
                    old.at = old.at.checked_sub(LIFE).unwrap_or(old.at);
                }
            }
        }
        // Nobody may be listening.
        self.told.send(WallEvent { x, y }).ok();
    }

    /// Hears of changes from now on.
    pub(crate) fn hear(&self) -> broadcast::Receiver<WallEvent> {
        self.told.subscribe()
    }
}

/// What was heard so far.
pub(crate) struct Ears {
    since_ms: i64,
    seen: HashSet<String>,
}

impl Ears {
    pub(crate) fn new() -> Self {
        Self { since_ms: now_ms(), seen: HashSet::new() }
    }

    /// Looks for changes and tells of each once.
    pub(crate) async fn listen(
        &mut self,
        db: &DatabaseConnection,
        wall: &Wall,
    ) -> Result<(), DbErr> {
        let sql =
            "SELECT id, tx, ty, at_ms FROM wall_change WHERE at_ms > $1 ORDER BY at_ms LIMIT 5000";
        let mut now = HashSet::new();
        let mut newest = self.since_ms;
        for row in all(db, sql, vec![(self.since_ms - OVERLAP_MS).into()]).await? {
            let id: String = row.try_get("", "id")?;
            if !self.seen.contains(&id) {
                wall.changed(row.try_get("", "tx")?, row.try_get("", "ty")?);
            }
            newest = newest.max(row.try_get("", "at_ms")?);
            now.insert(id);
        }
        self.since_ms = newest;
        self.seen = now;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(n: usize) -> Sent {
        Sent { body: vec![0; n].into(), etag: "e".into() }
    }

    #[test]
    fn a_change_forgets_the_tiles_above_it_and_what_was_read_before() {
        let wall = Wall::new();
        let turn = wall.turn();
        for key in [(0, -1, 3), (1, -1, 1), (0, 5, 5), (20, -1, 0)] {
            wall.keep(key, &sent(10), turn);
        }
        let mut ears = wall.hear();
        wall.changed(-1, 3);
        assert!(wall.get((0, -1, 3)).is_none() && wall.get((1, -1, 1)).is_none());
        assert!(wall.get((20, -1, 0)).is_none() && wall.get((0, 5, 5)).is_some());
        assert_eq!(ears.try_recv().unwrap(), WallEvent { x: -1, y: 3 });
        wall.keep((0, -1, 3), &sent(10), turn);
        assert!(wall.get((0, -1, 3)).is_none());
        wall.keep((0, -1, 3), &sent(10), wall.turn());
        assert!(wall.get((0, -1, 3)).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let wall = Wall::new();
        for i in 0..200 {
            wall.keep((0, i, 0), &sent(1 << 20), wall.turn());
        }
        assert!(wall.memory().bytes <= MOST_BYTES);
        assert!(wall.get((0, 0, 0)).is_none() && wall.get((0, 199, 0)).is_some());
    }
}
