//! Plans that are paid by the month: begun at the payment service, granted when a month's invoice was
//! paid, ended when it says so. What was sold stands in the subscription itself, so that a plan that
//! changes keeps its word to those who have it.

use oto_api_types::CheckoutPage;
use reqwest::Method;
use sea_orm::TransactionTrait;
use serde_json::Value;

use super::service::{self, away, call, is_name, read};
use super::{booked, place_order};
use crate::config::Stripe;
use crate::db::{execute, immediate, now_ms, one, value};
use crate::error::Refusal;
use crate::ledger::{MICRO, lots};
use crate::notices::{self, Notice};
use crate::state::AppState;
use crate::webhooks;

/// What everybody has who pays nothing.
const FREE: &str = "free";
/// A month's tokens stay so much longer than the month: the next payment may take a while.
const GRACE_MS: i64 = 3 * 86_400_000;

/// Begins an order of a plan. The same order again gives the same page.
pub(crate) async fn begin(
    state: &AppState,
    account: &str,
    order: &str,
    plan: &str,
) -> Result<CheckoutPage, Refusal> {
    let stripe = service::of(state)?;
    let sql = "SELECT subscription FROM account WHERE id = $1 AND subscription IS NOT NULL";
    if one(&state.db, sql, vec![account.into()]).await?.is_some() {
        return Err(Refusal::validation(
            "You have a plan already; end it first, on the page of the payment service.",
        ));
    }
    let sql = "SELECT name, price_cents, monthly_micro FROM plan WHERE id = $1 AND price_cents > 0";
    let row = one(&state.db, sql, vec![plan.into()]).await?;
    let row = row.ok_or_else(|| Refusal::validation("There is no plan of this name for sale."))?;
    let (name, cents): (String, i64) = (row.try_get("", "name")?, row.try_get("", "price_cents")?);
    let tokens = row.try_get::<i64>("", "monthly_micro")? / MICRO;
    let email = place_order(state, account, order, tokens, cents, Some(plan)).await?;
    let server = state.server()?;
    let mut form = vec![
        ("mode", "subscription".to_owned()),
        ("client_reference_id", account.to_owned()),
        // Whoever paid before is the same customer, so that one page shows all they pay.
        match customer(state, account).await? {
            Some(customer) => ("customer", customer),
            None => ("customer_email", email),
        },
        ("metadata[order_id]", order.to_owned()),
        ("success_url", server.url("/paid")),
        ("cancel_url", server.url("/wallet")),
        ("line_items[0][quantity]", "1".to_owned()),
        ("line_items[0][price_data][currency]", "usd".to_owned()),
        ("line_items[0][price_data][unit_amount]", cents.to_string()),
        ("line_items[0][price_data][recurring][interval]", "month".to_owned()),
        ("line_items[0][price_data][product_data][name]", format!("oTo {name}")),
    ];
    // Read again with every invoice: nobody but this server writes it.
    let sold = [
        ("order_id", order.to_owned()),
        ("account", account.to_owned()),
        ("plan", plan.to_owned()),
        ("tokens", tokens.to_string()),
    ];
    let names = sold.iter().map(|(name, _)| format!("subscription_data[metadata][{name}]"));
    let mut pairs: Vec<(String, String)> = names.zip(sold.iter().map(|s| s.1.clone())).collect();
    pairs.extend(form.drain(..).map(|(k, v)| (k.to_owned(), v)));
    let made = call(stripe, Method::POST, "/v1/checkout/sessions", &pairs, Some(order)).await?;
    super::page_of(state, order, &made).await
}

/// Who somebody is at the payment service, once they paid for a plan.
async fn customer(state: &AppState, account: &str) -> Result<Option<String>, Refusal> {
    let sql = "SELECT stripe_customer FROM account WHERE id = $1";
    let found: Option<Option<String>> = value(&state.db, sql, vec![account.into()]).await?;
    Ok(found.flatten())
}

