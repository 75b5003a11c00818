//! Uploads that go on where they were cut off: tus 1.0 (core, creation, checksum, termination).
//! Parts go straight into a file; the bytes are looked at when all are there.

use std::io::SeekFrom;
use std::path::PathBuf;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryStreamExt;
use oto_api_types::Problem;
use ring::digest;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

use crate::BackendError;
use crate::assets;
use crate::auth::Me;
use crate::blobs::is_hash;
use crate::db::{execute, now_ms, one, value};
use crate::detached::detached;
use crate::error::Refusal;
use crate::routes::body::Id;
use crate::state::AppState;

const VERSION: &str = "1.0.0";
/// How long an upload may rest.
const LIFE_MS: i64 = 86_400_000;
/// Uploads of one person that are open at once.
const MOST_OPEN: i64 = 32;
/// A part whose sum was wrong (tus checksum extension).
const CHECKSUM_MISMATCH: u16 = 460;

fn header(name: &'static str, value: impl ToString) -> Option<(HeaderName, HeaderValue)> {
    let value = HeaderValue::from_str(&value.to_string()).ok()?;
    Some((HeaderName::from_static(name), value))
}

fn answer(status: StatusCode, more: &[Option<(HeaderName, HeaderValue)>]) -> Response {
    let mut answer = status.into_response();
    let always = [header("tus-resumable", VERSION), header("cache-control", "no-store")];
    for (name, value) in always.into_iter().chain(more.iter().cloned()).flatten() {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.parse().ok().filter(|n| *n >= 0)
}

fn speaks_tus(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("tus-resumable").and_then(|v| v.to_str().ok()) {
        Some(VERSION) => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            "tus_version",
            "Uploads speak tus 1.0.0; say so with Tus-Resumable.",
        )),
    }
}

/// What this server can do.
#[utoipa::path(options, path = "/uploads", tag = "uploads",
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn options(State(state): State<AppState>) -> Result<Response, Refusal> {
    state.server()?;
    Ok(answer(
        StatusCode::NO_CONTENT,
        &[
            header("tus-version", VERSION),
            header("tus-extension", "creation,checksum,termination"),
            header("tus-checksum-algorithm", "sha1,sha256"),
        ],
    ))
}

/// Begins an upload. `Upload-Metadata: hash <base64 of the BLAKE3>` lets the server check the whole.
#[utoipa::path(post, path = "/uploads", tag = "uploads", security(("bearer" = [])),
    params(("Upload-Length" = i64, Header), ("Tus-Resumable" = String, Header)),
    responses((status = 201), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn create(
    State(state): State<AppState>,
    me: Me,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    me.may("assets:write")?;
    speaks_tus(&headers)?;
    let size = number(&headers, "upload-length")
        .filter(|n| *n > 0)
        .ok_or_else(|| Refusal::validation("Say with Upload-Length how many bytes will come."))?;
    let sql = "SELECT p.upload_bytes FROM account a JOIN plan p ON p.id = a.plan WHERE a.id = $1";
    let most: i64 = value(&state.db, sql, vec![me.account.clone().into()]).await?.unwrap_or(0);
    if size > most {
        return Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("Your plan takes files of up to {} MB.", most / 1_000_000),
        ));
    }
    assets::room_for(&state, &me.account, size).await?;
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM upload WHERE account = $1 AND hash IS NULL AND expires_at_ms > $2";
    let own = vec![me.account.clone().into(), now_ms().into()];
    if value::<i64>(&state.db, sql, own).await?.unwrap_or(0) >= MOST_OPEN {
        return Err(Refusal::validation("32 uploads are open; end some of them first."));
    }
    let id = uuid::Uuid::now_v7().to_string();
    let expires = now_ms() + LIFE_MS;
    let sql = "INSERT INTO upload (id, account, size, received, wanted, expires_at_ms) VALUES ($1, $2, $3, 0, $4, $5)";
    let wanted = wanted_hash(&headers).unwrap_or_default();
    let values =
        vec![id.clone().into(), me.account.into(), size.into(), wanted.into(), expires.into()];
    execute(&state.db, sql, values).await?;
    let place = server.url(&format!("/api/v1/uploads/{id}"));
    Ok(answer(StatusCode::CREATED, &[header("location", place)]))
}

/// The hash in `Upload-Metadata`, if it is one.
fn wanted_hash(headers: &HeaderMap) -> Option<String> {
    let all = headers.get("upload-metadata")?.to_str().ok()?;
    let (_, value) = all
        .split(',')
        .filter_map(|pair| pair.trim().split_once(' '))
        .find(|(k, _)| *k == "hash")?;
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    is_hash(&text).then_some(text)
}

