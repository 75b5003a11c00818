//! Tokens: what one has, what became of them, buying more.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use oto_api_types::{
    Checkout, CheckoutPage, LedgerLine, LedgerPage, Plan, PortalPage, Problem, TokensLeft, Wallet,
};
use sea_orm::{DbErr, TransactionTrait};

use crate::auth::Me;
use crate::auth::me::Via;
use crate::db::{all, immediate, now_ms, value};
use crate::error::Refusal;
use crate::ledger::{self, LedgerError, MICRO, lots};
use crate::payments::{self, subscription};
use crate::routes::body::{Json, Page, Query};
use crate::state::AppState;
use crate::works::list;

/// What one has.
#[utoipa::path(get, path = "/wallet", tag = "wallet", security(("bearer" = [])),
    responses((status = 200, body = Wallet), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn show(State(state): State<AppState>, me: Me) -> Result<Json<Wallet>, Refusal> {
    let server = state.server()?;
    me.may("wallet:read")?;
    month_begun(&state, &me.account).await?;
    let [available, held, debt] = ledger::balances(&state.db, &me.account).await?;
    let since = now_ms() - 30 * 86_400_000;
    let ending = lots::next(&state.db, &me.account).await?;
    Ok(Json(Wallet {
        available_micro: available,
        held_micro: held,
        debt_micro: -debt,
        spent_30d_micro: ledger::spent_since(&state.db, &me.account, None, since).await?,
        can_buy: server.config.stripe.is_some(),
        plan: me.plan,
        renews_at_ms: renews_at(&state, &me.account).await?,
        ending_micro: ending.map_or(0, |(micro, _)| micro.min(available)),
        ends_at_ms: ending.map(|(_, at)| at),
    }))
}

/// Gives what the month gives, before it is counted.
pub(crate) async fn month_begun(state: &AppState, account: &str) -> Result<(), Refusal> {
    let txn = state.db.begin_with_options(immediate()).await?;
    match lots::monthly(&txn, account).await {
        Ok(()) => Ok(txn.commit().await?),
        Err(LedgerError::Database(error)) => Err(error.into()),
        Err(other) => Err(DbErr::Custom(format!("{other:?}")).into()),
    }
}

/// When what is paid by the month is paid again.
async fn renews_at(state: &AppState, account: &str) -> Result<Option<i64>, Refusal> {
    let sql = "SELECT renews_at_ms FROM account WHERE id = $1";
    let found: Option<Option<i64>> = value(&state.db, sql, vec![account.into()]).await?;
    Ok(found.flatten())
}

/// The statement, newest first.
#[utoipa::path(get, path = "/wallet/ledger", tag = "wallet", security(("bearer" = [])), params(Page),
    responses((status = 200, body = LedgerPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn statement(
    State(state): State<AppState>,
    me: Me,
    Query(page): Query<Page>,
) -> Result<Json<LedgerPage>, Refusal> {
    state.server()?;
    me.may("wallet:read")?;
    let before = page.cursor.as_deref().map(list::place).transpose()?;
    let before = before.map(|(at, id)| (at as i64, id));
    let limit = page.limit();
    let rows = ledger::statement(&state.db, &me.account, before, limit + 1).await?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        items.push(LedgerLine {
            id: row.try_get("", "id")?,
            kind: row.try_get("", "kind")?,
            available_micro: row.try_get("", "available")?,
            held_micro: row.try_get("", "held")?,
            job: row.try_get("", "job")?,
            memo: row.try_get("", "memo")?,
            at_ms: row.try_get("", "at_ms")?,
        });
    }
    let more = items.len() as i64 > limit;
    items.truncate(limit as usize);
    let next_cursor =
        items.last().filter(|_| more).map(|line| list::cursor(line.at_ms as f64, &line.id));
    Ok(Json(LedgerPage { items, next_cursor }))
}

/// How many tokens are left, in one number.
#[utoipa::path(get, path = "/get_tokens", tag = "wallet", security(("bearer" = [])),
    responses((status = 200, body = TokensLeft), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn tokens(
    State(state): State<AppState>,
    me: Me,
) -> Result<Json<TokensLeft>, Refusal> {
    if me.via == Via::Desk {
        return Ok(Json(TokensLeft { unlimited: true, ..TokensLeft::default() }));
    }
    me.may("wallet:read")?;
    month_begun(&state, &me.account).await?;
    let [available, held, _] = ledger::balances(&state.db, &me.account).await?;
    Ok(Json(TokensLeft {
        tokens: available / MICRO,
        micro: available,
        held_micro: held,
        plan: me.plan,
        renews_at: renews_at(&state, &me.account).await?,
        unlimited: false,
    }))
}

/// What plans there are.
#[utoipa::path(get, path = "/plans", tag = "wallet",
    responses((status = 200, body = Vec<Plan>), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn plans(State(state): State<AppState>) -> Result<Json<Vec<Plan>>, Refusal> {
    state.server()?;
    let sql = "SELECT id, name, price_cents, monthly_micro, concurrent_jobs, jobs_per_day, storage_bytes, upload_bytes FROM plan ORDER BY price_cents, id";
    let mut plans = Vec::new();
    for row in all(&state.db, sql, vec![]).await? {
        plans.push(Plan {
            id: row.try_get("", "id")?,
            name: row.try_get("", "name")?,
            price_cents: row.try_get("", "price_cents")?,
            monthly_micro: row.try_get("", "monthly_micro")?,
            concurrent_jobs: row.try_get("", "concurrent_jobs")?,
            jobs_per_day: row.try_get("", "jobs_per_day")?,
            storage_bytes: row.try_get("", "storage_bytes")?,
            upload_bytes: row.try_get("", "upload_bytes")?,
        });
    }
    Ok(Json(plans))
}

/// Begins to buy tokens or a plan: the page of the payment service. The `Idempotency-Key` is the order.
#[utoipa::path(post, path = "/wallet/checkout", tag = "wallet", security(("bearer" = [])), params(("Idempotency-Key" = String, Header)), request_body = Checkout,
    responses((status = 201, body = CheckoutPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn checkout(
    State(state): State<AppState>,
    me: Me,
    headers: HeaderMap,
    Json(checkout): Json<Checkout>,
) -> Result<(StatusCode, Json<CheckoutPage>), Refusal> {
    state.server()?;
    me.in_person()?;
    me.may("wallet:write")?;
    let key = headers.get("idempotency-key").and_then(|v| v.to_str().ok());
    let order = key.and_then(|k| uuid::Uuid::parse_str(k).ok()).ok_or_else(|| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_missing",
            "An order needs an Idempotency-Key header with a UUID.",
        )
    })?;
    let page = order_page(&state, &me.account, order, &checkout).await?;
    Ok((StatusCode::CREATED, Json(page)))
}

/// Begins an order, of tokens or of a plan.
pub(crate) async fn order_page(
    state: &AppState,
    account: &str,
    order: uuid::Uuid,
    checkout: &Checkout,
) -> Result<CheckoutPage, Refusal> {
    match &checkout.plan {
        Some(plan) => subscription::begin(state, account, &order.to_string(), plan).await,
        None if (1..=100_000).contains(&checkout.tokens) => {
            payments::begin(state, account, &order.to_string(), checkout.tokens).await
        }
        None => Err(Refusal::validation("An order is for 1 to 100,000 tokens, or for a plan.")),
    }
}

/// The page of the payment service on which one changes or ends what one pays by the month.
#[utoipa::path(post, path = "/wallet/portal", tag = "wallet", security(("bearer" = [])),
    responses((status = 200, body = PortalPage), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn portal(
    State(state): State<AppState>,
    me: Me,
) -> Result<Json<PortalPage>, Refusal> {
    state.server()?;
    me.in_person()?;
    // Whoever is frozen still has to be able to end what they pay.
    me.may("wallet:read")?;
    Ok(Json(PortalPage { url: subscription::portal(&state, &me.account).await? }))
}

/// What the payment service sends. Believed only with its signature over the raw bytes.
#[utoipa::path(post, path = "/webhooks/stripe", tag = "wallet", request_body(content = String, content_type = "application/json"),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn stripe(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    payments::hear(&state, &headers, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}
