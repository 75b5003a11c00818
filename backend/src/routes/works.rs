//! Works: publish, look, change, take away, and what people say of them.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use oto_api_types::{
    Comment, CommentPage, Counters, Lineage, NewComment, NewWork, Problem, Vote, Work, WorkChange,
    WorkPage,
};
use sea_orm::TransactionTrait;

use crate::accounts;
use crate::assets;
use crate::auth::Me;
use crate::db::immediate;
use crate::error::Refusal;
use crate::routes::body::{Id, Json, Page, Query};
use crate::state::AppState;
use crate::works::list::{self, Sort};
use crate::works::{self, WorkRow, change, comments, lineage, publish, said};

/// Largest description of a work.
pub(crate) const MAX_WORK: usize = 2 << 20;
/// Largest comment, in bytes, with room to be told that it is too long.
pub(crate) const MAX_COMMENT: usize = 64 << 10;

/// A work the caller may see.
pub(crate) async fn seen(state: &AppState, id: &str, me: Option<&Me>) -> Result<WorkRow, Refusal> {
    state.server()?;
    let row = works::find(&state.db, id).await?.filter(|row| row.is_seen_by(me));
    row.ok_or_else(|| Refusal::not_found("work"))
}

/// Shown as to its author where `is_own`.
async fn shown(
    state: &AppState,
    row: &WorkRow,
    me: Option<&Me>,
    is_own: bool,
) -> Result<Work, Refusal> {
    let mut work = row.shown(is_own, &state.server()?.config.public_url);
    let seen = works::seen_sources(&state.db, work.sources, me).await?;
    work.sources = seen.into_iter().map(|(source, _)| source).collect();
    if let Some(me) = me {
        let counters = said::counters(&state.db, &row.id, Some(&me.account)).await?;
        (work.is_liked, work.own_vote) = (counters.is_liked, counters.own_vote);
    }
    Ok(work)
}

fn with_version(work: Work) -> ([(HeaderName, String); 1], Json<Work>) {
    ([(header::ETAG, format!("\"{}\"", work.version))], Json(work))
}

/// Publishes a work. The same work with the same id again is the same.
#[utoipa::path(post, path = "/works", tag = "works", security(("bearer" = [])), request_body = NewWork,
    responses((status = 201, body = Work), (status = 200, body = Work, description = "It was published before"), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn add(
    State(state): State<AppState>,
    me: Me,
    Json(new): Json<NewWork>,
) -> Result<Response, Refusal> {
    let rules = &state.server()?.config.held_words;
    match new.visibility {
        oto_api_types::Visibility::Private => me.may("works:write")?,
        _ => me.may_speak("works:write")?,
    }
    let (row, is_new) = publish::publish(&state.db, &me, &new, rules).await?;
    if is_new {
        metrics::counter!("works_total", "kind" => row.kind.clone()).increment(1);
    }
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    // Whoever wrote it is told what they wrote.
    Ok((status, with_version(shown(&state, &row, Some(&me), true).await?)).into_response())
}

#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Find {
    /// "hot", "new" or "top".
    #[serde(default)]
    sort: String,
    /// "text", "image", "voice" or "video".
    #[serde(default)]
    kind: Option<String>,
    /// Handle or id of a person; "me" for one's own, whoever may see them.
    #[serde(default)]
    author: Option<String>,
    /// Only of those one follows.
    #[serde(default)]
    followed: bool,
    /// Works made from this one.
    #[serde(default)]
    made_from: Option<String>,
    /// Words.
    #[serde(default)]
    q: String,
    /// 1 to 100.
    #[serde(default)]
    limit: Option<u32>,
    /// From the page before.
    #[serde(default)]
    cursor: Option<String>,
}