struct Open {
    size: i64,
    received: i64,
    wanted: String,
    hash: Option<String>,
}

async fn open(state: &AppState, me: &Me, id: &str) -> Result<Open, Refusal> {
    let sql = "SELECT size, received, wanted, hash FROM upload WHERE id = $1 AND account = $2 AND expires_at_ms > $3";
    let values = vec![id.into(), me.account.clone().into(), now_ms().into()];
    let row =
        one(&state.db, sql, values).await?.ok_or_else(|| Refusal::not_found("upload of yours"))?;
    Ok(Open {
        size: row.try_get("", "size")?,
        received: row.try_get("", "received")?,
        wanted: row.try_get("", "wanted")?,
        hash: row.try_get("", "hash")?,
    })
}

fn file_of(state: &AppState, id: &str) -> PathBuf {
    state.blobs.upload(id)
}

/// How much is there.
#[utoipa::path(head, path = "/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    params(("id" = String, Path), ("Tus-Resumable" = String, Header)),
    responses((status = 200), (status = "4XX"), (status = "5XX")))]
pub(crate) async fn head(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    state.server()?;
    me.may("assets:write")?;
    speaks_tus(&headers)?;
    let open = open(&state, &me, &id).await?;
    Ok(answer(
        StatusCode::OK,
        &[
            header("upload-offset", open.received),
            header("upload-length", open.size),
            open.hash.and_then(|hash| header("oto-asset", hash)),
        ],
    ))
}

/// Brings the next bytes. When all are there they are looked at, and `Oto-Asset` names them.
#[utoipa::path(patch, path = "/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    params(("id" = String, Path), ("Upload-Offset" = i64, Header), ("Tus-Resumable" = String, Header)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn patch(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    state.server()?;
    me.may("assets:write")?;
    speaks_tus(&headers)?;
    let kind = headers.get("content-type").and_then(|v| v.to_str().ok());
    if kind != Some("application/offset+octet-stream") {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "tus_content_type",
            "Parts of an upload are application/offset+octet-stream.",
        ));
    }
    let sum = Sum::asked(&headers)?;
    let open = open(&state, &me, &id).await?;
    if number(&headers, "upload-offset") != Some(open.received) {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "upload_offset",
            format!("{} bytes are here; go on from there.", open.received),
        ));
    }
    let received = match &open.hash {
        Some(_) => open.received,
        None => receive(&state, &id, &open, sum, body).await?,
    };
    let mut asset = open.hash.clone();
    if received == open.size && asset.is_none() {
        asset = Some(finish(&state, &me, &id, open).await?);
    }
    Ok(answer(
        StatusCode::NO_CONTENT,
        &[header("upload-offset", received), asset.and_then(|hash| header("oto-asset", hash))],
    ))
}

/// A sum that the sender promises for a part.
struct Sum {
    context: digest::Context,
    promised: Vec<u8>,
}

impl Sum {
    fn asked(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(text) = headers.get("upload-checksum") else { return Ok(None) };
        let wrong = || {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "tus_checksum",
                "A checksum is sha1 or sha256 and its value in base64.",
            )
        };
        let (name, value) = text.to_str().ok().and_then(|t| t.split_once(' ')).ok_or_else(wrong)?;
        let algorithm = match name {
            "sha1" => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            "sha256" => &digest::SHA256,
            _ => return Err(wrong()),
        };
        let promised = STANDARD.decode(value.trim()).ok().ok_or_else(wrong)?;
        Ok(Some(Self { context: digest::Context::new(algorithm), promised }))
    }
}

