//! Uploaded media of a server: found out from the bytes, decoded once in the locked worker, without
//! the traces that cameras leave, with a picture made here. What the uploader says about it counts
//! for nothing.

use axum::http::StatusCode;
use oto_api_types::Asset;
use oto_media::MediaError;
use oto_media::picture::Picture;
use oto_media::sniff::{Sniffed, sniff};
use oto_media::waveform;
use oto_media::worker::Workers;
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};

use crate::BackendError;
use crate::blobs::Blobs;
use crate::db::{all, execute, immediate, now_ms, one};
use crate::error::Refusal;
use crate::state::AppState;

/// Longer side of a work's picture.
const POSTER: u32 = 512;
/// Films are read at their own size up to this, so that it is known.
const FILM: u32 = 3_840;

/// What was found out.
struct Found {
    /// What is served: without traces.
    served: String,
    kind: &'static str,
    content_type: &'static str,
    size: i64,
    size_px: [u32; 2],
    duration_ms: u64,
    rgb: u32,
    poster: Option<String>,
}

/// Takes media over from a file in the blob folder's care.
pub(crate) async fn take(state: &AppState, account: &str, hash: &str) -> Result<Asset, Refusal> {
    if let Some(known) = known(&state.db, hash).await? {
        own(&state.db, account, hash).await?;
        return Ok(known);
    }
    let (blobs, workers, own_hash) = (state.blobs.clone(), state.workers.clone(), hash.to_owned());
    // Whatever happens from here on, nothing stays that nobody needs.
    mark(&state.db, hash, FINISHED_MS).await?;
    let found = {
        // As many decoders at once as the machine has room for; others wait.
        let turn = state.checks.acquire().await;
        let _turn = turn.map_err(|e| BackendError::Stopped(e.to_string()))?;
        tokio::task::spawn_blocking(move || look(&blobs, &workers, &own_hash))
            .await
            .map_err(|e| BackendError::Stopped(e.to_string()))??
    };
    let mut media = vec![(hash, found.content_type)];
    if found.served != hash {
        media.push((found.served.as_str(), found.content_type));
    }
    media.extend(found.poster.as_deref().map(|poster| (poster, "image/jpeg")));
    for (hash, _) in &media {
        mark(&state.db, hash, FINISHED_MS).await?;
    }
    let kept = media.iter().map(|(hash, content_type)| state.blobs.keep(hash, content_type));
    futures_util::future::try_join_all(kept).await?;
    let marked: Vec<String> = media.iter().map(|(hash, _)| (*hash).to_owned()).collect();
    let sql = "INSERT INTO asset (hash, served, kind, content_type, size, width, height, duration_ms, rgb, poster, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    let values = vec![
        hash.into(),
        found.served.into(),
        found.kind.into(),
        found.content_type.into(),
        found.size.into(),
        i64::from(found.size_px[0]).into(),
        i64::from(found.size_px[1]).into(),
        i64::try_from(found.duration_ms).unwrap_or(0).into(),
        i64::from(found.rgb).into(),
        found.poster.into(),
        now_ms().into(),
    ];
    execute(&state.db, sql, values).await?;
    own(&state.db, account, hash).await?;
    for hash in &marked {
        unmark(&state.db, hash).await?;
    }
    let size = u64::try_from(found.size).unwrap_or(0);
    Ok(Asset { hash: hash.to_owned(), content_type: found.content_type.to_owned(), size })
}

/// Media that were looked at before.
async fn known(db: &impl ConnectionTrait, hash: &str) -> Result<Option<Asset>, DbErr> {
    let sql = "SELECT content_type, size FROM asset WHERE hash = $1";
    let Some(row) = one(db, sql, vec![hash.into()]).await? else { return Ok(None) };
    let size = u64::try_from(row.try_get::<i64>("", "size")?).unwrap_or(0);
    Ok(Some(Asset { hash: hash.to_owned(), content_type: row.try_get("", "content_type")?, size }))
}

