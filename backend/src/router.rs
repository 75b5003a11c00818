//! All routes, of the home on the desk and of a server. Functions, so that they can be tested without
//! a socket. The OpenAPI document is made of the same routes that answer.

use std::net::SocketAddr;
use std::time::Instant;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head, post, put};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::auth;
use crate::error::Refusal;
use crate::limits::{self, ip_of};
use crate::routes::{
    alias, assets, auth as account, engines, events, facade, home, jobs, me, notices, providers,
    safety, shared, uploads, usage, wallet, works,
};
use crate::state::AppState;
use crate::{admin, pages};

/// The home on the desk.
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
        .route("/jobs/{id}/status", get(alias::status))
        .route("/usage", get(usage::show))
        .route("/usage/budget", put(usage::set_budget))
        .route("/assets", post(assets::upload))
        .route("/assets/by-hash/{hash}", head(assets::look))
        .route("/assets/{hash}/content", get(assets::content))
        .merge(aliases());
    Router::new()
        .nest("/api/v1", api)
        .fallback(|| async { Refusal::not_found("address") })
        .layer(middleware::from_fn_with_state(state.clone(), auth::check))
        .with_state(state)
}

/// Thin names, for simple programs.
fn aliases() -> Router<AppState> {
    Router::new()
        .route("/generate_text", post(alias::text))
        .route("/generate_image", post(alias::image))
        .route("/generate_video", post(alias::video))
        .route("/generate_voice", post(alias::voice))
        .route("/get_tokens", get(wallet::tokens))
}

#[derive(OpenApi)]
#[openapi(info(
    title = "oTo",
    description = "Works of oTo: jobs that make them, the wall they hang on, the people who make them."
))]
struct Document;

fn api() -> OpenApiRouter<AppState> {
    let large = DefaultBodyLimit::max(jobs::MAX_JOB);
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(home::show))
        .routes(routes!(engines::list))
        .routes(routes!(events::stream))
        .routes(routes!(jobs::submit, jobs::list).layer(large))
        .routes(routes!(jobs::estimate).layer(large))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::release))
        .routes(routes!(alias::status))
        .routes(routes!(alias::text))
        .routes(routes!(alias::image))
        .routes(routes!(alias::video))
        .routes(routes!(alias::voice))
        .routes(routes!(wallet::tokens))
        .routes(routes!(assets::upload))
        .routes(routes!(assets::look))
        .routes(routes!(assets::content))
        .routes(routes!(uploads::create, uploads::options))
        .routes(routes!(uploads::head, uploads::patch, uploads::terminate))
        .routes(routes!(account::register))
        .routes(routes!(account::login))
        .routes(routes!(account::refresh))
        .routes(routes!(account::logout))
        .routes(routes!(account::device_code))
        .routes(routes!(account::device_token))
        .routes(routes!(account::device_decide))
        .routes(routes!(account::forgot))
        .routes(routes!(account::reset))
        .routes(routes!(account::verify))
        .routes(routes!(account::again))
        .routes(routes!(me::show, me::change, me::leave))
        .routes(routes!(me::stay))
        .routes(routes!(me::export))
        .routes(routes!(me::keys, me::make_key))
        .routes(routes!(me::end_key))
        .routes(routes!(me::find))
        .routes(routes!(me::person))
        .routes(routes!(me::follow, me::unfollow))
        .routes(routes!(works::add, works::find).layer(DefaultBodyLimit::max(works::MAX_WORK)))
        .routes(routes!(works::show, works::edit, works::remove))
        .routes(routes!(works::lineage))
        .routes(routes!(works::like, works::unlike))
        .routes(routes!(works::vote))
        .routes(
            routes!(works::comments, works::comment)
                .layer(DefaultBodyLimit::max(works::MAX_COMMENT)),
        )
        .routes(
            routes!(works::edit_comment, works::delete_comment)
                .layer(DefaultBodyLimit::max(works::MAX_COMMENT)),
        )
        .routes(routes!(shared::tile))
        .routes(routes!(shared::extent))
        .routes(routes!(shared::home))
        .routes(routes!(shared::events))
        .routes(routes!(shared::media))
        .routes(routes!(wallet::show))
        .routes(routes!(wallet::statement))
        .routes(routes!(wallet::plans))
        .routes(routes!(wallet::checkout))
        .routes(routes!(wallet::portal))
        .routes(routes!(wallet::stripe))
        .routes(routes!(providers::hear))
        .routes(routes!(notices::list))
        .routes(routes!(notices::read))
        .routes(routes!(notices::settings, notices::set))
        .routes(routes!(notices::events))
        .routes(routes!(safety::report))
        .routes(routes!(safety::decisions))
        .routes(routes!(safety::appeal))
        .routes(routes!(safety::endpoints, safety::add_endpoint))
        .routes(routes!(safety::remove_endpoint))
        .routes(routes!(safety::rotate))
        .routes(routes!(safety::test))
        .routes(routes!(safety::deliveries))
        .routes(routes!(safety::resend))
}

