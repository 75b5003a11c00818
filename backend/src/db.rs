//! The database: SQLite with one connection, in its own file, or PostgreSQL. Statements are written
//! once for both, with `$1` for values.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sea_orm::sqlx::sqlite::{
    SqliteConnection, SqliteJournalMode, SqliteSynchronous, SqliteTransactionManager,
};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, QueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, TryGetable, Value,
};
use sea_orm_migration::MigratorTrait;
use sqlx_core::transaction::TransactionManager;

use crate::jobs::queue::media;
use crate::migration::{Migrator, ServerMigrator};

/// Names the lock under which servers bring a database up to date.
const MIGRATION_LOCK: i64 = 0x6f54_6f01;
/// Names the lock under which jobs are claimed.
const CLAIM_LOCK: i64 = 0x6f54_6f02;
/// Names the lock under which one server does what only one may do.
const CHORES_LOCK: i64 = 0x6f54_6f03;

/// The database of the home inside the desk.
pub(crate) async fn open(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let db = sqlite(path).await?;
    Migrator::up(&db, None).await?;
    media::know(&db).await?;
    Ok(db)
}

/// The database of a server: `sqlite:`, `sqlite:/a/file` or `postgres://…`. Is not brought up to
/// date.
pub(crate) async fn connect(
    url: &str,
    data_dir: &Path,
    connections: u32,
) -> Result<DatabaseConnection, DbErr> {
    if let Some(file) = url.strip_prefix("sqlite:") {
        let file = file.trim_start_matches("//");
        let path = if file.is_empty() { data_dir.join("oto.sqlite") } else { file.into() };
        return sqlite(&path).await;
    }
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(2)
        .sqlx_logging(false)
        .connect_timeout(Duration::from_secs(5))
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false);
    Database::connect(options).await.map_err(|error| {
        // Its own words may repeat the address, and a password in it.
        tracing::debug!(%error, "the database cannot be reached");
        let sentence = "the database of OTO_DATABASE_URL does not answer: is it there, and do name and password fit?";
        DbErr::Conn(sea_orm::RuntimeErr::Internal(sentence.to_owned()))
    })
}

/// Brings the database of a server up to date; servers that start at once take turns.
pub(crate) async fn migrate(db: &DatabaseConnection) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres {
        let txn = db.begin().await?;
        lock(&txn, MIGRATION_LOCK).await?;
        ServerMigrator::up(&txn, None).await?;
        txn.commit().await?;
    } else {
        ServerMigrator::up(db, None).await?;
    }
    media::know(db).await
}

/// Migrations that a server would still run.
pub(crate) async fn pending(db: &DatabaseConnection) -> Result<usize, DbErr> {
    Ok(ServerMigrator::get_pending_migrations(db).await?.len())
}

async fn sqlite(path: &Path) -> Result<DatabaseConnection, DbErr> {
    let path = path.to_owned();
    let mut options = ConnectOptions::new("sqlite://jobs?mode=rwc");
    options
        .max_connections(1)
        .min_connections(1)
        .sqlx_logging(false)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        // The check below asks, too.
        .test_before_acquire(false)
        .map_sqlx_sqlite_pool_opts(|pool| {
            pool.before_acquire(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    settle(connection).await
                })
            })
        })
        .map_sqlx_sqlite_opts(move |o| {
            o.filename(&path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(5))
                .foreign_keys(true)
        });
    Database::connect(options).await
}

/// Leaves a connection outside of any transaction. False when that cannot be: then it is closed.
///
/// What was let go of in the middle has been rolled back by now. But a commit or rollback that failed,
/// as on a full disk, leaves the library counting one transaction too many, since SQLite had rolled back
/// by itself; everything after it would be inside one that never ends. One that is begun by hand gives
/// the library something to roll back.
async fn settle(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    for _ in 0..4 {
        if !connection.is_in_transaction() {
            return Ok(true);
        }
        // Refused where there is one.
        sqlx::raw_sql("BEGIN").execute(&mut *connection).await.ok();
        SqliteTransactionManager::rollback(connection).await.ok();
    }
    Ok(!connection.is_in_transaction())
}

/// Somebody was told that nothing can be written.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// A write was refused because the database can only be read.
pub(crate) fn refused_to_write() {
    REFUSED.store(true, Ordering::Relaxed);
}

