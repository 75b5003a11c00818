//! Reports, decisions, appeals, and endpoints for webhooks.

use axum::extract::State;
use axum::http::StatusCode;
use oto_api_types::webhook::{NewWebhook, Webhook, WebhookDelivery};
use oto_api_types::{Appeal, DecisionPage, NewReport, Problem, Report};

use crate::auth::Me;
use crate::db::{all, execute, now_ms, one, value};
use crate::error::Refusal;
use crate::moderation;
use crate::routes::body::{Id, Json};
use crate::state::AppState;
use crate::webhooks::{self, KINDS, PURPOSE};

/// Most endpoints of one person.
const MOST_ENDPOINTS: i64 = 20;

/// Brings something before a moderator. Repeatable.
#[utoipa::path(post, path = "/reports", tag = "safety", security(("bearer" = [])), request_body = NewReport,
    responses((status = 201, body = Report), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn report(
    State(state): State<AppState>,
    me: Me,
    Json(new): Json<NewReport>,
) -> Result<(StatusCode, Json<Report>), Refusal> {
    state.server()?;
    me.may("social:write")?;
    Ok((StatusCode::CREATED, Json(moderation::report(&state.db, &me.account, &new).await?)))
}

/// What was decided about one's own things.
#[utoipa::path(get, path = "/me/decisions", tag = "safety", security(("bearer" = [])),
    responses((status = 200, body = DecisionPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn decisions(
    State(state): State<AppState>,
    me: Me,
) -> Result<Json<DecisionPage>, Refusal> {
    state.server()?;
    Ok(Json(DecisionPage { items: moderation::of(&state.db, &me.account).await? }))
}

/// Appeals against a decision; open to frozen accounts, too.
#[utoipa::path(post, path = "/appeals", tag = "safety", security(("bearer" = [])), request_body = Appeal,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn appeal(
    State(state): State<AppState>,
    me: Me,
    Json(appeal): Json<Appeal>,
) -> Result<StatusCode, Refusal> {
    state.server()?;
    me.in_person()?;
    moderation::appeal(&state.db, &me.account, &appeal.decision, &appeal.text).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One's endpoints.
#[utoipa::path(get, path = "/webhook-endpoints", tag = "webhooks", security(("bearer" = [])),
    responses((status = 200, body = Vec<Webhook>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn endpoints(
    State(state): State<AppState>,
    me: Me,
) -> Result<Json<Vec<Webhook>>, Refusal> {
    state.server()?;
    me.may("webhooks:manage")?;
    let sql = "SELECT id, url, kinds, state, created_at_ms FROM webhook_endpoint WHERE account = $1 ORDER BY created_at_ms, id";
    let mut found = Vec::new();
    for row in all(&state.db, sql, vec![me.account.into()]).await? {
        found.push(Webhook {
            id: row.try_get("", "id")?,
            url: row.try_get("", "url")?,
            kinds: words(&row.try_get::<String>("", "kinds")?),
            state: row.try_get("", "state")?,
            created_at_ms: row.try_get("", "created_at_ms")?,
            secret: None,
        });
    }
    Ok(Json(found))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// Adds an endpoint; its signing secret is told this once.
#[utoipa::path(post, path = "/webhook-endpoints", tag = "webhooks", security(("bearer" = [])), request_body = NewWebhook,
    responses((status = 201, body = Webhook), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn add_endpoint(
    State(state): State<AppState>,
    me: Me,
    Json(new): Json<NewWebhook>,
) -> Result<(StatusCode, Json<Webhook>), Refusal> {
    let server = state.server()?;
    me.may("webhooks:manage")?;
    let url = webhooks::checked_url(&new.url, &server.config).map_err(Refusal::validation)?;
    if new.kinds.is_empty() || new.kinds.iter().any(|k| !KINDS.contains(&k.as_str())) {
        return Err(Refusal::validation(format!("Kinds are some of {}.", KINDS.join(", "))));
    }
    let sql = "SELECT CAST(COUNT(*) AS BIGINT) FROM webhook_endpoint WHERE account = $1";
    let n: i64 = value(&state.db, sql, vec![me.account.clone().into()]).await?.unwrap_or(0);
    if n >= MOST_ENDPOINTS {
        return Err(Refusal::validation("You have 20 endpoints; remove one first."));
    }
    let (id, secret, now) = (uuid::Uuid::now_v7().to_string(), webhooks::new_secret()?, now_ms());
    let sql = "INSERT INTO webhook_endpoint (id, account, url, kinds, secret, created_at_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    let values = vec![
        id.clone().into(),
        me.account.into(),
        url.as_str().into(),
        new.kinds.join(" ").into(),
        server.seal.seal(PURPOSE, secret.as_bytes())?.into(),
        now.into(),
    ];
    execute(&state.db, sql, values).await?;
    let made = Webhook {
        id,
        url: url.into(),
        kinds: new.kinds,
        state: "on".to_owned(),
        created_at_ms: now,
        secret: Some(secret),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

async fn is_own(state: &AppState, me: &Me, id: &str) -> Result<(), Refusal> {
    state.server()?;
    me.may("webhooks:manage")?;
    let sql = "SELECT 1 AS yes FROM webhook_endpoint WHERE id = $1 AND account = $2";
    let found = one(&state.db, sql, vec![id.into(), me.account.clone().into()]).await?;
    found.map(drop).ok_or_else(|| Refusal::not_found("endpoint of yours"))
}

/// Removes an endpoint.
#[utoipa::path(delete, path = "/webhook-endpoints/{id}", tag = "webhooks", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn remove_endpoint(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<StatusCode, Refusal> {
    is_own(&state, &me, &id).await?;
    for sql in [
        "DELETE FROM webhook_delivery WHERE endpoint = $1",
        "DELETE FROM webhook_endpoint WHERE id = $1",
    ] {
        execute(&state.db, sql, vec![id.clone().into()]).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A new secret; the old one signs beside it for a day. It also turns an endpoint on again.
#[utoipa::path(post, path = "/webhook-endpoints/{id}/rotate-secret", tag = "webhooks", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Webhook), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn rotate(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<Json<Webhook>, Refusal> {
    is_own(&state, &me, &id).await?;
    let (secret, now) = (webhooks::new_secret()?, now_ms());
    let sealed = state.server()?.seal.seal(PURPOSE, secret.as_bytes())?;
    let sql = "UPDATE webhook_endpoint SET old_secret = secret, old_until_ms = $3, secret = $2, state = 'on', failing_since_ms = NULL WHERE id = $1 RETURNING url, kinds, created_at_ms";
    let values = vec![id.clone().into(), sealed.into(), (now + webhooks::OVERLAP_MS).into()];
    let row = one(&state.db, sql, values).await?.ok_or_else(|| Refusal::not_found("endpoint"))?;
    Ok(Json(Webhook {
        id,
        url: row.try_get("", "url")?,
        kinds: words(&row.try_get::<String>("", "kinds")?),
        state: "on".to_owned(),
        created_at_ms: row.try_get("", "created_at_ms")?,
        secret: Some(secret),
    }))
}

/// Sends a message to try it out.
#[utoipa::path(post, path = "/webhook-endpoints/{id}/test", tag = "webhooks", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn test(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<StatusCode, Refusal> {
    is_own(&state, &me, &id).await?;
    let body =
        serde_json::json!({"type": "test", "data": {"id": uuid::Uuid::now_v7()}}).to_string();
    webhooks::add(&state.db, &id, "test", body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was sent to an endpoint, newest first.
#[utoipa::path(get, path = "/webhook-endpoints/{id}/deliveries", tag = "webhooks", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = Vec<WebhookDelivery>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn deliveries(
    State(state): State<AppState>,
    me: Me,
    Id(id): Id,
) -> Result<Json<Vec<WebhookDelivery>>, Refusal> {
    is_own(&state, &me, &id).await?;
    let sql = "SELECT id, kind, state, attempt, answer, due_at_ms, created_at_ms FROM webhook_delivery WHERE endpoint = $1 ORDER BY created_at_ms DESC, id DESC LIMIT 100";
    let mut found = Vec::new();
    for row in all(&state.db, sql, vec![id.into()]).await? {
        found.push(WebhookDelivery {
            id: row.try_get("", "id")?,
            kind: row.try_get("", "kind")?,
            state: row.try_get("", "state")?,
            attempts: row.try_get("", "attempt")?,
            answer: row.try_get("", "answer")?,
            due_at_ms: row.try_get("", "due_at_ms")?,
            created_at_ms: row.try_get("", "created_at_ms")?,
        });
    }
    Ok(Json(found))
}

/// Sends once more what was not taken.
#[utoipa::path(post, path = "/webhook-endpoints/{id}/deliveries/{delivery}/resend", tag = "webhooks", security(("bearer" = [])), params(("id" = String, Path), ("delivery" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn resend(
    State(state): State<AppState>,
    me: Me,
    axum::extract::Path((id, delivery)): axum::extract::Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    is_own(&state, &me, &id).await?;
    let sql = "UPDATE webhook_delivery SET state = 'open', due_at_ms = $3, attempt = 0 WHERE id = $1 AND endpoint = $2";
    if execute(&state.db, sql, vec![delivery.into(), id.into(), now_ms().into()]).await? == 0 {
        return Err(Refusal::not_found("delivery"));
    }
    Ok(StatusCode::NO_CONTENT)
}
