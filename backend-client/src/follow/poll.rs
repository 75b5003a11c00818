//! Asking a job until it has ended: when the stream says so, or with a long wait.

use std::time::Duration;

use oto_api_types::Job;

use super::backoff;
use super::stream::{Line, Stream};
use crate::{ClientError, Home};

/// Progress may tick often; nobody sees more than a few steps a second.
const PAUSE: Duration = Duration::from_millis(80);
/// How long a stream is waited for that is being opened.
const OPENING: Duration = Duration::from_secs(2);
/// A job that no event was told of is asked all the same.
const QUIET: Duration = Duration::from_secs(60);
/// Seconds that a home may hold an answer back.
const LONG_WAIT_SECS: u64 = 20;

/// Tells every change until the job is final.
///
/// # Errors
/// When the job is not known there, or the home stays silent for a minute.
pub(crate) async fn follow(
    home: &Home,
    stream: &Stream,
    id: &str,
    mut changed: impl FnMut(&Job),
) -> Result<Job, ClientError> {
    let mut wake = stream.wake_of(id);
    let mut line = stream.line();
    let (mut version, mut silent) = (0, 0);
    loop {
        let opened = line.until(|l| l != Line::Opening);
        let is_up = tokio::time::timeout(OPENING, opened).await == Ok(Line::Up);
        // What is told from here on wakes after this answer.
        wake.hear();
        let answer = if is_up {
            let _turn = stream.turn().await;
            home.job(id, 0, version).await
        } else {
            tokio::select! {
                answer = home.job(id, LONG_WAIT_SECS, version) => answer,
                _ = line.until(|l| l == Line::Up) => continue,
            }
        };
        match answer {
            Ok(job) => {
                silent = 0;
                if job.version != version {
                    version = job.version;
                    changed(&job);
                }
                if job.status.is_final() {
                    return Ok(job);
                }
                tokio::time::sleep(PAUSE).await;
                if is_up {
                    tokio::select! {
                        () = wake.rings() => {}
                        _ = line.until(|l| l != Line::Up) => {}
                        () = tokio::time::sleep(QUIET) => {}
                    }
                }
            }
            Err(ClientError::Unreachable) if silent < 20 => {
                tokio::time::sleep(backoff(silent)).await;
                silent += 1;
            }
            Err(error) => return Err(error),
        }
    }
}