/// Works on the wall, a page at a time.
#[utoipa::path(get, path = "/works", tag = "works", params(Find),
    responses((status = 200, body = WorkPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn find(
    State(state): State<AppState>,
    me: Option<Me>,
    Query(find): Query<Find>,
) -> Result<Json<WorkPage>, Refusal> {
    let server = state.server()?;
    let limit = i64::from(find.limit.unwrap_or(30).clamp(1, 100));
    let (rows, next_cursor) = if find.author.as_deref() == Some("me") {
        let me = me.as_ref().ok_or_else(Refusal::unauthorized)?;
        me.may("works:read")?;
        list::own(&state.db, &me.account, find.cursor.as_deref(), limit).await?
    } else {
        let sort = Sort::of(&find.sort)
            .ok_or_else(|| Refusal::validation("Works are sorted by hot, new or top."))?;
        let author = match &find.author {
            None => None,
            Some(name) => {
                let person = accounts::find_person(&state.db, name, "").await?;
                Some(person.ok_or_else(|| Refusal::not_found("person"))?.id)
            }
        };
        let followed_by = match (find.followed, &me) {
            (false, _) => None,
            (true, Some(me)) => Some(me.account.clone()),
            (true, None) => return Err(Refusal::unauthorized()),
        };
        let query = list::Query {
            kind: find.kind,
            author,
            followed_by,
            made_from: find.made_from,
            words: find.q,
            cursor: find.cursor,
            limit,
        };
        list::list(&state.db, &query, sort).await?
    };
    let items = rows
        .iter()
        .map(|row| {
            let mut work = row.shown(row.is_own(me.as_ref()), &server.config.public_url);
            // Whether each of them may be seen is told with the work itself.
            work.sources.clear();
            work
        })
        .collect();
    Ok(Json(WorkPage { items, next_cursor }))
}

/// A work.
#[utoipa::path(get, path = "/works/{id}", tag = "works", params(("id" = String, Path)),
    responses((status = 200, body = Work), (status = 304), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn show(
    State(state): State<AppState>,
    me: Option<Me>,
    Id(id): Id,
) -> Result<impl IntoResponse, Refusal> {
    let row = seen(&state, &id, me.as_ref()).await?;
    let is_own = row.is_own(me.as_ref());
    Ok(with_version(shown(&state, &row, me.as_ref(), is_own).await?))
}

/// Changes a work of one's own. `If-Match` has the version that was seen.
#[utoipa::path(patch, path = "/works/{id}", tag = "works", security(("bearer" = [])), params(("id" = String, Path), ("If-Match" = String, Header)), request_body = WorkChange,
    responses((status = 200, body = Work), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn edit(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    headers: HeaderMap,
    Json(wanted): Json<WorkChange>,
) -> Result<impl IntoResponse, Refusal> {
    state.server()?;
    match wanted.visibility {
        Some(oto_api_types::Visibility::Public | oto_api_types::Visibility::Link) => {
            me.may_speak("works:write")?;
        }
        _ => me.may("works:write")?,
    }
    let row = own(&state, &me, &id).await?;
    let version = headers
        .get(header::IF_MATCH)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.trim_matches('"').parse().ok())
        .ok_or_else(|| {
            Refusal::new(
                StatusCode::PRECONDITION_REQUIRED,
                "if_match_missing",
                "Say with If-Match which version of the work you saw.",
            )
        })?;
    let rules = &state.server()?.config.held_words;
    let now = change::change(&state.db, &row, &wanted, version, rules).await?;
    let is_own = now.is_own(Some(&me));
    Ok(with_version(shown(&state, &now, Some(&me), is_own).await?))
}

async fn own(state: &AppState, me: &Me, id: &str) -> Result<WorkRow, Refusal> {
    let row = works::find(&state.db, id).await?;
    row.filter(|r| r.author.id == me.account && r.state != "deleted")
        .ok_or_else(|| Refusal::not_found("work of yours"))
}

/// Takes a work of one's own away for good, from the wall, the search and the store.
#[utoipa::path(delete, path = "/works/{id}", tag = "works", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn remove(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<StatusCode, Refusal> {
    state.server()?;
    me.may("works:write")?;
    let row = own(&state, &me, &id).await?;
    let txn = state.db.begin_with_options(immediate()).await?;
    let media = change::remove(&txn, &row.id).await?;
    txn.commit().await?;
    assets::drop_soon(&state, media).await;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Depth {
    /// Steps in each direction, 1 to 8.
    #[serde(default)]
    depth: Option<u32>,
}

/// What a work was made from and what was made from it.
#[utoipa::path(get, path = "/works/{id}/lineage", tag = "works", params(("id" = String, Path), Depth),
    responses((status = 200, body = Lineage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn lineage(
    State(state): State<AppState>,
    me: Option<Me>,
    Id(id): Id,
    Query(depth): Query<Depth>,
) -> Result<Json<Lineage>, Refusal> {
    let row = seen(&state, &id, me.as_ref()).await?;
    let depth = depth.depth.unwrap_or(3).min(lineage::DEEPEST);
    Ok(Json(lineage::lineage(&state.db, &row, me.as_ref(), depth).await?))
}

async fn set_like(
    state: &AppState,
    me: &Me,
    id: &str,
    wanted: bool,
) -> Result<Json<Counters>, Refusal> {
    me.may("social:write")?;
    let row = seen(state, id, Some(me)).await?;
    Ok(Json(said::like(&state.db, me, &row, wanted).await?))
}

/// Likes a work. Repeatable.
#[utoipa::path(put, path = "/works/{id}/like", tag = "social", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Counters), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn like(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<Json<Counters>, Refusal> {
    set_like(&state, &me, &id, true).await
}

/// Likes a work no longer. Repeatable.
#[utoipa::path(delete, path = "/works/{id}/like", tag = "social", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Counters), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn unlike(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<Json<Counters>, Refusal> {
    set_like(&state, &me, &id, false).await
}

/// Votes on a work: -1, 0 or 1. Repeatable.
#[utoipa::path(put, path = "/works/{id}/vote", tag = "social", security(("bearer" = [])), params(("id" = String, Path)), request_body = Vote,
    responses((status = 200, body = Counters), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn vote(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    Json(vote): Json<Vote>,
) -> Result<Json<Counters>, Refusal> {
    me.may("social:write")?;
    if !(-1..=1).contains(&vote.value) {
        return Err(Refusal::validation("A vote is -1, 0 or 1."));
    }
    let row = seen(&state, &id, Some(&me)).await?;
    Ok(Json(said::vote(&state.db, &me, &row, vote.value).await?))
}

/// What people say, oldest first.
#[utoipa::path(get, path = "/works/{id}/comments", tag = "social", params(("id" = String, Path), Page),
    responses((status = 200, body = CommentPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn comments(
    State(state): State<AppState>,
    me: Option<Me>,
    Id(id): Id,
    Query(page): Query<Page>,
) -> Result<Json<CommentPage>, Refusal> {
    let row = seen(&state, &id, me.as_ref()).await?;
    let (items, next_cursor) =
        comments::of(&state.db, &row.id, page.cursor.as_deref(), page.limit()).await?;
    Ok(Json(CommentPage { items, next_cursor }))
}

/// Says something.
#[utoipa::path(post, path = "/works/{id}/comments", tag = "social", security(("bearer" = [])), params(("id" = String, Path)), request_body = NewComment,
    responses((status = 201, body = Comment), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn comment(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    Json(new): Json<NewComment>,
) -> Result<(StatusCode, Json<Comment>), Refusal> {
    me.may_speak("social:write")?;
    let row = seen(&state, &id, Some(&me)).await?;
    let said = comments::add(&state.db, &me, &row, &new.text, new.reply_to.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(said)))
}

/// Changes what one said.
#[utoipa::path(patch, path = "/comments/{id}", tag = "social", security(("bearer" = [])), params(("id" = String, Path)), request_body = NewComment,
    responses((status = 200, body = Comment), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn edit_comment(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
    Json(new): Json<NewComment>,
) -> Result<Json<Comment>, Refusal> {
    state.server()?;
    me.may_speak("social:write")?;
    Ok(Json(comments::edit(&state.db, &me, &id, &new.text).await?))
}

/// Takes back what one said, or what was said under a work of one's own.
#[utoipa::path(delete, path = "/comments/{id}", tag = "social", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn delete_comment(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<StatusCode, Refusal> {
    state.server()?;
    me.may("social:write")?;
    comments::delete(&state.db, &me, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
