//! Uploaded media of a server: found out from the bytes, decoded once in the locked worker, without
//! the traces that cameras leave, with a picture made here. What the uploader says about it counts
//! for nothing.

pub(crate) mod drop;

use std::sync::{Arc, Mutex, PoisonError};

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
use crate::db::{execute, immediate, now_ms, one};
use crate::detached::detached;
use crate::error::Refusal;
use crate::state::AppState;

pub(crate) use drop::{drop_soon, forget_old, forget_unused, unneeded};

/// Longer side of a work's picture.
pub(crate) const POSTER: u32 = 512;
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

/// Takes media over that lie in the blob folder, if the plan has room. What is refused leaves nothing.
/// To be called where it is ended in any case, see [`detached`].
pub(crate) async fn take(
    state: &AppState,
    account: &str,
    hash: &str,
    size: i64,
) -> Result<Asset, Refusal> {
    // What somebody has already counts once.
    if !is_owned(&state.db, account, hash).await?
        && let Err(refusal) = room_for(state, account, size).await
    {
        forget_unused(state, hash).await?;
        return Err(refusal);
    }
    if let Some(known) = known(state, account, hash).await? {
        return Ok(known);
    }
    brought(state, account, hash).await
}

/// Takes new media over: `adopt` names them in the blob folder, then as [`take`]. Ended also when
/// whoever asked leaves.
pub(crate) async fn take_new(
    state: &AppState,
    account: &str,
    size: i64,
    adopt: impl FnOnce(&Blobs) -> Result<String, BackendError> + Send + 'static,
) -> Result<Asset, Refusal> {
    let (state, account) = (state.clone(), account.to_owned());
    detached(async move {
        let hash = named(&state, adopt).await?;
        take(&state, &account, &hash, size).await
    })
    .await
}

/// The name that `adopt` gives to bytes in the blob folder.
pub(crate) async fn named(
    state: &AppState,
    adopt: impl FnOnce(&Blobs) -> Result<String, BackendError> + Send + 'static,
) -> Result<String, BackendError> {
    let blobs = state.blobs.clone();
    tokio::task::spawn_blocking(move || adopt(&blobs))
        .await
        .unwrap_or_else(|e| Err(BackendError::Stopped(e.to_string())))
}

/// Looks at media while nobody drops them.
async fn brought(state: &AppState, account: &str, hash: &str) -> Result<Asset, Refusal> {
    drop::expect(&state.db, hash).await?;
    let mut brought = vec![hash.to_owned()];
    let taken = looked_at(state, account, hash, &mut brought).await;
    for hash in &brought {
        drop::brought(&state.db, hash).await?;
    }
    if taken.is_err() {
        drop_soon(state, brought).await;
    }
    taken
}

/// Looks at media, keeps what is made of them, and writes down whose they are; `brought` gets the hashes
/// of whatever was made, also when it fails.
async fn looked_at(
    state: &AppState,
    account: &str,
    hash: &str,
    brought: &mut Vec<String>,
) -> Result<Asset, Refusal> {
    let (blobs, workers, own_hash) = (state.blobs.clone(), state.workers.clone(), hash.to_owned());
    let made = Arc::new(Mutex::new(Vec::new()));
    let found = {
        // As many decoders at once as the machine has room for; others wait.
        let turn = state.checks.acquire().await;
        let _turn = turn.map_err(|e| BackendError::Stopped(e.to_string()))?;
        let makes = Arc::clone(&made);
        tokio::task::spawn_blocking(move || look(&blobs, &workers, &own_hash, &makes))
            .await
            .map_err(|e| BackendError::Stopped(e.to_string()))?
    };
    let made = std::mem::take(&mut *made.lock().unwrap_or_else(PoisonError::into_inner));
    let mut refused = None;
    for hash in made {
        match drop::expect(&state.db, &hash).await {
            Ok(()) => brought.push(hash),
            Err(refusal) => {
                drop::mark(&state.db, &hash).await?;
                refused = Some(refusal);
            }
        }
    }
    if let Some(refusal) = refused {
        return Err(refusal);
    }
    let found = found?;
    let mut media = vec![(hash, found.content_type)];
    if found.served != hash {
        media.push((found.served.as_str(), found.content_type));
    }
    media.extend(found.poster.as_deref().map(|poster| (poster, "image/jpeg")));
    // One after another: each has the whole line.
    for (hash, content_type) in &media {
        // A drop for somebody else may have begun before these bytes were expected.
        if state.blobs.is_lost(hash, content_type).await? {
            return Err(taken_away());
        }
    }
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
    let size = u64::try_from(found.size).unwrap_or(0);
    Ok(Asset { hash: hash.to_owned(), content_type: found.content_type.to_owned(), size })
}

