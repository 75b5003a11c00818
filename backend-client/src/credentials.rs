//! Keys of engines in the keyring of the system: the only place that uses it. Where there is no
//! keyring, or somebody wants it so, a key is kept in memory until the program ends, or in a file
//! that is encrypted with a passphrase (`key_file`). It is never written anywhere in the clear.

mod key_file;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyring_core::api::CredentialStoreApi;
use secrecy::{ExposeSecret, SecretString};

use key_file::{Cost, KeyFile};

const SERVICE: &str = "oto-engine";
/// The keyring answers or is given up on; an unlock dialog may be open meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a job waits for somebody to type the passphrase.
const PATIENCE_FOR_PASSPHRASE: Duration = Duration::from_secs(120);

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
    #[error("the keyring is locked or refused; unlock it")]
    Locked,
    /// It did not answer.
    #[error("the keyring did not answer in time; unlock it")]
    Silent,
    /// The text is no key.
    #[error("a key is one line of printable characters")]
    NotAKey,
    /// The file of keys was not opened yet.
    #[error(
        "the encrypted file of keys is locked; open it in the window, or name a file with its passphrase in OTO_PASSPHRASE_FILE"
    )]
    FileLocked,
    /// It does not open.
    #[error(
        "this passphrase does not open the file of keys; try again (a damaged file gives the same answer)"
    )]
    WrongPassphrase,
    /// The passphrase is too short.
    #[error("a passphrase has at least eight characters")]
    WeakPassphrase,
    /// The file is no file of keys.
    #[error(
        "the file of keys (keys.enc in the data folder) is damaged or of a newer version of oTo; put it aside and set the keys again"
    )]
    FileDamaged,
    /// The system does not let it be read or written.
    #[error("the file of keys cannot be read or written")]
    FileRefused,
    /// It was to be made, and there is one.
    #[error("there is a file of keys already; it opens with its passphrase")]
    FileThere,
    /// It was to be opened, and there is none.
    #[error("there is no file of keys yet")]
    NoFile,
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

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The keyring of the system.
    Keyring,
    /// Memory, until the program ends.
    Session,
    /// The encrypted file.
    File,
}

impl Place {
    /// The word for it on the command line and in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Keyring => "keyring",
            Self::Session => "session",
            Self::File => "file",
        }
    }
}

type Ask = Arc<dyn Fn() + Send + Sync>;

/// Who is asked for the passphrase, and whether somebody waits for it.
#[derive(Default)]
struct Door {
    ask: Option<Ask>,
    wanted: bool,
    /// Grows with every answer.
    answers: u64,
}

/// Reads and keeps keys. Every call may wait for the keyring: never from a frame, but for those that
/// say so. Clones share the keys of the session and the open file.
#[derive(Clone, Default)]
pub struct Credentials {
    store: Store,
    session: InMemory,
    /// Keys that are tried before they are kept.
    candidates: InMemory,
    file: Option<Arc<KeyFile>>,
    door: Arc<(Mutex<Door>, Condvar)>,
}

