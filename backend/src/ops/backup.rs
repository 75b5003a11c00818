//! Backups: every row as lines of JSON, every medium by its hash, in a folder with a list of both. It
//! is the same for SQLite and PostgreSQL, so that a backup of one can be restored into the other; and
//! a restore counts rows, adds up the ledger and reads every medium before it says that it worked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use sea_orm::{
    ConnectionTrait, DatabaseConnection, FromQueryResult, IsolationLevel, JsonValue,
    TransactionTrait, Value,
};
use serde::{Deserialize, Serialize};

use super::open;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::db::{all, execute, places, statement, value};
use crate::{BackendError, audit, db, ledger, works};

/// Tables in an order in which every row finds what it refers to. Words for the search are made anew.
const TABLES: [(&str, &str); 37] = [
    ("plan", "id"),
    ("account", "id"),
    ("plot", "n"),
    ("counter", "name"),
    ("refresh_token", "hash"),
    ("device_code", "hash"),
    ("letter_token", "hash"),
    ("api_key", "id"),
    ("server_secret", "name"),
    ("idempotency", "account, route, idempotency_key"),
    ("audit", "n"),
    ("ledger_account", "id"),
    ("ledger_transfer", "id"),
    ("ledger_entry", "transfer, account"),
    ("token_lot", "reference"),
    ("payment_order", "id"),
    ("payment_event", "id"),
    ("asset", "hash"),
    ("asset_owner", "account, hash"),
    ("work", "id"),
    ("work_source", "work, source"),
    ("cell_sum", "z, cx, cy"),
    ("wall_change", "id"),
    ("work_like", "work, account"),
    ("work_vote", "work, account"),
    ("comment", "id"),
    ("follow", "follower, followed"),
    ("notification", "id"),
    ("report", "id"),
    ("decision", "id"),
    ("webhook_endpoint", "id"),
    ("webhook_delivery", "id"),
    ("job", "id"),
    ("job_medium", "hash, job"),
    ("spent", "job_id"),
    ("turn", "lane"),
    ("engine", "name"),
];
/// Rows read and written at once.
const BATCH: usize = 500;

/// What a backup holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the program that made it.
    pub version: String,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// BLAKE3 of each table's file.
    pub sums: BTreeMap<String, String>,
    /// Media by hash, with their length.
    pub media: BTreeMap<String, u64>,
    /// Media that works need and that were not in the store; a backup without them is not whole.
    #[serde(default)]
    pub missing: Vec<String>,
    /// The first row of the audit log that is not as it was written, if there is one.
    #[serde(default)]
    pub broken_audit: Option<i64>,
    /// Sum of all amounts that anybody has or owes; the house has the rest.
    pub people_micro: i64,
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> BackendError {
    BackendError::io(what)
}

fn damaged(what: impl std::fmt::Display) -> BackendError {
    BackendError::Io {
        what: "the backup is damaged",
        source: std::io::Error::other(what.to_string()),
    }
}

/// Writes a backup into a folder that must not be there yet.
///
/// # Errors
/// When something cannot be read or written; the folder is then not complete and has no manifest.
pub async fn create(config: &Config, folder: &Path) -> Result<Manifest, BackendError> {
    let db = open(config).await?;
    let blobs = Blobs::of_url(&config.storage_url, &config.data_dir)?;
    std::fs::create_dir(folder)
        .map_err(io("the folder of a backup is made anew; choose one that is not there yet"))?;
    std::fs::create_dir(folder.join("media")).map_err(io("making the folder of the backup"))?;
    let mut manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at_ms: db::now_ms(),
        ..Manifest::default()
    };
    // One moment of the database, however long it takes to read it.
    let txn = db.begin_with_config(Some(IsolationLevel::RepeatableRead), None).await?;
    manifest.people_micro = people(&txn).await?;
    manifest.broken_audit = audit::first_broken(&txn).await?;
    for (table, key) in TABLES {
        let path = folder.join(format!("{table}.jsonl"));
        let file = std::fs::File::create(&path).map_err(io("writing the backup"))?;
        let mut out = BufWriter::new(file);
        let (mut n, mut hasher) = (0u64, blake3::Hasher::new());
        loop {
            let sql = format!("SELECT * FROM {table} ORDER BY {key} LIMIT {BATCH} OFFSET {n}");
            let rows =
                JsonValue::find_by_statement(statement(&txn, &sql, vec![])).all(&txn).await?;
            for row in &rows {
                let mut line = serde_json::to_vec(row).map_err(damaged)?;
                line.push(b'\n');
                hasher.update(&line);
                out.write_all(&line).map_err(io("writing the backup"))?;
            }
            n += rows.len() as u64;
            if rows.len() < BATCH {
                break;
            }
        }
        let file =
            out.into_inner().map_err(|e| e.into_error()).map_err(io("writing the backup"))?;
        file.sync_all().map_err(io("writing the backup"))?;
        manifest.rows.insert(table.to_owned(), n);
        manifest.sums.insert(table.to_owned(), hasher.finalize().to_hex().to_string());
    }
    let hashes = media(&txn).await?;
    txn.commit().await?;
    let mut gone = Vec::new();
    for hash in hashes {
        // What was dropped since is not there any more, and not needed.
        let Some(from) = blobs.bring(&hash).await? else {
            gone.push(hash);
            continue;
        };
        let to = folder.join("media").join(&hash);
        let size = tokio::fs::copy(from, to).await.map_err(io("copying media"))?;
        manifest.media.insert(hash, size);
    }
    let needed = media(&db).await?;
    manifest.missing = gone.into_iter().filter(|hash| needed.contains(hash)).collect();
    let text = serde_json::to_vec_pretty(&manifest).map_err(damaged)?;
    std::fs::write(folder.join("manifest.json"), text).map_err(io("writing the backup"))?;
    Ok(manifest)
}

