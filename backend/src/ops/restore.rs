//! Restores: a backup is read into an empty database and store; rows are counted, the ledger added up and
//! every medium read before it is said that it worked.

use std::io::{BufRead, BufReader};
use std::path::Path;

use sea_orm::{ConnectionTrait, DatabaseConnection, JsonValue, TransactionTrait, Value};

use super::backup::{Manifest, PAGE, TABLES, damaged, io, people, verify};
use super::open;
use crate::blobs::Blobs;
use crate::config::Config;
use crate::db::{execute, places, value};
use crate::rows::Rows;
use crate::{BackendError, audit, db, ledger, search, works};

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
        blobs.let_go(hash);
    }
    let txn = db.begin().await?;
    for (table, _) in TABLES {
        // The rows that the migrations made come with the backup.
        if ["plan", "counter", "server_secret"].contains(&table)
            && manifest.rows.contains_key(table)
        {
            execute(&txn, &format!("DELETE FROM {table}"), vec![]).await?;
        }
    }
    for (table, _) in TABLES.iter().filter(|(table, _)| manifest.rows.contains_key(*table)) {
        fill(&txn, table, &folder.join(format!("{table}.jsonl"))).await?;
    }
    index(&txn).await?;
    txn.commit().await?;
    check(&db, &blobs, &manifest).await.map_err(|error| BackendError::Io {
        what: "what was restored is not what was kept; empty this database and store before you try again",
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(manifest)
}

/// Makes the words by which works and people are found anew.
async fn index(txn: &impl ConnectionTrait) -> Result<(), BackendError> {
    let works = "(SELECT id FROM work WHERE on_wall = 1) AS shown";
    let people =
        "(SELECT id, handle || ' ' || name AS words FROM account WHERE state <> 'gone') AS here";
    for (of, is_work) in [(works, true), (people, false)] {
        let mut last: Option<JsonValue> = None;
        loop {
            let rows = Rows { of, key: "id", page: PAGE }.after(txn, last.as_ref(), vec![]).await?;
            for row in &rows {
                let id = row["id"].as_str().unwrap_or_default();
                if is_work {
                    works::change::reindex(txn, id).await?;
                } else {
                    let words = row["words"].as_str().unwrap_or_default();
                    search::index_account(txn, id, words).await?;
                }
            }
            if rows.len() < PAGE {
                break;
            }
            last = rows.into_iter().last();
        }
    }
    Ok(())
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
        blobs.let_go(hash);
    }
    if wrong.is_empty() { Ok(()) } else { Err(damaged(wrong.join("; "))) }
}
