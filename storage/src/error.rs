//! What can go wrong on disk, each with a sentence for the user.

use std::io;
use std::path::PathBuf;

/// Why a board or an asset could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// SQLite refused.
    #[error("the board file could not be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The system refused.
    #[error("{what} failed: {source} ({path})")]
    Io {
        /// What was tried, in words.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not one of our files.
    #[error("this is not an oTo board: {0}")]
    NotABoard(PathBuf),
    /// Written by a newer oTo.
    #[error(
        "this board was made by a newer oTo (format {found}, this program knows {known}); update oTo to edit it"
    )]
    Newer {
        /// Format of the file.
        found: i64,
        /// Format of this program.
        known: i64,
    },
    /// Somebody else writes it.
    #[error("the board is open in another oTo (process {0}); close it there first")]
    Locked(String),
    /// The file is there already.
    #[error("there is a file with this name already: {0}")]
    Exists(PathBuf),
    /// The SQLite library is too old to be trusted with WAL.
    #[error("the SQLite library {0} is older than 3.51.3, which can damage boards")]
    OldSqlite(String),
    /// A row cannot be read.
    #[error("a record is damaged: {0}")]
    Damaged(String),
    /// The writer thread ended.
    #[error("the board's writer has stopped; reopen the board")]
    WriterGone,
}

impl StorageError {
    pub(crate) fn io(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
