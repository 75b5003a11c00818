//! What one was told, and what one wants to be told of.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use oto_api_types::{NoticeSettings, NotificationPage, Problem};
use tokio::sync::broadcast::error::RecvError;

use crate::auth::Me;
use crate::error::Refusal;
use crate::notices::{self, settings};
use crate::routes::body::{Json, Page, Query};
use crate::state::AppState;

/// What one was told, newest first.
#[utoipa::path(get, path = "/notifications", tag = "notices", security(("bearer" = [])), params(Page),
    responses((status = 200, body = NotificationPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn list(
    State(state): State<AppState>,
    me: Me,
    Query(page): Query<Page>,
) -> Result<Json<NotificationPage>, Refusal> {
    state.server()?;
    me.in_person()?;
    let (items, next_cursor) =
        notices::of(&state.db, &me.account, page.cursor.as_deref(), page.limit()).await?;
    let unread = notices::unread(&state.db, &me.account).await?;
    Ok(Json(NotificationPage { items, unread, next_cursor }))
}

/// All of it was read.
#[utoipa::path(post, path = "/notifications/read", tag = "notices", security(("bearer" = [])),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn read(State(state): State<AppState>, me: Me) -> Result<StatusCode, Refusal> {
    state.server()?;
    me.in_person()?;
    notices::read_all(&state.db, &me.account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What one wants to be told of.
#[utoipa::path(get, path = "/notifications/settings", tag = "notices", security(("bearer" = [])),
    responses((status = 200, body = NoticeSettings), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn settings(
    State(state): State<AppState>,
    me: Me,
) -> Result<Json<NoticeSettings>, Refusal> {
    state.server()?;
    me.in_person()?;
    Ok(Json(settings::of(&state.db, &me.account).await?))
}

/// Changes it. What is about money, rights or safety is always told.
#[utoipa::path(put, path = "/notifications/settings", tag = "notices", security(("bearer" = [])), request_body = NoticeSettings,
    responses((status = 200, body = NoticeSettings), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn set(
    State(state): State<AppState>,
    me: Me,
    Json(wanted): Json<NoticeSettings>,
) -> Result<Json<NoticeSettings>, Refusal> {
    state.server()?;
    me.in_person()?;
    me.may("social:write")?;
    settings::set(&state.db, &me.account, &wanted).await?;
    Ok(Json(settings::of(&state.db, &me.account).await?))
}

/// `unread` with `{unread}`: at once, and whenever one is told something. A hint: what one was told is
/// in the list.
#[utoipa::path(get, path = "/notifications/events", tag = "notices", security(("bearer" = [])),
    responses((status = 200, content_type = "text/event-stream", body = super::events::StreamEvent), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn events(
    State(state): State<AppState>,
    me: Me,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refusal> {
    let server = state.server()?;
    me.in_person()?;
    let open = server.streams.open(&me.account)?;
    // Before the first count, so that nothing falls between.
    let ears = server.bell.hear();
    let first = Some(notices::unread(&state.db, &me.account).await?);
    let begin = (state.clone(), me.account, ears, first, open);
    let events =
        futures_util::stream::unfold(begin, |(state, account, mut ears, first, open)| async move {
            let unread = match first {
                Some(unread) => unread,
                None => {
                    loop {
                        let heard = tokio::select! {
                            heard = ears.recv() => heard,
                            () = state.stop.cancelled() => return None,
                        };
                        match heard {
                            Ok(told) if *told == *account => break,
                            Ok(_) => {}
                            Err(RecvError::Lagged(_)) => break,
                            Err(RecvError::Closed) => return None,
                        }
                    }
                    // A database that does not answer ends the stream: the other side asks then.
                    notices::unread(&state.db, &account).await.ok()?
                }
            };
            let data = serde_json::json!({"unread": unread}).to_string();
            let event = Event::default().event("unread").data(data);
            Some((Ok(event), (state, account, ears, None, open)))
        });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
