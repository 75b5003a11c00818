//! Media of this home by BLAKE3, until the desk has taken it over.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::BackendError;

/// A folder of files named by their content.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    root: PathBuf,
}

impl Blobs {
    pub(crate) fn new(root: PathBuf) -> Result<Self, BackendError> {
        fs::create_dir_all(&root).map_err(BackendError::io("making the media folder"))?;
        Ok(Self { root })
    }

    /// Where a blob lies; `None` when the name is no hash or the blob is not there.
    pub(crate) fn find(&self, hash: &str) -> Option<PathBuf> {
        let fits = hash.len() == 64
            && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let path = self.root.join(hash);
        (fits && path.is_file()).then_some(path)
    }

    pub(crate) fn put(&self, bytes: &[u8]) -> Result<String, BackendError> {
        let temporary = self.root.join(format!("{}.part", uuid::Uuid::now_v7()));
        fs::write(&temporary, bytes).map_err(BackendError::io("writing media"))?;
        self.adopt(&temporary)
    }

    /// Takes a file over under the name of its bytes.
    pub(crate) fn adopt(&self, from: &Path) -> Result<String, BackendError> {
        let mut file = fs::File::open(from).map_err(BackendError::io("opening media"))?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut buffer).map_err(BackendError::io("reading media"))?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
        }
        file.sync_all().map_err(BackendError::io("syncing media"))?;
        let hash = hasher.finalize().to_hex().to_string();
        fs::rename(from, self.root.join(&hash)).map_err(BackendError::io("naming media"))?;
        Ok(hash)
    }

    pub(crate) fn remove(&self, hash: &str) -> bool {
        self.find(hash).is_some_and(|path| fs::remove_file(path).is_ok())
    }
}