async fn own(db: &impl ConnectionTrait, account: &str, hash: &str) -> Result<(), DbErr> {
    let sql = "INSERT INTO asset_owner (account, hash, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    execute(db, sql, vec![account.into(), hash.into(), now_ms().into()]).await?;
    Ok(())
}

/// Whether somebody uploaded these bytes themselves: knowing a hash is no right to what it names.
pub(crate) async fn is_owned(
    db: &impl ConnectionTrait,
    account: &str,
    hash: &str,
) -> Result<bool, DbErr> {
    let sql = "SELECT 1 AS yes FROM asset_owner WHERE account = $1 AND hash = $2";
    Ok(one(db, sql, vec![account.into(), hash.into()]).await?.is_some())
}

fn refused(error: MediaError) -> Refusal {
    // A disk that is full is no fault of the file.
    if matches!(error, MediaError::Io { .. }) {
        return BackendError::from(error).into();
    }
    let sentence = format!("This file cannot be taken: {error}.");
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "unusable_media", sentence)
}

fn look(blobs: &Blobs, workers: &Workers, hash: &str) -> Result<Found, Refusal> {
    let path = blobs.find(hash).ok_or_else(|| Refusal::not_found("upload"))?;
    let head = head(&path)?;
    let kind = sniff(&head).ok_or_else(unknown)?;
    let mut found = Found {
        served: hash.to_owned(),
        kind: "text",
        content_type: kind.mime(),
        size: std::fs::metadata(&path).map_err(BackendError::io("reading media"))?.len() as i64,
        size_px: [0; 2],
        duration_ms: 0,
        rgb: 0xfd_f3_b0,
        poster: None,
    };
    match kind {
        Sniffed::Text => return Ok(found),
        Sniffed::Png | Sniffed::Jpeg | Sniffed::WebP | Sniffed::Gif => {
            found.kind = "image";
            let (picture, size) = workers.picture(&path, POSTER).map_err(refused)?;
            found.size_px = size;
            put_poster(blobs, &picture, &mut found)?;
        }
        Sniffed::Wav | Sniffed::Flac | Sniffed::Mp3 | Sniffed::Ogg => {
            found.kind = "voice";
            let pcm = workers.sound(&path).map_err(refused)?;
            found.duration_ms = pcm.duration_ms();
            let picture = waveform::picture(&waveform::waveform(&pcm, 96));
            put_poster(blobs, &picture, &mut found)?;
        }
        Sniffed::Mp4 | Sniffed::WebM => {
            found.kind = "video";
            let mut film = workers.film(&path, [FILM, FILM]).map_err(refused)?;
            (found.size_px, found.duration_ms) = (film.info.size, film.info.duration_ms);
            // A little into it: many films begin in black.
            let at = (found.duration_ms / 5).min(3_000);
            let frame =
                film.seek(at).and_then(|f| f.map_or_else(|| film.next_frame(), |f| Ok(Some(f))));
            if let Some((picture, _)) = frame.map_err(refused)? {
                put_poster(blobs, &picture, &mut found)?;
            }
        }
    }
    match kind {
        Sniffed::Mp4 => {
            let part = blobs.part();
            if oto_media::traces::film_without(&path, &part).map_err(refused)? {
                found.served = blobs.adopt(&part)?;
            }
        }
        Sniffed::Png | Sniffed::Jpeg | Sniffed::WebP => {
            let original = std::fs::read(&path).map_err(BackendError::io("reading media"))?;
            let clean = oto_media::traces::without(kind, &original).map_err(refused)?;
            if let Some(clean) = clean {
                found.size = clean.len() as i64;
                found.served = blobs.put(&clean)?;
            }
        }
        _ => {}
    }
    Ok(found)
}

fn put_poster(blobs: &Blobs, picture: &Picture, found: &mut Found) -> Result<(), Refusal> {
    let small = picture.fitted(POSTER);
    found.rgb = small.average_rgb();
    found.poster = Some(blobs.put(&small.to_jpeg().map_err(refused)?)?);
    Ok(())
}

