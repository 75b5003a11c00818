//! Opening a board file, with the settings every connection has. No other place opens SQLite.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::load::{Loaded, load};
use crate::migrations::{APPLICATION_ID, SCHEMA_VERSION, migrate, version_of};
use crate::{BoardLock, StorageError, Writer};

/// Before this version a WAL that is reset while another connection commits can be damaged.
const OLDEST_SQLITE: i32 = 3_051_003;

fn assert_library() -> Result<(), StorageError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StorageError::OldSqlite(rusqlite::version().to_owned()));
    }
    Ok(())
}

/// A connection that writes.
pub(crate) fn connect(path: &Path) -> Result<Connection, StorageError> {
    assert_library()?;
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    for (pragma, value) in [
        ("page_size", "8192"),
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("fullfsync", "ON"),
        ("checkpoint_fullfsync", "ON"),
        ("foreign_keys", "ON"),
        ("cell_size_check", "ON"),
        ("trusted_schema", "OFF"),
        ("mmap_size", "0"),
        ("wal_autocheckpoint", "1000"),
    ] {
        connection.pragma_update(None, pragma, value)?;
    }
    Ok(connection)
}

/// A connection that only looks.
pub(crate) fn connect_read_only(path: &Path) -> Result<Connection, StorageError> {
    assert_library()?;
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(connection)
}

fn assert_ours(connection: &Connection, path: &Path) -> Result<(), StorageError> {
    let not_ours = || Err(StorageError::NotABoard(path.to_owned()));
    match connection.pragma_query_value(None, "application_id", |row| row.get::<_, i64>(0)) {
        Ok(APPLICATION_ID) => Ok(()),
        Ok(_) => not_ours(),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            not_ours()
        }
        // Locked, no rights, a broken disk: said as it is.
        Err(error) => Err(error.into()),
    }
}

/// Makes a new, empty board file and opens it for writing.
///
/// # Errors
/// [`StorageError::Exists`] when a file with this name is there; otherwise what the disk says.
pub fn create_board(path: &Path) -> Result<(Loaded, Writer), StorageError> {
    if path.exists() {
        return Err(StorageError::Exists(path.to_owned()));
    }
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        crate::files::ensure_folder(folder)?;
    }
    let lock = BoardLock::take(path)?;
    let mut connection = connect(path)?;
    migrate(&mut connection)?;
    let loaded = load(&connection)?;
    let writer = Writer::start(path, connection, lock, &loaded)?;
    Ok((loaded, writer))
}

/// Opens a board file for writing.
///
/// # Errors
/// When it is not a board, newer than this program, locked, or cannot be read.
pub fn open_board(path: &Path) -> Result<(Loaded, Writer), StorageError> {
    {
        let look = look_at(path)?;
        let found = version_of(&look)?;
        if found > SCHEMA_VERSION {
            return Err(StorageError::Newer { found, known: SCHEMA_VERSION });
        }
    }
    let lock = BoardLock::take(path)?;
    let mut connection = connect(path)?;
    migrate(&mut connection)?;
    let loaded = load(&connection)?;
    let writer = Writer::start(path, connection, lock, &loaded)?;
    Ok((loaded, writer))
}

/// Reads a board without taking its lock and without changing it.
///
/// # Errors
/// When it is not a board or cannot be read.
pub fn read_board(path: &Path) -> Result<Loaded, StorageError> {
    load(&look_at(path)?)
}

pub(crate) fn look_at(path: &Path) -> Result<Connection, StorageError> {
    std::fs::metadata(path).map_err(StorageError::io("opening the board", path))?;
    let connection = connect_read_only(path)?;
    assert_ours(&connection, path)?;
    Ok(connection)
}
