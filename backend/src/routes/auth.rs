//! Coming, signing in and out, letting a program in.

use axum::extract::{Extension, State};
use axum::http::StatusCode;
use oto_api_types::{
    DeviceCode, DeviceDecision, DeviceStart, DeviceToken, Forgot, Login, Problem, Refresh,
    Register, Reset, Tokens, Verify,
};
use sea_orm::DbErr;

use crate::accounts;
use crate::auth::device::{self, Answer};
use crate::auth::session::{self, Refreshed};
use crate::auth::token::LIFE_S;
use crate::auth::{Me, letter_token, password};
use crate::db::{execute, now_ms, one};
use crate::error::Refusal;
use crate::limits;
use crate::mail;
use crate::routes::body::Json;
use crate::server::Server;
use crate::state::AppState;

/// How long a letter to verify an address can be used.
const VERIFY_MS: i64 = 3 * 86_400_000;
/// How long a letter to reset a password can be used.
const RESET_MS: i64 = 3_600_000;

fn tokens(
    server: &Server,
    account: &str,
    family: &str,
    refresh_token: String,
) -> Result<Json<Tokens>, Refusal> {
    let access_token = server
        .tokens
        .sign(account, family, "", now_ms() / 1000)
        .ok_or_else(|| Refusal::from(DbErr::Custom("no token could be signed".to_owned())))?;
    Ok(Json(Tokens {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in: LIFE_S as u64,
        refresh_token,
    }))
}

/// Comes: makes an account and signs in.
#[utoipa::path(post, path = "/auth/register", tag = "account", request_body = Register,
    responses((status = 201, body = Tokens), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn register(
    State(state): State<AppState>,
    Json(new): Json<Register>,
) -> Result<(StatusCode, Json<Tokens>), Refusal> {
    let server = state.server()?;
    if !server.config.open_registration {
        return Err(Refusal::forbidden("This server takes no new people; ask its operator."));
    }
    let id = come(&state, &new, "member").await?;
    let (family, refresh) = session::begin(&state.db, &id, "register").await?;
    Ok((StatusCode::CREATED, tokens(server, &id, &family, refresh)?))
}

/// Handles by which somebody could pass for the operator.
const RESERVED: [&str; 8] =
    ["admin", "administrator", "moderator", "official", "oto", "staff", "support", "system"];

/// Makes an account, for whoever asks for it; the letter to prove the address is sent.
pub(crate) async fn come(state: &AppState, new: &Register, role: &str) -> Result<String, Refusal> {
    let server = state.server()?;
    if !mail::is_address(new.email.trim()) {
        return Err(Refusal::validation("This is no address for letters."));
    }
    if let Some(sentence) = password::refusal(&new.password, &new.email, &new.handle) {
        return Err(Refusal::validation(sentence));
    }
    // Before the hashing, which is dear.
    let handle = accounts::checked_handle(&new.handle).map_err(Refusal::validation)?;
    if role == "member" && RESERVED.contains(&handle.as_str()) {
        return Err(Refusal::validation("This handle is kept for whoever runs this server."));
    }
    let hash = server.passwords.hash(new.password.clone()).await?;
    // Where letters reach people, the welcome waits for the proof of the address.
    let welcome = if server.mailer.reaches_people() { 0 } else { server.config.welcome_tokens };
    let id = accounts::register(&state.db, new, hash, role, welcome).await?;
    metrics::counter!("accounts_total").increment(1);
    send_proof(state, &id, new.email.trim(), new.name.trim()).await?;
    Ok(id)
}

/// Sends the letter that proves an address.
async fn send_proof(state: &AppState, id: &str, email: &str, name: &str) -> Result<(), Refusal> {
    let server = state.server()?;
    let token = letter_token::make(&state.db, id, "verify", VERIFY_MS).await?;
    let link = server.url(&format!("/verify?token={token}"));
    server.mailer.send(
        email,
        "Welcome to oTo",
        format!("Hello {name},\n\nyour place on the wall is ready. Open this to prove that this address is yours:\n\n{link}\n\nIf you did not come to oTo, throw this letter away.\n"),
    );
    Ok(())
}

/// Sends that letter again, to somebody whose address is not proved yet.
pub(crate) async fn prove_again(state: &AppState, id: &str) -> Result<(), Refusal> {
    let found = accounts::own(&state.db, id).await?.ok_or_else(Refusal::unauthorized)?;
    if found.email_verified {
        return Err(Refusal::validation("Your address is proved already."));
    }
    state.server()?.limits.sign_in_as(&format!("letter:{id}"))?;
    send_proof(state, id, &found.email, &found.name).await
}

/// Sends the letter that proves one's address again.
#[utoipa::path(post, path = "/auth/email/again", tag = "account", security(("bearer" = [])),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn again(State(state): State<AppState>, me: Me) -> Result<StatusCode, Refusal> {
    state.server()?;
    me.in_person()?;
    prove_again(&state, &me.account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever an address and a password belong to. Where there is nobody it takes as long and says the
/// same.
pub(crate) async fn recognise(
    state: &AppState,
    email: &str,
    given: String,
) -> Result<String, Refusal> {
    let server = state.server()?;
    server.limits.sign_in_as(email)?;
    if given.chars().count() > password::MOST {
        return Err(nobody());
    }
    let sql = "SELECT id, password FROM account WHERE email = $1";
    let row = one(&state.db, sql, vec![email.trim().to_lowercase().into()]).await?;
    let (id, kept): (Option<String>, Option<String>) = match row {
        Some(row) => (Some(row.try_get("", "id")?), Some(row.try_get("", "password")?)),
        None => (None, None),
    };
    let fits = server.passwords.fits(given, kept).await?;
    let id = id.filter(|_| fits).ok_or_else(nobody)?;
    let brief = accounts::brief(&state.db, &id).await?.ok_or_else(nobody)?;
    if brief.is_shut_out(now_ms()) {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "account_suspended",
            "This account is closed or suspended. The letter that was sent says why.",
        ));
    }
    Ok(id)
}

