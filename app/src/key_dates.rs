//! On which day the key of an engine was last used. The day and the name it is kept under, never the
//! key. Losing the file loses nothing else.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::mint;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01, by account. Reads and writes a small file: not from a frame.
#[derive(Clone)]
pub(crate) struct KeyDates {
    path: PathBuf,
    /// One thread writes at a time.
    turn: Arc<Mutex<()>>,
}

impl KeyDates {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, turn: Arc::default() }
    }

    pub(crate) fn all(&self) -> BTreeMap<String, i64> {
        let bytes = std::fs::read(&self.path).ok();
        bytes.and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default()
    }

    /// The key of this account is used now.
    pub(crate) fn used(&self, account: &str) {
        let today = mint::now_ms() / DAY_MS;
        self.change(|days| days.insert(account.to_owned(), today) != Some(today));
    }

    /// The key of this account is gone.
    pub(crate) fn forget(&self, account: &str) {
        self.change(|days| days.remove(account).is_some());
    }

    /// Writes when something changed: once a day for each key.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, i64>) -> bool) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut days = self.all();
        if change(&mut days)
            && let Ok(bytes) = serde_json::to_vec_pretty(&days)
            && let Err(error) = oto_storage::files::write_whole(&self.path, &bytes)
        {
            tracing::warn!(%error, "the day a key was used could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_of_the_last_use_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let dates = KeyDates::new(folder.path().join("keys-used.json"));
        assert!(dates.all().is_empty());
        dates.used("lab https://a.example");
        let today = mint::now_ms() / DAY_MS;
        assert!((today - dates.all()["lab https://a.example"]).abs() <= 1);
        dates.forget("lab https://a.example");
        assert!(dates.all().is_empty());
        std::fs::write(folder.path().join("keys-used.json"), "{ broken").unwrap();
        assert!(dates.all().is_empty());
    }
}
