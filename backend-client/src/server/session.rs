//! A sign-in at a server: the refresh token lies where keys lie, the access token in memory. Several
//! programs of one person share the sign-in, so the newest token is read again before it is used.

use oto_api_types::{Problem, Tokens};
use secrecy::{ExposeSecret, SecretString};

use crate::{ClientError, CredentialError, Credentials, Place, account};

/// The name a sign-in is kept under.
#[must_use]
pub fn session_account(address: &str) -> String {
    account("oto-server", address)
}

/// An address as it was typed, in full: https anywhere, http only on this machine or network.
///
/// # Errors
/// With a sentence.
pub fn checked_address(typed: &str) -> Result<String, String> {
    let typed = typed.trim().trim_end_matches('/');
    let full = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let url = reqwest::Url::parse(&full)
        .or(Err(format!("“{typed}” is no address such as https://wall.example.org")))?;
    let host = url.host_str().unwrap_or_default();
    let ip: Option<std::net::IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_near = host == "localhost"
        || ip.is_some_and(|ip| match ip {
            std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
            std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
        });
    match url.scheme() {
        "https" => {}
        "http" if is_near => {}
        _ => {
            return Err("Over the internet the address of a server begins with https://".to_owned());
        }
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err("Leave name, password and question mark out of the address.".to_owned());
    }
    Ok(full)
}

/// What went wrong with the place of the sign-in, as an answer.
pub(super) fn keyring(error: CredentialError) -> ClientError {
    ClientError::Refused(Problem {
        kind: String::new(),
        title: String::new(),
        status: 0,
        detail: format!("the sign-in cannot be kept: {error}"),
        code: "keyring".to_owned(),
        retry_after: None,
    })
}

/// Nobody is signed in.
pub(super) fn nobody() -> ClientError {
    ClientError::Refused(Problem {
        kind: String::new(),
        title: String::new(),
        status: 401,
        detail: "sign in first".to_owned(),
        code: "unauthorized".to_owned(),
        retry_after: None,
    })
}

/// The tokens of one sign-in.
#[derive(Clone)]
pub(super) struct Session {
    keys: Credentials,
    account: String,
    access: Option<SecretString>,
}

impl Session {
    pub(super) fn new(keys: Credentials, address: &str) -> Self {
        Self { keys, account: session_account(address), access: None }
    }

    pub(super) fn access(&self) -> Option<SecretString> {
        self.access.clone()
    }

    /// The refresh token, read now: another program may have used the one before.
    pub(super) async fn refresh_token(&self) -> Result<Option<SecretString>, ClientError> {
        let (keys, account) = (self.keys.clone(), self.account.clone());
        let got = tokio::task::spawn_blocking(move || keys.get(&account)).await;
        match got {
            // Without a keyring nobody is signed in; that is no error until somebody wants to be.
            Ok(Err(CredentialError::NoKeyring)) => Ok(None),
            Ok(read) => read.map_err(keyring),
            Err(_) => Err(ClientError::Nonsense),
        }
    }

    /// Keeps a pair. Where there is no keyring it lasts until the program ends.
    pub(super) async fn keep(&mut self, tokens: &Tokens) -> Result<(), ClientError> {
        self.access = Some(tokens.access_token.clone().into());
        let (keys, account) = (self.keys.clone(), self.account.clone());
        let token = SecretString::from(tokens.refresh_token.clone());
        let kept = tokio::task::spawn_blocking(move || {
            let place = keys.place_of(&account).ok().flatten().unwrap_or(Place::Keyring);
            match keys.set_in(place, &account, token.clone()) {
                Err(CredentialError::NoKeyring) => keys.set_for_session(&account, token),
                other => other,
            }
        });
        kept.await.or(Err(ClientError::Nonsense))?.map_err(keyring)
    }

    /// Forgets the access token, so that the next call gets a new one.
    pub(super) fn expire(&mut self) {
        self.access = None;
    }

    /// Forgets the sign-in; the token it had.
    pub(super) async fn forget(&mut self) -> Option<SecretString> {
        let token = self.refresh_token().await.ok().flatten();
        self.access = None;
        let (keys, account) = (self.keys.clone(), self.account.clone());
        // What is not there need not be removed.
        tokio::task::spawn_blocking(move || keys.remove(&account)).await.ok();
        token
    }
}

/// The text of a token, for the one place that sends it.
pub(super) fn text(token: &SecretString) -> String {
    token.expose_secret().to_owned()
}

#[cfg(test)]
mod tests {
    use super::checked_address;

    #[test]
    fn addresses_are_https_but_near() {
        assert_eq!(checked_address(" wall.example.org/ ").unwrap(), "https://wall.example.org");
        assert_eq!(checked_address("http://127.0.0.1:7420").unwrap(), "http://127.0.0.1:7420");
        for wrong in [
            "",
            "http://wall.example.org",
            "https://a:b@x.org",
            "ftp://x",
            "https://x?y",
            "file:///etc/passwd",
        ] {
            assert!(checked_address(wrong).is_err(), "{wrong}");
        }
    }
}
