//! Forms for people: coming, signing in, letting a program in, a new password.

use askama::Template;
use axum::extract::{Extension, Form as Posted, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use oto_api_types::{Forgot, Register, Reset, Verify};
use serde::Deserialize;

use super::session::{self, Visit};
use super::shown;
use crate::auth::device;
use crate::error::Refusal;
use crate::limits;
use crate::routes::auth;
use crate::routes::body::{Json, Query};
use crate::state::AppState;

/// One line of a form.
#[derive(Clone)]
pub(super) struct Field<'a> {
    name: &'a str,
    label: &'a str,
    kind: &'a str,
    pub(super) value: String,
    auto: &'a str,
}

pub(super) fn field<'a>(name: &'a str, label: &'a str, kind: &'a str, auto: &'a str) -> Field<'a> {
    Field { name, label, kind, value: String::new(), auto }
}

pub(super) fn hidden<'a>(name: &'a str, value: &str) -> Field<'a> {
    Field { name, label: "", kind: "hidden", value: value.to_owned(), auto: "off" }
}

/// A page with a form, or only with words.
#[derive(Template)]
#[template(path = "form.html")]
pub(super) struct Form<'a> {
    pub(super) lang: &'a str,
    pub(super) heading: &'a str,
    pub(super) said: String,
    pub(super) good: bool,
    pub(super) words: &'a str,
    pub(super) action: &'a str,
    pub(super) fields: Vec<Field<'a>>,
    pub(super) buttons: &'a [(&'a str, &'a str)],
    pub(super) links: &'a [(&'a str, &'a str)],
}

impl<'a> Form<'a> {
    pub(super) fn new(heading: &'a str) -> Self {
        Self {
            lang: "en",
            heading,
            said: String::new(),
            good: false,
            words: "",
            action: "",
            fields: Vec::new(),
            buttons: &[("go", "Go on")],
            links: &[],
        }
    }

    pub(super) fn shown(&self) -> Response {
        let cache = HeaderValue::from_static("no-store");
        ([(header::CACHE_CONTROL, cache)], shown(self)).into_response()
    }

    /// Words and links alone.
    pub(super) fn of_words(
        heading: &'a str,
        words: &'a str,
        links: &'a [(&'a str, &'a str)],
    ) -> Self {
        Self { words, links, ..Self::new(heading) }
    }

    /// The same form with what was typed before; never a password.
    fn with(mut self, typed: &[(&str, &String)]) -> Self {
        for field in &mut self.fields {
            if let Some((_, text)) = typed.iter().find(|(name, _)| *name == field.name) {
                field.value = (*text).clone();
            }
        }
        self
    }

    /// The same page with what went wrong.
    pub(super) fn refused(mut self, refusal: &Refusal) -> Response {
        self.said = refusal.sentence().to_owned();
        (refusal.status(), self.shown()).into_response()
    }
}

pub(super) fn done(heading: &str, said: &str) -> Response {
    let links = &[("/", "To the front page")];
    Form { said: said.to_owned(), good: true, links, ..Form::new(heading) }.shown()
}

/// Where to go on after signing in: a page of this server, never another one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Next {
    #[serde(default)]
    next: String,
}

fn safe_next(next: &str) -> &str {
    // Browsers drop tabs and ends of lines: nothing that could be dropped may stand between slashes.
    let is_odd = |c: char| c == '\\' || c.is_control();
    let is_own = next.starts_with('/') && !next.starts_with("//") && !next.contains(is_odd);
    if is_own { next } else { "/wallet" }
}

fn register_form(next: &str) -> Form<'static> {
    Form {
        action: "/register",
        words: "You get a place on the wall. Your address is not shown to anybody.",
        fields: vec![
            field("name", "Name", "text", "name"),
            field("handle", "Handle (a–z, 0–9, _)", "text", "username"),
            field("email", "E-mail", "email", "email"),
            field("password", "Password (10 characters or more)", "password", "new-password"),
            hidden("next", next),
        ],
        buttons: &[("go", "Take a place")],
        links: &[("/login", "I have one already")],
        ..Form::new("Come to the wall")
    }
}

