//! The embedded backend and the client that speaks to it, started together.

use std::sync::Arc;

use anyhow::{Context, Result};
use oto_backend::{EmbedConfig, Embedded, KeySource};
use oto_backend_client::{Client, Credentials, Home, account};
use oto_media::worker::Workers;
use oto_storage::BoardLock;
use secrecy::SecretString;

use crate::data::DataDir;

/// How works made here name their home.
pub(crate) const EMBEDDED: &str = "embedded";

/// Keys of engines, from the keyring, at the moment of use.
struct Keyring(Credentials);

impl KeySource for Keyring {
    fn key(&self, engine: &str, base_url: &str) -> Result<Option<SecretString>, String> {
        self.0.get(&account(engine, base_url)).map_err(|e| e.to_string())
    }
}

/// A running home. The client goes first when dropped, then the backend.
pub(crate) struct LocalHome {
    pub(crate) client: Client,
    /// Where its keys come from.
    pub(crate) keys: Credentials,
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
        let keys = Credentials::default();
        let source = Arc::new(Keyring(keys.clone()));
        let config = EmbedConfig { data_dir: folder, keys: source, workers, works };
        let backend = Embedded::start(config)?;
        let home = Home::embedded(&backend.base_url, backend.secret.clone())?;
        let client = Client::start(home, wake).context("starting the client")?;
        Ok(Self { client, keys, _backend: backend, _lock: lock })
    }
}
