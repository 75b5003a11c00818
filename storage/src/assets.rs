//! The asset store: files named by the BLAKE3 of their bytes, written once, never changed.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use oto_board::AssetId;

use crate::StorageError;
use crate::files::{create_new, ensure_folder, sync_folder, temporary_beside};

/// The folder of media of one library.
#[derive(Debug, Clone)]
pub struct AssetStore {
    root: PathBuf,
}

impl AssetStore {
    /// The store under this folder; made at the first write.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where an asset lies, whether it is there or not.
    #[must_use]
    pub fn path(&self, id: AssetId) -> PathBuf {
        let name = id.to_string();
        self.root.join(&name[..2]).join(&name[2..4]).join(name)
    }

    /// Keeps bytes. The same bytes twice are one file.
    ///
    /// # Errors
    /// When the disk refuses; nothing is left behind.
    pub fn put(&self, bytes: &[u8]) -> Result<AssetId, StorageError> {
        let id = AssetId(*blake3::hash(bytes).as_bytes());
        let path = self.path(id);
        // A damaged file is replaced by the good bytes at hand.
        if path.exists() && hash_file(&path).is_ok_and(|found| found == id) {
            return Ok(id);
        }
        let folder = path.parent().unwrap_or(&self.root);
        ensure_folder(folder)?;
        let temporary = temporary_beside(&path);
        let outcome = (|| {
            let mut file = create_new(&temporary)?;
            file.write_all(bytes).map_err(StorageError::io("writing media", &temporary))?;
            file.sync_all().map_err(StorageError::io("syncing media", &temporary))?;
            finish(&temporary, &path, folder)
        })();
        if outcome.is_err() {
            // The first error is the one to tell.
            fs::remove_file(&temporary).ok();
        }
        outcome.map(|()| id)
    }

    /// Keeps a file that was downloaded beside the store, if its bytes have the expected name.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when they have not; otherwise what the disk says.
    pub fn adopt(&self, from: &Path, expected: AssetId) -> Result<(), StorageError> {
        let found = hash_file(from)?;
        if found != expected {
            return Err(StorageError::Damaged(format!("media {expected} arrived as {found}")));
        }
        let path = self.path(expected);
        if path.exists() && hash_file(&path).is_ok_and(|found| found == expected) {
            fs::remove_file(from).map_err(StorageError::io("removing a file", from))?;
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&self.root);
        ensure_folder(folder)?;
        let file = File::open(from).map_err(StorageError::io("opening media", from))?;
        file.sync_all().map_err(StorageError::io("syncing media", from))?;
        finish(from, &path, folder)
    }

    /// The bytes of an asset.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn read(&self, id: AssetId) -> Result<Vec<u8>, StorageError> {
        let path = self.path(id);
        fs::read(&path).map_err(StorageError::io("reading media", path))
    }

    /// The name the bytes on disk really have.
    ///
    /// # Errors
    /// When the file is not there or cannot be read.
    pub fn verify(&self, id: AssetId) -> Result<AssetId, StorageError> {
        hash_file(&self.path(id))
    }
}

fn finish(temporary: &Path, path: &Path, folder: &Path) -> Result<(), StorageError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(temporary, fs::Permissions::from_mode(0o444))
            .map_err(StorageError::io("protecting media", temporary))?;
    }
    fs::rename(temporary, path).map_err(StorageError::io("renaming media", path))?;
    // The two levels above may be as new as the file.
    folder.ancestors().take(3).try_for_each(sync_folder)
}

fn hash_file(path: &Path) -> Result<AssetId, StorageError> {
    let mut file = File::open(path).map_err(StorageError::io("opening media", path))?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file.read(&mut buffer).map_err(StorageError::io("reading media", path))?;
        if n == 0 {
            return Ok(AssetId(*hasher.finalize().as_bytes()));
        }
        hasher.update(&buffer[..n]);
    }
}
