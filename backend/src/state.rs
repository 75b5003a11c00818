//! What every route and worker shares.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use oto_engines::{Draft, Registry};
use oto_media::worker::Workers;
use sea_orm::DatabaseConnection;
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::auth::LaunchSecret;
use crate::blobs::Blobs;
use crate::db::now_ms;
use crate::error::Refusal;
use crate::jobs::charge::Prices;
use crate::keys::KeySource;
use crate::server::Server;
use crate::streams::Streams;

/// Changes that a slow stream may be behind before it is told to look at everything.
const MOST_UNTOLD: usize = 4_096;
/// Most exports that are fetched at once.
const MOST_EXPORTS: usize = 100;
/// Streams of events that are open at once on the desk.
const MOST_STREAMS: usize = 16;

/// Progress of a job that runs here; kept in memory only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Live {
    pub(crate) value: f32,
    pub(crate) message: String,
    /// Grows with every change.
    pub(crate) ticks: u64,
    pub(crate) cancel: CancellationToken,
    /// The words of a text while they come.
    pub(crate) draft: Draft,
    /// Rings when its engine is to be asked now.
    pub(crate) poke: Arc<Notify>,
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
    /// What it is besides when others can reach it.
    pub(crate) server: Option<Arc<Server>>,
    /// What jobs cost on a server.
    pub(crate) prices: Prices,
    /// Uploads that are looked at once.
    pub(crate) checks: Arc<Semaphore>,
    /// Exports of what is kept of somebody: one each, until it was fetched.
    pub(crate) exports: Streams,
    /// Exports that are packed at once.
    pub(crate) packing: Arc<Semaphore>,
    /// Names this process in leases.
    pub(crate) owner: String,
    live: Arc<Mutex<HashMap<String, Live>>>,
    /// How far jobs that are made in stages were seen to be.
    highest: Arc<Mutex<HashMap<String, f32>>>,
    /// Ticks at every change of any job.
    changed: watch::Sender<u64>,
    /// Tells which job changed; none when it may be any.
    told: broadcast::Sender<Option<Arc<str>>>,
    /// Numbers the events of all streams.
    events: Arc<AtomicU64>,
    /// How many streams of events may be open.
    pub(crate) streams: Streams,
    /// Rings when there may be work.
    pub(crate) work: Arc<Notify>,
    pub(crate) stop: CancellationToken,
    /// Nothing is waited for any more.
    pub(crate) hurry: CancellationToken,
    /// How many submissions are being sent to engines that may charge for them.
    pub(crate) sending: watch::Sender<usize>,
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
            server: None,
            prices: Prices::new(1),
            checks: Arc::new(Semaphore::new(
                std::thread::available_parallelism().map_or(2, usize::from),
            )),
            exports: Streams::new(MOST_EXPORTS, 1),
            packing: Arc::new(Semaphore::new(1)),
            owner: uuid::Uuid::now_v7().to_string(),
            live: Arc::default(),
            highest: Arc::default(),
            changed: watch::Sender::new(0),
            told: broadcast::Sender::new(MOST_UNTOLD),
            // Grows over restarts, too.
            events: Arc::new(AtomicU64::new(now_ms().unsigned_abs())),
            streams: Streams::new(MOST_STREAMS, MOST_STREAMS),
            work: Arc::new(Notify::new()),
            stop: CancellationToken::new(),
            hurry: CancellationToken::new(),
            sending: watch::Sender::new(0),
        }
    }

    /// What only a server has; on the desk those addresses are not there.
    pub(crate) fn server(&self) -> Result<&Arc<Server>, Refusal> {
        self.server.as_ref().ok_or_else(|| {
            Refusal::new(
                axum::http::StatusCode::NOT_FOUND,
                "not_in_this_home",
                "This is there on a server only, not in the home on the desk.",
            )
        })
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, HashMap<String, Live>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Progress as it is shown: a stage that fails or is tried again takes nothing back.
    pub(crate) fn highest(&self, id: &str, value: f32) -> f32 {
        let mut all = self.highest.lock().unwrap_or_else(PoisonError::into_inner);
        let high = all.entry(id.to_owned()).or_default();
        *high = high.max(value);
        *high
    }

    /// A job has ended.
    pub(crate) fn forget_highest(&self, id: &str) {
        self.highest.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
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

    /// A job changed.
    pub(crate) fn tick(&self, id: &str) {
        self.tell((self.told.receiver_count() > 0).then(|| Some(Arc::from(id))));
    }

    /// Any job may have changed.
    pub(crate) fn tick_all(&self) {
        self.tell(Some(None));
    }

    fn tell(&self, told: Option<Option<Arc<str>>>) {
        self.changed.send_modify(|n| *n += 1);
        if let Some(told) = told {
            // Without a stream nobody hears it.
            self.told.send(told).ok();
        }
    }

    /// Hears which jobs change from now on.
    pub(crate) fn told(&self) -> broadcast::Receiver<Option<Arc<str>>> {
        self.told.subscribe()
    }

    /// The number of the next event.
    pub(crate) fn next_event(&self) -> u64 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
