//! The worker that the route server named: where it may be, the call, and its answer.

use serde_json::{Map, Value, json};

use super::kept_links;
use crate::http::{Auth, Provider, Sends, is_local_name, nonsense, refusal};
use crate::{Context, EngineError, ErrorClass, Kind};

fn refused(sentence: &str) -> EngineError {
    EngineError::new(ErrorClass::BadResponse, "bad_worker", sentence)
}

/// A provider for that address alone. Only https on the internet; a route server on this machine
/// may name a worker on this machine.
pub(super) fn at(route: &Provider, url: &str) -> Result<Provider, EngineError> {
    let worker = Provider::new(url, Auth::Scheme("Bearer")).or(Err(refused(
        "Vast named a worker whose connection is not secret. Set the endpoint up so that its workers answer over https.",
    )))?;
    let secret = worker.base.scheme() == "https" && !is_local_name(&worker.base);
    if secret || (route.is_local() && worker.is_local()) {
        return Ok(worker);
    }
    Err(refused(
        "Vast named a worker at an address that oTo does not open. Check the address of this engine.",
    ))
}

/// What the worker says otherwise than others: its key is the signature, and behind its gateway
/// the work may go on.
fn reading(status: u16, _: &Value) -> Option<(ErrorClass, &'static str)> {
    match status {
        401 | 403 => Some((ErrorClass::Unavailable, "worker_refused")),
        502 | 504 => Some((ErrorClass::UnknownOutcome, "no_answer")),
        _ => None,
    }
}

/// Runs a workflow; the call lasts as long as the work.
pub(super) async fn run(
    worker: &Provider,
    keyless: &Context,
    route: &Value,
    submission_id: &str,
    workflow: Value,
) -> Result<Value, EngineError> {
    let names = ["signature", "cost", "endpoint", "reqnum", "url", "request_idx"];
    let signed: Map<String, Value> = names
        .into_iter()
        .filter(|name| !route[*name].is_null())
        .map(|name| (name.to_owned(), route[name].clone()))
        .collect();
    let input = json!({ "request_id": submission_id, "workflow_json": workflow });
    let body = json!({ "auth_data": signed, "payload": { "input": input } });
    let call = worker.post(keyless, "generate/sync", Sends::Whole)?;
    call.reading(reading).json(&body).value().await
}

/// The link to the result.
pub(super) fn result_of(answer: &Value, kind: Kind) -> Result<String, EngineError> {
    let said = answer["message"].as_str().unwrap_or_default();
    let found = kept_links(&answer["output"]);
    match answer["status"].as_str().unwrap_or_default() {
        "failed" => return Err(refusal(ErrorClass::InvalidRequest, "failed", said)),
        "queued" | "processing" | "generating" => {
            return Err(refusal(ErrorClass::UnknownOutcome, "no_answer", said));
        }
        "completed" if found.is_empty() => {
            return Err(EngineError::new(
                ErrorClass::InvalidRequest,
                "no_bucket",
                "The work is made, but its files lie nowhere oTo can reach. Set the S3 values in the environment variables of your Vast account.",
            ));
        }
        _ => {}
    }
    // A workflow may keep stills beside its film.
    let is_film = |link: &&String| {
        let path = link.split(['?', '#']).next().unwrap_or_default().to_lowercase();
        [".mp4", ".webm", ".mov", ".mkv"].iter().any(|end| path.ends_with(end))
    };
    let fits = found.iter().find(|link| is_film(link) == (kind == Kind::Video));
    fits.or(found.first()).cloned().ok_or_else(nonsense)
}
