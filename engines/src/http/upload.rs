//! Files sent to an address that a provider signed for them. The address is the permission: no key
//! goes with it, and no redirect is followed.

use std::path::Path;
use std::time::Duration;

use reqwest::header::CONTENT_LENGTH;
use reqwest::{Body, Url};

use super::answer::from_transport;
use super::download::{bad_link, is_open};
use super::{client_for, public_client};
use crate::{EngineError, ErrorClass};

/// Slowest line that is waited for, in bytes a second: a store answers after the last byte.
const SLOWEST: u64 = 100_000;

fn refused(status: u16) -> EngineError {
    let (class, code, sentence) = match status {
        408 | 429 | 500..=599 => (
            ErrorClass::Unavailable,
            "unavailable",
            "The engine’s store takes no files just now; oTo tries again by itself.",
        ),
        300..=399 => return bad_link(),
        _ => (
            ErrorClass::BadResponse,
            "upload_refused",
            "The engine’s store refuses a file that it asked for. Check the clock of this computer, and try again.",
        ),
    };
    EngineError { provider_status: Some(status), ..EngineError::new(class, code, sentence) }
}

/// Sends a file to a signed address: on the public internet, or at the provider itself.
pub(super) async fn put_signed(base: &Url, link: &str, path: &Path) -> Result<(), EngineError> {
    let url = Url::parse(link).or(Err(bad_link()))?;
    let gone = |_| {
        EngineError::new(
            ErrorClass::InvalidRequest,
            "source_gone",
            "A source of this work is no longer there. Choose another one.",
        )
    };
    let file = tokio::fs::File::open(path).await.map_err(gone)?;
    let length = file.metadata().await.map_err(gone)?.len();
    let patience = Duration::from_secs((60 + length / SLOWEST).min(3_600));
    let client = if url.origin() == base.origin() {
        client_for(base, patience)?
    } else if is_open(&url) {
        public_client(patience)?
    } else {
        return Err(bad_link());
    };
    // Stores take no chunks without a length. A content type is left out: the signature of S3
    // covers it, and nobody told it to the one who signed.
    let call = client.put(url).header(CONTENT_LENGTH, length).body(Body::from(file));
    let response = call.send().await.map_err(|e| from_transport(&e, super::Sends::Nothing))?;
    if response.status().is_success() { Ok(()) } else { Err(refused(response.status().as_u16())) }
}