async fn people(db: &impl ConnectionTrait) -> Result<i64, BackendError> {
    let sql = "SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_account WHERE id LIKE 'available:%' OR id LIKE 'held:%' OR id LIKE 'debt:%'";
    Ok(value(db, sql, vec![]).await?.unwrap_or(0))
}

async fn media(db: &impl ConnectionTrait) -> Result<Vec<String>, BackendError> {
    let sql = "SELECT asset AS h FROM work WHERE asset IS NOT NULL UNION SELECT poster FROM work WHERE poster IS NOT NULL
        UNION SELECT hash FROM asset UNION SELECT served FROM asset UNION SELECT poster FROM asset WHERE poster IS NOT NULL
        UNION SELECT m.hash FROM job_medium m JOIN job j ON j.id = m.job WHERE j.status IN ('queued', 'running', 'canceling') OR (j.status = 'succeeded' AND j.released = 0)";
    let rows = all(db, sql, vec![]).await?;
    rows.iter().map(|r| Ok(r.try_get("", "h")?)).collect()
}

/// Reads a backup and says whether it is whole.
///
/// # Errors
/// With what is wrong.
pub fn verify(folder: &Path) -> Result<Manifest, BackendError> {
    let text = std::fs::read(folder.join("manifest.json")).map_err(io("reading the manifest"))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(damaged)?;
    for (table, _) in TABLES {
        let bytes = std::fs::read(folder.join(format!("{table}.jsonl")))
            .map_err(|e| damaged(format!("{table}.jsonl: {e}")))?;
        let sum = blake3::hash(&bytes).to_hex().to_string();
        if manifest.sums.get(table) != Some(&sum) {
            return Err(damaged(format!("{table}.jsonl is not as it was written")));
        }
    }
    for (hash, size) in &manifest.media {
        let path = folder.join("media").join(hash);
        let mut hasher = blake3::Hasher::new();
        let file = std::fs::File::open(path)
            .map_err(|e| damaged(format!("medium {hash} ({size} bytes): {e}")))?;
        hasher.update_reader(file).map_err(io("reading media"))?;
        if hasher.finalize().to_hex().as_str() != hash {
            return Err(damaged(format!("medium {hash} ({size} bytes) is not as it was written")));
        }
    }
    Ok(manifest)
}