/// The same bytes were dropped at this moment, for somebody else.
fn taken_away() -> Refusal {
    let sentence = "These bytes were just taken away for somebody else; send them again.";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", sentence).after(1)
}

/// Media that were looked at before and are all there: they are somebody's from now on. None when they
/// have to be looked at.
async fn known(state: &AppState, account: &str, hash: &str) -> Result<Option<Asset>, Refusal> {
    let txn = state.db.begin_with_options(immediate()).await?;
    // Whoever would forget them waits for this row.
    let sql =
        "UPDATE asset SET size = size WHERE hash = $1 RETURNING content_type, size, served, poster";
    let Some(row) = one(&txn, sql, vec![hash.into()]).await? else {
        txn.rollback().await?;
        return Ok(None);
    };
    own(&txn, account, hash).await?;
    txn.commit().await?;
    let content_type: String = row.try_get("", "content_type")?;
    let mut media = vec![(hash.to_owned(), content_type.clone())];
    media.push((row.try_get("", "served")?, content_type.clone()));
    let poster: Option<String> = row.try_get("", "poster")?;
    media.extend(poster.map(|poster| (poster, "image/jpeg".to_owned())));
    for (hash, content_type) in media {
        // Should the store have lost one, it is made again.
        if state.blobs.is_lost(&hash, &content_type).await? {
            return Ok(None);
        }
    }
    let size = u64::try_from(row.try_get::<i64>("", "size")?).unwrap_or(0);
    Ok(Some(Asset { hash: hash.to_owned(), content_type, size }))
}

async fn own(db: &impl ConnectionTrait, account: &str, hash: &str) -> Result<(), DbErr> {
    let sql = "INSERT INTO asset_owner (account, hash, created_at_ms) VALUES ($1, $2, $3) ON CONFLICT (account, hash) DO UPDATE SET created_at_ms = $3";
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

/// Looks into a file; `made` gets the hashes of what is made of it, also when it fails.
fn look(
    blobs: &Blobs,
    workers: &Workers,
    hash: &str,
    made: &Mutex<Vec<String>>,
) -> Result<Found, Refusal> {
    let path = blobs.find(hash).ok_or_else(taken_away)?;
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
            put_poster(blobs, &picture, &mut found, made)?;
        }
        Sniffed::Wav | Sniffed::Flac | Sniffed::Mp3 | Sniffed::Ogg => {
            found.kind = "voice";
            let pcm = workers.sound(&path).map_err(refused)?;
            found.duration_ms = pcm.duration_ms();
            let picture = waveform::picture(&waveform::waveform(&pcm, 96));
            put_poster(blobs, &picture, &mut found, made)?;
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
                put_poster(blobs, &picture, &mut found, made)?;
            }
        }
    }
    match kind {
        Sniffed::Mp4 => {
            let part = blobs.part();
            if oto_media::traces::film_without(&path, &part).map_err(refused)? {
                found.served = blobs.adopt(&part)?;
                note(made, &found.served);
            }
        }
        Sniffed::Png | Sniffed::Jpeg | Sniffed::WebP => {
            let original = std::fs::read(&path).map_err(BackendError::io("reading media"))?;
            let clean = oto_media::traces::without(kind, &original).map_err(refused)?;
            if let Some(clean) = clean {
                found.size = clean.len() as i64;
                found.served = blobs.put(&clean)?;
                note(made, &found.served);
            }
        }
        _ => {}
    }
    Ok(found)
}

fn put_poster(
    blobs: &Blobs,
    picture: &Picture,
    found: &mut Found,
    made: &Mutex<Vec<String>>,
) -> Result<(), Refusal> {
    let small = picture.fitted(POSTER);
    found.rgb = small.average_rgb();
    let poster = blobs.put(&small.to_jpeg().map_err(refused)?)?;
    note(made, &poster);
    found.poster = Some(poster);
    Ok(())
}

fn note(made: &Mutex<Vec<String>>, hash: &str) {
    made.lock().unwrap_or_else(PoisonError::into_inner).push(hash.to_owned());
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
