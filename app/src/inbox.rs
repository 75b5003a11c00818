//! Works that were taken from the shared wall in its own window, and wait for a desk to hang them:
//! a file each beside its media, written whole, so that no window has to be there for the other.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use oto_api_types::{JobKind, Work};
use serde::{Deserialize, Serialize};

use crate::data::DataDir;

/// Most that are taken at once.
const MOST: usize = 50;

/// A work that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) work: Work,
    /// Where it was published.
    pub(crate) server: String,
    /// BLAKE3 of its bytes; a file of this name lies beside.
    pub(crate) hash: String,
}

/// Where the media of a work are to be put before [`put`].
pub(crate) fn media_path(data: &DataDir, hash: &str) -> Result<PathBuf> {
    oto_storage::files::ensure_folder(&data.inbox())?;
    Ok(data.inbox().join(hash))
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
    let waiting = Waiting { work: work.clone(), server: server.to_owned(), hash };
    let text = serde_json::to_vec(&waiting).context("the work cannot be written down")?;
    let path = media_path(data, &format!("{}.json", work.id))?;
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
    let is_hash = waiting.hash.len() == 64 && waiting.hash.bytes().all(|b| b.is_ascii_hexdigit());
    is_hash.then_some(waiting)
}
