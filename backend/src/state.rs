//! What every route and worker shares.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use oto_engines::Registry;
use oto_media::worker::Workers;
use sea_orm::DatabaseConnection;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::LaunchSecret;
use crate::blobs::Blobs;
use crate::keys::KeySource;

/// Progress of a job that runs here; kept in memory only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) value: f32,
    pub(crate) message: String,
    /// Grows with every change.
    pub(crate) ticks: u64,
    pub(crate) cancel: CancellationToken,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) db: DatabaseConnection,
    pub(crate) registry: Arc<RwLock<Registry>>,
    pub(crate) blobs: Blobs,
    pub(crate) scratch: PathBuf,
    pub(crate) workers: Workers,
    pub(crate) keys: Arc<dyn KeySource>,
    pub(crate) secret: LaunchSecret,
    pub(crate) host: String,
    /// Names this process in leases.
    pub(crate) owner: String,
    live: Arc<Mutex<HashMap<String, Live>>>,
    /// Ticks at every change of any job.
    changed: watch::Sender<u64>,
    /// Rings when there may be work.
    pub(crate) work: Arc<Notify>,
    pub(crate) stop: CancellationToken,
}

impl AppState {
    pub(crate) fn new(
        db: DatabaseConnection,
        registry: Registry,
        blobs: Blobs,
        scratch: PathBuf,
        workers: Workers,
        keys: Arc<dyn KeySource>,
        secret: LaunchSecret,
        host: String,
    ) -> Self {
        Self {
            db,
            registry: Arc::new(RwLock::new(registry)),
            blobs,
            scratch,
            workers,
            keys,
            secret,
            host,
            owner: uuid::Uuid::now_v7().to_string(),
            live: Arc::default(),
            changed: watch::Sender::new(0),
            work: Arc::new(Notify::new()),
            stop: CancellationToken::new(),
        }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn registry(&self) -> Registry {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where an engine that was added is; empty for those inside oTo.
    pub(crate) fn base_url_of(&self, engine: &str) -> String {
        let registry = self.registry();
        let found = registry.all().find_map(|(_, added)| added.filter(|a| a.name == engine));
        found.map_or_else(String::new, |a| a.base_url.clone())
    }

    pub(crate) fn tick(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
