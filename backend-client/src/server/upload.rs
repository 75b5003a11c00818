//! Uploads in parts (tus 1.0), however long they take: a sign-in that runs out meanwhile is renewed, one
//! that breaks off goes on where the server says.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::calls::Link;
use super::session::nobody;
use crate::ClientError;

/// Bytes that are sent at once.
const PART: u64 = 4 << 20;
/// Tries of a part.
const TRIES: u32 = 5;
/// Longest wait when the server asks for one.
const LONGEST_WAIT_S: u64 = 120;

impl Link {
    /// Uploads a file. The hash under which the server has it. The file is never in memory as a whole.
    pub(super) async fn upload(&self, path: &Path) -> Result<String, ClientError> {
        let (hash, size) = hashed(path).await?;
        if !self.is_signed_in().await? {
            return Err(nobody());
        }
        let there = format!("{}/assets/by-hash/{hash}", self.base);
        if self.signed(|| self.client.request(Method::HEAD, &there)).await.is_ok() {
            return Ok(hash);
        }
        let known = self.unfinished.lock().await.get(&hash).cloned();
        let (place, at) = match known {
            // What the server forgot since is begun again.
            Some(place) => match self.offset(&place).await {
                Some(at) => (place, at),
                None => (self.begin(&hash, size).await?, 0),
            },
            None => (self.begin(&hash, size).await?, 0),
        };
        self.unfinished.lock().await.insert(hash.clone(), place.clone());
        let sent = self.send_parts(path, &place, at, size).await;
        if !matches!(&sent, Err(error) if error.may_pass()) {
            self.unfinished.lock().await.remove(&hash);
        }
        if matches!(&sent, Err(error) if !error.may_pass()) {
            // Nobody goes on with it.
            self.signed(|| self.tus(Method::DELETE, &place)).await.ok();
        }
        sent.map(|()| hash)
    }

    /// Begins an upload; its address.
    async fn begin(&self, hash: &str, size: u64) -> Result<String, ClientError> {
        let named = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash);
        let uploads = format!("{}/uploads", self.base);
        let begin = || {
            self.tus(Method::POST, &uploads)
                .header("upload-length", size.to_string())
                .header("upload-metadata", format!("hash {named}"))
        };
        let begun = self.signed(begin).await?;
        // Its own address is told; only its last part is taken, so that it stays at this server.
        let id = begun.headers().get("location").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let id = id.rsplit('/').next().unwrap_or_default();
        Ok(format!("{uploads}/{id}"))
    }

    async fn send_parts(
        &self,
        path: &Path,
        place: &str,
        mut at: u64,
        size: u64,
    ) -> Result<(), ClientError> {
        let file_error = |e: std::io::Error| ClientError::File(e.to_string());
        let mut file = tokio::fs::File::open(path).await.map_err(file_error)?;
        let mut tries = 0;
        loop {
            file.seek(SeekFrom::Start(at)).await.map_err(file_error)?;
            let mut part = Vec::new();
            (&mut file).take(PART).read_to_end(&mut part).await.map_err(file_error)?;
            let (end, part) = (at + part.len() as u64, Bytes::from(part));
            let call = || {
                self.tus(Method::PATCH, place)
                    .header("content-type", "application/offset+octet-stream")
                    .header("upload-offset", at.to_string())
                    .body(part.clone())
            };
            let wait = match self.signed(call).await {
                // Named, it was looked at.
                Ok(answer) if answer.headers().contains_key("oto-asset") => return Ok(()),
                Ok(_) if end >= size => return Err(ClientError::Nonsense),
                Ok(_) => {
                    (at, tries) = (end, 0);
                    continue;
                }
                Err(ClientError::Refused(p)) if p.status == 429 && tries < TRIES => {
                    Duration::from_secs(p.retry_after.unwrap_or(5).clamp(1, LONGEST_WAIT_S))
                }
                Err(error) if error.may_pass() && tries < TRIES => {
                    Duration::from_millis(1_000 << tries)
                }
                Err(error) => return Err(error),
            };
            tries += 1;
            tokio::time::sleep(wait).await;
            at = self.offset(place).await.unwrap_or(at);
        }
    }

    fn tus(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url).header("tus-resumable", "1.0.0")
    }

    /// How much of an upload the server has.
    async fn offset(&self, place: &str) -> Option<u64> {
        let answer = self.signed(|| self.tus(Method::HEAD, place)).await.ok()?;
        answer.headers().get("upload-offset")?.to_str().ok()?.parse().ok()
    }
}

/// BLAKE3 and length of a file.
async fn hashed(path: &Path) -> Result<(String, u64), ClientError> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path)?)?;
        Ok((hasher.finalize().to_hex().to_string(), hasher.count()))
    });
    let read: std::io::Result<_> = read.await.or(Err(ClientError::Nonsense))?;
    read.map_err(|e| ClientError::File(e.to_string()))
}