fn nobody() -> Refusal {
    Refusal::new(
        StatusCode::UNAUTHORIZED,
        "wrong_credentials",
        "Address and password do not belong together.",
    )
}

/// Signs in.
#[utoipa::path(post, path = "/auth/login", tag = "account", request_body = Login,
    responses((status = 200, body = Tokens), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn login(
    State(state): State<AppState>,
    Json(login): Json<Login>,
) -> Result<Json<Tokens>, Refusal> {
    let server = state.server()?;
    let id = recognise(&state, &login.email, login.password).await?;
    let (family, refresh) = session::begin(&state.db, &id, "password").await?;
    tokens(server, &id, &family, refresh)
}

/// Trades a refresh token for a new pair.
#[utoipa::path(post, path = "/auth/refresh", tag = "account", request_body = Refresh,
    responses((status = 200, body = Tokens), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn refresh(
    State(state): State<AppState>,
    Json(refresh): Json<Refresh>,
) -> Result<Json<Tokens>, Refusal> {
    let server = state.server()?;
    match session::refresh(&state.db, &refresh.refresh_token).await? {
        Refreshed::Next { account, family, token } => tokens(server, &account, &family, token),
        Refreshed::Refused => Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "session_ended",
            "This sign-in has ended; sign in again.",
        )),
    }
}

