//! All routes of `/api/v1`. A function, so that it can be tested without a socket.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, head, post, put};

use crate::auth;
use crate::error::Refusal;
use crate::routes::{assets, engines, events, home, jobs, usage};
use crate::state::AppState;

/// Largest upload.
const MAX_UPLOAD: usize = 256 << 20;

pub(crate) fn router(state: AppState) -> Router {
    let api = Router::new()
        .route("/home", get(home::show))
        .route("/engines", get(engines::list))
        .route("/engines/adapters", get(engines::adapters))
        .route("/engines/discover", post(engines::discover))
        .route("/engines/{id}", put(engines::add).delete(engines::remove))
        .route("/engines/{id}/check", post(engines::check))
        .route("/events", get(events::stream))
        .route(
            "/jobs",
            post(jobs::submit).get(jobs::list).layer(DefaultBodyLimit::max(jobs::MAX_JOB)),
        )
        .route("/jobs/estimate", post(jobs::estimate).layer(DefaultBodyLimit::max(jobs::MAX_JOB)))
        .route("/jobs/{id}", get(jobs::show))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/jobs/{id}/release", post(jobs::release))
        .route("/usage", get(usage::show))
        .route("/usage/budget", put(usage::set_budget))
        .route("/assets", post(assets::upload).layer(DefaultBodyLimit::max(MAX_UPLOAD)))
        .route("/assets/by-hash/{hash}", head(assets::look))
        .route("/assets/{hash}/content", get(assets::content));
    Router::new()
        .nest("/api/v1", api)
        .fallback(|| async { Refusal::not_found("address") })
        .layer(middleware::from_fn_with_state(state.clone(), auth::check))
        .with_state(state)
}
