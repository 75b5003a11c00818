//! Buying tokens and plans with Stripe: few calls, and events that only wake. What an event is about is read
//! again from Stripe before anything is booked, and everything is booked once for its own name, so
//! that events may come never, often, or in any order.

mod service;
pub(crate) mod subscription;

use axum::http::{HeaderMap, StatusCode};
use oto_api_types::CheckoutPage;
use oto_engines::webhook::{self, Scheme};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use serde_json::Value;

use crate::config::Stripe;
use crate::db::{all, execute, immediate, now_ms, one, value};
use crate::error::Refusal;
use crate::ledger::taken::{self, Sold, Why};
use crate::ledger::{self, LedgerError, MICRO};
use crate::notices::{self, Notice};
use crate::state::AppState;
use crate::webhooks;

use service::{away, call, is_name, read};

/// An event is tried again for so long, after twice the time with each try, at most an hour.
const PATIENCE_MS: i64 = 30 * 86_400_000;
/// Longest time between two tries.
const LONGEST_MS: i64 = 3_600_000;

/// Writes an order down, or finds it; the address of whoever orders. One that is paid, or that was for
/// something else, is refused.
async fn place_order(
    state: &AppState,
    account: &str,
    order: &str,
    tokens: i64,
    cents: i64,
    plan: Option<&str>,
) -> Result<String, Refusal> {
    let sql = "INSERT INTO payment_order (id, account, tokens, cents, state, plan, created_at_ms) VALUES ($1, $2, $3, $4, 'open', $5, $6) ON CONFLICT DO NOTHING";
    let values = vec![
        order.into(),
        account.into(),
        tokens.into(),
        cents.into(),
        plan.map(str::to_owned).into(),
        now_ms().into(),
    ];
    execute(&state.db, sql, values).await?;
    let sql = "SELECT 1 AS yes FROM payment_order WHERE id = $1 AND account = $2 AND tokens = $3 AND COALESCE(plan, '') = $4 AND cents = $5 AND state = 'open'";
    let same = vec![
        order.into(),
        account.into(),
        tokens.into(),
        plan.unwrap_or_default().into(),
        cents.into(),
    ];
    if one(&state.db, sql, same).await?.is_none() {
        return Err(Refusal::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reuse",
            "This order is paid, or another one was begun with this key.",
        ));
    }
    let sql = "SELECT email FROM account WHERE id = $1";
    Ok(value(&state.db, sql, vec![account.into()]).await?.unwrap_or_default())
}

/// The page of an order that the service made.
async fn page_of(state: &AppState, order: &str, made: &Value) -> Result<CheckoutPage, Refusal> {
    let (Some(session), Some(url)) = (made["id"].as_str(), made["url"].as_str()) else {
        return Err(away("gave no page"));
    };
    let sql = "UPDATE payment_order SET session = $2 WHERE id = $1";
    execute(&state.db, sql, vec![order.into(), session.into()]).await?;
    Ok(CheckoutPage { order: order.to_owned(), url: url.to_owned() })
}

/// Begins an order of tokens. The same order again gives the same page.
pub(crate) async fn begin(
    state: &AppState,
    account: &str,
    order: &str,
    tokens: i64,
) -> Result<CheckoutPage, Refusal> {
    let stripe = service::of(state)?;
    let cents = tokens * stripe.cents_per_token;
    let email = place_order(state, account, order, tokens, cents, None).await?;
    let server = state.server()?;
    let form = [
        ("mode", "payment".to_owned()),
        ("client_reference_id", account.to_owned()),
        ("customer_email", email),
        ("metadata[order_id]", order.to_owned()),
        ("payment_intent_data[metadata][order_id]", order.to_owned()),
        ("success_url", server.url("/paid")),
        ("cancel_url", server.url("/wallet")),
        ("line_items[0][quantity]", "1".to_owned()),
        ("line_items[0][price_data][currency]", "usd".to_owned()),
        ("line_items[0][price_data][unit_amount]", cents.to_string()),
        ("line_items[0][price_data][product_data][name]", format!("{tokens} oTo tokens")),
    ]
    .map(|(k, v)| (k.to_owned(), v));
    let made =
        call(stripe, reqwest::Method::POST, "/v1/checkout/sessions", &form, Some(order)).await?;
    page_of(state, order, &made).await
}

