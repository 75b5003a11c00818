//! The embedded backend and the client that speaks to it, started together.

use std::sync::Arc;

use anyhow::{Context, Result};
use oto_backend::{EmbedConfig, Embedded, KeySource};
use oto_backend_client::{Client, CredentialError, Credentials, Home, account};
use oto_media::worker::Workers;
use oto_storage::BoardLock;
use secrecy::SecretString;

use crate::data::DataDir;
use crate::key_dates::KeyDates;
use crate::passphrase;

/// How works made here name their home.
pub(crate) const EMBEDDED: &str = "embedded";

/// Where the keys of this data folder are.
pub(crate) fn credentials(data: &DataDir) -> Credentials {
    Credentials::default().with_file(data.key_file())
}

/// Keys of engines, at the moment of use.
struct Keyring {
    keys: Credentials,
    dates: KeyDates,
}

impl KeySource for Keyring {
    fn key(&self, engine: &str, base_url: &str) -> Result<Option<SecretString>, String> {
        let account = account(engine, base_url);
        let mut told = self.keys.get(&account);
        if matches!(told, Err(CredentialError::FileLocked)) {
            // Who names a passphrase in the environment is not asked for it.
            if let Some(passphrase) = passphrase::from_environment() {
                let passphrase = passphrase.map_err(|e| format!("{e:#}"))?;
                self.keys.unlock_file(&passphrase).map_err(|e| e.to_string())?;
            }
            told = self.keys.get_for_use(&account);
        }
        let key = told.map_err(|e| e.to_string())?;
        if key.is_some() {
            self.dates.used(&account);
        }
        Ok(key)
    }

    fn candidate(&self, engine: &str, base_url: &str) -> Result<Option<SecretString>, String> {
        Ok(self.keys.candidate(&account(engine, base_url)))
    }
}

/// A running home. The client goes first when dropped, then the backend.
pub(crate) struct LocalHome {
    pub(crate) client: Client,
    /// Where its keys come from.
    pub(crate) keys: Credentials,
    /// When they were used.
    pub(crate) dates: KeyDates,
    _backend: Embedded,
    _lock: BoardLock,
}

impl LocalHome {
    /// Starts both. `wake` is called after every event.
    pub(crate) fn start(data: &DataDir, wake: Arc<dyn Fn() + Send + Sync>) -> Result<Self> {
        Self::open(data, wake, true)
    }

    /// Starts both to ask or set something; jobs that wait are left alone.
    pub(crate) fn ask(data: &DataDir) -> Result<Self> {
        Self::open(data, Arc::new(|| {}), false)
    }

    fn open(data: &DataDir, wake: Arc<dyn Fn() + Send + Sync>, works: bool) -> Result<Self> {
        let folder = data.backend();
        oto_storage::files::ensure_folder(&folder)?;
        let lock = BoardLock::take(&folder.join("jobs"))
            .map_err(|e| anyhow::anyhow!("{e}"))
            .context("another oTo is making things in this data folder; use its window, or name another folder with --data-dir")?;
        let workers = Workers::of_this_program()?;
        let (keys, dates) = (credentials(data), KeyDates::new(data.key_dates()));
        let source = Arc::new(Keyring { keys: keys.clone(), dates: dates.clone() });
        let config = EmbedConfig { data_dir: folder, keys: source, workers, works };
        let backend = Embedded::start(config)?;
        let home = Home::embedded(&backend.base_url, backend.secret.clone())?;
        let client = Client::start(home, wake).context("starting the client")?;
        Ok(Self { client, keys, dates, _backend: backend, _lock: lock })
    }
}

impl Drop for LocalHome {
    fn drop(&mut self) {
        // A job that waits for a passphrase must not keep the program from ending.
        self.keys.leave_locked();
    }
}