/// Drops bytes that turned out to be of no use, unless somebody else has the same.
pub(crate) async fn forget_unused(state: &AppState, hash: &str) -> Result<(), Refusal> {
    for hash in without_use(&state.db, vec![hash.to_owned()]).await? {
        state.blobs.drop_everywhere(&hash).await?;
    }
    Ok(())
}

/// Refuses what a plan has no room for: everything that was uploaded counts, published or not.
pub(crate) async fn room_for(state: &AppState, account: &str, size: i64) -> Result<(), Refusal> {
    let sql = "SELECT p.storage_bytes - CAST(COALESCE((SELECT SUM(s.size) FROM asset_owner o JOIN asset s ON s.hash = o.hash WHERE o.account = $1), 0) AS BIGINT) AS room FROM account a JOIN plan p ON p.id = a.plan WHERE a.id = $1";
    let row = one(&state.db, sql, vec![account.into()]).await?;
    let room: i64 = row.map(|r| r.try_get("", "room")).transpose()?.unwrap_or(0);
    if size > room {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "quota-exceeded",
            "There is no room left in your plan for this; remove works, or choose a larger plan.",
        ));
    }
    Ok(())
}

/// What is no medium that oTo opens.
pub(crate) fn unknown() -> Refusal {
    Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unknown_media",
        "oTo takes PNG, JPEG, WebP, GIF, WAV, FLAC, MP3, Ogg, MP4, WebM and text.",
    )
}

/// First bytes; a text must be whole to be told from other bytes, so small files are read whole.
fn head(path: &std::path::Path) -> Result<Vec<u8>, BackendError> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(BackendError::io("opening media"))?;
    let size = file.metadata().map_err(BackendError::io("looking at media"))?.len();
    let mut head = Vec::new();
    file.take(if size < 1 << 20 { 1 << 20 } else { 64 })
        .read_to_end(&mut head)
        .map_err(BackendError::io("reading media"))?;
    Ok(head)
}

/// Of these media, those that neither an upload nor a job needs.
async fn without_use(db: &impl ConnectionTrait, media: Vec<String>) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT 1 AS yes FROM asset WHERE hash = $1 OR served = $1 OR poster = $1 LIMIT 1";
    let mut left = Vec::new();
    for hash in media {
        if one(db, sql, vec![hash.clone().into()]).await?.is_none() {
            left.push(hash);
        }
    }
    crate::jobs::queue::unneeded(db, left).await
}

/// Of these media of an author, those that no work, no other owner and no job needs any more. The
/// author's uploads of them are forgotten, too.
pub(crate) async fn unneeded(
    txn: &impl ConnectionTrait,
    author: &str,
    media: Vec<String>,
) -> Result<Vec<String>, DbErr> {
    let mut gone = Vec::new();
    for hash in media {
        let sql =
            "SELECT 1 AS yes FROM work WHERE asset = $1 OR poster = $1 OR original = $1 LIMIT 1";
        if one(txn, sql, vec![hash.clone().into()]).await?.is_some() {
            continue;
        }
        let sql =
            "SELECT hash, served, poster FROM asset WHERE hash = $1 OR served = $1 OR poster = $1";
        for row in all(txn, sql, vec![hash.clone().into()]).await? {
            let original: String = row.try_get("", "hash")?;
            let sql = "DELETE FROM asset_owner WHERE hash = $1 AND account = $2";
            execute(txn, sql, vec![original.clone().into(), author.into()]).await?;
            let sql = "DELETE FROM asset WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM asset_owner o WHERE o.hash = asset.hash)";
            if execute(txn, sql, vec![original.clone().into()]).await? == 1 {
                gone.push(original);
            }
        }
        gone.push(hash);
    }
    gone.sort_unstable();
    gone.dedup();
    let unused = without_use(txn, gone).await?;
    for hash in &unused {
        mark(txn, hash, 10_000).await?;
    }
    Ok(unused)
}