/// Restores a backup into an empty database and store, and reads it back: rows, ledger, counters,
/// audit log, media.
///
/// # Errors
/// With what is wrong. A database that has people in it is refused and stays as it is.
pub async fn restore(config: &Config, folder: &Path) -> Result<Manifest, BackendError> {
    let manifest = verify(folder)?;
    let db = open(config).await?;
    db::migrate(&db).await?;
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM account";
    if value::<i64>(&db, sql, vec![]).await?.unwrap_or(0) > 0 {
        return Err(BackendError::Io {
            what: "nothing was restored",
            source: std::io::Error::other(
                "there are people in this database already; restore into an empty one",
            ),
        });
    }
    let blobs = Blobs::of_url(&config.storage_url, &config.data_dir)?;
    for hash in manifest.media.keys() {
        let part = blobs.part();
        tokio::fs::copy(folder.join("media").join(hash), &part)
            .await
            .map_err(io("copying media"))?;
        blobs.adopt(&part)?;
        let head = blobs.find(hash).and_then(|path| head_of(&path).ok()).unwrap_or_default();
        let kind = oto_media::sniff::sniff(&head);
        let kind = kind.map_or("application/octet-stream", oto_media::sniff::Sniffed::mime);
        blobs.keep(hash, kind).await?;
    }
    let txn = db.begin().await?;
    for (table, _) in TABLES {
        // The rows that the migrations made come with the backup.
        if ["plan", "counter", "server_secret"].contains(&table) {
            execute(&txn, &format!("DELETE FROM {table}"), vec![]).await?;
        }
    }
    for (table, _) in TABLES {
        fill(&txn, table, &folder.join(format!("{table}.jsonl"))).await?;
    }
    let sql = "SELECT w.id, w.title || ' ' || w.tags || ' ' || a.handle || ' ' || a.name || ' ' || w.text AS words FROM work w JOIN account a ON a.id = w.author WHERE w.on_wall = 1";
    for row in all(&txn, sql, vec![]).await? {
        let (id, words): (String, String) = (row.try_get("", "id")?, row.try_get("", "words")?);
        crate::search::index_work(&txn, &id, &words).await?;
    }
    let sql = "SELECT id, handle || ' ' || name AS words FROM account WHERE state <> 'gone'";
    for row in all(&txn, sql, vec![]).await? {
        let (id, words): (String, String) = (row.try_get("", "id")?, row.try_get("", "words")?);
        crate::search::index_account(&txn, &id, &words).await?;
    }
    txn.commit().await?;
    check(&db, &blobs, &manifest).await.map_err(|error| BackendError::Io {
        what: "what was restored is not what was kept; empty this database and store before you try again",
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(manifest)
}

/// The first bytes of a file.
fn head_of(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(64).read_to_end(&mut head)?;
    Ok(head)
}

async fn fill(txn: &impl ConnectionTrait, table: &str, path: &Path) -> Result<(), BackendError> {
    let file = BufReader::new(std::fs::File::open(path).map_err(io("reading the backup"))?);
    for line in file.lines() {
        let line = line.map_err(io("reading the backup"))?;
        let row: serde_json::Map<String, JsonValue> =
            serde_json::from_str(&line).map_err(damaged)?;
        let mut columns = Vec::with_capacity(row.len());
        let mut values: Vec<Value> = Vec::with_capacity(row.len());
        for (column, v) in row {
            // What is nothing is nothing by itself; its type is the database's business.
            let v = match v {
                JsonValue::Null => continue,
                JsonValue::String(text) => text.into(),
                JsonValue::Number(n) if n.is_i64() => n.as_i64().into(),
                JsonValue::Number(n) => n.as_f64().into(),
                other => return Err(damaged(format!("{table}.{column} is {other}"))),
            };
            if !column.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
                return Err(damaged(format!("{table} has a column “{column}”")));
            }
            columns.push(column);
            values.push(v);
        }
        let n = values.len();
        let sql = format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(", "), places(1, n));
        execute(txn, &sql, values).await?;
    }
    Ok(())
}

/// Whether what is there is what the manifest says.
async fn check(
    db: &DatabaseConnection,
    blobs: &Blobs,
    manifest: &Manifest,
) -> Result<(), BackendError> {
    for (table, n) in &manifest.rows {
        let sql = format!("SELECT CAST(COUNT(*) AS BIGINT) FROM {table}");
        let found: i64 = value(db, &sql, vec![]).await?.unwrap_or(0);
        if u64::try_from(found).ok() != Some(*n) {
            return Err(damaged(format!("{table} has {found} rows, not {n}")));
        }
    }
    let found = people(db).await?;
    if found != manifest.people_micro {
        return Err(damaged(format!(
            "people have {found} millionths of a token together, not {}",
            manifest.people_micro
        )));
    }
    let mut wrong = ledger::check(db).await?;
    wrong.extend(works::said::check(db).await?);
    let broken = audit::first_broken(db).await?;
    if let Some(n) = broken.filter(|_| broken != manifest.broken_audit) {
        wrong.push(format!("row {n} of the audit log is not as it was written"));
    }
    for hash in manifest.media.keys() {
        if blobs.bring(hash).await?.is_none() {
            wrong.push(format!("medium {hash} cannot be read"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(damaged(wrong.join("; "))) }
}
