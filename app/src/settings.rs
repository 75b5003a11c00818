//! The user's settings: one JSON file; a missing or unreadable one gives the defaults.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// Every setting with its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// "en", "fr" or "auto".
    pub(crate) language: String,
    /// Dark paper.
    pub(crate) dark: bool,
    /// No glides.
    pub(crate) reduced_motion: bool,
    /// Address of the server with the shared wall; empty while none was named.
    pub(crate) server: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            language: "auto".to_owned(),
            dark: false,
            reduced_motion: false,
            server: String::new(),
        }
    }
}

impl Settings {
    pub(crate) fn read(path: &Path) -> Self {
        std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), oto_storage::StorageError> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        oto_storage::files::write_whole(path, &text)
    }
}