pub(crate) async fn register(Query(next): Query<Next>) -> Response {
    register_form(&next.next).shown()
}

#[derive(Deserialize)]
pub(crate) struct Registering {
    name: String,
    handle: String,
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn registered(
    State(state): State<AppState>,
    Posted(given): Posted<Registering>,
) -> Result<Response, Refusal> {
    let server = state.server()?;
    let next = given.next.clone();
    if !server.config.open_registration {
        let closed = Refusal::forbidden("This server takes no new people; ask its operator.");
        return Ok(register_form(&next).refused(&closed));
    }
    let new = Register {
        email: given.email,
        password: given.password,
        handle: given.handle,
        name: given.name,
    };
    match auth::come(&state, &new, "member").await {
        Ok(id) => {
            let jar = session::begin(&state, &id).await?;
            Ok((jar, Redirect::to(safe_next(&next))).into_response())
        }
        Err(refusal) => {
            let typed = [("name", &new.name), ("handle", &new.handle), ("email", &new.email)];
            Ok(register_form(&next).with(&typed).refused(&refusal))
        }
    }
}

fn login_form(next: &str) -> Form<'static> {
    Form {
        action: "/login",
        fields: vec![
            field("email", "E-mail", "email", "username"),
            field("password", "Password", "password", "current-password"),
            hidden("next", next),
        ],
        buttons: &[("go", "Sign in")],
        links: &[("/register", "Take a place on the wall"), ("/forgot", "I forgot my password")],
        ..Form::new("Sign in")
    }
}

pub(crate) async fn login(Query(next): Query<Next>) -> Response {
    login_form(&next.next).shown()
}

#[derive(Deserialize)]
pub(crate) struct LoggingIn {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

pub(crate) async fn logged_in(
    State(state): State<AppState>,
    Posted(given): Posted<LoggingIn>,
) -> Result<Response, Refusal> {
    match auth::recognise(&state, &given.email, given.password).await {
        Ok(id) => {
            let jar = session::begin(&state, &id).await?;
            Ok((jar, Redirect::to(safe_next(&given.next))).into_response())
        }
        Err(refusal) => {
            Ok(login_form(&given.next).with(&[("email", &given.email)]).refused(&refusal))
        }
    }
}

pub(crate) async fn logout(
    State(state): State<AppState>,
    jar: CookieJar,
) -> Result<Response, Refusal> {
    let jar = session::end(&state, jar).await?;
    Ok((jar, Redirect::to("/")).into_response())
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Code {
    #[serde(default)]
    code: String,
    #[serde(default, rename = "do")]
    wanted: String,
}

fn device_form(code: &str) -> Form<'static> {
    let mut typed = field("code", "Code", "text", "one-time-code");
    typed.value = code.chars().filter(|c| c.is_ascii_alphabetic() || *c == '-').take(9).collect();
    Form {
        action: "/device",
        words: "Type the code that oTo shows on your desk. Only do so if you began this yourself: whoever shows it gets into your account.",
        fields: vec![typed],
        buttons: &[("allow", "Let it in"), ("deny", "No")],
        ..Form::new("Let a program in")
    }
}

fn to_login(code: &str) -> Response {
    let next = format!("/device?code={}", device::tidy(code));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &next);
    Redirect::to(&format!("/login?{}", query.finish())).into_response()
}

pub(crate) async fn device(
    State(state): State<AppState>,
    Visit(visitor): Visit,
    Extension(limits::From(ip)): Extension<limits::From>,
    Query(code): Query<Code>,
) -> Result<Response, Refusal> {
    let Some(visitor) = visitor else { return Ok(to_login(&code.code)) };
    let mut form = device_form(&code.code);
    if !code.code.is_empty() {
        state.server()?.limits.typed_code(ip)?;
    }
    if let Some(client) = device::client_of(&state.db, &code.code).await? {
        form.said = format!("“{client}” asks to act as @{}.", visitor.handle);
        form.good = true;
    }
    Ok(form.shown())
}

