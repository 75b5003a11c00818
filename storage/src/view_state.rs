//! How a board was last looked at, views that were kept, and which boards were open. Never in the
//! journal; losing it loses no work on any board. Kept as one small JSON file beside the boards.

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
    /// Views the user kept, by board path.
    bookmarks: BTreeMap<PathBuf, Vec<View>>,
}

/// Boards remembered without bookmarks.
const MOST_RECENT: usize = 20;
/// Bookmarks of a board at most: one for each digit.
const MOST_BOOKMARKS: usize = 9;

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
            if let Some(view) = view_of(entry) {
                library.views.insert(path.clone(), view);
            }
            let kept = entry["bookmarks"].as_array().into_iter().flatten();
            let kept: Vec<View> = kept.filter_map(view_of).take(MOST_BOOKMARKS).collect();
            if !kept.is_empty() {
                library.bookmarks.insert(path.clone(), kept);
            }
            library.recent.push(path);
        }
        library
    }

    /// Views kept of a board, in the order of their numbers.
    #[must_use]
    pub fn bookmarks_of(&self, board: &Path) -> &[View] {
        self.bookmarks.get(board).map_or(&[], Vec::as_slice)
    }

    fn kept_with<'a>(&'a self, beside: &'a Self, board: &Path) -> &'a [View] {
        if self.bookmarks.contains_key(board) {
            self.bookmarks_of(board)
        } else {
            beside.bookmarks_of(board)
        }
    }

    /// Keeps a view: its number from 1, or none when there are nine already.
    pub fn add_bookmark(&mut self, board: &Path, view: View) -> Option<usize> {
        let kept = self.bookmarks.entry(board.to_owned()).or_default();
        if kept.len() >= MOST_BOOKMARKS {
            return None;
        }
        kept.push(view);
        Some(kept.len())
    }

    /// Forgets a kept view, counted from 0; those behind it move up.
    pub fn forget_bookmark(&mut self, board: &Path, index: usize) {
        if let Some(kept) = self.bookmarks.get_mut(board)
            && index < kept.len()
        {
            kept.remove(index);
        }
    }

    /// Notes that a board was open with this view.
    pub fn remember(&mut self, board: &Path, view: Option<View>) {
        self.recent.retain(|p| p != board);
        self.recent.insert(0, board.to_owned());
        self.recent.truncate(MOST_RECENT);
        if let Some(view) = view {
            self.views.insert(board.to_owned(), view);
        }
    }

    /// Writes `library.json`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn write(&self, path: &Path) -> Result<(), StorageError> {
        // Another window may have kept views since: those of boards not known here stay.
        let beside = Self::read(path);
        let kept_only = |l: &Self| l.bookmarks.keys().cloned().collect::<Vec<_>>();
        let mut order = self.recent.clone();
        for board in beside.recent.iter().cloned().chain(kept_only(self)).chain(kept_only(&beside))
        {
            let keep = order.len() < MOST_RECENT || !self.kept_with(&beside, &board).is_empty();
            if keep && !order.contains(&board) {
                order.push(board);
            }
        }
        let boards: Vec<Value> = order
            .iter()
            .filter_map(|board| {
                let view = self.views.get(board).or(beside.views.get(board));
                let mut entry = view.map_or_else(|| json!({}), json_of);
                // A name that is no text cannot be written down; the board itself is not touched.
                entry["path"] = json!(board.to_str()?);
                let kept = self.kept_with(&beside, board);
                if !kept.is_empty() {
                    entry["bookmarks"] = kept.iter().map(json_of).collect();
                }
                Some(entry)
            })
            .collect();
        write_whole(path, json!({ "boards": boards }).to_string().as_bytes())
    }
}

fn json_of(view: &View) -> Value {
    json!({"x": view.center[0], "y": view.center[1], "zoom": view.zoom})
}

/// None for what could not be looked at.
fn view_of(entry: &Value) -> Option<View> {
    let number = |key: &str| entry[key].as_f64().filter(|v| v.is_finite());
    let (x, y, zoom) = (number("x")?, number("y")?, number("zoom")?);
    (zoom > 0.0).then_some(View { center: [x, y], zoom })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn views_and_bookmarks_survive_and_nonsense_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("library.json");
        let board = Path::new("/somewhere/a.oto");
        let view = |x: f64| View { center: [x, 2.0], zoom: 0.5 };
        let mut library = Library::default();
        library.remember(board, Some(view(1.0)));
        for i in 0..9 {
            assert_eq!(library.add_bookmark(board, view(f64::from(i))), Some(i as usize + 1));
        }
        assert_eq!(library.add_bookmark(board, view(99.0)), None);
        library.forget_bookmark(board, 3);
        library.forget_bookmark(board, 77);
        library.write(&file).unwrap();
        let read = Library::read(&file);
        assert_eq!(read.views.get(board), Some(&view(1.0)));
        assert_eq!(read.bookmarks_of(board).len(), 8);
        assert_eq!(read.bookmarks_of(board)[3], view(4.0));
        std::fs::write(
            &file,
            r#"{"boards":[{"path":"a","x":1,"y":2,"zoom":-1,"bookmarks":[{"x":"?"}]}]}"#,
        )
        .unwrap();
        let read = Library::read(&file);
        assert!(read.views.is_empty() && read.bookmarks_of(Path::new("a")).is_empty());
        assert_eq!(read.recent.len(), 1);
    }
}
