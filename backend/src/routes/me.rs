//! One's own account, its keys, and those one follows.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use oto_api_types::{
    Account, AccountChange, ApiKey, Leave, NewApiKey, Person, PersonPage, Problem,
};
use sea_orm::TransactionTrait;

use crate::accounts::{self, one_line};
use crate::auth::{Me, api_key};
use crate::db::{execute, immediate, one, value};
use crate::error::Refusal;
use crate::notices::{self, Notice};
use crate::people;
use crate::routes::body::{Id, Json, Query};
use crate::search;
use crate::state::AppState;

async fn own(state: &AppState, me: &Me) -> Result<Json<Account>, Refusal> {
    let found = accounts::own(&state.db, &me.account).await?;
    let mut found = found.ok_or_else(Refusal::unauthorized)?;
    if me.in_person().is_err() {
        // A program has to know whose key it has, not how to write to them.
        found.email.clear();
    }
    Ok(Json(found))
}

/// One's own account.
#[utoipa::path(get, path = "/me", tag = "account", security(("bearer" = [])),
    responses((status = 200, body = Account), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn show(State(state): State<AppState>, me: Me) -> Result<Json<Account>, Refusal> {
    state.server()?;
    own(&state, &me).await
}

/// Changes one's name or words about oneself.
#[utoipa::path(patch, path = "/me", tag = "account", security(("bearer" = [])), request_body = AccountChange,
    responses((status = 200, body = Account), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn change(
    State(state): State<AppState>,
    me: Me,
    Json(change): Json<AccountChange>,
) -> Result<Json<Account>, Refusal> {
    state.server()?;
    me.in_person()?;
    me.may("social:write")?;
    let txn = state.db.begin_with_options(immediate()).await?;
    if let Some(name) = &change.name {
        let name = one_line(name, 60).ok_or_else(|| {
            Refusal::validation("A name has 1 to 60 characters that can be seen.")
        })?;
        let sql = "UPDATE account SET name = $2 WHERE id = $1";
        execute(&txn, sql, vec![me.account.clone().into(), name.clone().into()]).await?;
        search::forget_account(&txn, &me.account).await?;
        search::index_account(&txn, &me.account, &format!("{} {name}", me.handle)).await?;
    }
    if let Some(bio) = &change.bio {
        let bio: String = bio
            .chars()
            .filter(|c| (!c.is_control() || *c == '\n') && !accounts::is_invisible(*c))
            .collect();
        if bio.chars().count() > 500 {
            return Err(Refusal::validation("Words about oneself are up to 500 characters."));
        }
        let sql = "UPDATE account SET bio = $2 WHERE id = $1";
        execute(&txn, sql, vec![me.account.clone().into(), bio.trim().into()]).await?;
    }
    txn.commit().await?;
    own(&state, &me).await
}

/// Goes: after fourteen days the account and, unless they are to stay, its works are removed.
/// Signing in and `POST /me/stay` until then takes it back.
#[utoipa::path(delete, path = "/me", tag = "account", security(("bearer" = [])), request_body = Leave,
    responses((status = 200, body = Account), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn leave(
    State(state): State<AppState>,
    me: Me,
    Json(leave): Json<Leave>,
) -> Result<Json<Account>, Refusal> {
    let server = state.server()?;
    me.in_person()?;
    let sql = "SELECT password FROM account WHERE id = $1";
    let kept: Option<String> = value(&state.db, sql, vec![me.account.clone().into()]).await?;
    if !server.passwords.fits(leave.password.clone(), kept).await? {
        return Err(Refusal::forbidden("This is not your password; nothing changed."));
    }
    people::leave(&state.db, &me.account, leave.keep_works).await?;
    own(&state, &me).await
}

/// Stays after all.
#[utoipa::path(post, path = "/me/stay", tag = "account", security(("bearer" = [])),
    responses((status = 200, body = Account), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn stay(State(state): State<AppState>, me: Me) -> Result<Json<Account>, Refusal> {
    state.server()?;
    me.in_person()?;
    let sql = "UPDATE account SET leaves_at_ms = NULL WHERE id = $1";
    execute(&state.db, sql, vec![me.account.clone().into()]).await?;
    own(&state, &me).await
}

/// Everything this server has of oneself, as a zip: rows as JSON, works with their media.
#[utoipa::path(post, path = "/me/export", tag = "account", security(("bearer" = [])),
    responses((status = 200, content_type = "application/zip", body = Vec<u8>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn export(State(state): State<AppState>, me: Me) -> Result<Response, Refusal> {
    state.server()?;
    me.in_person()?;
    let (file, fetching) = people::export::export(&state, &me.account).await?;
    let stream = tokio_util::io::ReaderStream::with_capacity(file, 64 << 10);
    // Until the last of it is gone, or whoever fetches it.
    let stream = stream.inspect(move |_| _ = &fetching);
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"oto-export.zip\""),
    ];
    Ok((headers, axum::body::Body::from_stream(stream)).into_response())
}

/// One's keys for programs.
#[utoipa::path(get, path = "/api-keys", tag = "account", security(("bearer" = [])),
    responses((status = 200, body = Vec<ApiKey>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn keys(
    State(state): State<AppState>,
    me: Me,
) -> Result<Json<Vec<ApiKey>>, Refusal> {
    state.server()?;
    me.in_person()?;
    Ok(Json(api_key::of(&state.db, &me.account).await?))
}

/// Makes a key; its secret is told this once.
#[utoipa::path(post, path = "/api-keys", tag = "account", security(("bearer" = [])), request_body = NewApiKey,
    responses((status = 201, body = ApiKey), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn make_key(
    State(state): State<AppState>,
    me: Me,
    Json(new): Json<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKey>), Refusal> {
    state.server()?;
    me.in_person()?;
    me.may("jobs:write")?;
    let made = api_key::make_checked(&state.db, &me.account, &new).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Ends a key.
#[utoipa::path(delete, path = "/api-keys/{id}", tag = "account", security(("bearer" = [])),
    params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn end_key(
    State(state): State<AppState>,
    me: Me,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    state.server()?;
    me.in_person()?;
    if api_key::revoke(&state.db, &me.account, &id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Refusal::not_found("key of yours"))
    }
}

#[derive(Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Find {
    /// Words of a name.
    #[serde(default)]
    q: String,
    /// From the page before.
    #[serde(default)]
    cursor: Option<String>,
}

/// People by words of their name.
#[utoipa::path(get, path = "/people", tag = "people", params(Find),
    responses((status = 200, body = PersonPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn find(
    State(state): State<AppState>,
    me: Option<Me>,
    Query(find): Query<Find>,
) -> Result<Json<PersonPage>, Refusal> {
    state.server()?;
    const PAGE: i64 = 30;
    let viewer = me.map_or_else(String::new, |m| m.account);
    let offset: i64 = find
        .cursor
        .as_deref()
        .map_or(Ok(0), str::parse)
        .ok()
        .filter(|n| (0..=3_000).contains(n))
        .ok_or_else(|| Refusal::validation("This cursor is none that was given here."))?;
    let mut items = accounts::find_people(&state.db, &find.q, &viewer, offset, PAGE + 1).await?;
    let more = items.len() as i64 > PAGE;
    items.truncate(PAGE as usize);
    Ok(Json(PersonPage { items, next_cursor: more.then(|| (offset + PAGE).to_string()) }))
}

/// Somebody, by handle or id.
#[utoipa::path(get, path = "/people/{name}", tag = "people", params(("name" = String, Path)),
    responses((status = 200, body = Person), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn person(
    State(state): State<AppState>,
    me: Option<Me>,
    Path(name): Path<String>,
) -> Result<Json<Person>, Refusal> {
    state.server()?;
    let viewer = me.map_or_else(String::new, |m| m.account);
    let found = accounts::find_person(&state.db, &name, &viewer).await?;
    found.map(Json).ok_or_else(|| Refusal::not_found("person"))
}

async fn set_follow(state: &AppState, me: &Me, id: &str, wanted: bool) -> Result<(), Refusal> {
    state.server()?;
    me.may("social:write")?;
    if id == me.account {
        return Err(Refusal::validation("Nobody follows themselves."));
    }
    let sql = "SELECT 1 AS yes FROM account WHERE id = $1 AND state NOT IN ('suspended', 'gone')";
    if wanted && one(&state.db, sql, vec![id.into()]).await?.is_none() {
        return Err(Refusal::not_found("person"));
    }
    if accounts::follow(&state.db, &me.account, id, wanted).await? && wanted {
        let notice = Notice {
            account: id,
            kind: "follow",
            by: Some(&me.account),
            work: None,
            text: "follows you",
            reference: Some(format!("follow:{}:{id}", me.account)),
        };
        notices::tell(&state.db, &notice).await?;
    }
    Ok(())
}

/// Follows somebody. Repeatable.
#[utoipa::path(put, path = "/people/{id}/follow", tag = "people", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn follow(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<StatusCode, Refusal> {
    set_follow(&state, &me, &id, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Follows somebody no longer. Repeatable.
#[utoipa::path(delete, path = "/people/{id}/follow", tag = "people", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn unfollow(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<StatusCode, Refusal> {
    set_follow(&state, &me, &id, false).await?;
    Ok(StatusCode::NO_CONTENT)
}
