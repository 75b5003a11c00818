//! Ids and the time: the only place that makes them.

use std::time::{SystemTime, UNIX_EPOCH};

/// A new id: UUIDv7, so that ids sort by age.
pub(crate) fn id() -> u128 {
    uuid::Uuid::now_v7().as_u128()
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}
