//! Backups: every row as lines of JSON, every medium by its hash, in a folder with a list of both. It
//! is the same for SQLite and PostgreSQL, so that a backup of one can be restored into the other.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use sea_orm::{ConnectionTrait, IsolationLevel, TransactionTrait};
use serde::{Deserialize, Serialize};

use super::open;
use crate::blobs::{Blobs, is_hash};
use crate::config::Config;
use crate::db::{all, value};
use crate::rows::Rows;
use crate::{BackendError, audit, db};

/// Tables in an order in which every row finds what it refers to. Words for the search are made anew.
pub(super) const TABLES: [(&str, &str); 37] = [
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

/// Rows read at once.
pub(super) const PAGE: usize = 500;

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

pub(super) fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> BackendError {
    BackendError::io(what)
}

pub(super) fn damaged(what: impl std::fmt::Display) -> BackendError {
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
        let mut last = None;
        loop {
            let rows =
                Rows { of: table, key, page: PAGE }.after(&txn, last.as_ref(), vec![]).await?;
            for row in &rows {
                let mut line = serde_json::to_vec(row).map_err(damaged)?;
                line.push(b'\n');
                hasher.update(&line);
                out.write_all(&line).map_err(io("writing the backup"))?;
            }
            n += rows.len() as u64;
            let is_end = rows.len() < PAGE;
            last = rows.into_iter().last();
            if is_end {
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
        match blobs.copy_to(&hash, folder.join("media").join(&hash)).await? {
            Some(size) => drop(manifest.media.insert(hash, size)),
            // What was dropped since is not there any more, and not needed.
            None => gone.push(hash),
        }
    }
    let needed = media(&db).await?;
    manifest.missing = gone.into_iter().filter(|hash| needed.contains(hash)).collect();
    let text = serde_json::to_vec_pretty(&manifest).map_err(damaged)?;
    std::fs::write(folder.join("manifest.json"), text).map_err(io("writing the backup"))?;
    Ok(manifest)
}

pub(super) async fn people(db: &impl ConnectionTrait) -> Result<i64, BackendError> {
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
    if !manifest.rows.keys().eq(manifest.sums.keys()) {
        return Err(damaged("its list of tables is not whole"));
    }
    // One of an older version has fewer tables.
    for (table, sum) in &manifest.sums {
        if !TABLES.iter().any(|(known, _)| known == table) {
            return Err(damaged(format!(
                "“{table}” is no table of this version; use the one that made it, {}",
                manifest.version
            )));
        }
        let is_whole = sum_of(&folder.join(format!("{table}.jsonl")))
            .map_err(|e| damaged(format!("{table}.jsonl: {e}")))?;
        if is_whole != *sum {
            return Err(damaged(format!("{table}.jsonl is not as it was written")));
        }
    }
    for (hash, size) in &manifest.media {
        if !is_hash(hash) {
            return Err(damaged(format!("“{hash}” names no medium")));
        }
        let sum = sum_of(&folder.join("media").join(hash))
            .map_err(|e| damaged(format!("medium {hash} ({size} bytes): {e}")))?;
        if sum != *hash {
            return Err(damaged(format!("medium {hash} ({size} bytes) is not as it was written")));
        }
    }
    Ok(manifest)
}

/// BLAKE3 of a file, read piece by piece.
fn sum_of(path: &Path) -> std::io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(std::fs::File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}