pub(crate) async fn decided(
    State(state): State<AppState>,
    Visit(visitor): Visit,
    Extension(limits::From(ip)): Extension<limits::From>,
    Posted(code): Posted<Code>,
) -> Result<Response, Refusal> {
    let Some(visitor) = visitor else { return Ok(to_login(&code.code)) };
    let allow = code.wanted == "allow";
    match auth::decide(&state, ip, &visitor.account, &code.code, allow).await {
        Ok(()) if allow => {
            Ok(done("It is in", "You can close this page and go back to your desk."))
        }
        Ok(()) => Ok(done("It stays out", "The program was told no.")),
        Err(refusal) => Ok(device_form(&code.code).refused(&refusal)),
    }
}

fn forgot_form() -> Form<'static> {
    Form {
        action: "/forgot",
        words: "A letter will come with a link to choose a new password.",
        fields: vec![field("email", "E-mail", "email", "email")],
        buttons: &[("go", "Send the letter")],
        ..Form::new("A new password")
    }
}

pub(crate) async fn forgot() -> Response {
    forgot_form().shown()
}

pub(crate) async fn forgotten(
    State(state): State<AppState>,
    Posted(given): Posted<Forgot>,
) -> Result<Response, Refusal> {
    match auth::forgot(State(state), Json(given)).await {
        Ok(_) => {
            Ok(done("Look into your letters", "If we know this address, a letter is on its way."))
        }
        Err(refusal) => Ok(forgot_form().refused(&refusal)),
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Token {
    #[serde(default)]
    pub(super) token: String,
}

fn reset_form(token: &str) -> Form<'static> {
    Form {
        action: "/reset",
        fields: vec![
            field("password", "New password (10 characters or more)", "password", "new-password"),
            hidden("token", token),
        ],
        buttons: &[("go", "Take this password")],
        ..Form::new("A new password")
    }
}

pub(crate) async fn reset(Query(token): Query<Token>) -> Response {
    reset_form(&token.token).shown()
}

pub(crate) async fn was_reset(
    State(state): State<AppState>,
    Posted(given): Posted<Reset>,
) -> Result<Response, Refusal> {
    let token = given.token.clone();
    match auth::reset(State(state), Json(given)).await {
        Ok(_) => Ok(done("Done", "Sign in with your new password; every other sign-in has ended.")),
        Err(refusal) => Ok(reset_form(&token).refused(&refusal)),
    }
}

/// A press of a button, since mail programs open links by themselves.
pub(crate) async fn verify(Query(token): Query<Token>) -> Response {
    Form {
        action: "/verify",
        fields: vec![hidden("token", &token.token)],
        buttons: &[("go", "This is my address")],
        ..Form::new("Your address")
    }
    .shown()
}

/// Without a token: another letter, for whoever is signed in.
pub(crate) async fn verified(
    State(state): State<AppState>,
    Visit(visitor): Visit,
    Posted(given): Posted<Verify>,
) -> Result<Response, Refusal> {
    if given.token.is_empty() {
        let Some(visitor) = visitor else { return Ok(Redirect::to("/login").into_response()) };
        return Ok(match auth::prove_again(&state, &visitor.account).await {
            Ok(()) => done("Look into your letters", "A new letter is on its way."),
            Err(refusal) => Form::new("Your address").refused(&refusal),
        });
    }
    match auth::verify(State(state), Json(given)).await {
        Ok(_) => Ok(done("Thank you", "Your address is proved.")),
        Err(refusal) => {
            let again = Form {
                action: "/verify",
                fields: vec![hidden("token", "")],
                buttons: &[("again", "Send a new letter")],
                links: &[("/login", "Sign in first")],
                ..Form::new("Your address")
            };
            Ok(again.refused(&refusal))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn signing_in_leads_to_pages_of_this_server_alone() {
        assert_eq!(super::safe_next("/device?code=X"), "/device?code=X");
        // Browsers drop a tab: this would be another server's page.
        assert_eq!(super::safe_next("/\t/evil.example"), "/wallet");
        for wrong in
            ["", "https://evil.example", "//evil.example", "/\\evil.example", "javascript:1"]
        {
            assert_eq!(super::safe_next(wrong), "/wallet", "{wrong}");
        }
    }
}
