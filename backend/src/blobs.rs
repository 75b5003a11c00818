//! Media of this home by BLAKE3. On the desk it is a folder, until the desk has taken it over; a
//! server may keep it in an object store, and then the folder holds what is being worked with.

use std::collections::HashSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, GetOptions, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, PutPayload, RetryConfig, WriteMultipart,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::BackendError;
use crate::config::ConfigError;

/// Larger media are sent in parts.
const PART: usize = 5 << 20;
/// Parts under way at once: as few as keep a line busy, so that each has time on a slow one.
const PARTS: usize = 2;
/// How much of what lies in the object store is also kept in the folder.
const MOST_CACHED: u64 = 8 << 30;

/// Files named by their content.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    root: PathBuf,
    remote: Option<Remote>,
}

#[derive(Debug, Clone)]
struct Remote {
    store: Arc<dyn ObjectStore>,
    /// The same, for what is sent.
    sends: Arc<dyn ObjectStore>,
    prefix: String,
    /// The last time it refused to keep something.
    refused: Arc<AtomicBool>,
}

impl Remote {
    fn key(&self, hash: &str) -> Key {
        // Two levels, as many stores spread load by the beginning of a name.
        Key::from(format!("{}{}/{}/{hash}", self.prefix, &hash[..2], &hash[2..4]))
    }
}

impl Remote {
    /// Whether it gives what it kept, and keeps what it is given: the second is tried when there is
    /// nothing yet, and after it refused something.
    async fn answers(&self) -> Result<(), BackendError> {
        let key = Key::from(format!("{}ready", self.prefix));
        if !self.refused.load(Ordering::Relaxed) {
            match self.store.head(&key).await {
                Ok(_) => return Ok(()),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.sends.put(&key, PutPayload::from_static(b"oTo")).await?;
        self.refused.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// Sends a file in parts.
async fn send(upload: &mut WriteMultipart, file: &mut tokio::fs::File) -> Result<(), BackendError> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = file.read(&mut buffer).await.map_err(BackendError::io("reading media"))?;
        if n == 0 {
            return Ok(());
        }
        upload.wait_for_capacity(PARTS).await?;
        upload.put(Bytes::copy_from_slice(&buffer[..n]));
    }
}

/// A file under way, gone when nobody adopted it.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        // Adopted, it has another name.
        fs::remove_file(&self.0).ok();
    }
}

/// Whether a text is a BLAKE3 as it is written here.
pub(crate) fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

impl Blobs {
    pub(crate) fn new(root: PathBuf) -> Result<Self, BackendError> {
        fs::create_dir_all(&root).map_err(BackendError::io("making the media folder"))?;
        Ok(Self { root, remote: None })
    }

