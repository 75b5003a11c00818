//! Work that goes on when whoever asked for it leaves.

use crate::BackendError;
use crate::error::Refusal;

/// Ends what was begun in any case, so that nothing stays half done that nobody looks for again: a
/// server drops the answer of a caller that is gone, and what it was in the middle of.
pub(crate) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(work).await.unwrap_or_else(|e| Err(BackendError::Stopped(e.to_string()).into()))
}
