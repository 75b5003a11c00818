//! The operator's pages, made here: people, plans and payments, jobs, storage, moderation, audit,
//! analytics. Behind a list of networks, a role, a second factor, a check of where forms come from, and
//! a fresh password for whatever changes accounts or money.

mod act;
mod second_factor;
mod view;
mod views;

use axum::Router;
use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use tower_http::csrf::CsrfLayer;

use crate::auth::me::Role;
use crate::error::Refusal;
use crate::pages::session::{Visit, Visitor};
use crate::state::AppState;

/// Scripts of this server are allowed here: htmx and the charts.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// All of them, under `/admin`.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(views::overview))
        .route("/people", get(views::people))
        .route("/people/{id}", get(views::person).post(act::person))
        .route("/plans", get(views::plans).post(act::plan))
        .route("/payments", get(views::payments))
        .route("/jobs", get(views::jobs))
        .route("/jobs/{id}", get(views::job))
        .route("/jobs/{id}/stop", post(act::stop_job))
        .route("/storage", get(views::storage))
        .route("/moderation", get(views::moderation).post(act::decide))
        .route("/works/{id}/picture", get(views::picture))
        .route("/appeals", post(act::end_appeal))
        .route("/analytics", get(views::analytics))
        .route("/analytics/{name}", get(views::csv))
        .route("/audit", get(views::audit))
        .route("/health", get(views::health))
        .route("/code", get(second_factor::ask).post(second_factor::given))
        .route("/second-factor", get(second_factor::begin).post(second_factor::set))
        .layer(middleware::from_fn(strict))
        .layer(CsrfLayer::new())
}

async fn strict(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Somebody with the rights of a moderator or an admin.
#[derive(Debug, Clone)]
pub(crate) struct Operator(Visitor);

/// Why somebody is not let in.
pub(crate) enum Outside {
    Login,
    Code,
    Enrol,
    NotThere(Refusal),
}

impl IntoResponse for Outside {
    fn into_response(self) -> Response {
        match self {
            Self::Login => Redirect::to("/login?next=/admin").into_response(),
            Self::Code => Redirect::to("/admin/code").into_response(),
            Self::Enrol => Redirect::to("/admin/second-factor").into_response(),
            Self::NotThere(refusal) => refusal.into_response(),
        }
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = Outside;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Outside> {
        let (visitor, has_second) = by_role(parts, state).await?;
        match (has_second, visitor.is_strong) {
            (true, true) => Ok(Self(visitor)),
            (true, false) => Err(Outside::Code),
            (false, _) => Err(Outside::Enrol),
        }
    }
}

/// Somebody with those rights who sets up a second factor: their first one, or another one after they
/// gave the code of the one they have.
pub(crate) struct Enrolling(Operator);

impl FromRequestParts<AppState> for Enrolling {
    type Rejection = Outside;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Outside> {
        let (visitor, has_second) = by_role(parts, state).await?;
        if has_second && !visitor.is_strong {
            return Err(Outside::Code);
        }
        Ok(Self(Operator(visitor)))
    }
}

/// Whoever visits and may look after this server, and whether they have a second factor.
async fn by_role(parts: &mut Parts, state: &AppState) -> Result<(Visitor, bool), Outside> {
    let visit = Visit::from_request_parts(parts, state).await.map_err(Outside::NotThere)?;
    let visitor = visit.0.ok_or(Outside::Login)?;
    if visitor.role < Role::Moderator {
        return Err(Outside::NotThere(Refusal::not_found("address")));
    }
    let has_second =
        second_factor::is_set(state, &visitor.account).await.map_err(Outside::NotThere)?;
    Ok((visitor, has_second))
}

impl Operator {
    fn is_admin(&self) -> bool {
        self.0.role == Role::Admin
    }

    /// Goes on for admins only.
    fn admin(&self) -> Result<(), Refusal> {
        if self.is_admin() {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "Only an admin does this: moderators decide about works and comments.",
        ))
    }

    /// Goes on when the password was asked for a short time ago.
    fn fresh(&self) -> Result<(), Refusal> {
        if self.0.is_fresh {
            return Ok(());
        }
        Err(Refusal::forbidden(
            "For this, sign in again: it is more than fifteen minutes since your password was asked for.",
        ))
    }
}
