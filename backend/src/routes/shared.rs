//! The wall as everybody sees it: tiles, media of what hangs, changes as they happen.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use oto_api_types::{HomeSpot, Problem, Tile, WallExtent};
use tokio_util::io::ReaderStream;

use crate::BackendError;
use crate::accounts;
use crate::blobs::is_hash;
use crate::db::one;
use crate::error::Refusal;
use crate::limits;
use crate::routes::body::Json;
use crate::state::AppState;
use crate::wall::live::Sent;
use crate::wall::tiles;

/// How long others may keep a tile: what was taken down is gone everywhere within a minute.
const CACHE: HeaderValue =
    HeaderValue::from_static("public, max-age=30, stale-while-revalidate=30");

fn is_same(headers: &HeaderMap, etag: &str) -> bool {
    let asked = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    asked.is_some_and(|all| {
        all.split(',').any(|e| e.trim().trim_start_matches("W/").trim_matches('"') == etag)
    })
}

/// A tile of the wall.
#[utoipa::path(get, path = "/shared/tiles/{z}/{x}/{y}", tag = "wall",
    params(("z" = u8, Path, minimum = 0, maximum = 20), ("x" = i64, Path), ("y" = i64, Path)),
    responses((status = 200, body = Tile), (status = 304), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn tile(
    State(state): State<AppState>,
    Path((z, x, y)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    let place = (z.parse(), x.parse(), y.parse());
    let (Ok(z), Ok(x), Ok(y)) = place else { return Err(Refusal::not_found("tile")) };
    if !tiles::exists(z, x, y) {
        return Err(Refusal::not_found("tile"));
    }
    let sent = match server.wall.get((z, x, y)) {
        Some(sent) => {
            metrics::counter!("tiles_total", "from" => "memory").increment(1);
            sent
        }
        None => {
            metrics::counter!("tiles_total", "from" => "database").increment(1);
            let turn = server.wall.turn();
            let tile = tiles::tile(&state.db, z, x, y).await?;
            let body =
                serde_json::to_vec(&tile).map_err(|e| BackendError::Stopped(e.to_string()))?;
            let etag = blake3::hash(&body).to_hex()[..24].to_owned();
            let sent = Sent { body: body.into(), etag: etag.into() };
            server.wall.keep((z, x, y), &sent, turn);
            sent
        }
    };
    let etag = HeaderValue::from_str(&format!("\"{}\"", sent.etag))
        .map_err(|e| BackendError::Stopped(e.to_string()))?;
    let head = [(header::ETAG, etag), (header::CACHE_CONTROL, CACHE)];
    if is_same(&headers, &sent.etag) {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((head, json, sent.body).into_response())
}

/// How far the wall goes.
#[utoipa::path(get, path = "/shared/extent", tag = "wall",
    responses((status = 200, body = WallExtent), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn extent(State(state): State<AppState>) -> Result<Json<WallExtent>, Refusal> {
    state.server()?;
    Ok(Json(tiles::extent(&state.db).await?))
}

/// Where somebody lives, by handle or id.
#[utoipa::path(get, path = "/shared/homes/{name}", tag = "wall", params(("name" = String, Path)),
    responses((status = 200, body = HomeSpot), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn home(
    State(state): State<AppState>,
    Path(name): Path<String>,
) -> Result<Json<HomeSpot>, Refusal> {
    state.server()?;
    let found = accounts::find_person(&state.db, &name, "").await?;
    found.map(|p| Json(p.home)).ok_or_else(|| Refusal::not_found("person"))
}

/// Says which tiles changed, as it happens. A hint: what a tile shows is told by the tile.
#[utoipa::path(get, path = "/shared/events", tag = "wall",
    responses((status = 200, content_type = "text/event-stream", body = super::events::StreamEvent), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn events(
    State(state): State<AppState>,
    Extension(limits::From(ip)): Extension<limits::From>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let server = state.server()?;
    let permit = server.visitors.open(&limits::place_of(ip))?;
    let (ears, stop) = (server.wall.hear(), state.stop.clone());
    let stream =
        futures_util::stream::unfold((ears, stop, permit), |(mut ears, stop, permit)| async {
            let heard = tokio::select! {
                heard = ears.recv() => heard,
                () = stop.cancelled() => return None,
            };
            let event = match heard {
                Ok(event) => Event::default().event("tile").json_data(&event).ok()?,
                // What was missed may be anywhere.
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                    Event::default().event("all").data("{}")
                }
                Err(tokio::sync::broadcast::error::RecvError::Closed) => return None,
            };
            Some((Ok(event), (ears, stop, permit)))
        });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// Media of a work that hangs on the wall: its own or its picture.
#[utoipa::path(get, path = "/shared/media/{hash}", tag = "wall", params(("hash" = String, Path)),
    responses((status = 200, content_type = "*/*", body = Vec<u8>), (status = 206), (status = 304), (status = 416, body = Problem), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn media(
    State(state): State<AppState>,
    Path(hash): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    state.server()?;
    let missing = || Refusal::not_found("medium");
    if !is_hash(&hash) {
        return Err(missing());
    }
    let sql = "SELECT CASE WHEN poster = $1 THEN 'image/jpeg' ELSE content_type END AS content_type FROM work WHERE (asset = $1 OR poster = $1) AND on_wall = 1 LIMIT 1";
    let row = one(&state.db, sql, vec![hash.clone().into()]).await?.ok_or_else(missing)?;
    send(&state, &hash, &row.try_get::<String>("", "content_type")?, &headers, OPEN).await
}

/// What everybody may see may be kept for a minute.
pub(crate) const OPEN: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// What is one person's is kept by nobody.
pub(crate) const OWN: HeaderValue = HeaderValue::from_static("private, no-store");

/// Sends a blob, whole or in part (RFC 9110, 14). It is data and never a page, whatever is in it.
pub(crate) async fn send(
    state: &AppState,
    hash: &str,
    content_type: &str,
    headers: &HeaderMap,
    cache: HeaderValue,
) -> Result<Response, Refusal> {
    use tokio::io::{AsyncReadExt, AsyncSeekExt};
    let path = state.blobs.bring(hash).await?.ok_or_else(|| Refusal::not_found("medium"))?;
    let mut file = tokio::fs::File::open(&path).await.map_err(BackendError::io("opening media"))?;
    let length = file.metadata().await.map_err(BackendError::io("reading media"))?.len();
    let text =
        |s: String| HeaderValue::from_str(&s).map_err(|e| BackendError::Stopped(e.to_string()));
    let mut head = HeaderMap::new();
    head.insert(header::ETAG, text(format!("\"{hash}\""))?);
    head.insert(header::CONTENT_TYPE, text(content_type.to_owned())?);
    head.insert(header::CACHE_CONTROL, cache);
    head.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    head.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    if is_same(headers, hash) {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    match range(headers, length) {
        Range::Whole => {
            head.insert(header::CONTENT_LENGTH, length.into());
            let stream = ReaderStream::with_capacity(file, 64 << 10);
            Ok((head, Body::from_stream(stream)).into_response())
        }
        Range::Part(from, to) => {
            file.seek(std::io::SeekFrom::Start(from))
                .await
                .map_err(BackendError::io("reading media"))?;
            head.insert(header::CONTENT_RANGE, text(format!("bytes {from}-{to}/{length}"))?);
            head.insert(header::CONTENT_LENGTH, (to - from + 1).into());
            let stream = ReaderStream::with_capacity(file.take(to - from + 1), 64 << 10);
            Ok((StatusCode::PARTIAL_CONTENT, head, Body::from_stream(stream)).into_response())
        }
        Range::Beyond => {
            let refusal = Refusal::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range",
                format!("This medium has {length} bytes."),
            );
            let all = [(header::CONTENT_RANGE, text(format!("bytes */{length}"))?)];
            Ok((all, refusal).into_response())
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// First and last byte.
    Part(u64, u64),
    Beyond,
}

/// The one range that was asked for; several at once are answered whole, which is allowed.
fn range(headers: &HeaderMap, length: u64) -> Range {
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let Some(spec) = asked.and_then(|v| v.strip_prefix("bytes=")) else { return Range::Whole };
    let Some((from, to)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Range::Whole;
    };
    match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), _) if from >= length => Range::Beyond,
        (Ok(from), Ok(to)) if to >= from => Range::Part(from, to.min(length - 1)),
        (Ok(from), Err(_)) if to.trim().is_empty() => Range::Part(from, length - 1),
        (Err(_), Ok(0)) => Range::Beyond,
        (Err(_), Ok(last)) if from.trim().is_empty() && length > 0 => {
            Range::Part(length.saturating_sub(last), length - 1)
        }
        _ => Range::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            range(&headers, 100)
        };
        assert_eq!(of("bytes=0-9"), Range::Part(0, 9));
        assert_eq!(of("bytes=90-"), Range::Part(90, 99));
        assert_eq!(of("bytes=-10"), Range::Part(90, 99));
        assert_eq!(of("bytes=-500"), Range::Part(0, 99));
        assert_eq!(of("bytes=50-500"), Range::Part(50, 99));
        assert_eq!(of("bytes=100-"), Range::Beyond);
        assert_eq!(of("bytes=-0"), Range::Beyond);
        for odd in ["bytes=9-0", "bytes=a-b", "lines=1-2", "bytes=0-1,5-6", "bytes=-"] {
            assert_eq!(of(odd), Range::Whole, "{odd}");
        }
    }
}
