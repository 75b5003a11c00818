//! Passwords: Argon2id, on a few threads of their own, so that a storm of sign-ins slows nothing
//! else. What waits in front of them is bounded; beyond that people are asked to come back.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use axum::http::StatusCode;
use tokio::sync::Semaphore;

use crate::auth::random;
use crate::error::Refusal;

/// Memory in KiB, passes and lanes (OWASP Password Storage Cheat Sheet, Argon2id).
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// Fewest characters.
pub(crate) const LEAST: usize = 10;
/// Most characters.
pub(crate) const MOST: usize = 128;
/// Passwords everybody tries first.
const COMMON: &str = include_str!("common_passwords.txt");

/// Hashes and checks passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    /// Hashed at once.
    working: Arc<Semaphore>,
    /// Working or waiting.
    room: Arc<Semaphore>,
    /// What is checked when there is no such account, so that it takes as long.
    decoy: Arc<str>,
}

fn argon2() -> Result<Argon2<'static>, Refusal> {
    let params = Params::new(COST.0, COST.1, COST.2, None).map_err(|e| broken(&e))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn broken(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "a password could not be hashed");
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "The password could not be checked.",
    )
}

fn hashed(password: &str) -> Result<String, Refusal> {
    let salt = random::secret()?;
    let salt = SaltString::encode_b64(&salt.as_bytes()[..16]).map_err(|e| broken(&e))?;
    let hash = argon2()?.hash_password(password.as_bytes(), &salt).map_err(|e| broken(&e))?;
    Ok(hash.to_string())
}

impl Passwords {
    /// `at_once` threads hash, `waiting` requests may wait for them.
    pub(crate) fn new(at_once: usize, waiting: usize) -> Result<Self, Refusal> {
        Ok(Self {
            working: Arc::new(Semaphore::new(at_once)),
            room: Arc::new(Semaphore::new(at_once + waiting)),
            decoy: hashed("nobody has this password")?.into(),
        })
    }

    async fn off_the_reactor<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let busy = || {
            Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "temporary-reduced-capacity",
                "Many people are signing in; try again in a few seconds.",
            )
            .after(5)
        };
        let _room = self.room.try_acquire().ok().ok_or_else(&busy)?;
        let _turn = self.working.acquire().await.ok().ok_or_else(busy)?;
        tokio::task::spawn_blocking(work).await.map_err(|e| broken(&e))
    }

    /// What is kept of a password.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Refusal> {
        self.off_the_reactor(move || hashed(&password)).await?
    }

    /// Whether a password is the one that was kept. Without an account it takes as long and is false.
    pub(crate) async fn fits(
        &self,
        password: String,
        kept: Option<String>,
    ) -> Result<bool, Refusal> {
        let decoy = Arc::clone(&self.decoy);
        self.off_the_reactor(move || {
            // Whoever has gone has no password any more: nothing fits, in the same time.
            let kept = kept.as_deref().and_then(|k| PasswordHash::new(k).ok());
            let is_known = kept.is_some();
            let parsed = match kept {
                Some(parsed) => parsed,
                None => PasswordHash::new(&decoy).map_err(|e| broken(&e))?,
            };
            let fits = argon2()?.verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(fits && is_known)
        })
        .await?
    }
}

/// The sentence when a password will not do.
pub(crate) fn refusal(password: &str, email: &str, handle: &str) -> Option<&'static str> {
    let length = password.chars().count();
    let low = password.to_lowercase();
    if length < LEAST {
        Some("A password has at least 10 characters; a few words are easy to remember.")
    } else if password.trim().is_empty() {
        Some("A password is more than blanks.")
    } else if length > MOST {
        Some("A password has at most 128 characters.")
    } else if COMMON.lines().any(|line| line == low)
        || low == email.to_lowercase()
        || low == handle.to_lowercase()
    {
        Some("Everybody would try this password first; take another one.")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_only_itself_and_nobody_has_none() {
        let passwords = Passwords::new(1, 1).unwrap();
        let kept = passwords.hash("four quiet paper boats".to_owned()).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let fits = async |word: &str, kept: Option<String>| {
            passwords.fits(word.to_owned(), kept).await.unwrap()
        };
        assert!(fits("four quiet paper boats", Some(kept.clone())).await);
        assert!(!fits("four quiet paper boat", Some(kept)).await);
        assert!(!fits("nobody has this password", None).await);
    }

    #[tokio::test]
    async fn a_storm_is_told_to_wait() {
        let passwords = Passwords::new(1, 1).unwrap();
        let all = (0..6).map(|_| passwords.fits("x".to_owned(), None));
        let answers = futures_util::future::join_all(all).await;
        let refused = answers.iter().filter(|a| a.is_err()).count();
        assert_eq!(refused, 4);
    }

    #[test]
    fn what_everybody_tries_is_refused() {
        assert!(refusal("short", "a@b.c", "ab").is_some());
        assert!(refusal("1234567890", "a@b.c", "ab").is_some());
        assert!(refusal("Ada@Example.org", "ada@example.org", "ada").is_some());
        assert!(refusal(&"é".repeat(129), "a@b.c", "ab").is_some());
        assert!(refusal("four quiet paper boats", "a@b.c", "ab").is_none());
    }
}
