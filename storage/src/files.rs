//! The one way to write a whole file: temporary file in the same folder, sync, rename, sync the
//! folder. A crash leaves the old file or the new one, never half of either.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::StorageError;

/// Creates a folder and its parents, readable by the user only.
///
/// # Errors
/// When the system refuses.
pub fn ensure_folder(path: &Path) -> Result<(), StorageError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(StorageError::io("creating a folder", path))
}

/// Writes a whole file so that it is there completely or not at all.
///
/// # Errors
/// When the system refuses; nothing is left behind.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StorageError> {
    // A bare name lies in the present folder.
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure_folder(folder)?;
    let temporary = temporary_beside(path);
    let outcome = (|| {
        let mut file = create_new(&temporary)?;
        file.write_all(bytes).map_err(StorageError::io("writing a file", &temporary))?;
        file.sync_all().map_err(StorageError::io("syncing a file", &temporary))?;
        fs::rename(&temporary, path).map_err(StorageError::io("renaming a file", path))?;
        sync_folder(folder)
    })();
    if outcome.is_err() {
        // The first error is the one to tell; a leftover temporary file is swept at the next start.
        fs::remove_file(&temporary).ok();
    }
    outcome
}

pub(crate) fn temporary_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    path.with_file_name(name)
}

pub(crate) fn create_new(path: &Path) -> Result<File, StorageError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(StorageError::io("creating a file", path))
}

pub(crate) fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(StorageError::io("syncing a folder", folder))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
