//! What somebody has, and buying more, on pages that need no scripts.

use axum::extract::{Form as Posted, State};
use axum::response::{IntoResponse, Redirect, Response};
use oto_api_types::Checkout;
use serde::Deserialize;

use super::day;
use super::session::{Visit, Visitor};
use super::sign_in::{Form, done, field, hidden};
use crate::db::{all, value};
use crate::error::Refusal;
use crate::ledger::{self, MICRO, lots};
use crate::payments::subscription;
use crate::routes::wallet::{month_begun, order_page};
use crate::state::AppState;

pub(super) async fn paid() -> Response {
    done(
        "Thank you",
        "Your tokens are added as soon as the payment service confirms it; oTo tells you.",
    )
}

/// What somebody has, in a sentence.
async fn purse(state: &AppState, visitor: &Visitor) -> Result<String, Refusal> {
    month_begun(state, &visitor.account).await?;
    let [free, held, debt] = ledger::balances(&state.db, &visitor.account).await?;
    let mut said = format!("{} tokens are free to spend", free / MICRO);
    if held > 0 {
        said.push_str(&format!(", {} are kept for jobs under way", held / MICRO));
    }
    if debt < 0 {
        said.push_str(&format!(", {} are owed", -debt / MICRO));
    }
    if let Some((micro, at)) = lots::next(&state.db, &visitor.account).await? {
        let ending = micro.min(free) / MICRO;
        said.push_str(&format!("; {ending} of them end on {}", day(at)));
    }
    said.push('.');
    Ok(said)
}

pub(super) async fn show(
    State(state): State<AppState>,
    Visit(visitor): Visit,
) -> Result<Response, Refusal> {
    let Some(visitor) = visitor else { return Ok(Redirect::to("/login").into_response()) };
    let said = purse(&state, &visitor).await?;
    page(&state, &visitor, &said, None).await
}

async fn page(
    state: &AppState,
    visitor: &Visitor,
    said: &str,
    refused: Option<&Refusal>,
) -> Result<Response, Refusal> {
    let heading = format!("Hello, @{}", visitor.handle);
    let own = format!("/u/{}", visitor.handle);
    let links = [
        (own.as_str(), "My works"),
        ("/keys", "Keys for programs"),
        ("/device", "Let a program in"),
        ("/logout", "Sign out"),
    ];
    let mut buttons = Vec::new();
    let mut fields = Vec::new();
    if state.server()?.config.stripe.is_some() {
        buttons.push(("tokens".to_owned(), "Buy these tokens".to_owned()));
        let sql = "SELECT subscription FROM account WHERE id = $1 AND subscription IS NOT NULL";
        let has: Option<String> =
            value(&state.db, sql, vec![visitor.account.clone().into()]).await?;
        if has.is_some() {
            buttons.push(("portal".to_owned(), "Change or end my plan".to_owned()));
        } else {
            let sql = "SELECT id, name, price_cents, monthly_micro FROM plan WHERE price_cents > 0 ORDER BY price_cents, id LIMIT 6";
            for row in all(&state.db, sql, vec![]).await? {
                let (id, name): (String, String) =
                    (row.try_get("", "id")?, row.try_get("", "name")?);
                let cents: i64 = row.try_get("", "price_cents")?;
                let tokens = row.try_get::<i64>("", "monthly_micro")? / MICRO;
                let price = format!("${}.{:02}", cents / 100, cents % 100);
                buttons.push((
                    format!("plan:{id}"),
                    format!("{name}: {tokens} tokens for {price} a month"),
                ));
            }
        }
        let mut tokens = field("tokens", "Tokens", "number", "off");
        tokens.value = "100".to_owned();
        // The same form sent twice is one order.
        fields = vec![tokens, hidden("order", &uuid::Uuid::now_v7().to_string())];
    }
    let buttons: Vec<(&str, &str)> =
        buttons.iter().map(|(id, words)| (id.as_str(), words.as_str())).collect();
    let form = Form {
        said: said.to_owned(),
        good: true,
        action: "/wallet",
        fields,
        buttons: &buttons,
        links: &links,
        ..Form::new(&heading)
    };
    Ok(match refused {
        Some(refusal) => form.refused(refusal),
        None => form.shown(),
    })
}

#[derive(Deserialize)]
pub(super) struct Order {
    #[serde(rename = "do")]
    what: String,
    #[serde(default)]
    tokens: String,
    #[serde(default)]
    order: String,
}

/// Leads to the page of the payment service, by a link: a page of this server sends forms nowhere else.
pub(super) async fn order(
    State(state): State<AppState>,
    Visit(visitor): Visit,
    Posted(order): Posted<Order>,
) -> Result<Response, Refusal> {
    let Some(visitor) = visitor else { return Ok(Redirect::to("/login").into_response()) };
    match address(&state, &visitor, &order).await {
        Ok(url) => {
            let links = [(url.as_str(), "To the payment service"), ("/wallet", "Not now")];
            let words = "You pay there; this server never sees your card.";
            Ok(Form::of_words("Go on to pay", words, &links).shown())
        }
        Err(refusal) => {
            let said = purse(&state, &visitor).await?;
            page(&state, &visitor, &said, Some(&refusal)).await
        }
    }
}

async fn address(state: &AppState, visitor: &Visitor, order: &Order) -> Result<String, Refusal> {
    // Whoever is frozen still has to be able to end what they pay.
    if order.what == "portal" {
        return subscription::portal(state, &visitor.account).await;
    }
    visitor.may_change()?;
    let id = uuid::Uuid::parse_str(&order.order)
        .ok()
        .ok_or_else(|| Refusal::validation("Open this page again, and order there."))?;
    let plan = order.what.strip_prefix("plan:").map(str::to_owned);
    let tokens = order.tokens.trim().parse().unwrap_or(0);
    Ok(order_page(state, &visitor.account, id, &Checkout { tokens, plan }).await?.url)
}
