//! Following a job to its end: one stream of events for all jobs says when to look, and where there is
//! none, each job is asked with a long wait. Asking is the truth in either case.

mod poll;
mod stream;

use std::path::Path;
use std::time::Duration;

use oto_api_types::{Job, JobStatus};

use crate::{ClientError, Home};

pub(crate) use poll::follow;
pub(crate) use stream::{Stream, listen};

/// Waits between tries when the home does not answer: 0.25 s, doubled, at most 4 s.
pub(crate) fn backoff(attempt: u32) -> Duration {
    Duration::from_millis((250u64 << attempt.min(4)).min(4_000))
}

/// Fetches what a job made into a folder, each under its hash.
///
/// # Errors
/// When a file cannot be fetched.
pub(crate) async fn fetch(home: &Home, job: &Job, folder: &Path) -> Result<(), ClientError> {
    if job.status != JobStatus::Succeeded {
        return Ok(());
    }
    tokio::fs::create_dir_all(folder).await.map_err(|e| ClientError::File(e.to_string()))?;
    for output in &job.outputs {
        home.download(&output.hash, &folder.join(&output.hash)).await?;
    }
    Ok(())
}
