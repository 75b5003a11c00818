//! Who calls: the desk that embeds this home, a signed-in person, or a program with a key of theirs.
//! What they may do is a set of scopes; what is not theirs does not exist for them.

use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::accounts;
use crate::auth::api_key;
use crate::db::now_ms;
use crate::error::Refusal;
use crate::state::AppState;

/// All scopes, in the order in which they are shown.
pub(crate) const SCOPES: [&str; 10] = [
    "jobs:read",
    "jobs:write",
    "works:read",
    "works:write",
    "assets:read",
    "assets:write",
    "wallet:read",
    "wallet:write",
    "social:write",
    "webhooks:manage",
];

/// What somebody is on this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Member,
    Moderator,
    Admin,
}

impl Role {
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "admin" => Self::Admin,
            "moderator" => Self::Moderator,
            _ => Self::Member,
        }
    }
}

/// By what somebody was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Via {
    /// The program that embeds this home.
    Desk,
    /// A sign-in: the family of its tokens.
    SignIn(String),
    /// A key for programs.
    Key(String),
}

/// Whoever calls.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    /// Empty for the desk.
    pub(crate) account: String,
    pub(crate) handle: String,
    /// "active", "limited" or "frozen".
    pub(crate) state: String,
    pub(crate) plan: String,
    pub(crate) via: Via,
    /// None for all of them.
    pub(crate) scopes: Option<Vec<String>>,
}

impl Me {
    /// The desk, to which everything here belongs.
    fn desk() -> Self {
        Self {
            account: String::new(),
            handle: String::new(),
            state: "active".to_owned(),
            plan: String::new(),
            via: Via::Desk,
            scopes: None,
        }
    }

    /// Whether a scope is among those of this caller.
    pub(crate) fn has(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_none_or(|all| all.iter().any(|s| s == scope))
    }

    /// Goes on only with a scope; a frozen account changes nothing.
    pub(crate) fn may(&self, scope: &str) -> Result<(), Refusal> {
        if !self.has(scope) {
            return Err(Refusal::forbidden(format!("This key may not do that: it lacks {scope}.")));
        }
        if !scope.ends_with(":read") && self.state == "frozen" {
            return Err(Refusal::frozen());
        }
        Ok(())
    }

    /// Goes on only when this caller may be heard by others.
    pub(crate) fn may_speak(&self, scope: &str) -> Result<(), Refusal> {
        self.may(scope)?;
        if self.state == "limited" {
            return Err(Refusal::forbidden(
                "Your account is limited: you can make and keep works, but not publish or comment for now.",
            ));
        }
        Ok(())
    }

    /// Only for a person who signed in, not for a key.
    pub(crate) fn in_person(&self) -> Result<(), Refusal> {
        match self.via {
            Via::Key(_) => {
                Err(Refusal::forbidden("A key cannot do this; sign in with your password."))
            }
            _ => Ok(()),
        }
    }

    /// The key this was asked with.
    pub(crate) fn api_key(&self) -> Option<&str> {
        match &self.via {
            Via::Key(id) => Some(id),
            _ => None,
        }
    }
}

async fn recognise(parts: &Parts, state: &AppState) -> Result<Option<Me>, Refusal> {
    let Some(server) = state.server.as_ref() else { return Ok(Some(Me::desk())) };
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return Ok(None) };
    let token = header
        .to_str()
        .ok()
        .and_then(|v| v.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(Refusal::unauthorized)?;
    let (account, row, via, scopes) = if token.starts_with("oto_") {
        let key = api_key::find(&state.db, token).await?.ok_or_else(Refusal::unauthorized)?;
        let row = accounts::brief(&state.db, &key.account).await?;
        (key.account, row, Via::Key(key.id), Some(key.scopes))
    } else {
        let claims = server.tokens.read(token).ok_or_else(Refusal::unauthorized)?;
        let row = accounts::signed_in(&state.db, &claims.sub, &claims.sid).await?;
        (claims.sub, row, Via::SignIn(claims.sid), None)
    };
    let row = row.ok_or_else(Refusal::unauthorized)?;
    if row.is_shut_out(now_ms()) {
        return Err(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "account_suspended",
            "This account is closed or suspended. The letter that was sent says why.",
        ));
    }
    Ok(Some(Me { account, handle: row.handle, state: row.state, plan: row.plan, via, scopes }))
}

impl<S: Send + Sync> FromRequestParts<S> for Me
where
    AppState: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        recognise(parts, &AppState::from_ref(state)).await?.ok_or_else(Refusal::unauthorized)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Me
where
    AppState: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refusal> {
        recognise(parts, &AppState::from_ref(state)).await
    }
}