/// Writes a part. What came before a connection broke is kept, unless its sum was promised.
async fn receive(
    state: &AppState,
    id: &str,
    open: &Open,
    mut sum: Option<Sum>,
    body: Body,
) -> Result<i64, Refusal> {
    let path = file_of(state, id);
    let writing = BackendError::io("writing an upload");
    let mut options = tokio::fs::OpenOptions::new();
    options.create(true).write(true).truncate(false);
    let mut file = options.open(&path).await.map_err(writing)?;
    let here = file.metadata().await.map_err(BackendError::io("writing an upload"))?.len();
    if here < open.received as u64 {
        // It was begun at another server, or this one lost its disk: what is missing here would be
        // filled with nothing.
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "upload_elsewhere",
            "The first parts of this upload are at another server; begin it again.",
        ));
    }
    file.seek(SeekFrom::Start(open.received as u64))
        .await
        .map_err(BackendError::io("writing an upload"))?;
    let mut at = open.received;
    let mut stream = body.into_data_stream();
    let mut was_cut = false;
    loop {
        let bytes = match stream.try_next().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => break,
            Err(_) => {
                was_cut = true;
                break;
            }
        };
        at += bytes.len() as i64;
        if at > open.size {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "More came than was said with Upload-Length.",
            ));
        }
        if let Some(sum) = &mut sum {
            sum.context.update(&bytes);
        }
        if let Err(error) = file.write_all(&bytes).await {
            return Err(full(&file, open, error).await);
        }
    }
    for written in [file.flush().await, file.sync_data().await] {
        if let Err(error) = written {
            return Err(full(&file, open, error).await);
        }
    }
    if let Some(sum) = sum
        && (was_cut || sum.context.finish().as_ref() != sum.promised)
    {
        let status = StatusCode::from_u16(CHECKSUM_MISMATCH).unwrap_or(StatusCode::BAD_REQUEST);
        return Err(Refusal::new(
            status,
            "hash_mismatch",
            "The part arrived damaged; send it again.",
        ));
    }
    // Of two senders at once only one goes on.
    let sql = "UPDATE upload SET received = $2, expires_at_ms = $4 WHERE id = $1 AND received = $3";
    let values = vec![id.into(), at.into(), open.received.into(), (now_ms() + LIFE_MS).into()];
    if execute(&state.db, sql, values).await? == 0 {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            "upload_offset",
            "Somebody else sent a part of this at the same time; ask where to go on.",
        ));
    }
    Ok(at)
}

/// A part that could not be written takes up no room; those before it stay.
async fn full(file: &tokio::fs::File, open: &Open, error: std::io::Error) -> Refusal {
    // Where even that fails, the next part writes over it.
    file.set_len(open.received as u64).await.ok();
    let refusal = Refusal::from(BackendError::Io { what: "writing an upload", source: error });
    if refusal.status() != StatusCode::INSUFFICIENT_STORAGE {
        return refusal;
    }
    let sentence = "The server has no room left for this part; what came before it is kept. Send it again later.";
    Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", sentence).after(300)
}

/// Looks at an upload whose bytes are all there. What passes, such as a store that does not answer, and
/// whoever leaves meanwhile takes nothing away: the next call at its end looks again.
async fn finish(state: &AppState, me: &Me, id: &str, open: Open) -> Result<String, Refusal> {
    let (state, account, id) = (state.clone(), me.account.clone(), id.to_owned());
    detached(async move { take_over(&state, &account, &id, &open).await }).await
}

async fn take_over(
    state: &AppState,
    account: &str,
    id: &str,
    open: &Open,
) -> Result<String, Refusal> {
    let path = file_of(state, id);
    let hash = assets::named(state, move |blobs| blobs.adopt_copy(&path)).await?;
    let outcome = if open.wanted.is_empty() || open.wanted == hash {
        assets::take(state, account, &hash, open.size).await.map(drop)
    } else {
        Err(Refusal::new(
            StatusCode::CONFLICT,
            "hash_mismatch",
            "The bytes that came are not those that were announced; upload them again.",
        ))
    };
    match outcome {
        Ok(()) => {
            let sql = "UPDATE upload SET hash = $2 WHERE id = $1";
            execute(&state.db, sql, vec![id.into(), hash.clone().into()]).await?;
            tokio::fs::remove_file(file_of(state, id)).await.ok();
            Ok(hash)
        }
        Err(refusal) if refusal.status().is_server_error() => {
            // Should nobody call again, the bytes go.
            assets::drop::mark(&state.db, &hash).await?;
            Err(refusal)
        }
        Err(refusal) => {
            tokio::fs::remove_file(file_of(state, id)).await.ok();
            execute(&state.db, "DELETE FROM upload WHERE id = $1", vec![id.into()]).await?;
            assets::forget_unused(state, &hash).await?;
            Err(refusal)
        }
    }
}

/// Gives an upload up.
#[utoipa::path(delete, path = "/uploads/{id}", tag = "uploads", security(("bearer" = [])),
    params(("id" = String, Path), ("Tus-Resumable" = String, Header)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn terminate(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    state.server()?;
    me.may("assets:write")?;
    speaks_tus(&headers)?;
    open(&state, &me, &id).await?;
    execute(&state.db, "DELETE FROM upload WHERE id = $1", vec![id.clone().into()]).await?;
    // It may have been adopted, or never begun.
    tokio::fs::remove_file(file_of(&state, &id)).await.ok();
    Ok(answer(StatusCode::NO_CONTENT, &[]))
}
