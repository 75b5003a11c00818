//! How a board was last looked at, and which boards were open. Never in the journal; losing it
//! loses no work. Kept as one small JSON file beside the boards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::StorageError;
use crate::files::write_whole;

/// The camera of a board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Middle of the screen, in world units.
    pub center: [f64; 2],
    /// Logical pixels per world unit.
    pub zoom: f64,
}

/// Recent boards and their views.
#[derive(Debug, Clone, Default)]
pub struct Library {
    /// Newest first.
    pub recent: Vec<PathBuf>,
    /// By board path.
    pub views: BTreeMap<PathBuf, View>,
}

impl Library {
    /// Reads `library.json`; a missing or unreadable one is an empty library.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let value: Value = std::fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let mut library = Self::default();
        for entry in value["boards"].as_array().into_iter().flatten() {
            let Some(path) = entry["path"].as_str().map(PathBuf::from) else { continue };
            let number = |key: &str| entry[key].as_f64().filter(|v| v.is_finite());
            if let (Some(x), Some(y), Some(zoom)) = (number("x"), number("y"), number("zoom"))
                && zoom > 0.0
            {
                library.views.insert(path.clone(), View { center: [x, y], zoom });
            }
            library.recent.push(path);
        }
        library
    }

    /// Notes that a board was open with this view.
    pub fn remember(&mut self, board: &Path, view: Option<View>) {
        self.recent.retain(|p| p != board);
        self.recent.insert(0, board.to_owned());
        self.recent.truncate(20);
        if let Some(view) = view {
            self.views.insert(board.to_owned(), view);
        }
    }

    /// Writes `library.json`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), StorageError> {
        let boards: Vec<Value> = self
            .recent
            .iter()
            .map(|board| match self.views.get(board) {
                Some(v) => {
                    json!({"path": board, "x": v.center[0], "y": v.center[1], "zoom": v.zoom})
                }
                None => json!({"path": board}),
            })
            .collect();
        write_whole(path, json!({ "boards": boards }).to_string().as_bytes())
    }
}