fn held(keys: &InMemory) -> MutexGuard<'_, HashMap<String, SecretString>> {
    keys.lock().unwrap_or_else(PoisonError::into_inner)
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
        Self { store, ..Self::default() }
    }

    /// With this file for keys, which need not be there.
    #[must_use]
    pub fn with_file(mut self, path: PathBuf) -> Self {
        self.file = Some(Arc::new(KeyFile::new(path, Cost::USUAL)));
        self
    }

    /// True when there is a file of keys. Never waits.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file.as_ref().is_some_and(|f| f.exists())
    }

    /// True when the file of keys was opened with its passphrase. Never waits.
    #[must_use]
    pub fn is_file_open(&self) -> bool {
        self.file.as_ref().is_some_and(|f| f.is_open())
    }

    /// Opens the file of keys; who waits for it goes on. Takes a part of a second.
    ///
    /// # Errors
    /// When there is none, it is damaged, or the passphrase is another one.
    pub fn unlock_file(&self, passphrase: &SecretString) -> Result<(), CredentialError> {
        self.file.as_ref().ok_or(CredentialError::NoFile)?.unlock(passphrase)?;
        self.answer();
        Ok(())
    }

    /// Makes the file of keys with this passphrase, and opens it.
    ///
    /// # Errors
    /// When there is one, it cannot be written, or the passphrase is too short.
    pub fn create_file(&self, passphrase: &SecretString) -> Result<(), CredentialError> {
        self.file.as_ref().ok_or(CredentialError::NoFile)?.create(passphrase)
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has somebody called when a locked file is needed, who then answers with [`Self::unlock_file`]
    /// or [`Self::leave_locked`]. Without, nobody waits. Never waits itself.
    pub fn ask_with(&self, ask: Ask) {
        self.door().ask.get_or_insert(ask);
    }

    /// True while somebody waits for the passphrase. Never waits itself.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.door().wanted
    }

    /// The passphrase is not told: who waits gets no key. Never waits itself.
    pub fn leave_locked(&self) {
        self.answer();
    }

    fn answer(&self) {
        let mut door = self.door();
        door.wanted = false;
        door.answers += 1;
        self.door.1.notify_all();
    }

    /// Waits until the file is open, somebody says no, or the patience is over. True when it is open.
    fn wait_for_file(&self) -> bool {
        let mut door = self.door();
        let Some(ask) = door.ask.clone() else { return false };
        door.wanted = true;
        let answers = door.answers;
        drop(door);
        ask();
        let waited = self
            .door
            .1
            .wait_timeout_while(self.door(), PATIENCE_FOR_PASSPHRASE, |d| d.answers == answers);
        let (mut door, patience) = waited.unwrap_or_else(PoisonError::into_inner);
        if patience.timed_out() {
            door.wanted = false;
        }
        self.is_file_open()
    }

    /// Keeps a key beside the one that is used, to be tried first. Never waits.
    ///
    /// # Errors
    /// When it is no key.
    pub fn set_candidate(&self, engine: &str, key: SecretString) -> Result<(), CredentialError> {
        check(&key)?;
        held(&self.candidates).insert(engine.to_owned(), key);
        Ok(())
    }

    /// The key that is tried. Never waits.
    #[must_use]
    pub fn candidate(&self, engine: &str) -> Option<SecretString> {
        held(&self.candidates).get(engine).cloned()
    }

    /// Forgets the key that was tried. Never waits.
    pub fn drop_candidate(&self, engine: &str) {
        held(&self.candidates).remove(engine);
    }

    /// The key that was tried becomes the one that is used.
    ///
    /// # Errors
    /// When there is none, or it cannot be kept there; then the old one stays.
    pub fn keep_candidate(&self, engine: &str, place: Place) -> Result<(), CredentialError> {
        let key = self.candidate(engine).ok_or(CredentialError::NotAKey)?;
        self.set_in(place, engine, key)?;
        self.drop_candidate(engine);
        Ok(())
    }

    /// Keeps the key of an engine until the program ends, and nowhere else.
    ///
    /// # Errors
    /// When it is no key.
    pub fn set_for_session(&self, engine: &str, key: SecretString) -> Result<(), CredentialError> {
        check(&key)?;
        held(&self.session).insert(engine.to_owned(), key);
        Ok(())
    }

    fn is_in_file(&self, engine: &str) -> Result<bool, CredentialError> {
        let Some(file) = &self.file else { return Ok(false) };
        Ok(file.accounts()?.iter().any(|a| a == engine))
    }

    /// Where the key of an engine is; none when there is none.
    ///
    /// # Errors
    /// When the file is damaged, or the keyring is locked, silent or not there at all.
    pub fn place_of(&self, engine: &str) -> Result<Option<Place>, CredentialError> {
        if held(&self.session).contains_key(engine) {
            return Ok(Some(Place::Session));
        }
        if self.is_in_file(engine)? {
            return Ok(Some(Place::File));
        }
        Ok(self.stored(engine)?.map(|_| Place::Keyring))
    }

    /// The key of an engine, that of the session first, then that of the file; none when there is none.
    ///
    /// # Errors
    /// When it is in the file and that is locked, or the keyring is locked, silent or not there.
    pub fn get(&self, engine: &str) -> Result<Option<SecretString>, CredentialError> {
        let session = held(&self.session).get(engine).cloned();
        if session.is_some() {
            return Ok(session);
        }
        match (self.is_in_file(engine), &self.file) {
            (Ok(true), Some(file)) => file.get(engine),
            (Ok(_), _) => self.stored(engine),
            // A file that cannot be read takes nothing away that is in the keyring.
            (Err(error), _) => match self.stored(engine) {
                Ok(Some(key)) => Ok(Some(key)),
                _ => Err(error),
            },
        }
    }

    /// As [`Self::get`], for a job: a locked file is waited for.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn get_for_use(&self, engine: &str) -> Result<Option<SecretString>, CredentialError> {
        match self.get(engine) {
            Err(CredentialError::FileLocked) if self.wait_for_file() => self.get(engine),
            told => told,
        }
    }

    /// The key in the keyring.
    fn stored(&self, engine: &str) -> Result<Option<SecretString>, CredentialError> {
        match &self.store {
            Store::Memory(keys) => Ok(held(keys).get(engine).cloned()),
            Store::System => {
                let engine = engine.to_owned();
                let found = bounded(move || match entry(&engine)?.get_password() {
                    Ok(key) => Ok(Some(SecretString::from(key))),
                    Err(keyring_core::Error::NoEntry) => Ok(None),
                    Err(error) => Err(error),
                });
                match found {
                    // Who has a file of keys does without.
                    Err(CredentialError::NoKeyring) if self.has_file() => Ok(None),
                    found => found,
                }
            }
        }
    }

    /// Keeps the key of an engine in the keyring.
    ///
    /// # Errors
    /// As [`Self::set_in`].
    pub fn set(&self, engine: &str, key: SecretString) -> Result<(), CredentialError> {
        self.set_in(Place::Keyring, engine, key)
    }

    /// Keeps the key of an engine there, and nowhere else.
    ///
    /// # Errors
    /// When it is no key, or it cannot be kept there; then what was there before stays.
    pub fn set_in(
        &self,
        place: Place,
        engine: &str,
        key: SecretString,
    ) -> Result<(), CredentialError> {
        check(&key)?;
        if place == Place::Session {
            return self.set_for_session(engine, key);
        }
        match (place, &self.file) {
            (Place::File, Some(file)) => {
                file.set(engine, Some(key))?;
                // The file comes first: what cannot be removed from the keyring is not used.
                self.remove_stored(engine).ok();
            }
            (Place::File, None) => return Err(CredentialError::NoFile),
            _ => {
                let in_file = self.is_in_file(engine)?;
                if in_file && !self.is_file_open() {
                    // It would go on being used.
                    return Err(CredentialError::FileLocked);
                }
                self.store(engine, key)?;
                if let Some(file) = self.file.as_ref().filter(|_| in_file) {
                    file.set(engine, None)?;
                }
            }
        }
        held(&self.session).remove(engine);
        Ok(())
    }

    fn store(&self, engine: &str, key: SecretString) -> Result<(), CredentialError> {
        match &self.store {
            Store::Memory(keys) => {
                held(keys).insert(engine.to_owned(), key);
                Ok(())
            }
            Store::System => {
                let engine = engine.to_owned();
                bounded(move || entry(&engine)?.set_password(key.expose_secret()))
            }
        }
    }

    /// Forgets the key of an engine, wherever it is. True when there was one.
    ///
    /// # Errors
    /// When it is in the file and that is locked, or there is no keyring, it is locked or silent.
    pub fn remove(&self, engine: &str) -> Result<bool, CredentialError> {
        let was_in_file = match self.file.as_ref().filter(|_| self.has_file()) {
            Some(file) if self.is_in_file(engine)? => file.set(engine, None)?,
            _ => false,
        };
        let was_in_session = held(&self.session).remove(engine).is_some();
        let outcome = self.remove_stored(engine);
        if was_in_session || was_in_file { Ok(true) } else { outcome }
    }

    fn remove_stored(&self, engine: &str) -> Result<bool, CredentialError> {
        match &self.store {
            Store::Memory(keys) => Ok(held(keys).remove(engine).is_some()),
            Store::System => {
                let engine = engine.to_owned();
                bounded(move || match entry(&engine)?.delete_credential() {
                    Ok(()) => Ok(true),
                    Err(keyring_core::Error::NoEntry) => Ok(false),
                    Err(error) => Err(error),
                })
            }
        }
    }
}