/// Signs out: every token of this sign-in ends.
#[utoipa::path(post, path = "/auth/logout", tag = "account", request_body = Refresh,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn logout(
    State(state): State<AppState>,
    Json(refresh): Json<Refresh>,
) -> Result<StatusCode, Refusal> {
    session::end_of(&state.db, &refresh.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A program begins to ask for a sign-in (RFC 8628).
#[utoipa::path(post, path = "/auth/device/code", tag = "account", request_body = DeviceStart,
    responses((status = 200, body = DeviceCode), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn device_code(
    State(state): State<AppState>,
    Json(start): Json<DeviceStart>,
) -> Result<Json<DeviceCode>, Refusal> {
    let server = state.server()?;
    let (device_code, user_code) = device::begin(&state.db, &start.client).await?;
    Ok(Json(DeviceCode {
        device_code,
        verification_uri: server.url("/device"),
        verification_uri_complete: server.url(&format!("/device?code={user_code}")),
        user_code,
        expires_in: device::LIFE_S as u64,
        interval: device::INTERVAL_S as u64,
    }))
}

/// A program asks whether it was let in.
#[utoipa::path(post, path = "/auth/device/token", tag = "account", request_body = DeviceToken,
    responses((status = 200, body = Tokens), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn device_token(
    State(state): State<AppState>,
    Json(ask): Json<DeviceToken>,
) -> Result<Json<Tokens>, Refusal> {
    let server = state.server()?;
    let refused = |code, sentence: &str| Err(Refusal::new(StatusCode::BAD_REQUEST, code, sentence));
    match device::ask(&state.db, &ask.device_code).await? {
        Answer::Granted { account, family, token } => tokens(server, &account, &family, token),
        Answer::Pending => refused("authorization_pending", "Nobody has let this program in yet."),
        Answer::SlowDown => {
            refused("slow_down", "That was asked too soon; wait five seconds more.")
        }
        Answer::Denied => refused("access_denied", "The person said no."),
        Answer::Expired => refused("expired_token", "This code has run out; begin again."),
    }
}

/// The signed-in person lets a program in, or not.
#[utoipa::path(post, path = "/auth/device/decide", tag = "account", request_body = DeviceDecision,
    security(("bearer" = [])),
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn device_decide(
    State(state): State<AppState>,
    Extension(limits::From(ip)): Extension<limits::From>,
    me: Me,
    Json(decision): Json<DeviceDecision>,
) -> Result<StatusCode, Refusal> {
    me.in_person()?;
    decide(&state, ip, &me.account, &decision.user_code, decision.allow).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Decides about a code that somebody typed; who guesses is soon asked to wait.
pub(crate) async fn decide(
    state: &AppState,
    ip: std::net::IpAddr,
    account: &str,
    code: &str,
    allow: bool,
) -> Result<(), Refusal> {
    state.server()?.limits.typed_code(ip)?;
    if device::decide(&state.db, account, code, allow).await? {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::NOT_FOUND,
        "unknown_code",
        "This code is not open: check its letters, or begin again on the desk.",
    ))
}

/// Asks for a letter to choose a new password. The answer is the same whoever asks.
#[utoipa::path(post, path = "/auth/password/forgot", tag = "account", request_body = Forgot,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn forgot(
    State(state): State<AppState>,
    Json(forgot): Json<Forgot>,
) -> Result<StatusCode, Refusal> {
    let server = state.server()?;
    server.limits.sign_in_as(&format!("forgot:{}", forgot.email.trim()))?;
    let sql = "SELECT id FROM account WHERE email = $1 AND state <> 'gone'";
    let email = forgot.email.trim().to_lowercase();
    if let Some(row) = one(&state.db, sql, vec![email.clone().into()]).await? {
        let id: String = row.try_get("", "id")?;
        let token = letter_token::make(&state.db, &id, "reset", RESET_MS).await?;
        let link = server.url(&format!("/reset?token={token}"));
        server.mailer.send(
            &email,
            "A new password for oTo",
            format!("Open this within an hour to choose a new password:\n\n{link}\n\nIf you did not ask for it, throw this letter away; nothing changes.\n"),
        );
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Chooses a new password with the token of a letter; every sign-in ends.
#[utoipa::path(post, path = "/auth/password/reset", tag = "account", request_body = Reset,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn reset(
    State(state): State<AppState>,
    Json(reset): Json<Reset>,
) -> Result<StatusCode, Refusal> {
    let server = state.server()?;
    if let Some(sentence) = password::refusal(&reset.password, "", "") {
        return Err(Refusal::validation(sentence));
    }
    let hash = server.passwords.hash(reset.password.clone()).await?;
    let (id, _) = letter_token::take(&state.db, &reset.token, "reset").await?;
    let sql = "UPDATE account SET password = $2, email_verified = 1 WHERE id = $1";
    execute(&state.db, sql, vec![id.clone().into(), hash.into()]).await?;
    session::cut_off(&state.db, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Proves an address with the token of a letter.
#[utoipa::path(post, path = "/auth/email/verify", tag = "account", request_body = Verify,
    responses((status = 204), (status = "4XX", body = Problem), (status = "5XX", body = Problem)))]
pub(crate) async fn verify(
    State(state): State<AppState>,
    Json(verify): Json<Verify>,
) -> Result<StatusCode, Refusal> {
    let (id, _) = letter_token::take(&state.db, &verify.token, "verify").await?;
    let sql = "UPDATE account SET email_verified = 1 WHERE id = $1";
    execute(&state.db, sql, vec![id.clone().into()]).await?;
    accounts::welcome(&state.db, &id, state.server()?.config.welcome_tokens).await?;
    Ok(StatusCode::NO_CONTENT)
}
