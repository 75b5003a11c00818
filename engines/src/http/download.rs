//! Results that an engine points to: bytes up to a cap, in memory or in a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Response, Url};
use tokio::io::AsyncWriteExt;

use super::answer::{from_transport, nonsense};
use super::call::Sends;
use super::{Veil, is_local_name, is_private, public_client};
use crate::{EngineError, ErrorClass};

pub(crate) fn too_large() -> EngineError {
    EngineError::new(
        ErrorClass::BadResponse,
        "too_large",
        "The engine’s answer is larger than oTo accepts.",
    )
}

pub(super) fn bad_link() -> EngineError {
    EngineError::new(
        ErrorClass::BadResponse,
        "bad_link",
        "The engine’s result lies at an address oTo does not open.",
    )
}

/// Reads a body up to `cap` bytes, whatever its length says, of a call that sent this.
pub(crate) async fn read_capped(
    mut response: Response,
    cap: u64,
    sends: Sends,
) -> Result<Vec<u8>, EngineError> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if (bytes.len() + chunk.len()) as u64 <= cap => {
                bytes.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(too_large()),
            Ok(None) => return Ok(bytes),
            Err(error) => return Err(from_transport(&error, sends)),
        }
    }
}

/// Writes a body of at most `cap` bytes into a file. What was written of a longer one is removed,
/// and one that repeats the key is no medium and does not reach the disk.
pub(super) async fn write_capped(
    mut response: Response,
    cap: u64,
    path: &Path,
    veil: &Veil,
) -> Result<PathBuf, EngineError> {
    let disk = |e: std::io::Error| {
        EngineError::new(
            ErrorClass::Internal,
            "disk",
            format!("The result could not be written: {e}"),
        )
    };
    let mut file = tokio::fs::File::create(path).await.map_err(disk)?;
    let mut written = 0u64;
    let mut end = Vec::new();
    let outcome = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                written += chunk.len() as u64;
                if written > cap {
                    break Err(too_large());
                }
                end.extend_from_slice(&chunk);
                if veil.is_in(&end) {
                    break Err(nonsense());
                }
                end.drain(..end.len().saturating_sub(veil.overlap()));
                if let Err(error) = file.write_all(&chunk).await {
                    break Err(disk(error));
                }
            }
            Ok(None) => break file.flush().await.map_err(disk),
            Err(error) => break Err(from_transport(&error, Sends::Nothing)),
        }
    };
    match outcome {
        Ok(()) => Ok(path.to_owned()),
        Err(error) => {
            // The folder goes with the job anyway.
            tokio::fs::remove_file(path).await.ok();
            Err(error)
        }
    }
}

/// True for an address on the public internet, over https and without a name or password in it.
/// Where its name leads is seen by the client.
pub(super) fn is_open(url: &Url) -> bool {
    let literal = match url.host() {
        Some(url::Host::Ipv4(ip)) => Some(ip.into()),
        Some(url::Host::Ipv6(ip)) => Some(ip.into()),
        _ => None,
    };
    let named = !url.username().is_empty() || url.password().is_some();
    url.scheme() == "https" && !named && !is_local_name(url) && !literal.is_some_and(is_private)
}

/// Opens a result elsewhere: over https from the public internet, without credentials, through
/// three redirects at most.
pub(super) async fn open_public(mut url: Url) -> Result<Response, EngineError> {
    for _ in 0..4 {
        if !is_open(&url) {
            return Err(bad_link());
        }
        let client = public_client(Duration::from_secs(60))?;
        let sent = client.get(url.clone()).send().await;
        let response = sent.map_err(|e| from_transport(&e, Sends::Nothing))?;
        if !response.status().is_redirection() {
            return there(response);
        }
        url = target(&url, &response)?;
    }
    Err(bad_link())
}

/// Fetches what anybody can open into a file of at most `cap` bytes, by the rules for results.
pub(crate) async fn fetch_public(link: &str, cap: u64, path: &Path) -> Result<(), EngineError> {
    let url = Url::parse(link).or(Err(bad_link()))?;
    write_capped(open_public(url).await?, cap, path, &Veil::of(None)).await?;
    Ok(())
}

/// Where a redirect leads.
pub(super) fn target(from: &Url, response: &Response) -> Result<Url, EngineError> {
    let location = response.headers().get("location").and_then(|v| v.to_str().ok());
    from.join(location.ok_or_else(bad_link)?).or(Err(bad_link()))
}

/// A result that is there.
pub(super) fn there(response: Response) -> Result<Response, EngineError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let status = response.status();
    let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
    let error = if passes {
        EngineError::new(
            ErrorClass::Unavailable,
            "unavailable",
            "The engine’s result cannot be fetched just now; oTo tries again by itself.",
        )
    } else {
        EngineError::new(
            ErrorClass::Expired,
            "result_gone",
            "The engine’s result is no longer there. Run it again.",
        )
    };
    Err(EngineError { provider_status: Some(status.as_u16()), ..error })
}
