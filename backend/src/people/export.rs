//! Everything that is kept of a person, as a zip: rows as JSON, works with their media. It is packed as
//! it is read, however much there is.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::PathBuf;

use axum::http::StatusCode;
use tokio::sync::mpsc;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::BackendError;
use crate::db::all;
use crate::error::Refusal;
use crate::rows::Rows;
use crate::state::AppState;
use crate::streams::Open;

/// Rows read at once: a work may be half a megabyte.
const PAGE: usize = 20;
/// Rows are packed in pieces of about this size.
const PIECE: usize = 64 << 10;
/// Pieces that wait to be packed.
const WAITING: usize = 4;

/// Rows of a person, and what orders them.
const TABLES: [(&str, &str, &str); 15] = [
    (
        "account",
        "SELECT id, handle, name, bio, email, email_verified, role, state, state_reason, plan, created_at_ms FROM account WHERE id = $1",
        "id",
    ),
    ("works", "SELECT * FROM work WHERE author = $1 AND state <> 'deleted'", "created_at_ms, id"),
    ("comments", "SELECT * FROM comment WHERE author = $1", "id"),
    ("likes", "SELECT * FROM work_like WHERE account = $1", "work"),
    ("votes", "SELECT * FROM work_vote WHERE account = $1", "work"),
    ("following", "SELECT * FROM follow WHERE follower = $1", "followed"),
    ("followers", "SELECT * FROM follow WHERE followed = $1", "follower"),
    ("notifications", "SELECT * FROM notification WHERE account = $1", "at_ms, id"),
    ("reports", "SELECT * FROM report WHERE reporter = $1", "id"),
    (
        "decisions",
        "SELECT id, target_kind, target, action, reason, at_ms, appeal, appeal_text FROM decision WHERE owner = $1",
        "at_ms, id",
    ),
    (
        "ledger",
        "SELECT t.id, t.kind, t.memo, t.job, t.at_ms, e.account, e.amount FROM ledger_transfer t JOIN ledger_entry e ON e.transfer = t.id WHERE t.account = $1",
        "at_ms, id, account",
    ),
    (
        "orders",
        "SELECT id, tokens, cents, state, refunded_cents, created_at_ms FROM payment_order WHERE account = $1",
        "created_at_ms, id",
    ),
    (
        "jobs",
        "SELECT id, request, status, created_at_ms, finished_at_ms, result, error, hold_micro FROM job WHERE owner = $1",
        "created_at_ms, id",
    ),
    (
        "api_keys",
        "SELECT id, name, scopes, created_at_ms, last_used_at_ms, revoked FROM api_key WHERE account = $1",
        "id",
    ),
    (
        "webhook_endpoints",
        "SELECT id, url, kinds, state, created_at_ms FROM webhook_endpoint WHERE account = $1",
        "id",
    ),
];

/// What is packed next.
enum Piece {
    Table(&'static str),
    Rows(Vec<u8>),
    Medium(String, PathBuf),
}

fn damaged(error: impl std::fmt::Display) -> BackendError {
    BackendError::Io {
        what: "writing the export",
        source: std::io::Error::other(error.to_string()),
    }
}

/// Everything of a person, in a file without a name, at its beginning; and what says that they fetch it.
pub(crate) async fn export(
    state: &AppState,
    account: &str,
) -> Result<(tokio::fs::File, Open), Refusal> {
    let Ok(fetching) = state.exports.open(account) else {
        let sentence = "Your data are being fetched already; wait until that is done.";
        return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "try_again", sentence).after(60));
    };
    // One after another: others wait.
    let turn = state.packing.acquire().await;
    let _turn = turn.map_err(|e| BackendError::Stopped(e.to_string()))?;
    let (pieces, packed) = mpsc::channel(WAITING);
    let packing = tokio::task::spawn_blocking(move || pack(packed));
    let read = read(state, account, &pieces).await;
    drop(pieces);
    // A disk that is full is said before what it brought with it.
    let file = packing.await.map_err(|e| BackendError::Stopped(e.to_string()))??;
    read?;
    Ok((tokio::fs::File::from_std(file), fetching))
}

/// Reads rows and media, as fast as they are packed.
async fn read(
    state: &AppState,
    account: &str,
    pieces: &mpsc::Sender<Piece>,
) -> Result<(), BackendError> {
    let gone = |_| damaged("it was given up");
    for (name, sql, key) in TABLES {
        pieces.send(Piece::Table(name)).await.map_err(gone)?;
        let of = format!("({sql}) AS own");
        let (mut piece, mut last) = (b"[".to_vec(), None);
        loop {
            let given = vec![account.into()];
            let rows =
                Rows { of: &of, key, page: PAGE }.after(&state.db, last.as_ref(), given).await?;
            for row in &rows {
                piece.extend_from_slice(if piece.ends_with(b"[") { b"\n" } else { b",\n" });
                serde_json::to_writer_pretty(&mut piece, row).map_err(damaged)?;
                if piece.len() >= PIECE {
                    // Whatever comes next begins with a comma.
                    pieces.send(Piece::Rows(std::mem::take(&mut piece))).await.map_err(gone)?;
                }
            }
            let is_end = rows.len() < PAGE;
            last = rows.into_iter().last();
            if is_end {
                break;
            }
        }
        piece.extend_from_slice(b"\n]\n");
        pieces.send(Piece::Rows(piece)).await.map_err(gone)?;
    }
    let sql = "SELECT DISTINCT asset, content_type FROM work WHERE author = $1 AND asset IS NOT NULL AND state <> 'deleted'";
    for row in all(&state.db, sql, vec![account.into()]).await? {
        let (hash, kind): (String, String) =
            (row.try_get("", "asset")?, row.try_get("", "content_type")?);
        if let Some(path) = state.blobs.bring(&hash).await? {
            let end = kind.split('/').nth(1).unwrap_or("bin").replace("mpeg", "mp3");
            let medium = Piece::Medium(format!("media/{hash}.{end}"), path);
            pieces.send(medium).await.map_err(gone)?;
        }
    }
    Ok(())
}

fn pack(mut pieces: mpsc::Receiver<Piece>) -> Result<File, BackendError> {
    let file = tempfile::tempfile().map_err(BackendError::io("making a temporary file"))?;
    let mut zip = ZipWriter::new(file);
    let packed = SimpleFileOptions::default().large_file(true);
    let plain = packed.compression_method(zip::CompressionMethod::Stored);
    while let Some(piece) = pieces.blocking_recv() {
        match piece {
            Piece::Table(name) => {
                zip.start_file(format!("{name}.json"), packed).map_err(damaged)?;
            }
            Piece::Rows(bytes) => zip.write_all(&bytes).map_err(damaged)?,
            Piece::Medium(name, path) => {
                zip.start_file(name, plain).map_err(damaged)?;
                let mut from = File::open(path).map_err(BackendError::io("reading media"))?;
                std::io::copy(&mut from, &mut zip).map_err(damaged)?;
            }
        }
    }
    let mut file = zip.finish().map_err(damaged)?;
    file.rewind().map_err(damaged)?;
    Ok(file)
}
