//! The home that others can reach: its own process, SQLite or PostgreSQL, a folder or S3.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use oto_engines::{Added, Registry};
use oto_media::worker::Workers;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::auth::LaunchSecret;
use crate::blobs::Blobs;
use crate::config::{Config, ConfigError, EngineConfig};
use crate::jobs::charge::Prices;
use crate::keys::KeySource;
use crate::router::server_router;
use crate::server::Server;
use crate::state::AppState;
use crate::{BackendError, chores, db, jobs};

/// The operator's keys, from the environment.
struct OperatorKeys(Vec<(String, SecretString)>);

impl KeySource for OperatorKeys {
    fn key(&self, engine: &str, _base_url: &str) -> Result<Option<SecretString>, String> {
        Ok(self.0.iter().find(|(name, _)| name == engine).map(|(_, key)| key.clone()))
    }
}

/// A running server.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    /// Brings the database up to date and begins to answer.
    ///
    /// # Errors
    /// When something is set up wrongly, or the address, the database or the store cannot be had.
    pub async fn start(config: Config, workers: Workers) -> Result<Self, BackendError> {
        oto_engines::http::init_tls();
        std::fs::create_dir_all(&config.data_dir)
            .map_err(BackendError::io("making the data folder"))?;
        let db = db::connect(
            config.database_url.expose_secret(),
            &config.data_dir,
            config.database_connections,
        )
        .await?;
        db::migrate(&db).await?;
        let blobs = Blobs::of_url(&config.storage_url, &config.data_dir)?;
        let (registry, keys) = engines(&config.engines)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(BackendError::io("opening the address of OTO_LISTEN"))?;
        let address =
            listener.local_addr().map_err(BackendError::io("opening the address of OTO_LISTEN"))?;
        let works = config.works;
        let mut config = config;
        if config.public_url.ends_with(":0") {
            // A port chosen by the system is known only now.
            config.public_url = format!("http://{address}");
        }
        let scratch = config.data_dir.join("scratch").join(uuid::Uuid::now_v7().to_string());
        // Nobody else has this secret: there is no desk around a server.
        let secret = LaunchSecret::new().map_err(BackendError::io("making a secret"))?;
        let cents = config.stripe.as_ref().map_or(1, |s| s.cents_per_token);
        let server = Server::new(config, &db, metrics()?).await?;
        let mut state = AppState::new(
            db,
            registry,
            blobs,
            scratch,
            workers,
            Arc::new(keys),
            secret,
            address.to_string(),
        );
        state.prices = Prices::new(cents);
        state.server = Some(Arc::new(server));
        let stop = state.stop.clone();
        let task = tokio::spawn(run(state, listener, works));
        Ok(Self { address, stop, task })
    }

    /// No new work is begun; what runs has twenty seconds, and what is left is given back.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the server ended with a panic");
        }
    }
}

async fn run(state: AppState, listener: TcpListener, works: bool) {
    let ended = state.stop.clone();
    let worker = works.then(|| tokio::spawn(jobs::work(state.clone())));
    let chores = tokio::spawn(chores::keep_house(state.clone()));
    let app = server_router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let served = axum::serve(listener, app).with_graceful_shutdown(ended.clone().cancelled_owned());
    tokio::select! {
        outcome = served.into_future() => if let Err(error) = outcome { tracing::error!(%error, "the server stopped") },
        // Streams of events have no end of their own.
        () = async { ended.cancelled().await; tokio::time::sleep(Duration::from_secs(2)).await } => {}
    }
    if let Some(worker) = worker {
        worker.await.ok();
    }
    chores.await.ok();
    tokio::fs::remove_dir_all(&state.scratch).await.ok();
    state.db.close().await.ok();
}

pub(crate) fn engines(
    configured: &[EngineConfig],
) -> Result<(Registry, impl KeySource + use<>), BackendError> {
    let mut registry = Registry::local();
    let (mut keys, mut wrong) = (Vec::new(), Vec::new());
    for engine in configured {
        let added = Added {
            name: engine.name.clone(),
            adapter: engine.adapter.clone(),
            base_url: engine.base_url.clone(),
            model: engine.model.clone(),
        };
        if let Err(reason) = registry.add(added) {
            wrong.push(format!("engine “{}”: {reason}", engine.name));
        }
        if let Ok(key) = std::env::var(&engine.key_env)
            && !key.is_empty()
        {
            keys.push((engine.name.clone(), key.into()));
        }
    }
    if wrong.is_empty() {
        Ok((registry, OperatorKeys(keys)))
    } else {
        Err(ConfigError(wrong).into())
    }
}

/// One recorder for the process, however many servers a test starts.
fn metrics() -> Result<PrometheusHandle, BackendError> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let buckets = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0,
        1_800.0,
    ];
    let builder = PrometheusBuilder::new()
        .set_buckets(&buckets)
        .map_err(|e| BackendError::Stopped(e.to_string()))?;
    let recorder = builder.build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    // Fails when another thread was first; then its handle is the one that is used.
    metrics::set_global_recorder(recorder).ok();
    // An alert sees a figure grow, not one that appears.
    for name in ["panics_total", "chores_failed_total", "webhook_failures_total"] {
        metrics::counter!(name).increment(0);
    }
    Ok(handle)
}