/// The page on which somebody changes or ends what they pay.
pub(crate) async fn portal(state: &AppState, account: &str) -> Result<String, Refusal> {
    let stripe = service::of(state)?;
    let customer = customer(state, account).await?.ok_or_else(|| {
        Refusal::validation("You pay for no plan, so there is nothing to change.")
    })?;
    let form = [("customer", customer), ("return_url", state.server()?.url("/wallet"))];
    let form = form.map(|(k, v)| (k.to_owned(), v));
    let made = call(stripe, Method::POST, "/v1/billing_portal/sessions", &form, None).await?;
    made["url"].as_str().map(str::to_owned).ok_or_else(|| away("gave no page"))
}

/// Grants the month of an invoice that was paid, once.
pub(super) async fn paid(
    state: &AppState,
    stripe: &Stripe,
    invoice: &str,
) -> Result<String, Refusal> {
    let invoice = read(stripe, &format!("/v1/invoices/{invoice}")).await?;
    let is_month = matches!(
        invoice["billing_reason"].as_str(),
        Some("subscription_create" | "subscription_cycle")
    );
    let (Some(id), Some(subscription)) =
        (invoice["id"].as_str(), invoice["subscription"].as_str().filter(|s| is_name(s)))
    else {
        return Ok("no month of a plan".to_owned());
    };
    if invoice["status"] != "paid" || !is_month {
        return Ok("no month of a plan".to_owned());
    }
    let subscription = read(stripe, &format!("/v1/subscriptions/{subscription}")).await?;
    let sold = &subscription["metadata"];
    let tokens = sold["tokens"].as_str().and_then(|n| n.parse::<i64>().ok());
    let (Some(account), Some(plan), Some(tokens), Some(name)) =
        (sold["account"].as_str(), sold["plan"].as_str(), tokens, subscription["id"].as_str())
    else {
        return Ok("no plan of ours".to_owned());
    };
    let lines = invoice["lines"]["data"].as_array().into_iter().flatten();
    let end_s = lines.filter_map(|l| l["period"]["end"].as_i64()).max();
    let end_ms = end_s.or(subscription["current_period_end"].as_i64()).unwrap_or(0) * 1000;
    let cents = invoice["amount_paid"].as_i64().unwrap_or(0);
    let txn = state.db.begin_with_options(immediate()).await?;
    let reference = format!("invoice:{id}");
    let memo = format!("{tokens} tokens of a month");
    let expires = end_ms.max(now_ms()) + GRACE_MS;
    let micro = tokens.saturating_mul(MICRO);
    let is_new = lots::grant_until(&txn, account, micro, &reference, &memo, expires)
        .await
        .map_err(booked)?;
    if !is_new {
        txn.rollback().await?;
        // A process may have ended right after it granted.
        attach(state, stripe, account, plan, name, &subscription).await?;
        return Ok("granted before".to_owned());
    }
    // A refund or a dispute finds what was paid by its payment.
    let sql = "INSERT INTO payment_order (id, account, tokens, cents, state, intent, plan, created_at_ms) VALUES ($1, $2, $3, $4, 'paid', $5, $6, $7) ON CONFLICT DO NOTHING";
    let values = vec![
        reference.clone().into(),
        account.into(),
        tokens.into(),
        cents.into(),
        invoice["payment_intent"].as_str().map(str::to_owned).into(),
        plan.into(),
        now_ms().into(),
    ];
    execute(&txn, sql, values).await?;
    let order = sold["order_id"].as_str().unwrap_or_default();
    let sql = "UPDATE payment_order SET state = 'begun' WHERE id = $1 AND state = 'open'";
    execute(&txn, sql, vec![order.into()]).await?;
    let text = format!("{tokens} tokens of your plan were added");
    let notice = Notice {
        account,
        kind: "payment",
        by: None,
        work: None,
        text: &text,
        reference: Some(format!("paid:{reference}")),
    };
    notices::tell(&txn, &notice).await?;
    webhooks::tell(&txn, account, "wallet.credited", &reference).await?;
    txn.commit().await?;
    attach(state, stripe, account, plan, name, &subscription).await?;
    Ok("granted".to_owned())
}

