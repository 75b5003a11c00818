//! Media going in and out. What bytes are is found here, from the bytes.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::TryStreamExt;
use oto_api_types::{Asset, Problem};
use oto_media::sniff::{Sniffed, sniff};
use tokio_util::io::ReaderStream;

use crate::BackendError;
use crate::assets;
use crate::auth::Me;
use crate::blobs::Blobs;
use crate::error::Refusal;
use crate::routes::{jobs, shared};
use crate::state::AppState;

/// Largest upload in one piece.
const MAX_UPLOAD: i64 = 256 << 20;

/// Takes a medium: the body is the file.
#[utoipa::path(post, path = "/assets", tag = "uploads", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = Asset), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn upload(
    State(state): State<AppState>,
    me: Me,
    body: Body,
) -> Result<(StatusCode, Json<Asset>), Refusal> {
    me.may("assets:write")?;
    let part = state.blobs.part();
    let outcome = receive(&part, body).await;
    let (head, size) = match outcome {
        Ok(received) => received,
        Err(refusal) => {
            // Nothing of it is of use.
            tokio::fs::remove_file(&part).await.ok();
            return Err(refusal);
        }
    };
    let kind = sniff(&head);
    if kind.is_none() {
        tokio::fs::remove_file(&part).await.ok();
        return Err(assets::unknown());
    }
    let adopt = move |blobs: &Blobs| blobs.adopt(&part);
    if state.server.is_some() {
        let taken = assets::take_new(&state, &me.account, size as i64, adopt).await?;
        return Ok((StatusCode::CREATED, Json(taken)));
    }
    let hash = assets::named(&state, adopt).await?;
    let content_type = kind.map_or("", Sniffed::mime).to_owned();
    Ok((StatusCode::CREATED, Json(Asset { hash, content_type, size })))
}

/// Writes a body to a file; its beginning and length. A text must be whole to be told from other
/// bytes, so the beginning is long.
async fn receive(part: &std::path::Path, body: Body) -> Result<(Vec<u8>, u64), Refusal> {
    use tokio::io::AsyncWriteExt;
    let mut file =
        tokio::fs::File::create(part).await.map_err(BackendError::io("writing media"))?;
    let (mut head, mut size) = (Vec::new(), 0i64);
    let mut stream = body.into_data_stream();
    while let Some(bytes) = stream.try_next().await.ok().ok_or_else(|| {
        Refusal::new(StatusCode::BAD_REQUEST, "cut_off", "The upload was cut off; send it again.")
    })? {
        size += bytes.len() as i64;
        if size > MAX_UPLOAD {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "A file in one piece has up to 256 MB; larger ones go in parts.",
            ));
        }
        if head.len() < 1 << 20 {
            head.extend_from_slice(&bytes);
        }
        file.write_all(&bytes).await.map_err(BackendError::io("writing media"))?;
    }
    file.flush().await.map_err(BackendError::io("writing media"))?;
    if size as usize > head.len() {
        // A character may be cut in two at the end.
        let whole = String::from_utf8_lossy(&head).trim_end_matches('\u{FFFD}').len();
        head.truncate(whole.min(head.len()));
    }
    Ok((head, size as u64))
}

/// Whether a medium is here.
#[utoipa::path(head, path = "/assets/by-hash/{hash}", tag = "uploads", security(("bearer" = [])), params(("hash" = String, Path)),
    responses((status = 200), (status = 404), (status = "4XX"), (status = "5XX")))]
pub(crate) async fn look(
    State(state): State<AppState>,
    me: Me,
    Path(hash): Path<String>,
) -> Result<StatusCode, Refusal> {
    let is_here = match &state.server {
        // Knowing a hash says nothing about having the bytes.
        Some(_) => assets::is_owned(&state.db, &me.account, &hash).await?,
        None => state.blobs.find(&hash).is_some(),
    };
    Ok(if is_here { StatusCode::OK } else { StatusCode::NOT_FOUND })
}

/// The bytes of a medium.
#[utoipa::path(get, path = "/assets/{hash}/content", tag = "uploads", security(("bearer" = [])), params(("hash" = String, Path)),
    responses((status = 200, content_type = "*/*", body = Vec<u8>), (status = 206), (status = 304), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn content(
    State(state): State<AppState>,
    me: Me,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if state.server.is_some() {
        me.may("assets:read")?;
        jobs::may_read(&state, &me, &hash).await?;
        let path = state.blobs.bring(&hash).await?.ok_or_else(|| Refusal::not_found("asset"))?;
        let mut head = vec![0; 64];
        let mut file =
            tokio::fs::File::open(&path).await.map_err(BackendError::io("reading media"))?;
        let n = tokio::io::AsyncReadExt::read(&mut file, &mut head)
            .await
            .map_err(BackendError::io("reading media"))?;
        let kind = sniff(&head[..n]).map_or("application/octet-stream", Sniffed::mime);
        return shared::send(&state, &hash, kind, &headers, shared::OWN).await;
    }
    let path = state.blobs.find(&hash).ok_or_else(|| Refusal::not_found("asset"))?;
    let opened = async {
        let mut file = tokio::fs::File::open(&path).await?;
        let length = file.metadata().await?.len();
        let mut head = vec![0; length.min(64) as usize];
        tokio::io::AsyncReadExt::read_exact(&mut file, &mut head).await?;
        tokio::io::AsyncSeekExt::rewind(&mut file).await?;
        Ok((file, length, head))
    };
    let (file, length, head) = opened.await.map_err(BackendError::io("reading media"))?;
    let mime = sniff(&head).map_or("application/octet-stream", Sniffed::mime);
    let headers = [
        (header::CONTENT_TYPE, mime.to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ETAG, format!("\"{hash}\"")),
    ];
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(file, 64 << 10))).into_response())
}
