//! A second factor for operators: time-based codes (RFC 6238), as every authenticator makes them.

use askama::Template;
use axum::extract::{Form as Posted, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use totp_rs::{Algorithm, Secret, TOTP};

use super::Operator;
use super::view::{Act, Block, page};
use crate::auth::random;
use crate::db::{execute, now_ms, value};
use crate::error::Refusal;
use crate::pages::session::{self, Visit};
use crate::pages::shown;
use crate::state::AppState;

/// Seals the secret.
const PURPOSE: &str = "totp";

/// Whether somebody has one.
pub(super) async fn is_set(state: &AppState, account: &str) -> Result<bool, Refusal> {
    let sql = "SELECT totp FROM account WHERE id = $1";
    let sealed: Option<Option<String>> = value(&state.db, sql, vec![account.into()]).await?;
    Ok(sealed.flatten().is_some())
}

/// Whether a code is the one of now, or of half a minute before or after.
fn fits(secret: &[u8], code: &str) -> bool {
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let totp = TOTP::new(Algorithm::SHA1, 6, 1, 30, secret.to_vec());
    totp.is_ok_and(|t| t.check(&code, now_ms().unsigned_abs() / 1000))
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
    if secret.is_some_and(|secret| fits(&secret, &code.code)) {
        session::strengthen(&state, &jar).await?;
        return Ok(Redirect::to("/admin").into_response());
    }
    Ok(shown(&Ask { lang: "en", said: "This is not the code of now; wait for the next one." }))
}

/// Shows a new secret, to be typed into an authenticator.
pub(super) async fn begin(who: Operator) -> Result<Response, Refusal> {
    who.fresh()?;
    let secret = blake3::hash(random::secret()?.as_bytes()).as_bytes()[..20].to_vec();
    let text = Secret::Raw(secret).to_encoded().to_string();
    let words = format!("Type this into your authenticator, then the code it shows: {text}");
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
    who: Operator,
    jar: CookieJar,
    Posted(code): Posted<Code>,
) -> Result<Response, Refusal> {
    who.fresh()?;
    let secret = Secret::Encoded(code.secret.clone()).to_bytes().ok();
    let secret = secret.filter(|s| s.len() >= 20 && fits(s, &code.code)).ok_or_else(|| {
        Refusal::validation("This is not the code of now. Go back, and type the next one.")
    })?;
    let sealed = state.server()?.seal.seal(PURPOSE, &secret)?;
    let sql = "UPDATE account SET totp = $2 WHERE id = $1";
    execute(&state.db, sql, vec![who.0.account.clone().into(), sealed.into()]).await?;
    crate::audit::write(&state.db, &who.0.account, "second-factor.set", &who.0.account, "").await?;
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
        let now = totp.generate(now_ms().unsigned_abs() / 1000);
        assert!(fits(&secret, &format!("{} {}", &now[..3], &now[3..])));
        assert!(
            !fits(&secret, "") && !fits(&secret, "000") && !fits(b"other-secret-of-20-by", &now)
        );
    }
}