/// Takes an event: believed by its signature, written down, handled later.
pub(crate) async fn hear(
    state: &AppState,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Refusal> {
    let stripe = service::of(state)?;
    let keys = [stripe.webhook_secret.clone()];
    let verified = webhook::verify(Scheme::Stripe, headers, body, &keys, now_ms())
        .map_err(|e| Refusal::new(StatusCode::BAD_REQUEST, "signature", e.to_string()))?;
    let event = verified.event;
    let (Some(id), Some(kind)) = (event["id"].as_str(), event["type"].as_str()) else {
        return Err(Refusal::validation("This event has no id or type."));
    };
    let object = event["data"]["object"]["id"].as_str().unwrap_or_default();
    let sql = "INSERT INTO payment_event (id, kind, object, at_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let object: String = object.chars().take(200).collect();
    execute(&state.db, sql, vec![id.into(), kind.into(), object.into(), now_ms().into()]).await?;
    Ok(())
}

/// Handles what was heard. What cannot be read now is tried again.
pub(crate) async fn handle_open(state: &AppState) -> Result<(), DbErr> {
    let Ok(stripe) = service::of(state) else { return Ok(()) };
    let now = now_ms();
    let sql = "SELECT id, kind, object, attempts FROM payment_event WHERE handled = 0 AND due_at_ms <= $1 AND at_ms > $2 ORDER BY at_ms LIMIT 20";
    for row in all(&state.db, sql, vec![now.into(), (now - PATIENCE_MS).into()]).await? {
        let (id, kind, object): (String, String, String) =
            (row.try_get("", "id")?, row.try_get("", "kind")?, row.try_get("", "object")?);
        let attempts: i64 = row.try_get("", "attempts")?;
        let wait = (1_000i64 << attempts.clamp(0, 20)).min(LONGEST_MS);
        // Of several processes the one that moves the time handles it.
        let sql = "UPDATE payment_event SET attempts = attempts + 1, due_at_ms = $2 WHERE id = $1 AND handled = 0 AND attempts = $3";
        let values = vec![id.clone().into(), (now_ms() + wait).into(), attempts.into()];
        if execute(&state.db, sql, values).await? == 0 {
            continue;
        }
        let outcome = handle(state, stripe, &kind, &object).await;
        let (handled, note) = match outcome {
            Ok(note) => (1i64, note),
            Err(refusal) => (0, refusal.sentence().to_owned()),
        };
        let sql = "UPDATE payment_event SET handled = $2, note = $3 WHERE id = $1 AND handled = 0";
        execute(&state.db, sql, vec![id.into(), handled.into(), note.into()]).await?;
    }
    Ok(())
}

async fn handle(
    state: &AppState,
    stripe: &Stripe,
    kind: &str,
    object: &str,
) -> Result<String, Refusal> {
    if !is_name(object) {
        return Ok("names nothing".to_owned());
    }
    match kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let session = read(stripe, &format!("/v1/checkout/sessions/{object}")).await?;
            credit(state, &session).await
        }
        "invoice.paid" => subscription::paid(state, stripe, object).await,
        "customer.subscription.updated" | "customer.subscription.deleted" => {
            subscription::changed(state, stripe, object).await
        }
        "charge.refunded" => {
            let charge = read(stripe, &format!("/v1/charges/{object}")).await?;
            refund(state, &charge).await
        }
        "charge.dispute.created" | "charge.dispute.closed" => {
            let dispute = read(stripe, &format!("/v1/disputes/{object}")).await?;
            contest(state, &dispute).await
        }
        _ => Ok("not needed".to_owned()),
    }
}

fn booked(error: LedgerError) -> Refusal {
    match error {
        LedgerError::Database(error) => error.into(),
        other => DbErr::Custom(format!("{other:?}")).into(),
    }
}

/// Credits an order that is paid, once.
async fn credit(state: &AppState, session: &Value) -> Result<String, Refusal> {
    if session["payment_status"] != "paid" {
        return Ok("not paid yet".to_owned());
    }
    let (Some(order), Some(intent)) =
        (session["metadata"]["order_id"].as_str(), session["payment_intent"].as_str())
    else {
        return Ok("no order of ours".to_owned());
    };
    let sql = "SELECT account, tokens, cents FROM payment_order WHERE id = $1";
    let Some(row) = one(&state.db, sql, vec![order.into()]).await? else {
        return Ok("no order of ours".to_owned());
    };
    let account: String = row.try_get("", "account")?;
    let (tokens, cents): (i64, i64) = (row.try_get("", "tokens")?, row.try_get("", "cents")?);
    if session["amount_total"].as_i64() != Some(cents) {
        tracing::error!(order.id = order, "an order was paid with another amount");
        return Ok("another amount was paid; nothing was credited".to_owned());
    }
    let txn = state.db.begin_with_options(immediate()).await?;
    let reference = format!("purchase:{intent}");
    let memo = format!("{tokens} tokens");
    let is_new = ledger::credit(&txn, &account, tokens * MICRO, "purchase", reference, &memo)
        .await
        .map_err(booked)?;
    if !is_new {
        txn.rollback().await?;
        return Ok("credited before".to_owned());
    }
    let sql = "UPDATE payment_order SET state = 'paid', intent = $2 WHERE id = $1";
    execute(&txn, sql, vec![order.into(), intent.into()]).await?;
    let text = format!("{tokens} tokens were added");
    let notice = Notice {
        account: &account,
        kind: "payment",
        by: None,
        work: None,
        text: &text,
        reference: Some(format!("paid:{intent}")),
    };
    notices::tell(&txn, &notice).await?;
    webhooks::tell(&txn, &account, "wallet.credited", order).await?;
    txn.commit().await?;
    Ok("credited".to_owned())
}

