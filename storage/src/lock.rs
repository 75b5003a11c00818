//! One writer for a board: an advisory lock on `<board>.lock`, which the system gives back when
//! the process ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::StorageError;

/// Held as long as the board may be written.
#[derive(Debug)]
pub struct BoardLock {
    _file: File,
}

impl BoardLock {
    /// Takes the lock of a board file.
    ///
    /// # Errors
    /// [`StorageError::Locked`] with the holder's process id when somebody has it.
    pub fn take(board: &Path) -> Result<Self, StorageError> {
        let path = lock_path(board);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(StorageError::io("opening the lock file", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                let mut holder = String::new();
                if file.read_to_string(&mut holder).is_err() || holder.trim().is_empty() {
                    holder = "unknown".to_owned();
                }
                return Err(StorageError::Locked(holder.trim().to_owned()));
            }
            Err(std::fs::TryLockError::Error(source)) => {
                return Err(StorageError::Io { what: "locking the board", path, source });
            }
        }
        let note_holder = (|| {
            file.set_len(0)?;
            file.rewind()?;
            write!(file, "{}", std::process::id())
        })();
        note_holder.map_err(StorageError::io("writing the lock file", &path))?;
        Ok(Self { _file: file })
    }
}

fn lock_path(board: &Path) -> PathBuf {
    let mut name = board.file_name().unwrap_or_default().to_os_string();
    name.push(".lock");
    board.with_file_name(name)
}
