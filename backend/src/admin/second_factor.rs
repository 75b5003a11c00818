//! A second factor for operators: time-based codes (RFC 6238), as every authenticator makes them.

use askama::Template;
use axum::extract::{Form as Posted, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use serde::Deserialize;
use totp_rs::{Algorithm, Secret, TOTP};

use super::Enrolling;
use super::view::{Act, Block, page};
use crate::auth::random;
use crate::db::{execute, immediate, now_ms, value};
use crate::error::Refusal;
use crate::pages::session::{self, Visit};
use crate::pages::shown;
use crate::state::AppState;

/// How long a code is that of now, in seconds.
const STEP_S: u64 = 30;
/// Seals the secret.
const PURPOSE: &str = "totp";

/// Whether somebody has one.
pub(super) async fn is_set(state: &AppState, account: &str) -> Result<bool, Refusal> {
    let sql = "SELECT totp FROM account WHERE id = $1";
    let sealed: Option<Option<String>> = value(&state.db, sql, vec![account.into()]).await?;
    Ok(sealed.flatten().is_some())
}

/// The half minute whose code this is: the one of now, the one before or the one after.
fn step_of(secret: &[u8], code: &str) -> Option<i64> {
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let totp = TOTP::new(Algorithm::SHA1, 6, 0, STEP_S, secret.to_vec()).ok()?;
    let now = now_ms().unsigned_abs() / 1000 / STEP_S;
    let fits = |step: &u64| totp.check(&code, step * STEP_S);
    (now.saturating_sub(1)..=now + 1).find(fits).and_then(|step| i64::try_from(step).ok())
}

/// Uses a code up: it is good once, and none that is older is good after it (RFC 6238, 5.2).
async fn use_up(txn: &impl ConnectionTrait, account: &str, step: i64) -> Result<bool, DbErr> {
    let sql = "UPDATE account SET totp_step = $2 WHERE id = $1 AND totp_step < $2";
    Ok(execute(txn, sql, vec![account.into(), step.into()]).await? == 1)
}

#[derive(Template)]
#[template(path = "code.html")]
struct Ask<'a> {
    lang: &'a str,
    said: &'a str,
}

/// Asks for the code.
pub(super) async fn ask() -> Response {
    shown(&Ask { lang: "en", said: "" })
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: String,
    #[serde(default)]
    secret: String,
}

/// The code that was given; guessing is counted like signing in.
pub(super) async fn given(
    State(state): State<AppState>,
    Visit(visitor): Visit,
    jar: CookieJar,
    Posted(code): Posted<Code>,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    let visitor = visitor.ok_or_else(Refusal::unauthorized)?;
    server.limits.sign_in_as(&format!("code:{}", visitor.account))?;
    let sql = "SELECT totp FROM account WHERE id = $1";
    let sealed: Option<Option<String>> =
        value(&state.db, sql, vec![visitor.account.clone().into()]).await?;
    let secret = sealed.flatten().and_then(|s| server.seal.unseal(PURPOSE, &s));
    let step = secret.and_then(|secret| step_of(&secret, &code.code));
    if let Some(step) = step
        && use_up(&state.db, &visitor.account, step).await?
    {
        session::strengthen(&state, &jar).await?;
        return Ok(Redirect::to("/admin").into_response());
    }
    Ok(shown(&Ask { lang: "en", said: "This is not the code of now; wait for the next one." }))
}

/// Shows a new secret, to be typed into an authenticator.
pub(super) async fn begin(Enrolling(who): Enrolling) -> Result<Response, Refusal> {
    who.fresh()?;
    let secret = blake3::hash(random::secret()?.as_bytes()).as_bytes()[..20].to_vec();
    let text = Secret::Raw(secret).to_encoded().to_string();
    let words = format!(
        "Whoever looks after this server proves who they are twice: with their password, and with a code of an authenticator on their phone. Type this into it, then the code it shows: {text}"
    );
    let act = Act {
        title: "A second factor".to_owned(),
        action: "/admin/second-factor".to_owned(),
        hidden: vec![("secret", text)],
        fields: vec![("code", "Code", "text")],
        buttons: vec![("set", "Use it from now on")],
    };
    Ok(page(&who, "Second factor", "", vec![Block::Words(words), Block::Act(act)]))
}

/// Takes the new secret once its code was right.
pub(super) async fn set(
    State(state): State<AppState>,
    Enrolling(who): Enrolling,
    jar: CookieJar,
    Posted(code): Posted<Code>,
) -> Result<Response, Refusal> {
    who.fresh()?;
    let wrong =
        || Refusal::validation("This is not the code of now. Go back, and type the next one.");
    let secret = Secret::Encoded(code.secret.clone()).to_bytes().ok();
    let secret = secret.filter(|s| s.len() >= 20).ok_or_else(wrong)?;
    let step = step_of(&secret, &code.code).ok_or_else(wrong)?;
    let sealed = state.server()?.seal.seal(PURPOSE, &secret)?;
    let me = &who.0.account;
    let txn = state.db.begin_with_options(immediate()).await?;
    let sql = "UPDATE account SET totp = $2, totp_step = $3 WHERE id = $1";
    execute(&txn, sql, vec![me.clone().into(), sealed.into(), step.into()]).await?;
    crate::audit::write(&txn, me, "second-factor.set", me, "").await?;
    txn.commit().await?;
    session::strengthen(&state, &jar).await?;
    Ok(Redirect::to("/admin").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_now_fits_and_others_do_not() {
        let secret = b"12345678901234567890".to_vec();
        let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, secret.clone()).unwrap();
        // RFC 6238, appendix B, the last six digits.
        assert_eq!(totp.generate(1_111_111_109), "081804");
        let at = now_ms().unsigned_abs() / 1000;
        let now = totp.generate(at);
        let step = step_of(&secret, &format!("{} {}", &now[..3], &now[3..])).unwrap();
        assert!((step - at as i64 / 30).abs() <= 1);
        assert!(step_of(&secret, &totp.generate(at - 120)).is_none());
        for wrong in ["", "000"] {
            assert!(step_of(&secret, wrong).is_none());
        }
        assert!(step_of(b"other-secret-of-20-by", &now).is_none());
    }
}
