//! Pages for people with a browser: made here, readable without scripts, quick, and found by search
//! engines where their authors want it.

mod appeal;
mod front;
mod keys;
mod public;
pub(crate) mod session;
mod sign_in;
mod statics;
mod wallet;

use askama::Template;
use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tower_http::csrf::CsrfLayer;

use crate::error::Refusal;
use crate::state::AppState;
use crate::works::WorkRow;

/// What a page may load: what is of this server, and no script.
pub(crate) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// All pages but the operator's.
pub(crate) fn router() -> Router<AppState> {
    Router::new()
        .route("/", get(front::english))
        .route("/fr", get(front::french))
        .route("/s/{slug}", get(public::work))
        .route("/s/{slug}/media", get(public::media))
        .route("/s/{slug}/poster", get(public::poster))
        .route("/u/{handle}", get(public::person))
        .route("/oembed", get(public::oembed))
        .route("/robots.txt", get(public::robots))
        .route("/sitemap.xml", get(public::sitemap))
        .route("/problems/{code}", get(public::problem))
        .route("/register", get(sign_in::register).post(sign_in::registered))
        .route("/login", get(sign_in::login).post(sign_in::logged_in))
        .route("/logout", get(sign_in::logout))
        .route("/device", get(sign_in::device).post(sign_in::decided))
        .route("/forgot", get(sign_in::forgot).post(sign_in::forgotten))
        .route("/reset", get(sign_in::reset).post(sign_in::was_reset))
        .route("/verify", get(sign_in::verify).post(sign_in::verified))
        .route("/appeal", get(appeal::form).post(appeal::sent))
        .route("/keys", get(keys::show).post(keys::change))
        .route("/paid", get(wallet::paid))
        .route("/wallet", get(wallet::show).post(wallet::order))
        .route("/static/{name}", get(statics::file))
        .layer(CsrfLayer::new())
}

pub(crate) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// What is refused is said on a page to whoever has a browser.
pub(crate) fn as_page(answer: &Response) -> Option<Response> {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let is_page = kind.is_some_and(|kind| kind.starts_with("text/html"));
    if is_page || answer.status().as_u16() < 400 {
        return None;
    }
    let refusal = answer.extensions().get::<Refusal>();
    if answer.status() == StatusCode::NOT_FOUND && refusal.is_none_or(|r| r.code() == "not_found") {
        return Some(not_there());
    }
    // Some forms are refused before anybody reads them.
    let unread = match answer.status().as_u16() {
        403 => "This came from the page of another site. Open the page here, and try again.",
        500.. => "The server made a mistake. It was written down; try again later.",
        _ => "What was sent is not complete, or too large.",
    };
    let said = refusal.map_or(unread, Refusal::sentence);
    let words = "Go back in your browser: what you typed is still there.";
    let mut page = sign_in::Form::of_words("This was not done", words, &[]);
    page.said = said.to_owned();
    let mut page = page.shown();
    *page.status_mut() = answer.status();
    Some(page)
}

/// An address that is not there: a page for people, a problem for programs.
pub(crate) async fn missing(headers: HeaderMap) -> Response {
    if wants_page(&headers) { not_there() } else { Refusal::not_found("address").into_response() }
}

/// The page for what is not there, or not for whoever asks.
fn not_there() -> Response {
    let words =
        "There is nothing here, or not for you. A work may have been taken down by its author.";
    let page = sign_in::Form::of_words("Nothing here", words, &[("/", "To the front page")]);
    (StatusCode::NOT_FOUND, page.shown()).into_response()
}

/// A page, with what it may load.
pub(crate) fn shown(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A work as a note on a page.
pub(crate) struct NoteView {
    pub(crate) href: String,
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) kind: String,
    pub(crate) poster: Option<String>,
    pub(crate) likes: i64,
}

impl NoteView {
    pub(crate) fn of(row: &WorkRow) -> Option<Self> {
        let slug = row.slug.as_ref()?;
        Some(Self {
            href: format!("/s/{slug}"),
            title: row.title.clone(),
            author: row.author.name.clone(),
            kind: row.kind.clone(),
            poster: row.poster.as_ref().map(|_| format!("/s/{slug}/poster")),
            likes: row.likes,
        })
    }
}

/// A day, as it is read everywhere.
pub(crate) fn day(ms: i64) -> String {
    let date = time::OffsetDateTime::from_unix_timestamp(ms / 1000).map(time::OffsetDateTime::date);
    date.map_or_else(|_| String::new(), |d| d.to_string())
}