/// How long an upload waits for its work, and a result for whoever asked for it.
const WAITS_MS: i64 = 30 * 86_400_000;
/// What is looked at and not finished by then was given up.
const FINISHED_MS: i64 = 3_600_000;
/// Most that go in one round.
const MOST: i64 = 50;

/// Drops uploads that nothing was made of and results that nobody fetched, after a month.
pub(crate) async fn forget_old(state: &AppState) -> Result<(), DbErr> {
    let before = now_ms() - WAITS_MS;
    let sql = "SELECT o.account, o.hash FROM asset_owner o JOIN asset s ON s.hash = o.hash WHERE o.created_at_ms < $1
        AND NOT EXISTS (SELECT 1 FROM work w WHERE w.original = o.hash AND w.author = o.account)
        AND NOT EXISTS (SELECT 1 FROM job_medium m JOIN job j ON j.id = m.job WHERE m.hash = o.hash AND j.status IN ('queued', 'running', 'canceling')) LIMIT $2";
    for row in all(&state.db, sql, vec![before.into(), MOST.into()]).await? {
        let (account, hash): (String, String) =
            (row.try_get("", "account")?, row.try_get("", "hash")?);
        let txn = state.db.begin_with_options(immediate()).await?;
        let media = unneeded(&txn, &account, vec![hash]).await?;
        txn.commit().await?;
        drop_all(state, media).await?;
    }
    let sql = "SELECT id FROM job WHERE status = 'succeeded' AND released = 0 AND parent_id IS NULL AND finished_at_ms < $1 LIMIT $2";
    for row in all(&state.db, sql, vec![before.into(), MOST.into()]).await? {
        let id: String = row.try_get("", "id")?;
        let media = crate::jobs::queue::release(&state.db, &id).await?;
        drop_all(state, media).await?;
    }
    Ok(())
}

/// Drops media that were marked in the transaction that freed them, unless somebody needs them again.
/// What cannot be dropped now is dropped by [`drop_marked`]; nobody sees it meanwhile.
pub(crate) async fn drop_all(state: &AppState, media: Vec<String>) -> Result<(), DbErr> {
    for hash in without_use(&state.db, media.clone()).await? {
        if let Err(error) = state.blobs.drop_everywhere(&hash).await {
            tracing::warn!(asset.hash = %hash, %error, "a medium that nothing needs could not be dropped yet");
            continue;
        }
        unmark(&state.db, &hash).await?;
    }
    Ok(())
}

/// Drops what was marked and not dropped since: the store was away, or the process ended.
pub(crate) async fn drop_marked(state: &AppState) -> Result<(), DbErr> {
    let sql = "SELECT hash FROM blob_drop WHERE at_ms < $1 ORDER BY at_ms LIMIT $2";
    let rows = all(&state.db, sql, vec![now_ms().into(), MOST.into()]).await?;
    let marked = rows.iter().map(|r| r.try_get("", "hash")).collect::<Result<Vec<String>, _>>()?;
    let unused = without_use(&state.db, marked.clone()).await?;
    for hash in marked.iter().filter(|hash| !unused.contains(hash)) {
        // Needed again.
        unmark(&state.db, hash).await?;
    }
    drop_all(state, unused).await
}

/// From some time on a medium goes, unless somebody needs it then.
async fn mark(db: &impl ConnectionTrait, hash: &str, in_ms: i64) -> Result<(), DbErr> {
    let sql = "INSERT INTO blob_drop (hash, at_ms) VALUES ($1, $2) ON CONFLICT (hash) DO UPDATE SET at_ms = $2";
    execute(db, sql, vec![hash.into(), (now_ms() + in_ms).into()]).await?;
    Ok(())
}

async fn unmark(db: &impl ConnectionTrait, hash: &str) -> Result<(), DbErr> {
    execute(db, "DELETE FROM blob_drop WHERE hash = $1", vec![hash.into()]).await?;
    Ok(())
}
