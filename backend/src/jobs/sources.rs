//! Media that a job works from, brought to where its engine can open them.

use oto_engines::{EngineError, ErrorClass};

use crate::db::one;
use crate::state::AppState;

/// Codes of the error when media cannot be fetched now: the store does not answer, or another server has
/// not brought them there yet, which may be gone for good.
pub(super) const AWAY: &str = "media_store";
pub(super) const ELSEWHERE: &str = "media_elsewhere";

/// Brings media here that were uploaded or made at another server. What is not in the store yet is
/// waited for; what is nowhere is said by whoever opens it.
pub(super) async fn bring(state: &AppState, media: Vec<String>) -> Result<(), EngineError> {
    for hash in media {
        match state.blobs.bring(&hash).await {
            Ok(Some(_)) => {}
            // A desk has no others.
            Ok(None) if state.server.is_none() => {}
            Ok(None) => {
                // It lies at the server that made it until the store answers that one.
                let sql = "SELECT 1 AS yes FROM blob_keep WHERE hash = $1";
                if let Ok(None) = one(&state.db, sql, vec![hash.into()]).await {
                    continue;
                }
                let why = "it is at another server, which could not store it yet.";
                return Err(unavailable(ELSEWHERE, why.to_owned()));
            }
            Err(error) => return Err(unavailable(AWAY, error.to_string())),
        }
    }
    Ok(())
}

fn unavailable(code: &'static str, why: String) -> EngineError {
    let sentence = format!("A source cannot be fetched now: {why}");
    EngineError::new(ErrorClass::Unavailable, code, sentence)
}