    /// The store of a server: `file:`, `file:/a/folder` or `s3://bucket/prefix`. The keys of S3 are in
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, its place in `AWS_ENDPOINT` and `AWS_REGION`.
    pub(crate) fn of_url(url: &str, data_dir: &Path) -> Result<Self, BackendError> {
        if let Some(folder) = url.strip_prefix("file:") {
            let folder = folder.trim_start_matches("//");
            let root = if folder.is_empty() { data_dir.join("media") } else { folder.into() };
            return Self::new(root);
        }
        let rest = url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            let sentence = "OTO_STORAGE_URL: s3:// needs the name of a bucket".to_owned();
            return Err(ConfigError(vec![sentence]).into());
        }
        // Small calls and reading give up when nothing comes for a while. What is sent has a time for each
        // part: a line that moves slowly is no line that hangs.
        let quiet = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(5))
            .with_timeout_disabled()
            .with_read_timeout(Duration::from_secs(20));
        let patient = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(5))
            .with_timeout(Duration::from_secs(60));
        let [store, sends] = [(quiet, 15), (patient, 45)].map(|(calls, seconds)| {
            let retry = RetryConfig {
                backoff: BackoffConfig {
                    max_backoff: Duration::from_secs(3),
                    ..Default::default()
                },
                max_retries: 3,
                // After one that took so long there is no other.
                retry_timeout: Duration::from_secs(seconds),
            };
            let mut store = AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_client_options(calls)
                .with_retry(retry);
            // An address that is written with http:// is meant so.
            let endpoint =
                ["AWS_ENDPOINT", "AWS_ENDPOINT_URL"].map(|name| std::env::var(name).ok());
            if endpoint.into_iter().flatten().any(|url| url.starts_with("http://")) {
                store = store.with_allow_http(true);
            }
            store.build()
        });
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Self::with_store(data_dir.join("media"), Arc::new(store?), Arc::new(sends?), prefix)
    }

    pub(crate) fn with_store(
        root: PathBuf,
        store: Arc<dyn ObjectStore>,
        sends: Arc<dyn ObjectStore>,
        prefix: String,
    ) -> Result<Self, BackendError> {
        let remote = Some(Remote { store, sends, prefix, refused: Arc::default() });
        Ok(Self { remote, ..Self::new(root)? })
    }

    /// Where a blob lies; `None` when the name is no hash or the blob is not there.
    pub(crate) fn find(&self, hash: &str) -> Option<PathBuf> {
        let path = self.root.join(hash);
        (is_hash(hash) && path.is_file()).then_some(path)
    }

    pub(crate) fn put(&self, bytes: &[u8]) -> Result<String, BackendError> {
        let part = Part(self.part());
        fs::write(&part.0, bytes).map_err(BackendError::io("writing media"))?;
        self.adopt(&part.0)
    }

    /// A name for a file that becomes a blob.
    pub(crate) fn part(&self) -> PathBuf {
        self.root.join(format!("{}.part", uuid::Uuid::now_v7()))
    }

    /// Where an upload grows.
    pub(crate) fn upload(&self, id: &str) -> PathBuf {
        self.root.join(format!("{id}.part"))
    }

    /// The name of a file's bytes.
    pub(crate) fn hash_of(from: &Path) -> Result<String, BackendError> {
        let mut file = fs::File::open(from).map_err(BackendError::io("opening media"))?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let n = file.read(&mut buffer).map_err(BackendError::io("reading media"))?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
        }
        file.sync_all().map_err(BackendError::io("syncing media"))?;
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// Takes a file over under the name of its bytes.
    pub(crate) fn adopt(&self, from: &Path) -> Result<String, BackendError> {
        let hash = Self::hash_of(from)?;
        let place = self.root.join(&hash);
        if place.is_file() {
            // What lies here is never replaced.
            fs::remove_file(from).map_err(BackendError::io("removing a second copy"))?;
        } else {
            fs::rename(from, place).map_err(BackendError::io("naming media"))?;
            // Its name outlives a power cut as well as its bytes do.
            #[cfg(unix)]
            fs::File::open(&self.root)
                .and_then(|folder| folder.sync_all())
                .map_err(BackendError::io("naming media"))?;
        }
        Ok(hash)
    }

    /// Takes the bytes of a file over that somebody else may still have open for writing: they are
    /// copied first, so that no later write reaches the blob. The file stays, to be taken over again
    /// should what follows fail.
    pub(crate) fn adopt_copy(&self, from: &Path) -> Result<String, BackendError> {
        let copy = Part(self.part());
        fs::copy(from, &copy.0).map_err(BackendError::io("copying an upload"))?;
        self.adopt(&copy.0)
    }

    pub(crate) fn remove(&self, hash: &str) -> bool {
        self.find(hash).is_some_and(|path| fs::remove_file(path).is_ok())
    }

    /// Brings a blob that lies here into the object store, if there is one; the same bytes twice
    /// are one object.
    pub(crate) async fn keep(&self, hash: &str, content_type: &str) -> Result<(), BackendError> {
        // Whoever asked may leave; what was begun at the store is ended there in any case.
        let (blobs, own, kind) = (self.clone(), hash.to_owned(), content_type.to_owned());
        let kept = tokio::spawn(async move { blobs.keep_now(&own, &kind).await }).await;
        let kept = kept.unwrap_or_else(|e| Err(BackendError::Stopped(e.to_string())));
        if let Some(remote) = &self.remote {
            remote.refused.store(kept.is_err(), Ordering::Relaxed);
        }
        kept
    }

    /// Whether a medium is neither here nor in the store; what is only here is brought there.
    pub(crate) async fn is_lost(
        &self,
        hash: &str,
        content_type: &str,
    ) -> Result<bool, BackendError> {
        if self.remote.is_none() {
            return Ok(self.find(hash).is_none());
        }
        match self.keep(hash, content_type).await {
            Ok(()) => Ok(false),
            Err(BackendError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    async fn keep_now(&self, hash: &str, content_type: &str) -> Result<(), BackendError> {
        let Some(remote) = &self.remote else { return Ok(()) };
        let key = remote.key(hash);
        match remote.store.head(&key).await {
            Ok(_) => return Ok(()),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(path) = self.find(hash) else {
            return Err(BackendError::Io {
                what: "keeping a medium",
                source: std::io::ErrorKind::NotFound.into(),
            });
        };
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, content_type.to_owned().into());
        let mut file =
            tokio::fs::File::open(&path).await.map_err(BackendError::io("opening media"))?;
        let size = file.metadata().await.map_err(BackendError::io("reading media"))?.len();
        if size <= PART as u64 {
            let mut bytes = Vec::with_capacity(size as usize);
            file.read_to_end(&mut bytes).await.map_err(BackendError::io("reading media"))?;
            let options =
                PutOptions { mode: PutMode::Overwrite, attributes, ..PutOptions::default() };
            remote.sends.put_opts(&key, PutPayload::from(bytes), options).await?;
            return Ok(());
        }
        let upload = remote.sends.put_multipart_opts(&key, attributes.into()).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        match send(&mut upload, &mut file).await {
            Ok(()) => upload.finish().await.map(drop).map_err(BackendError::from),
            Err(error) => {
                // Parts that nobody puts together cost, and nobody sees them.
                upload.abort().await.ok();
                Err(error)
            }
        }
    }

    /// Where a blob lies, brought from the object store if it is only there. What comes is checked
    /// by its hash.
    pub(crate) async fn bring(&self, hash: &str) -> Result<Option<PathBuf>, BackendError> {
        if let Some(path) = self.find(hash) {
            return Ok(Some(path));
        }
        // Whoever asked may leave in the middle.
        let part = Part(self.part());
        if !self.fetch(hash, &part.0).await? {
            return Ok(None);
        }
        let blobs = self.clone();
        let found = tokio::task::spawn_blocking(move || blobs.adopt(&part.0))
            .await
            .map_err(|e| BackendError::Stopped(e.to_string()))??;
        if found != hash {
            self.remove(&found);
            tracing::error!(asset.hash = hash, "the object store gave other bytes than were kept");
            return Ok(None);
        }
        Ok(self.find(hash))
    }

    /// Copies a blob to a file elsewhere, from here or from the store; its length. None, and no file,
    /// when it is not there or not as it was kept.
    pub(crate) async fn copy_to(
        &self,
        hash: &str,
        to: PathBuf,
    ) -> Result<Option<u64>, BackendError> {
        let part = Part(to.with_extension("part"));
        let mut is_there = false;
        if let Some(from) = self.find(hash) {
            // The folder may give it up at this moment, when the store has it.
            is_there = match tokio::fs::copy(from, &part.0).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
                copied => copied.map_err(BackendError::io("copying media")).map(|_| true)?,
            };
        }
        if !is_there && !self.fetch(hash, &part.0).await? {
            return Ok(None);
        }
        let wanted = hash.to_owned();
        let taken = tokio::task::spawn_blocking(move || {
            let found = Self::hash_of(&part.0)?;
            if found != wanted {
                tracing::error!(asset.hash = wanted, "a medium is not as it was kept");
                return Ok(None);
            }
            let size = fs::metadata(&part.0).map_err(BackendError::io("copying media"))?.len();
            fs::rename(&part.0, to).map_err(BackendError::io("copying media"))?;
            Ok(Some(size))
        });
        taken.await.map_err(|e| BackendError::Stopped(e.to_string()))?
    }

    /// Writes what the object store has under a name into a file. False when it has nothing.
    async fn fetch(&self, hash: &str, to: &Path) -> Result<bool, BackendError> {
        let (Some(remote), true) = (&self.remote, is_hash(hash)) else { return Ok(false) };
        let got = match remote.store.get_opts(&remote.key(hash), GetOptions::default()).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut file =
            tokio::fs::File::create(to).await.map_err(BackendError::io("writing media"))?;
        let mut stream = got.into_stream();
        while let Some(bytes) = stream.try_next().await? {
            file.write_all(&bytes).await.map_err(BackendError::io("writing media"))?;
        }
        file.flush().await.map_err(BackendError::io("writing media"))?;
        Ok(true)
    }

    /// Gives room here for what the object store has.
    pub(crate) fn let_go(&self, hash: &str) {
        if self.remote.is_some() {
            self.remove(hash);
        }
    }

    /// Takes a blob away here and in the object store.
    pub(crate) async fn drop_everywhere(&self, hash: &str) -> Result<(), BackendError> {
        self.remove(hash);
        if let (Some(remote), true) = (&self.remote, is_hash(hash)) {
            match remote.store.delete(&remote.key(hash)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether the store said no; any other error may be one of the way there.
    pub(crate) fn is_refusal(error: &BackendError) -> bool {
        use object_store::Error::{PermissionDenied, Unauthenticated};
        matches!(error, BackendError::Store(PermissionDenied { .. } | Unauthenticated { .. }))
    }

    /// Whether media can be kept now.
    pub(crate) async fn check(&self) -> Result<(), BackendError> {
        match &self.remote {
            None => {
                let part = Part(self.part());
                let written = tokio::fs::write(&part.0, b"oTo").await;
                written.map_err(BackendError::io("writing media"))
            }
            Some(remote) => {
                let asked = tokio::time::timeout(Duration::from_secs(5), remote.answers()).await;
                asked.unwrap_or_else(|_| {
                    Err(BackendError::Io {
                        what: "asking the media store",
                        source: std::io::ErrorKind::TimedOut.into(),
                    })
                })
            }
        }
    }

    /// Files that an upload or download left half-way long ago, and, beside an object store, what
    /// was longest not used beyond what the folder may hold; not what the store has not got yet.
    pub(crate) fn tidy(&self, not_kept: &HashSet<String>) {
        let Ok(entries) = fs::read_dir(&self.root) else { return };
        let mut kept = Vec::new();
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else { continue };
            let age = |t: std::io::Result<SystemTime>| {
                t.ok().and_then(|t| t.elapsed().ok()).unwrap_or_default()
            };
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_part = name.ends_with(".part");
            if is_part && age(about.modified()) > Duration::from_secs(2 * 86_400) {
                // Nobody goes on with it.
                fs::remove_file(entry.path()).ok();
            } else if !is_part && about.is_file() && !not_kept.contains(&*name) {
                kept.push((age(about.accessed()), about.len(), entry.path()));
            }
        }
        if self.remote.is_none() {
            return;
        }
        kept.sort_by_key(|(age, ..)| *age);
        let mut sum = 0u64;
        for (age, size, path) in kept {
            sum += size;
            if sum > MOST_CACHED && age > Duration::from_secs(600) {
                fs::remove_file(path).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests;
