//! What an answer means: transport, status and the provider's own words become a class, a code and
//! a sentence.

use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::call::Sends;
use super::wait::{retry_after_ms, should_retry};
use super::{Veil, read_capped};
use crate::{EngineError, ErrorClass};

/// How one provider says things that others say otherwise: status and body to class and code.
pub(crate) type Reading = fn(u16, &Value) -> Option<(ErrorClass, &'static str)>;

pub(crate) fn invalid(message: &str) -> EngineError {
    EngineError::new(ErrorClass::InvalidRequest, "invalid_request", message)
}

/// The answer is not what the provider's contract says.
pub(crate) fn nonsense() -> EngineError {
    EngineError::new(
        ErrorClass::BadResponse,
        "bad_response",
        "The engine’s answer makes no sense to oTo. Check its address and that it offers this kind of work.",
    )
}

/// What a failed call means, also one whose answer was cut off: whatever only reads may be asked
/// again.
pub(crate) fn from_transport(error: &reqwest::Error, sends: Sends) -> EngineError {
    let (class, code, sentence) = if error.is_connect() || error.is_builder() {
        (
            ErrorClass::Network,
            "unreachable",
            "The engine does not answer at its address. Check that it is running and that the network works.",
        )
    } else if sends == Sends::Nothing {
        (ErrorClass::Network, "network", "The connection to the engine was lost. Try again.")
    } else if error.is_decode() || error.is_body() {
        (
            ErrorClass::BadResponse,
            "cut_off",
            "The engine’s answer was cut off. Try again; a paid engine may charge twice.",
        )
    } else {
        (
            ErrorClass::UnknownOutcome,
            "no_answer",
            "The engine took the request and gave no answer. Try again; a paid engine may charge twice.",
        )
    };
    EngineError::new(class, code, sentence)
}

/// Words of the provider that say why, wherever it puts them.
fn said(body: &Value) -> String {
    let detail = &body["detail"];
    let places = [
        &body["error"]["message"],
        &body["error"],
        &detail["message"],
        &detail[0]["msg"],
        detail,
        &body["errors"][0]["message"],
        &body["errors"][0],
        &body["response"]["error"],
        &body["message"],
        &body["title"],
    ];
    let text = places.into_iter().find_map(Value::as_str).map(str::to_owned);
    let text = said_of_a_node(body).or(text).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

/// The first part of a workflow that is refused, and why: more than the words about the whole.
fn said_of_a_node(body: &Value) -> Option<String> {
    let (id, node) = body["node_errors"].as_object()?.iter().next()?;
    let (class, error) = (node["class_type"].as_str().unwrap_or(id), &node["errors"][0]);
    let details = error["details"].as_str().filter(|d| !d.is_empty());
    let message = error["message"].as_str()?;
    Some(details.map_or(format!("{class}: {message}"), |d| format!("{class}: {message} ({d})")))
}

/// The provider's own code words.
fn words(body: &Value) -> Vec<String> {
    let places = [
        &body["error"]["code"],
        &body["error"]["type"],
        &body["error"]["metadata"]["error_type"],
        &body["detail"]["status"],
        &body["detail"]["code"],
        &body["code"],
        &body["name"],
        &body["error"],
    ];
    places.into_iter().filter_map(Value::as_str).map(str::to_lowercase).collect()
}

/// Code words that mean the same at several providers.
fn common(words: &[String]) -> Option<(ErrorClass, &'static str)> {
    let any = |known: &[&str]| words.iter().any(|w| known.contains(&w.as_str()));
    if any(&[
        "content_policy_violation",
        "moderation_blocked",
        "content_filter",
        "content_moderation",
        "content_filtered",
    ]) {
        return Some((ErrorClass::ContentRefused, "content_refused"));
    }
    if any(&[
        "insufficient_quota",
        "billing_hard_limit_reached",
        "insufficient_credits",
        "insufficient_credit",
        "quota_exceeded",
        "payment_required",
    ]) {
        return Some((ErrorClass::NoCredit, "no_credit"));
    }
    None
}

fn by_status(status: StatusCode, sends: Sends) -> (ErrorClass, &'static str) {
    match status.as_u16() {
        402 => (ErrorClass::NoCredit, "no_credit"),
        401 | 403 => (ErrorClass::Auth, "key_refused"),
        429 => (ErrorClass::RateLimited, "rate_limited"),
        503 | 529 => (ErrorClass::Unavailable, "unavailable"),
        // It may have begun the work that it was to name a handle for.
        500..=599 if sends == Sends::Work => (ErrorClass::UnknownOutcome, "no_answer"),
        // A gateway of Cloudflare had passed it on and heard nothing.
        520..=530 if sends == Sends::Whole => (ErrorClass::UnknownOutcome, "no_answer"),
        408 | 500..=599 => (ErrorClass::Unavailable, "unavailable"),
        404 | 410 => (ErrorClass::InvalidRequest, "not_found"),
        409 => (ErrorClass::InvalidRequest, "conflict"),
        413 => (ErrorClass::InvalidRequest, "too_much"),
        300..=399 => (ErrorClass::BadResponse, "redirected"),
        _ => (ErrorClass::InvalidRequest, "invalid_request"),
    }
}

/// What `x-should-retry` says, which beats the status. A "yes" proves nothing about work that may
/// have begun; and work that goes on elsewhere is never given up because a question about it was
/// answered with "no".
fn advised(
    by_status: (ErrorClass, &'static str),
    again: Option<bool>,
    sends: Sends,
) -> (ErrorClass, &'static str) {
    use ErrorClass as E;
    match (again, by_status.0) {
        (Some(true), E::InvalidRequest | E::Auth | E::NoCredit) => (E::Unavailable, "unavailable"),
        (Some(false), E::RateLimited | E::Unavailable) if sends != Sends::Nothing => {
            (E::InvalidRequest, "not_again")
        }
        _ => by_status,
    }
}

fn sentence(class: ErrorClass, code: &str) -> &'static str {
    match (class, code) {
        (ErrorClass::ContentRefused, _) => {
            "The engine does not want to make this. Change the prompt."
        }
        (ErrorClass::NoCredit, _) => {
            "The engine’s account has no credit left. Add some there, or choose another engine."
        }
        (ErrorClass::Auth, _) => "The engine refuses the key. Enter a valid key for it in Keys.",
        (ErrorClass::RateLimited, _) => {
            "The engine has too many requests just now; oTo tries again by itself."
        }
        (ErrorClass::UnknownOutcome, _) => {
            "The engine took the request and gave no answer. Try again; a paid engine may charge twice."
        }
        (ErrorClass::Unavailable, _) => {
            "The engine has a problem of its own just now. Try again later."
        }
        (ErrorClass::BadResponse, "redirected") => {
            "The engine’s address leads somewhere else, and oTo does not follow. Enter the new address."
        }
        (ErrorClass::Expired, _) => "The engine’s result is no longer there. Run it again.",
        (ErrorClass::EngineLostJob, _) => {
            "The engine no longer knows this job; it was restarted or let it go. Run it again."
        }
        (_, "not_found") => "The engine does not offer this kind of work or this model.",
        (_, "not_again") => {
            "The engine has a problem, and says that asking again does not help now. Try again later."
        }
        (_, "too_much") => {
            "This is more than the engine accepts at once. Use less or smaller sources."
        }
        _ => "The engine refuses this request.",
    }
}

/// An error in the provider's words.
pub(crate) fn refusal(class: ErrorClass, code: &'static str, said: &str) -> EngineError {
    let sentence = sentence(class, code);
    let message =
        if said.is_empty() { sentence.to_owned() } else { format!("{sentence} It says: {said}") };
    EngineError::new(class, code, message)
}

/// Turns an error status into what it means.
pub(super) async fn accepted(
    response: Response,
    sends: Sends,
    reading: Option<Reading>,
    now_ms: i64,
    veil: &Veil,
) -> Result<Response, EngineError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let wait = retry_after_ms(response.headers(), now_ms);
    let again = should_retry(response.headers());
    // The provider's own words help, when there are any.
    let body = read_capped(response, 64 << 10, Sends::Nothing).await.unwrap_or_default();
    let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
    // Before anything is cut, which could go through the key.
    veil.value(&mut body);
    let (class, code) = reading
        .and_then(|reading| reading(status.as_u16(), &body))
        .or_else(|| common(&words(&body)))
        .unwrap_or_else(|| advised(by_status(status, sends), again, sends));
    let said = veil.sentence(said(&body));
    Err(EngineError {
        provider_status: Some(status.as_u16()),
        retry_after_ms: wait,
        ..refusal(class, code, &said)
    })
}
