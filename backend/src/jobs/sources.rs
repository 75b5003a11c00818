//! Media that a job works from, brought to where its engine can open them.

use oto_engines::{EngineError, ErrorClass};

use crate::db::one;
use crate::state::AppState;

/// Code of the error when media cannot be fetched now.
pub(super) const AWAY: &str = "media_store";

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
                return Err(unavailable(
                    "it is at another server, which could not store it yet.".to_owned(),
                ));
            }
            Err(error) => return Err(unavailable(error.to_string())),
        }
    }
    Ok(())
}

fn unavailable(why: String) -> EngineError {
    EngineError::new(
        ErrorClass::Unavailable,
        AWAY,
        format!("A source cannot be fetched now: {why}"),
    )
}
