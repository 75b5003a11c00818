//! Which home this is, and whether it is well.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use oto_api_types::HomeInfo;

use crate::db;
use crate::error::Refusal;
use crate::state::AppState;

/// Which home this is.
#[utoipa::path(get, path = "/home", tag = "home", responses((status = 200, body = HomeInfo)))]
pub(crate) async fn show(State(state): State<AppState>) -> Json<HomeInfo> {
    let (kind, features): (_, &[&str]) = match &state.server {
        None => ("embedded", &["jobs", "engines", "discover", "assets", "usage"]),
        Some(_) => ("remote", &["jobs", "engines", "assets", "accounts", "wall", "wallet"]),
    };
    Json(HomeInfo {
        kind: kind.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        features: features.iter().map(|f| (*f).to_owned()).collect(),
    })
}

/// The process is alive.
pub(crate) async fn health() -> &'static str {
    "ok\n"
}

/// It can do its work: database, schema and media store answer.
pub(crate) async fn ready(State(state): State<AppState>) -> Result<&'static str, Refusal> {
    let away = |what: &str| {
        Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "not_ready",
            format!("The {what} does not answer."),
        )
    };
    let pending = db::pending(&state.db).await.ok().ok_or_else(|| away("database"))?;
    if pending > 0 {
        return Err(away("database, in its newest form,"));
    }
    state.blobs.check().await.map_err(|error| {
        tracing::warn!(%error, "media cannot be kept");
        let refusal = Refusal::from(error);
        match refusal.status() {
            StatusCode::INTERNAL_SERVER_ERROR => away("media store"),
            status => Refusal::new(status, "not_ready", format!("Media: {}", refusal.sentence())),
        }
    })?;
    // What is read may come from memory: the database is ready when it writes.
    db::execute(&state.db, "UPDATE counter SET value = value WHERE name = 'plot'", vec![])
        .await
        .ok()
        .ok_or_else(|| away("database, for what is written,"))?;
    Ok("ready\n")
}

/// Figures for Prometheus.
pub(crate) async fn metrics(State(state): State<AppState>) -> Result<impl IntoResponse, Refusal> {
    let server = state.server()?;
    crate::gauges::look(&state).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, server.metrics.render()))
}
