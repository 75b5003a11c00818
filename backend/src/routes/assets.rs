//! Media going in and out. What bytes are is found here, from the bytes.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use oto_api_types::Asset;
use oto_media::sniff::{Sniffed, sniff};
use tokio_util::io::ReaderStream;

use crate::BackendError;
use crate::error::Refusal;
use crate::state::AppState;

/// `POST /assets`: the body is the file.
pub(crate) async fn upload(
    State(state): State<AppState>,
    body: Bytes,
) -> Result<(StatusCode, Json<Asset>), Refusal> {
    let Some(kind) = sniff(&body) else {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unknown_media",
            "oTo takes PNG, JPEG, WebP, GIF, WAV, FLAC, MP3, Ogg, MP4, WebM and text.",
        ));
    };
    let (blobs, size) = (state.blobs.clone(), body.len() as u64);
    let hash = tokio::task::spawn_blocking(move || blobs.put(&body))
        .await
        .map_err(|e| BackendError::Stopped(e.to_string()))??;
    Ok((StatusCode::CREATED, Json(Asset { hash, content_type: kind.mime().to_owned(), size })))
}

/// `HEAD /assets/by-hash/{hash}`: whether it is here.
pub(crate) async fn look(State(state): State<AppState>, Path(hash): Path<String>) -> StatusCode {
    match state.blobs.find(&hash) {
        Some(_) => StatusCode::OK,
        None => StatusCode::NOT_FOUND,
    }
}

/// `GET /assets/{hash}/content`: the bytes.
pub(crate) async fn content(
    State(state): State<AppState>,
    Path(hash): Path<String>,
) -> Result<Response, Refusal> {
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