/// Gives an account the plan that a subscription pays for, unless another one pays already: then this
/// one, which nobody would find again, is ended, and its month stays granted. Repeatable.
async fn attach(
    state: &AppState,
    stripe: &Stripe,
    account: &str,
    plan: &str,
    name: &str,
    subscription: &Value,
) -> Result<(), Refusal> {
    if !has_ended(subscription) {
        let sql = "UPDATE account SET plan = $2, subscription = $3, stripe_customer = $4 WHERE id = $1 AND (subscription IS NULL OR subscription = $3) AND state <> 'gone' AND EXISTS (SELECT 1 FROM plan WHERE id = $2)";
        let values = vec![
            account.into(),
            plan.into(),
            name.into(),
            subscription["customer"].as_str().map(str::to_owned).into(),
        ];
        if execute(&state.db, sql, values).await? == 0 {
            tracing::warn!(account.id = account, "a second subscription of one account is ended");
            let path = format!("/v1/subscriptions/{name}");
            call(stripe, Method::DELETE, &path, &[], None).await?;
            return Ok(());
        }
    }
    // An end may have been heard of before this.
    settle(state, subscription).await.map(drop)
}

/// Nothing is paid for it any more.
fn has_ended(subscription: &Value) -> bool {
    matches!(subscription["status"].as_str(), Some("canceled" | "unpaid" | "incomplete_expired"))
}

/// A subscription changed or ended.
pub(super) async fn changed(
    state: &AppState,
    stripe: &Stripe,
    subscription: &str,
) -> Result<String, Refusal> {
    let subscription = read(stripe, &format!("/v1/subscriptions/{subscription}")).await?;
    settle(state, &subscription).await
}

/// Gives an account the plan that its subscription pays for.
async fn settle(state: &AppState, subscription: &Value) -> Result<String, Refusal> {
    let id = subscription["id"].as_str().unwrap_or_default();
    let status = subscription["status"].as_str().unwrap_or_default();
    if has_ended(subscription) {
        let sql = "UPDATE account SET plan = $2, subscription = NULL, renews_at_ms = NULL WHERE subscription = $1";
        let ended = execute(&state.db, sql, vec![id.into(), FREE.into()]).await?;
        return Ok(if ended == 1 { "ended" } else { "no plan of ours" }.to_owned());
    }
    let is_last = subscription["cancel_at_period_end"] == true;
    let end_ms = subscription["current_period_end"].as_i64().map(|s| s * 1000);
    let sql = "UPDATE account SET renews_at_ms = $2 WHERE subscription = $1";
    let renews = end_ms.filter(|_| !is_last);
    execute(&state.db, sql, vec![id.into(), renews.into()]).await?;
    Ok(status.chars().take(40).collect())
}

/// Ends what somebody pays who goes. Repeatable.
pub(crate) async fn end(state: &AppState, account: &str) -> Result<(), Refusal> {
    let sql = "SELECT subscription FROM account WHERE id = $1 AND subscription IS NOT NULL";
    let Some(id) = value::<String>(&state.db, sql, vec![account.into()]).await? else {
        return Ok(());
    };
    match service::of(state) {
        Ok(stripe) => end_there(stripe, &id).await?,
        // Nothing is sold here any more, so nobody can be asked. Its name is no secret: an operator ends
        // it by that.
        Err(_) => tracing::error!(
            account.id = account,
            subscription.id = id,
            "a subscription could not be ended: no payment service is set up; end it there"
        ),
    }
    let sql =
        "UPDATE account SET plan = $2, subscription = NULL, renews_at_ms = NULL WHERE id = $1";
    execute(&state.db, sql, vec![account.into(), FREE.into()]).await?;
    Ok(())
}

async fn end_there(stripe: &Stripe, id: &str) -> Result<(), Refusal> {
    let path = format!("/v1/subscriptions/{id}");
    let outcome = match read(stripe, &path).await {
        Ok(now) if now["status"] == "canceled" => return Ok(()),
        Ok(_) => call(stripe, Method::DELETE, &path, &[], None).await.map(drop),
        Err(refusal) => Err(refusal),
    };
    match outcome {
        // What is not known there is not paid.
        Err(refusal) if refusal.code() == "payments_unknown" => Ok(()),
        other => other,
    }
}