/// The order behind a payment, with what it was for.
async fn order_of(
    state: &AppState,
    intent: &Value,
) -> Result<Option<(String, String, i64, i64)>, Refusal> {
    let Some(intent) = intent.as_str() else { return Ok(None) };
    let sql = "SELECT id, account, tokens, cents FROM payment_order WHERE intent = $1";
    let Some(row) = one(&state.db, sql, vec![intent.into()]).await? else { return Ok(None) };
    Ok(Some((
        row.try_get("", "id")?,
        row.try_get("", "account")?,
        row.try_get("", "tokens")?,
        row.try_get("", "cents")?,
    )))
}

/// Takes tokens back for money that was given back. Refunds may come in parts; how much was refunded
/// in all is what counts.
async fn refund(state: &AppState, charge: &Value) -> Result<String, Refusal> {
    let Some((order, account, tokens, cents)) = order_of(state, &charge["payment_intent"]).await?
    else {
        // The payment itself may not have been heard of yet.
        return Err(away("told of a refund before its payment"));
    };
    let refunded = charge["amount_refunded"].as_i64().unwrap_or(0).clamp(0, cents);
    let txn = state.db.begin_with_options(immediate()).await?;
    let before = refunded_of(&txn, &order).await?;
    if refunded <= before {
        txn.rollback().await?;
        return Ok("taken back before".to_owned());
    }
    let micro = share(refunded - before, tokens, cents);
    let reference = format!("refund:{order}:{refunded}");
    let sold = Sold { order: &order, account: &account, micro: tokens.saturating_mul(MICRO) };
    taken::take(&txn, sold, micro, Why::Refund, reference).await.map_err(booked)?;
    let sql = "UPDATE payment_order SET refunded_cents = $2, state = 'refunded' WHERE id = $1";
    execute(&txn, sql, vec![order.into(), refunded.into()]).await?;
    txn.commit().await?;
    Ok("taken back".to_owned())
}

/// Locks an order, before its owner's purse, and says how much of it was given back.
async fn refunded_of(txn: &impl ConnectionTrait, order: &str) -> Result<i64, DbErr> {
    let sql = "UPDATE payment_order SET state = state WHERE id = $1 RETURNING refunded_cents";
    let row = one(txn, sql, vec![order.into()]).await?;
    row.map_or(Ok(0), |row| row.try_get("", "refunded_cents"))
}

/// The tokens, in millionths, that a part of a price stands for.
fn share(part_cents: i64, tokens: i64, cents: i64) -> i64 {
    let micro = i128::from(part_cents) * i128::from(tokens) * i128::from(MICRO);
    i64::try_from(micro / i128::from(cents.max(1))).unwrap_or(i64::MAX)
}

/// A payment that is contested takes its tokens away until that is over; one that was won gives them
/// back.
async fn contest(state: &AppState, dispute: &Value) -> Result<String, Refusal> {
    let Some((order, account, tokens, cents)) = order_of(state, &dispute["payment_intent"]).await?
    else {
        return Err(away("told of a dispute before its payment"));
    };
    let id = dispute["id"].as_str().unwrap_or_default().to_owned();
    let txn = state.db.begin_with_options(immediate()).await?;
    // What was given back before is not taken again.
    let most = (cents - refunded_of(&txn, &order).await?).max(0);
    let contested = dispute["amount"].as_i64().unwrap_or(cents).clamp(0, most);
    let reference = format!("dispute:{id}");
    let micro = share(contested, tokens, cents);
    // Both ends of a dispute take first: its end may be heard before its beginning.
    let sold = Sold { order: &order, account: &account, micro: tokens.saturating_mul(MICRO) };
    taken::take(&txn, sold, micro, Why::Dispute, reference.clone()).await.map_err(booked)?;
    let won = matches!(dispute["status"].as_str(), Some("won" | "warning_closed"));
    if won {
        // What it took comes back, whatever happened to the order meanwhile.
        let sql = "SELECT e.amount FROM ledger_entry e JOIN ledger_transfer t ON t.id = e.transfer WHERE t.reference = $1 AND e.account = 'clearing'";
        let micro: i64 = value(&txn, sql, vec![reference.into()]).await?.unwrap_or(0);
        let again = format!("restore:{id}");
        taken::give_back(&txn, sold, micro, again).await.map_err(booked)?;
    }
    let sql = "UPDATE payment_order SET state = $2 WHERE id = $1";
    let word = if won { "paid" } else { "disputed" };
    execute(&txn, sql, vec![order.into(), word.into()]).await?;
    txn.commit().await?;
    Ok(word.to_owned())
}
