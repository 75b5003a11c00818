//! Who is signed in on pages: a cookie that only pages send, kept as a hash on the server's side.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use sea_orm::DbErr;

use crate::BackendError;
use crate::accounts;
use crate::auth::me::Role;
use crate::auth::random;
use crate::db::{execute, now_ms, one};
use crate::error::Refusal;
use crate::state::AppState;

/// How long a sign-in on pages lasts.
const LIFE_MS: i64 = 14 * 86_400_000;
/// How long ago the password may have been asked for actions about money and accounts.
const FRESH_MS: i64 = 15 * 60_000;

/// Whoever is signed in on this page.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) account: String,
    pub(crate) handle: String,
    pub(crate) role: Role,
    /// The password was asked for a short time ago.
    pub(crate) is_fresh: bool,
    /// A second factor was given, too.
    pub(crate) is_strong: bool,
    /// They read and change nothing.
    is_frozen: bool,
}

impl Visitor {
    /// Goes on when this account may change anything.
    pub(crate) fn may_change(&self) -> Result<(), Refusal> {
        if self.is_frozen { Err(Refusal::frozen()) } else { Ok(()) }
    }
}

/// With TLS the name itself forbids other hosts and paths to set it.
fn name(state: &AppState) -> &'static str {
    let is_https = state.server.as_ref().is_some_and(|s| s.config.public_url.starts_with("https:"));
    if is_https { "__Host-oto" } else { "oto" }
}

fn cookie(state: &AppState, value: String) -> Cookie<'static> {
    let name = name(state);
    let mut cookie = Cookie::new(name, value);
    cookie.set_http_only(true);
    cookie.set_path("/");
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(name.starts_with("__Host-"));
    cookie
}

/// Signs in on pages: a new cookie.
pub(crate) async fn begin(state: &AppState, account: &str) -> Result<CookieJar, BackendError> {
    let (secret, now) = (random::secret()?, now_ms());
    let sql = "INSERT INTO web_session (hash, account, created_at_ms, seen_at_ms, proved_at_ms, expires_at_ms) VALUES ($1, $2, $3, $3, $3, $4)";
    let values =
        vec![random::hash(&secret).into(), account.into(), now.into(), (now + LIFE_MS).into()];
    execute(&state.db, sql, values).await?;
    Ok(CookieJar::new().add(cookie(state, secret)))
}

/// A second factor was given.
pub(crate) async fn strengthen(state: &AppState, jar: &CookieJar) -> Result<(), DbErr> {
    if let Some(given) = jar.get(name(state)) {
        let hash = random::hash(given.value());
        let sql = "UPDATE web_session SET strong = 1 WHERE hash = $1";
        execute(&state.db, sql, vec![hash.into()]).await?;
    }
    Ok(())
}

/// Signs out.
pub(crate) async fn end(state: &AppState, jar: CookieJar) -> Result<CookieJar, DbErr> {
    if let Some(given) = jar.get(name(state)) {
        let hash = random::hash(given.value());
        execute(&state.db, "DELETE FROM web_session WHERE hash = $1", vec![hash.into()]).await?;
    }
    Ok(jar.remove(cookie(state, String::new())))
}

/// Whoever a cookie belongs to.
pub(crate) async fn find(state: &AppState, jar: &CookieJar) -> Result<Option<Visitor>, DbErr> {
    let Some(given) = jar.get(name(state)) else { return Ok(None) };
    let now = now_ms();
    let sql = "SELECT account, proved_at_ms, strong FROM web_session WHERE hash = $1 AND expires_at_ms > $2";
    let values = vec![random::hash(given.value()).into(), now.into()];
    let Some(row) = one(&state.db, sql, values).await? else { return Ok(None) };
    let account: String = row.try_get("", "account")?;
    let proved: i64 = row.try_get("", "proved_at_ms")?;
    let Some(brief) = accounts::brief(&state.db, &account).await? else { return Ok(None) };
    if brief.is_shut_out(now) {
        return Ok(None);
    }
    Ok(Some(Visitor {
        account,
        handle: brief.handle,
        role: brief.role,
        is_frozen: brief.state == "frozen",
        is_fresh: proved > now - FRESH_MS,
        is_strong: row.try_get::<i64>("", "strong")? != 0,
    }))
}

/// Whoever visits; nobody is somebody, too.
pub(crate) struct Visit(pub(crate) Option<Visitor>);

impl FromRequestParts<AppState> for Visit {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refusal> {
        let jar = CookieJar::from_headers(&parts.headers);
        Ok(Self(find(state, &jar).await?))
    }
}