fn with_security(mut document: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
    document
}

/// What is refused is a problem (RFC 9457); the macros would have it be plain JSON.
fn say_problems(operation: &mut Operation) {
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && (status.starts_with('4') || status.starts_with('5'))
            && let Some(content) = answer.content.shift_remove("application/json")
        {
            answer.content.insert("application/problem+json".to_owned(), content);
        }
    }
}

/// A name that no other operation has, from its method and address.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api/v1/").split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// The OpenAPI document of a server.
pub(crate) fn document() -> utoipa::openapi::OpenApi {
    let whole = OpenApiRouter::with_openapi(Document::openapi()).nest("/api/v1", api());
    let (_, mut document) = whole.split_for_parts();
    for (path, item) in &mut document.paths.paths {
        let all = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("options", &mut item.options),
            ("head", &mut item.head),
            ("patch", &mut item.patch),
        ];
        for (method, operation) in all {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                say_problems(operation);
            }
        }
    }
    with_security(document)
}

/// A server.
pub(crate) fn server_router(state: AppState) -> Router {
    let (api, _) = api().split_for_parts();
    let inner = Router::new()
        .route("/metrics", get(home::metrics))
        .nest("/admin", admin::router())
        .route("/admin/", get(|| async { axum::response::Redirect::permanent("/admin") }))
        .layer(middleware::from_fn_with_state(state.clone(), operators_only));
    let docs = utoipa_swagger_ui::SwaggerUi::new("/docs").url("/openapi.json", document());
    Router::new()
        .nest("/api/v1", api)
        .nest("/v1", facade::router())
        .merge(aliases())
        .merge(inner)
        .merge(pages::router())
        .route("/healthz", get(home::health))
        .route("/readyz", get(home::ready))
        .merge(docs)
        .fallback(pages::missing)
        .method_not_allowed_fallback(|| async { Refusal::wrong_method() })
        .layer(middleware::from_fn_with_state(state.clone(), limits::limit))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            metrics::counter!("panics_total").increment(1);
            Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The server made a mistake. It was written down.",
            )
            .into_response()
        }))
        .layer(middleware::from_fn(in_their_words))
        .layer(middleware::from_fn(observe))
        .with_state(state)
}

/// What is refused, wherever, is said as whoever asks reads it: on a page, in the words of the contract of
/// chat clients, or as a problem.
async fn in_their_words(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_chat = path.starts_with("/v1/");
    let is_page = !path.starts_with("/api/") && pages::wants_page(request.headers());
    let answer = next.run(request).await;
    let said = match (is_chat, is_page) {
        (true, _) => facade::in_its_words(&answer),
        (false, true) => pages::as_page(&answer),
        _ => None,
    };
    let Some(mut said) = said else { return answer };
    for (name, value) in answer.headers() {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            said.headers_mut().insert(name, value.clone());
        }
    }
    said
}

/// Administration is there for the operator's networks only; elsewhere it is not there at all.
async fn operators_only(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let Some(server) = state.server.as_ref() else { return next.run(request).await };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
    let peer = peer.unwrap_or([127, 0, 0, 1].into()).to_canonical();
    let ip = ip_of(peer, request.headers(), &server.config.trusted_proxies);
    // Somebody passes this on who is not known to: whose request it is nobody can say.
    let is_passed_on = request.headers().contains_key("x-forwarded-for")
        && !server.config.trusted_proxies.iter().any(|net| net.contains(&peer));
    if !is_passed_on && server.config.admin_allow.iter().any(|net| net.contains(&ip)) {
        next.run(request).await
    } else {
        Refusal::not_found("address").into_response()
    }
}

/// One line of log and a few figures for each request; no query, no body, no key.
async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or("other", |m| m.as_str()).to_owned();
    let id = uuid::Uuid::now_v7().simple().to_string();
    let span = tracing::info_span!("request", http.method = %method, http.route = %route, request.id = %id);
    let mut answer = tracing::Instrument::instrument(next.run(request), span).await;
    let (status, took) = (answer.status().as_u16(), begun.elapsed());
    let labels =
        [("method", method.to_string()), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("http_requests_total", &labels).increment(1);
    metrics::histogram!("http_request_seconds", "route" => route.clone())
        .record(took.as_secs_f64());
    let took_ms = took.as_secs_f64() * 1000.0;
    if status >= 500 {
        tracing::error!(request.id = %id, http.method = %method, http.route = %route, http.status = status, took_ms, "request failed");
    } else {
        tracing::debug!(request.id = %id, http.method = %method, http.route = %route, http.status = status, took_ms, "request");
    }
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    answer
}
