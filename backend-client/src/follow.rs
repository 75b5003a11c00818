//! Following a job to its end. Polling with a long wait is the truth.

use std::path::Path;
use std::time::Duration;

use oto_api_types::{Job, JobStatus};

use crate::{ClientError, Home};

/// Waits between tries when the home does not answer: 0.25 s, doubled, at most 4 s.
pub(crate) fn backoff(attempt: u32) -> Duration {
    Duration::from_millis((250u64 << attempt.min(4)).min(4_000))
}

/// Tells every change until the job is final.
///
/// # Errors
/// When the job is not known there, or the home stays silent for a minute.
pub(crate) async fn follow(
    home: &Home,
    id: &str,
    mut changed: impl FnMut(&Job),
) -> Result<Job, ClientError> {
    let (mut version, mut silent) = (0, 0);
    loop {
        match home.job(id, 20, version).await {
            Ok(job) => {
                silent = 0;
                if job.version != version {
                    version = job.version;
                    changed(&job);
                }
                if job.status.is_final() {
                    return Ok(job);
                }
                // Progress may tick often; nobody sees more than a few steps a second.
                tokio::time::sleep(Duration::from_millis(80)).await;
            }
            Err(ClientError::Unreachable) if silent < 20 => {
                tokio::time::sleep(backoff(silent)).await;
                silent += 1;
            }
            Err(error) => return Err(error),
        }
    }
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
