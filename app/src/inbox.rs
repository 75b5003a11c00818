//! Works that were taken from the shared wall in its own window, and wait for a desk to hang them:
//! a file each beside its media, written whole, so that no window has to be there for the other.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use oto_api_types::{JobKind, Work};
use oto_board::{AssetId, NoteId};
use serde::{Deserialize, Serialize};

use crate::data::DataDir;

/// Most that are taken at once.
const MOST: usize = 50;
const UNSAFE: &str = "this server names things in a way that is not safe, so nothing was taken; tell whoever runs it";

/// A work that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) work: Work,
    /// Where it was published.
    pub(crate) server: String,
    /// BLAKE3 of its bytes; a file of this name lies beside.
    pub(crate) hash: String,
}

/// Where the media of a work are to be put before [`put`]. The name comes from a server: one that is no
/// hash could lead anywhere.
pub(crate) fn media_path(data: &DataDir, hash: &str) -> Result<PathBuf> {
    let hash: AssetId = hash.parse().ok().context(UNSAFE)?;
    oto_storage::files::ensure_folder(&data.inbox())?;
    Ok(data.inbox().join(hash.to_string()))
}

/// Lets a work wait. The words of a text become its file.
pub(crate) fn put(data: &DataDir, work: &Work, server: &str) -> Result<()> {
    let hash = match (&work.asset, work.kind) {
        (Some(hash), _) => hash.clone(),
        (None, JobKind::Text) => {
            let bytes = work.text.as_bytes();
            let hash = data.assets().put(bytes)?.to_string();
            oto_storage::files::write_whole(&media_path(data, &hash)?, bytes)?;
            hash
        }
        (None, _) => anyhow::bail!("this work has no media"),
    };
    // Likewise.
    let id: NoteId = work.id.parse().ok().context(UNSAFE)?;
    media_path(data, &hash)?;
    let path = data.inbox().join(format!("{id}.json"));
    let waiting = Waiting { work: work.clone(), server: server.to_owned(), hash };
    let text = serde_json::to_vec(&waiting).context("the work cannot be written down")?;
    Ok(oto_storage::files::write_whole(&path, &text)?)
}

/// What waits, with the file to remove when it hangs. What cannot be read is put aside.
pub(crate) fn waiting(data: &DataDir) -> Vec<(PathBuf, Waiting)> {
    let Ok(entries) = std::fs::read_dir(data.inbox()) else { return Vec::new() };
    let files = entries.flatten().map(|e| e.path());
    let mut found = Vec::new();
    for path in files.filter(|p| p.extension().is_some_and(|e| e == "json")).take(MOST) {
        match read(&path) {
            Some(waiting) if data.inbox().join(&waiting.hash).is_file() => {
                found.push((path, waiting));
            }
            // Its media are still on their way, or never came.
            Some(_) => {}
            None => {
                // A second look would find the same.
                std::fs::rename(&path, path.with_extension("damaged")).ok();
            }
        }
    }
    found
}

fn read(path: &Path) -> Option<Waiting> {
    let waiting: Waiting = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    waiting.hash.parse::<AssetId>().is_ok().then_some(waiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_names_no_files_outside_the_inbox() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(Some(folder.path().join("data"))).unwrap();
        let work = |id: &str, asset: Option<&str>| -> Work {
            serde_json::from_value(serde_json::json!({
                "id": id, "kind": "text", "title": "A tram", "text": "It was empty.", "asset": asset,
                "author": {"id": "a", "handle": "ada", "name": "Ada"}, "visibility": "public", "state": "shown",
                "may_reuse": true, "may_comment": true, "shows_recipe": false, "shows_sources": false,
                "likes": 0, "votes": 0, "comments": 0, "created_at_ms": 0, "version": 1
            }))
            .unwrap()
        };
        let victim = folder.path().join("config.json");
        std::fs::write(&victim, "mine").unwrap();
        let id = "01890000-0000-7000-8000-000000000001";
        let away = victim.with_extension("").display().to_string();
        for wrong in ["../../config", away.as_str(), "", "x"] {
            assert!(put(&data, &work(wrong, None), "https://x.example").is_err(), "{wrong}");
            assert!(put(&data, &work(id, Some(wrong)), "https://x.example").is_err(), "{wrong}");
            assert!(media_path(&data, wrong).is_err(), "{wrong}");
        }
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
        put(&data, &work(id, None), "https://x.example").unwrap();
        assert_eq!(waiting(&data)[0].1.work.id, id);
    }
}
