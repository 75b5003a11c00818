//! Calls to the payment service, all with one version of its interface, so that answers have the
//! shape that is read here whatever the account's own version is.

use std::time::Duration;

use axum::http::StatusCode;
use reqwest::{Client, Method};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::config::Stripe;
use crate::error::Refusal;
use crate::state::AppState;

/// Largest answer that is read.
const MOST: usize = 1 << 20;
/// The interface whose shapes are read (docs.stripe.com/upgrades).
const VERSION: &str = "2024-06-20";

/// How payments are set up; a refusal when nothing is sold.
pub(super) fn of(state: &AppState) -> Result<&Stripe, Refusal> {
    state.server()?.config.stripe.as_ref().ok_or_else(|| {
        Refusal::new(StatusCode::NOT_FOUND, "not_sold_here", "This server sells no tokens.")
    })
}

/// The service did something that is nobody's fault here.
pub(super) fn away(what: &str) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "payments_away",
        format!("The payment service {what}; nothing was paid. Try again in a minute."),
    )
    .after(60)
}

/// Whether a name of the service's may go into an address: letters, digits and _ only.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Reads something.
pub(super) async fn read(stripe: &Stripe, path: &str) -> Result<Value, Refusal> {
    call(stripe, Method::GET, path, &[], None).await
}

/// One call.
pub(super) async fn call(
    stripe: &Stripe,
    method: Method,
    path: &str,
    form: &[(String, String)],
    key: Option<&str>,
) -> Result<Value, Refusal> {
    let base = oto_engines::http::check_base_url(&stripe.base_url)
        .ok()
        .ok_or_else(|| away("is set up wrongly"))?;
    let client: Client = oto_engines::http::client_for(&base, Duration::from_secs(20))
        .ok()
        .ok_or_else(|| away("cannot be reached"))?;
    let mut request = client
        .request(method, format!("{}{path}", stripe.base_url.trim_end_matches('/')))
        .header("stripe-version", VERSION)
        .bearer_auth(stripe.secret_key.expose_secret());
    if !form.is_empty() {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        request =
            request.header("content-type", "application/x-www-form-urlencoded").body(body.finish());
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let mut answer = request.send().await.ok().ok_or_else(|| away("does not answer"))?;
    let status = answer.status();
    let mut body = Vec::new();
    while let Some(bytes) = answer.chunk().await.ok().ok_or_else(|| away("broke off"))? {
        body.extend_from_slice(&bytes);
        if body.len() > MOST {
            return Err(away("answers with too much"));
        }
    }
    if status == reqwest::StatusCode::NOT_FOUND {
        let sentence = "The payment service does not know this.";
        return Err(Refusal::new(StatusCode::NOT_FOUND, "payments_unknown", sentence));
    }
    if !status.is_success() {
        // Its words may repeat what was sent; the log gets the status alone.
        tracing::warn!(status = status.as_u16(), "the payment service refused a call");
        return Err(away("refused"));
    }
    serde_json::from_slice(&body).ok().ok_or_else(|| away("cannot be understood"))
}