/// A connection that was opened while nothing could be written stays so; it is replaced. That of SQLite
/// when files can be written again, those of PostgreSQL as soon as nobody uses them.
pub(crate) async fn heal(db: &DatabaseConnection, data_dir: &Path) -> Result<(), DbErr> {
    if !REFUSED.load(Ordering::Relaxed) {
        return Ok(());
    }
    if db.get_database_backend() == DbBackend::Postgres {
        REFUSED.store(false, Ordering::Relaxed);
        let pool = db.get_postgres_connection_pool();
        let idle: Vec<_> = std::iter::from_fn(|| pool.try_acquire()).collect();
        for connection in idle {
            connection.close().await.ok();
        }
        return Ok(());
    }
    let probe = data_dir.join(".writable");
    if std::fs::write(&probe, b"oTo").and_then(|()| std::fs::remove_file(&probe)).is_err() {
        return Ok(());
    }
    REFUSED.store(false, Ordering::Relaxed);
    let error = |e: sqlx::Error| DbErr::Custom(e.to_string());
    let connection = db.get_sqlite_connection_pool().acquire().await.map_err(error)?;
    connection.close().await.map_err(error)?;
    tracing::info!("the database is opened again: it can be written again");
    Ok(())
}

async fn lock(txn: &impl ConnectionTrait, name: i64) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Postgres {
        execute(txn, "SELECT pg_advisory_xact_lock($1)", vec![name.into()]).await?;
    }
    Ok(())
}

/// Until the transaction ends nobody else claims a job: caps are counted, then used.
pub(crate) async fn claim_lock(txn: &impl ConnectionTrait) -> Result<(), DbErr> {
    lock(txn, CLAIM_LOCK).await
}

/// Whether this process is the one that does the chores until the transaction ends.
pub(crate) async fn chores_lock(txn: &impl ConnectionTrait) -> Result<bool, DbErr> {
    if txn.get_database_backend() != DbBackend::Postgres {
        return Ok(true);
    }
    let sql = "SELECT pg_try_advisory_xact_lock($1) AS got";
    let row = one(txn, sql, vec![CHORES_LOCK.into()]).await?;
    row.map_or(Ok(false), |r| r.try_get("", "got"))
}

/// How a transaction begins that will write: SQLite takes its one lock at once.
pub(crate) fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    }
}

/// PostgreSQL?
pub(crate) fn is_postgres(db: &impl ConnectionTrait) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

/// One value of the first row.
pub(crate) async fn value<T: TryGetable>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<T>, DbErr> {
    one(db, sql, values).await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// `$2, $3, …` for so many values, from a number on.
pub(crate) fn places(from: usize, n: usize) -> String {
    (from..from + n).map(|i| format!("${i}")).collect::<Vec<_>>().join(", ")
}

/// Whether a write failed because a unique value was there already.
pub(crate) fn is_taken(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_)))
}

pub(crate) fn statement(db: &impl ConnectionTrait, sql: &str, mut values: Vec<Value>) -> Statement {
    // PostgreSQL keeps no text with a zero in it; nobody means one.
    for value in &mut values {
        if let Value::String(Some(text)) = value
            && text.contains('\0')
        {
            *text = text.replace('\0', "");
        }
    }
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}

/// Runs a statement; gives the number of rows it changed.
pub(crate) async fn execute(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<u64, DbErr> {
    Ok(db.execute_raw(statement(db, sql, values)).await?.rows_affected())
}

pub(crate) async fn one(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<QueryResult>, DbErr> {
    db.query_one_raw(statement(db, sql, values)).await
}

pub(crate) async fn all(
    db: &impl ConnectionTrait,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    db.query_all_raw(statement(db, sql, values)).await
}

/// Unix milliseconds.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn after_a_full_disk_what_is_answered_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.sqlite");
        let db = open(&path).await.unwrap();
        let pages: i64 = value(&db, "PRAGMA page_count", vec![]).await.unwrap().unwrap();
        // The same as a disk with room for so many pages.
        let sql = format!("PRAGMA max_page_count = {pages}");
        one(&db, &sql, vec![]).await.unwrap();
        let insert = "INSERT INTO engine (name, adapter, base_url, model) VALUES ($1, $2, '', '')";
        let txn = db.begin_with_options(immediate()).await.unwrap();
        let large = vec!["large".into(), "x".repeat(100_000).into()];
        assert!(execute(&txn, insert, large).await.is_err(), "there is no room");
        // As with `?`: nobody rolls back by hand. The next one is refused for another reason.
        drop(txn);
        db.begin_with_options(immediate()).await.unwrap().rollback().await.unwrap();
        let txn = db.begin_with_options(immediate()).await.unwrap();
        execute(&txn, insert, vec!["small".into(), "x".into()]).await.unwrap();
        txn.commit().await.unwrap();
        let left: i64 = value(&db, "PRAGMA max_page_count", vec![]).await.unwrap().unwrap();
        assert_eq!(left, pages, "it is the same connection: reading never stopped");
        let other = sqlite(&path).await.unwrap();
        let sql = "SELECT COUNT(*) FROM engine WHERE name = 'small'";
        assert_eq!(value::<i64>(&other, sql, vec![]).await.unwrap(), Some(1));
    }
}
