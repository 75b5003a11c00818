//! What providers call when something changed at theirs. A call only makes this server ask them
//! sooner: what became of a job is read from the provider with the operator's key, never from a call.
//! So one that signs nothing does no harm either; whoever signs is believed only with a signature that
//! fits.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use oto_api_types::Problem;
use oto_engines::webhook::{self, Scheme};
use sea_orm::{DbErr, TransactionTrait};
use serde_json::Value;

use crate::config::{Config, EngineConfig};
use crate::db::{all, execute, immediate, now_ms};
use crate::error::Refusal;
use crate::server::Server;
use crate::state::AppState;

/// Most jobs that one call wakes.
const MOST: i64 = 8;

/// Where a provider calls for an engine: nobody else can guess it.
pub(crate) fn address(server: &Server, engine: &str) -> String {
    let token = server.seal.token(&format!("provider:{engine}"));
    server.url(&format!("/api/v1/webhooks/providers/{engine}/{token}"))
}

/// The address that is told to providers with a request; none while nobody outside can reach it.
pub(crate) fn told(server: &Server, engine: &str) -> Option<String> {
    let is_open = server.config.public_url.starts_with("https://");
    let is_set_up = server.config.engines.iter().any(|e| e.name == engine);
    (is_open && is_set_up).then(|| address(server, engine))
}

/// How the provider behind an adapter signs, and the names its calls give to a job.
fn scheme_of(adapter: &str) -> Option<Scheme> {
    match adapter {
        "openai" | "replicate" => Some(Scheme::Standard),
        "openrouter" => Some(Scheme::OpenRouter),
        "elevenlabs" => Some(Scheme::ElevenLabs),
        "fal" => Some(Scheme::Fal),
        "vast" => Some(Scheme::VastAccount),
        _ => None,
    }
}

/// Names by which a provider may mean a job, wherever they stand in its call.
fn names(event: &Value) -> Vec<String> {
    let places = [
        &event["id"],
        &event["request_id"],
        &event["prompt_id"],
        &event["data"]["id"],
        &event["data"]["request_id"],
        &event["response"]["id"],
    ];
    let fits = |text: &&str| {
        (6..=120).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    places.into_iter().filter_map(Value::as_str).filter(fits).map(str::to_owned).collect()
}

fn set_up<'a>(config: &'a Config, name: &str) -> Result<&'a EngineConfig, Refusal> {
    let found = config.engines.iter().find(|e| e.name == name);
    found.ok_or_else(|| Refusal::not_found("address"))
}

/// Takes what a provider says, and asks it about the jobs it means.
#[utoipa::path(post, path = "/webhooks/providers/{engine}/{token}", tag = "webhooks",
    params(("engine" = String, Path), ("token" = String, Path)),
    request_body(content = String, content_type = "application/json"),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn hear(
    State(state): State<AppState>,
    Path((name, token)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let server = state.server()?;
    let engine = set_up(&server.config, &name)?;
    let expected = server.seal.token(&format!("provider:{name}"));
    // Hashes are compared in the same time wherever they differ.
    if blake3::hash(expected.as_bytes()) != blake3::hash(token.as_bytes()) {
        return Err(Refusal::not_found("address"));
    }
    let keys = &engine.webhook_keys;
    let (event, replay_ids) = match scheme_of(&engine.adapter).filter(|_| !keys.is_empty()) {
        Some(scheme) => {
            let believed = webhook::verify(scheme, &headers, &body, keys, now_ms());
            let believed = believed
                .map_err(|e| Refusal::new(StatusCode::BAD_REQUEST, "signature", e.to_string()))?;
            (believed.event, believed.replay_ids)
        }
        None if body.len() <= webhook::MAX_BODY => {
            let event = serde_json::from_slice(&body);
            (event.ok().ok_or_else(|| Refusal::validation("This is no JSON."))?, Vec::new())
        }
        None => return Err(Refusal::validation("This is longer than any call needs to be.")),
    };
    if is_new(&state, &name, &replay_ids).await? {
        for id in names(&event) {
            wake(&state, &name, &id).await?;
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Remembers a call; false when it was heard before, by whichever process.
async fn is_new(state: &AppState, engine: &str, replay_ids: &[String]) -> Result<bool, DbErr> {
    if replay_ids.is_empty() {
        return Ok(true);
    }
    let txn = state.db.begin_with_options(immediate()).await?;
    let mut new = 0;
    for id in replay_ids {
        let name = blake3::hash(id.as_bytes()).to_hex().to_string();
        let sql = "INSERT INTO provider_call (engine, id, at_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        new += execute(&txn, sql, vec![engine.into(), name.into(), now_ms().into()]).await?;
    }
    txn.commit().await?;
    Ok(new == replay_ids.len() as u64)
}

/// Lets the worker of a job ask now, whichever process it is in.
async fn wake(state: &AppState, engine: &str, id: &str) -> Result<(), DbErr> {
    let sql = "SELECT id FROM job WHERE status IN ('running', 'canceling') AND lane = $1 AND handle LIKE '%' || $2 || '%' LIMIT $3";
    // An underscore stands for itself in names; where it is read as any letter, that letter is checked
    // by the provider's own answer.
    for row in all(&state.db, sql, vec![engine.into(), id.into(), MOST.into()]).await? {
        let job: String = row.try_get("", "id")?;
        let sql = "UPDATE job SET poked = poked + 1 WHERE id = $1";
        execute(&state.db, sql, vec![job.clone().into()]).await?;
        if let Some(live) = state.live().get(&job) {
            live.poke.notify_one();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::names;

    #[test]
    fn names_of_jobs_are_found_and_odd_ones_are_not() {
        assert_eq!(names(&json!({"id": "abc-123_x", "status": "COMPLETED"})), ["abc-123_x"]);
        assert_eq!(
            names(&json!({"data": {"id": "evt_12345"}, "request_id": "r-9876"})),
            ["r-9876", "evt_12345"]
        );
        for odd in [json!({"id": "%"}), json!({"id": "a' OR 1=1"}), json!({"id": 7}), json!([])] {
            assert!(names(&odd).is_empty(), "{odd}");
        }
    }
}
