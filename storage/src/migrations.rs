//! Numbered migrations of the board file, on `user_version`. A released file is never edited:
//! `xtask tidy` keeps the hash of each.

use rusqlite::Connection;

use crate::StorageError;

/// "oTo1" as a big-endian number: how SQLite's header names our files.
pub(crate) const APPLICATION_ID: i64 = 0x6f54_6f31;

const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_first.sql")];

/// The format this program writes.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;

/// The text of each migration, oldest first.
#[must_use]
pub fn migration_sources() -> &'static [&'static str] {
    MIGRATIONS
}

/// The format of an open file.
pub(crate) fn version_of(connection: &Connection) -> Result<i64, StorageError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Brings a file to the present format, in one transaction.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StorageError> {
    let found = version_of(connection)?;
    if found > SCHEMA_VERSION {
        return Err(StorageError::Newer { found, known: SCHEMA_VERSION });
    }
    if found == SCHEMA_VERSION {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for sql in &MIGRATIONS[found.max(0) as usize..] {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    Ok(())
}
