//! Keys of engines in the keyring of the system: the only place that uses it. There is no store
//! that writes keys to a file. Where there is no keyring, or somebody wants it so, a key is kept in
//! memory until the program ends.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use secrecy::{ExposeSecret, SecretString};

const SERVICE: &str = "oto-engine";
/// The keyring answers or is given up on; an unlock dialog may be open meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name a key is kept under: the engine and the origin it was entered for, so that an engine
/// that gets another address does not take the key along.
#[must_use]
pub fn account(engine: &str, base_url: &str) -> String {
    let after = base_url.find("://").map_or(0, |i| i + 3);
    let end = base_url[after..].find(['/', '?', '#']).map_or(base_url.len(), |i| after + i);
    format!("{engine} {}", base_url[..end].to_lowercase())
}

/// Why a key could not be read or kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// There is no keyring.
    #[error("there is no keyring on this computer (on Linux: gnome-keyring or KWallet over D-Bus)")]
    NoKeyring,
    /// It is locked or says no.
    #[error("the keyring is locked or refused")]
    Locked,
    /// It did not answer.
    #[error("the keyring did not answer in time")]
    Silent,
    /// The text is no key.
    #[error("a key is one line of printable characters")]
    NotAKey,
}

/// Where keys are.
#[derive(Clone, Default)]
pub enum Store {
    /// The keyring of the system.
    #[default]
    System,
    /// This process only, until it ends.
    Memory(InMemory),
}

/// Keys in memory, by account.
type InMemory = Arc<Mutex<HashMap<String, SecretString>>>;

/// Reads and keeps keys. Every call may wait for the keyring: never from a frame. Clones share the
/// keys of the session.
#[derive(Clone, Default)]
pub struct Credentials {
    store: Store,
    session: InMemory,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

/// Runs a call to the keyring on a thread of its own, with a limit.
fn bounded<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, keyring_core::Error> + Send + 'static,
) -> Result<T, CredentialError> {
    let (tell, told) = sync_channel(1);
    let started = std::thread::Builder::new().name("oto-keyring".to_owned()).spawn(move || {
        // Nobody listens any more when the patience is over.
        tell.send(call()).ok();
    });
    if started.is_err() {
        return Err(CredentialError::Silent);
    }
    match told.recv_timeout(PATIENCE) {
        Ok(Ok(value)) => Ok(value),
        // Only the kind is told: details may hold secret bytes.
        Ok(Err(keyring_core::Error::NoStorageAccess(_))) => Err(CredentialError::Locked),
        Ok(Err(_)) => Err(CredentialError::NoKeyring),
        Err(_) => Err(CredentialError::Silent),
    }
}

fn entry(engine: &str) -> Result<keyring_core::Entry, keyring_core::Error> {
    let store = zbus_secret_service_keyring_store::Store::new()?;
    store.build(SERVICE, engine, None)
}

/// A key is one line of printable characters.
fn check(key: &SecretString) -> Result<(), CredentialError> {
    let text = key.expose_secret();
    let strange = |c: char| c.is_control() || c.is_whitespace();
    if text.is_empty() || text.len() > 4_096 || text.chars().any(strange) {
        return Err(CredentialError::NotAKey);
    }
    Ok(())
}

impl Credentials {
    /// Over this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, session: InMemory::default() }
    }

    /// Keeps the key of an engine until the program ends, and nowhere else.
    ///
    /// # Errors
    /// When it is no key.
    pub fn set_for_session(&self, engine: &str, key: SecretString) -> Result<(), CredentialError> {
        check(&key)?;
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        session.insert(engine.to_owned(), key);
        Ok(())
    }

    /// True when the key of an engine is kept until the program ends. Never waits.
    #[must_use]
    pub fn is_for_session(&self, engine: &str) -> bool {
        self.session.lock().unwrap_or_else(PoisonError::into_inner).contains_key(engine)
    }

    /// The key of an engine, that of the session first; none when there is none.
    ///
    /// # Errors
    /// When there is no keyring, it is locked or silent.
    pub fn get(&self, engine: &str) -> Result<Option<SecretString>, CredentialError> {
        let session =
            self.session.lock().unwrap_or_else(PoisonError::into_inner).get(engine).cloned();
        if session.is_some() {
            return Ok(session);
        }
        match &self.store {
            Store::Memory(keys) => {
                Ok(keys.lock().unwrap_or_else(PoisonError::into_inner).get(engine).cloned())
            }
            Store::System => {
                let engine = engine.to_owned();
                bounded(move || match entry(&engine)?.get_password() {
                    Ok(key) => Ok(Some(SecretString::from(key))),
                    Err(keyring_core::Error::NoEntry) => Ok(None),
                    Err(error) => Err(error),
                })
            }
        }
    }

    /// Keeps the key of an engine.
    ///
    /// # Errors
    /// When it is no key, or the keyring cannot keep it.
    pub fn set(&self, engine: &str, key: SecretString) -> Result<(), CredentialError> {
        check(&key)?;
        match &self.store {
            Store::Memory(keys) => {
                keys.lock().unwrap_or_else(PoisonError::into_inner).insert(engine.to_owned(), key);
                Ok(())
            }
            Store::System => {
                let engine = engine.to_owned();
                bounded(move || entry(&engine)?.set_password(key.expose_secret()))
            }
        }
    }

    /// Forgets the key of an engine. True when there was one.
    ///
    /// # Errors
    /// When there is no keyring, it is locked or silent.
    pub fn remove(&self, engine: &str) -> Result<bool, CredentialError> {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).remove(engine);
        match &self.store {
            Store::Memory(keys) => {
                Ok(keys.lock().unwrap_or_else(PoisonError::into_inner).remove(engine).is_some())
            }
            Store::System => {
                let engine = engine.to_owned();
                let outcome = bounded(move || match entry(&engine)?.delete_credential() {
                    Ok(()) => Ok(true),
                    Err(keyring_core::Error::NoEntry) => Ok(false),
                    Err(error) => Err(error),
                });
                if session.is_some() { Ok(true) } else { outcome }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_an_origin() {
        assert_eq!(account("lab", "https://API.example.com/v1"), "lab https://api.example.com");
        assert_eq!(
            account("lab", "https://api.example.com"),
            account("lab", "https://api.example.com/v2/")
        );
        assert_ne!(
            account("lab", "https://api.example.com/v1"),
            account("lab", "http://api.example.com/v1")
        );
    }

    #[test]
    fn keys_are_kept_and_never_shown() {
        let credentials = Credentials::new(Store::Memory(Arc::default()));
        let key = || SecretString::from("oto-CANARY-1".to_owned());
        credentials.set("lab", key()).unwrap();
        assert_eq!(credentials.get("lab").unwrap().unwrap().expose_secret(), "oto-CANARY-1");
        assert!(!format!("{credentials:?} {:?}", credentials.get("lab")).contains("CANARY"));
        assert_eq!(
            credentials.set("lab", SecretString::from("two\nlines".to_owned())),
            Err(CredentialError::NotAKey)
        );
        let session = || SecretString::from("oto-CANARY-2".to_owned());
        credentials.clone().set_for_session("lab", session()).unwrap();
        assert!(credentials.is_for_session("lab") && !credentials.is_for_session("other"));
        assert_eq!(credentials.get("lab").unwrap().unwrap().expose_secret(), "oto-CANARY-2");
        assert_eq!(
            credentials.set_for_session("lab", SecretString::from(String::new())),
            Err(CredentialError::NotAKey)
        );
        assert_eq!((credentials.remove("lab"), credentials.remove("lab")), (Ok(true), Ok(false)));
    }
}
