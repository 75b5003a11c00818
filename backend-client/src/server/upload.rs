//! Uploads in parts (tus 1.0), however long they take: a sign-in that runs out meanwhile is renewed, one
//! that breaks off goes on where the server says.

use std::io::SeekFrom;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use oto_api_types::Problem;
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
        // Nobody else goes on with it meanwhile.
        let known = self.unfinished.lock().await.remove(&hash);
        let place = match known {
            None => self.begin(&hash, size).await?,
            Some(place) => match self.offset(&place).await {
                Ok(_) => place,
                // The server has forgotten it.
                Err(error) if error.is_not_found() => self.begin(&hash, size).await?,
                Err(error) => {
                    self.unfinished.lock().await.insert(hash, place);
                    return Err(error);
                }
            },
        };
        let sent = self.send_parts(path, &place, size).await;
        match &sent {
            // The next try goes on where this one broke off.
            Err(error) if may_go_on(error) => {
                self.unfinished.lock().await.insert(hash.clone(), place);
            }
            Err(_) => drop(self.signed(|| self.tus(Method::DELETE, &place)).await),
            Ok(()) => {}
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

    async fn send_parts(&self, path: &Path, place: &str, size: u64) -> Result<(), ClientError> {
        let mut file = tokio::fs::File::open(path).await.map_err(ClientError::of_file)?;
        // How much the server has, while that is known.
        let (mut at, mut most, mut tries) = (None, 0, 0);
        loop {
            let told = match at {
                None => self.offset(place).await.map(Sent::Until),
                Some(from) => {
                    file.seek(SeekFrom::Start(from)).await.map_err(ClientError::of_file)?;
                    let mut part = Vec::new();
                    (&mut file)
                        .take(PART)
                        .read_to_end(&mut part)
                        .await
                        .map_err(ClientError::of_file)?;
                    self.send_part(place, from, part.into(), size).await
                }
            };
            match told {
                Ok(Sent::Whole) => return Ok(()),
                Ok(Sent::Until(until)) => {
                    at = Some(until);
                    if until > most {
                        (most, tries) = (until, 0);
                    }
                }
                Err(error) if may_go_on(&error) && tries < TRIES => {
                    tokio::time::sleep(wait_after(&error, tries)).await;
                    (at, tries) = (None, tries + 1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn send_part(
        &self,
        place: &str,
        from: u64,
        part: Bytes,
        size: u64,
    ) -> Result<Sent, ClientError> {
        let end = from + part.len() as u64;
        let call = || {
            self.tus(Method::PATCH, place)
                .header("content-type", "application/offset+octet-stream")
                .header("upload-offset", from.to_string())
                .body(part.clone())
        };
        match self.signed(call).await? {
            // Named, it was looked at.
            answer if answer.headers().contains_key("oto-asset") => Ok(Sent::Whole),
            _ if end >= size => Err(ClientError::Nonsense),
            _ => Ok(Sent::Until(end)),
        }
    }

    fn tus(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url).header("tus-resumable", "1.0.0")
    }

    /// How much of an upload the server has.
    async fn offset(&self, place: &str) -> Result<u64, ClientError> {
        let answer = self.signed(|| self.tus(Method::HEAD, place)).await?;
        let told = answer.headers().get("upload-offset").and_then(|v| v.to_str().ok());
        told.and_then(|text| text.parse().ok()).ok_or(ClientError::Nonsense)
    }
}

/// What a call brought.
enum Sent {
    /// The server has so many bytes.
    Until(u64),
    /// It has all, and has looked at them.
    Whole,
}

/// Whether an upload may go on later: what passes, haste, and parts that arrived though nobody said so.
fn may_go_on(error: &ClientError) -> bool {
    let later = |p: &Problem| p.status == 429 || p.code == "upload_offset";
    error.may_pass() || matches!(error, ClientError::Refused(problem) if later(problem))
}

fn wait_after(error: &ClientError, tries: u32) -> Duration {
    match error {
        ClientError::Refused(p) if p.status == 429 => {
            Duration::from_secs(p.retry_after.unwrap_or(5).clamp(1, LONGEST_WAIT_S))
        }
        _ => Duration::from_millis(1_000 << tries),
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
    read.map_err(ClientError::of_file)
}
