//! The embedded home answers only to the program that started it: a secret made at each launch,
//! the bound address as `Host`, and no `Origin` at all, so that no web page can reach it.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use rand::TryRng;

use crate::error::Refusal;
use crate::state::AppState;

/// 256 random bits as text. Never shown.
#[derive(Clone)]
pub(crate) struct LaunchSecret(String);

impl std::fmt::Debug for LaunchSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LaunchSecret")
    }
}

impl LaunchSecret {
    pub(crate) fn new() -> Result<Self, std::io::Error> {
        let mut bytes = [0u8; 32];
        rand::rngs::SysRng
            .try_fill_bytes(&mut bytes)
            .map_err(|e| std::io::Error::other(e.to_string()))?;
        Ok(Self(blake3::Hash::from_bytes(bytes).to_hex().to_string()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    fn fits(&self, given: &str) -> bool {
        // blake3::Hash compares in constant time.
        blake3::hash(self.0.as_bytes()) == blake3::hash(given.as_bytes())
    }
}

pub(crate) async fn check(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match refuse(&state, request.headers()) {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

fn refuse(state: &AppState, headers: &HeaderMap) -> Option<Refusal> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    if headers.contains_key(header::ORIGIN) {
        return Some(Refusal::new(
            StatusCode::FORBIDDEN,
            "origin_refused",
            "Web pages may not call this.",
        ));
    }
    if text(header::HOST) != Some(state.host.as_str()) {
        return Some(Refusal::new(StatusCode::FORBIDDEN, "host_refused", "Wrong host."));
    }
    let token = text(header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer "));
    if !token.is_some_and(|t| state.secret.fits(t)) {
        return Some(Refusal::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "The launch secret is missing or wrong.",
        ));
    }
    None
}
