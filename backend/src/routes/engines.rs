//! What can make something here; engines added by address; servers found on this machine.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use oto_api_types as api;
use oto_engines::{Added, Context};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::convert::{check_of, engine_of};
use crate::db;
use crate::error::Refusal;
use crate::state::AppState;

/// What can make something here.
#[utoipa::path(get, path = "/engines", tag = "engines",
    responses((status = 200, body = Vec<api::Engine>), (status = "5XX", body = api::Problem)))]
pub(crate) async fn list(State(state): State<AppState>) -> Json<Vec<api::Engine>> {
    let registry = state.registry();
    let shown = registry.all().map(|(engine, added)| {
        let mut engine = engine_of(engine.as_ref(), added);
        if state.server.is_some() {
            // Where the operator's engines are is nobody's business, and the key is the operator's.
            engine.base_url = None;
            engine.needs_key = false;
        }
        engine
    });
    Json(shown.collect())
}

/// `GET /engines/adapters`: the kinds of engines that can be added.
pub(crate) async fn adapters() -> Json<Vec<api::Adapter>> {
    let all = oto_engines::remote::ADAPTERS.iter();
    Json(
        all.map(|a| api::Adapter {
            id: a.id.to_owned(),
            label: a.label.to_owned(),
            base_url: a.base_url.to_owned(),
        })
        .collect(),
    )
}

/// `PUT /engines/{id}`: adds or replaces one.
pub(crate) async fn add(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Json(config): Json<api::EngineConfig>,
) -> Result<StatusCode, Refusal> {
    let added =
        Added { name: id, adapter: config.adapter, base_url: config.base_url, model: config.model };
    let mut registry = state.registry();
    let added = registry.add(added).map_err(Refusal::validation)?;
    db::execute(
        &state.db,
        "INSERT INTO engine (name, adapter, base_url, model) VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET adapter = $2, base_url = $3, model = $4",
        vec![added.name.into(), added.adapter.into(), added.base_url.into(), added.model.into()],
    )
    .await?;
    *state.registry.write().unwrap_or_else(std::sync::PoisonError::into_inner) = registry;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /engines/{id}`.
pub(crate) async fn remove(
    State(state): State<AppState>,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let mut registry = state.registry();
    if !registry.remove(&id) {
        return Err(Refusal::not_found("engine that was added"));
    }
    db::execute(&state.db, "DELETE FROM engine WHERE name = $1", vec![id.into()]).await?;
    *state.registry.write().unwrap_or_else(std::sync::PoisonError::into_inner) = registry;
    Ok(StatusCode::NO_CONTENT)
}

/// How an engine is checked.
#[derive(Debug, Deserialize)]
pub(crate) struct With {
    /// With the key that is to be tried, instead of the one that is used.
    #[serde(default)]
    candidate: bool,
}

/// `POST /engines/{id}/check?candidate=true`: whether it can work, without paying for anything.
pub(crate) async fn check(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(with): Query<With>,
) -> Result<Json<api::CheckResult>, Refusal> {
    let engine = state.registry().get(&id).ok_or_else(|| Refusal::not_found("engine"))?;
    let keys = Arc::clone(&state.keys);
    let (name, base_url) = (id.clone(), state.base_url_of(&id));
    let ask = move || {
        if with.candidate { keys.candidate(&name, &base_url) } else { keys.key(&name, &base_url) }
    };
    let key =
        tokio::task::spawn_blocking(ask).await.unwrap_or_else(|_| Err("no answer".to_owned()));
    let key = match key {
        Ok(None) if with.candidate => return Err(Refusal::not_found("key to be tried")),
        Ok(key) => key,
        Err(_) if !engine.describe().needs_key => None,
        Err(error) => {
            return Ok(Json(api::CheckResult {
                state: api::CheckState::NoKey,
                sentence: format!("The key could not be read: {error}."),
                models: Vec::new(),
            }));
        }
    };
    let folder = state.scratch.join(format!("check-{}", uuid::Uuid::now_v7()));
    tokio::fs::create_dir_all(&folder).await.map_err(crate::BackendError::io("making a folder"))?;
    let context = Context {
        key,
        workers: state.workers.clone(),
        folder: folder.clone(),
        progress: Arc::new(|_, _| {}),
        webhook: None,
        meter: oto_engines::Meter::default(),
        draft: oto_engines::Draft::default(),
        cancel: CancellationToken::new(),
        now_ms: Arc::new(db::now_ms),
        probe: Arc::new(state.workers.clone()),
    };
    let told = engine.check(&context).await;
    // Scratch only.
    tokio::fs::remove_dir_all(folder).await.ok();
    Ok(Json(check_of(told)))
}

/// `POST /engines/discover`: servers on this machine, offered and never used unasked.
pub(crate) async fn discover() -> Json<Vec<api::Found>> {
    let found = oto_engines::discover::discover().await;
    Json(
        found
            .into_iter()
            .map(|f| api::Found {
                server: f.server.to_owned(),
                adapter: f.adapter.to_owned(),
                label: f.label.to_owned(),
                base_url: f.base_url,
                models: f.models,
            })
            .collect(),
    )
}
