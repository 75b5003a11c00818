//! The home inside the desk: 127.0.0.1, a port chosen by the system, a secret made now, its own
//! threads. It stops when the handle is dropped: at once, but for what is being sent to an engine that
//! may charge for it, which has twenty seconds.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;

use oto_engines::{Added, Registry};
use oto_media::worker::Workers;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::auth::LaunchSecret;
use crate::blobs::Blobs;
use crate::db;
use crate::keys::KeySource;
use crate::router::router;
use crate::state::AppState;
use crate::{BackendError, jobs};

/// How to embed.
pub struct EmbedConfig {
    /// Folder for jobs and media of this home.
    pub data_dir: PathBuf,
    /// Where keys come from.
    pub keys: Arc<dyn KeySource>,
    /// How media workers are started.
    pub workers: Workers,
    /// Whether jobs are worked on. A program that only asks something and ends must not begin what
    /// it would break off.
    pub works: bool,
}

impl std::fmt::Debug for EmbedConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbedConfig").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

/// A running embedded home.
#[derive(Debug)]
pub struct Embedded {
    /// Such as `http://127.0.0.1:40123`.
    pub base_url: String,
    /// Goes with every call.
    pub secret: SecretString,
    stop: CancellationToken,
    hurry: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// When the port, the folder or the database cannot be had.
    pub fn start(config: EmbedConfig) -> Result<Self, BackendError> {
        std::fs::create_dir_all(&config.data_dir)
            .map_err(BackendError::io("making the backend's folder"))?;
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))
            .map_err(BackendError::io("opening a local port"))?;
        listener.set_nonblocking(true).map_err(BackendError::io("opening a local port"))?;
        let host =
            listener.local_addr().map_err(BackendError::io("opening a local port"))?.to_string();
        let secret = LaunchSecret::new().map_err(BackendError::io("making the launch secret"))?;
        let (shown, base_url) = (SecretString::from(secret.expose()), format!("http://{host}"));
        let (tell, told) = sync_channel(1);
        let stop = CancellationToken::new();
        let (ended, hurry) = (stop.clone(), CancellationToken::new());
        let hurried = hurry.clone();
        let thread = std::thread::Builder::new()
            .name("oto-backend".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread()
                    .worker_threads(2)
                    .thread_name("oto-backend-worker")
                    .enable_all()
                    .build();
                match runtime {
                    Ok(runtime) => {
                        runtime.block_on(serve(
                            config,
                            listener,
                            host,
                            secret,
                            [ended, hurried],
                            &tell,
                        ));
                        runtime.shutdown_timeout(Duration::from_secs(2));
                    }
                    // The other side waits for exactly one answer.
                    Err(e) => drop(
                        tell.send(Err(BackendError::Io { what: "starting threads", source: e })),
                    ),
                }
            })
            .map_err(BackendError::io("starting the backend"))?;
        match told.recv() {
            Ok(Ok(())) => Ok(Self { base_url, secret: shown, stop, hurry, thread: Some(thread) }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(BackendError::Stopped("no answer".to_owned())),
        }
    }
}

impl Embedded {
    /// A stop waits for nothing from now on, not even for what is being sent to an engine.
    pub fn hurry(&self) {
        self.hurry.cancel();
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the embedded backend ended with a panic");
        }
    }
}

async fn serve(
    config: EmbedConfig,
    listener: std::net::TcpListener,
    host: String,
    secret: LaunchSecret,
    [ended, hurry]: [CancellationToken; 2],
    tell: &std::sync::mpsc::SyncSender<Result<(), BackendError>>,
) {
    let works = config.works;
    let prepared = async {
        let db = db::open(&config.data_dir.join("jobs.sqlite")).await?;
        let registry = read_registry(&db).await?;
        let blobs = Blobs::new(config.data_dir.join("media"))?;
        let scratch = config.data_dir.join("scratch");
        // Left by a process that was killed; of no use to anybody.
        tokio::fs::remove_dir_all(&scratch).await.ok();
        let listener = tokio::net::TcpListener::from_std(listener)
            .map_err(BackendError::io("opening a local port"))?;
        let mut state =
            AppState::new(db, registry, blobs, scratch, config.workers, config.keys, secret, host);
        (state.stop, state.hurry) = (ended.clone(), hurry);
        Ok((state, listener))
    };
    let (state, listener) = match prepared.await {
        Ok(prepared) => {
            drop(tell.send(Ok(())));
            prepared
        }
        Err(error) => {
            drop(tell.send(Err(error)));
            return;
        }
    };
    let worker = if works { Some(tokio::spawn(jobs::work(state.clone()))) } else { None };
    let served = axum::serve(listener, router(state.clone()))
        .with_graceful_shutdown(ended.clone().cancelled_owned());
    tokio::select! {
        outcome = served.into_future() => if let Err(error) = outcome { tracing::error!(%error, "the embedded backend stopped") },
        () = async { ended.cancelled().await; tokio::time::sleep(Duration::from_secs(1)).await } => {}
    }
    if let Some(worker) = worker {
        worker.await.ok();
    }
    state.db.close().await.ok();
}

async fn read_registry(db: &sea_orm::DatabaseConnection) -> Result<Registry, BackendError> {
    let mut registry = Registry::local();
    for row in
        db::all(db, "SELECT name, adapter, base_url, model FROM engine ORDER BY name", vec![])
            .await?
    {
        let added = Added {
            name: row.try_get("", "name")?,
            adapter: row.try_get("", "adapter")?,
            base_url: row.try_get("", "base_url")?,
            model: row.try_get("", "model")?,
        };
        let name = added.name.clone();
        if let Err(reason) = registry.add(added) {
            tracing::warn!(engine.id = %name, %reason, "engine {name} is left out");
        }
    }
    Ok(registry)
}
