//! What a contract test has: a provider in this process with an engine that speaks to it, and a
//! context with a key.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oto_engines::*;
use oto_media::MediaError;
use oto_media::worker::Workers;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

pub(crate) use crate::shapes::{MP4, PNG, WAV};
pub(crate) use crate::wire::*;

/// Must never be seen but in the header that it belongs into.
pub(crate) const KEY: &str = "oto-CANARY-7f3a";

/// Shapes as a script; what is not in the contract fails the test.
pub(crate) fn by_contract(
    mut shapes: impl FnMut(&Asked, &str) -> Option<Reply> + Send + 'static,
) -> impl FnMut(&Asked, &str) -> Reply + Send + 'static {
    move |asked, origin| {
        let told = shapes(asked, origin);
        told.unwrap_or_else(|| panic!("not in the contract: {}", asked.line()))
    }
}

impl Fake {
    /// The engine of this adapter at this fake.
    pub(crate) fn engine(&self, adapter: &str, path: &str, model: &str) -> Arc<dyn Engine> {
        let mut registry = Registry::default();
        registry
            .add(Added {
                name: "lab".to_owned(),
                adapter: adapter.to_owned(),
                base_url: format!("{}{path}", self.origin),
                model: model.to_owned(),
            })
            .unwrap();
        registry.get("lab").unwrap()
    }
}

/// Says of everything that it can be opened.
struct Trusting;

impl Probe for Trusting {
    fn picture(&self, _: &Path) -> Result<Looks, MediaError> {
        Ok(Looks { size_px: [64, 48], duration_ms: 0, average_rgb: 0x80_80_80 })
    }

    fn sound_ms(&self, _: &Path) -> Result<u64, MediaError> {
        Ok(1_500)
    }

    fn film(&self, _: &Path) -> Result<Looks, MediaError> {
        Ok(Looks { size_px: [64, 48], duration_ms: 2_000, average_rgb: 0x80_80_80 })
    }
}

/// A context with a folder, a key, a clock that can be put forward, and what was reported.
pub(crate) struct Bench {
    pub(crate) context: Context,
    pub(crate) clock: Arc<AtomicI64>,
    pub(crate) reported: Arc<Mutex<Vec<(f32, String)>>>,
    folder: std::path::PathBuf,
}

impl Bench {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicI64 = AtomicI64::new(0);
        let name =
            format!("oto-engines-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
        let reported = Arc::new(Mutex::new(Vec::new()));
        let (time, hears) = (Arc::clone(&clock), Arc::clone(&reported));
        let context = Context {
            key: Some(SecretString::from(KEY.to_owned())),
            workers: Workers::of_program("/nonexistent-media-worker"),
            folder: folder.clone(),
            progress: Arc::new(move |value, message| {
                hears.lock().unwrap().push((value, message.to_owned()));
            }),
            webhook: None,
            meter: Meter::default(),
            draft: oto_engines::Draft::default(),
            cancel: CancellationToken::new(),
            now_ms: Arc::new(move || time.load(Ordering::Relaxed)),
            probe: Arc::new(Trusting),
        };
        Self { context, clock, reported, folder }
    }

    /// A picture to work from.
    pub(crate) fn picture(&self) -> Input {
        let file = self.folder.join("source.png");
        std::fs::write(&file, PNG).unwrap();
        Input {
            kind: Kind::Image,
            title: "a tram".to_owned(),
            file: Some(file),
            ..Input::default()
        }
    }

    /// Submits, and asks until there is an end.
    pub(crate) async fn run(
        &self,
        engine: &dyn Engine,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let handle = match engine.submit(&self.context, request).await? {
            Submitted::Finished(outcome) => return Ok(outcome),
            Submitted::Accepted { handle } => handle,
        };
        self.follow(engine, handle).await
    }

    /// Asks until there is an end. A minute passes between two questions.
    pub(crate) async fn follow(
        &self,
        engine: &dyn Engine,
        mut handle: String,
    ) -> Result<Outcome, EngineError> {
        assert!(!handle.contains(KEY), "a handle is kept on disk");
        for _ in 0..50 {
            match engine.poll(&self.context, &handle).await? {
                Polled::Finished(outcome) => return Ok(outcome),
                Polled::Pending(pending) => {
                    if let Some(progress) = pending.progress {
                        assert!((0.0..=1.0).contains(&progress));
                        self.context.report(progress, &pending.message);
                    }
                    handle = pending.handle.unwrap_or(handle);
                }
            }
            self.clock.fetch_add(60_000, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it never ends");
    }

    /// The bytes of the main output.
    pub(crate) fn bytes(outcome: &Outcome) -> Vec<u8> {
        match &outcome.outputs[0].body {
            Body::Memory(bytes) => bytes.clone(),
            Body::File(path) => std::fs::read(path).unwrap(),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

pub(crate) fn request(kind: Kind) -> Request {
    Request {
        kind,
        model: String::new(),
        prompt: "a tram in the rain".to_owned(),
        seed: 5,
        params: std::collections::BTreeMap::new(),
        inputs: Vec::new(),
        submission_id: "0192aabb-0000-7000-8000-000000000001-1".to_owned(),
    }
}
