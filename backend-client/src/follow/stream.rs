//! The one stream of events of a home. It only wakes those who follow a job; what they hear of the
//! job they ask for themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use oto_api_types::JobEvent;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, watch};

use super::backoff;
use crate::{ClientError, Home};

/// Questions that are asked at once when the stream wakes many.
const MOST_AT_ONCE: usize = 6;
/// Jobs whose results are fetched at once.
const MOST_DOWNLOADS: usize = 4;
/// The home sends at least a comment every fifteen seconds.
const SILENCE: Duration = Duration::from_secs(40);
/// Until a home is asked again that has no stream.
const NOT_OFFERED: Duration = Duration::from_secs(300);
/// A stream that held so long was not at fault.
const HELD: Duration = Duration::from_secs(10);
/// Longest line of an event.
const MOST_BYTES: usize = 64 << 10;

/// How the stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Being opened.
    Opening,
    /// Open: whoever follows a job is woken.
    Up,
    /// Not there: each job is asked with a long wait.
    Down,
}

/// What those who follow share with the one who listens.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    wakes: Mutex<BTreeMap<String, watch::Sender<()>>>,
    line: watch::Sender<Line>,
    /// Rings when somebody follows.
    wanted: Notify,
    turns: Semaphore,
    downloads: Semaphore,
}

/// Rings when a job changed.
pub(super) struct Wake(watch::Receiver<()>);

impl Wake {
    /// Forgets what rang before.
    pub(super) fn hear(&mut self) {
        self.0.mark_unchanged();
    }

    pub(super) async fn rings(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Sees how the stream stands.
pub(super) struct LineSeen(watch::Receiver<Line>);

impl LineSeen {
    pub(super) async fn until(&mut self, is: impl Fn(Line) -> bool) -> Line {
        if let Ok(line) = self.0.wait_for(|line| is(*line)).await {
            return *line;
        }
        std::future::pending().await
    }
}

impl Stream {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shared {
            wakes: Mutex::default(),
            line: watch::Sender::new(Line::Opening),
            wanted: Notify::new(),
            turns: Semaphore::new(MOST_AT_ONCE),
            downloads: Semaphore::new(MOST_DOWNLOADS),
        }))
    }

    pub(super) fn wake_of(&self, id: &str) -> Wake {
        let mut wakes = self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        wakes.retain(|_, wake| wake.receiver_count() > 0);
        let wake = wakes.entry(id.to_owned()).or_insert_with(|| watch::Sender::new(()));
        let wake = Wake(wake.subscribe());
        self.0.wanted.notify_one();
        wake
    }

    pub(super) fn line(&self) -> LineSeen {
        LineSeen(self.0.line.subscribe())
    }

    /// Leave to ask now.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.turns.acquire().await.ok()
    }

    /// Leave to fetch results now; beside the questions, which large files must not hold up.
    pub(crate) async fn download(&self) -> Option<SemaphorePermit<'_>> {
        self.0.downloads.acquire().await.ok()
    }

    fn wake(&self, id: &str) {
        let wakes = self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = wakes.get(id) {
            wake.send_replace(());
        }
    }

    fn wake_all(&self) {
        let wakes = self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        for wake in wakes.values() {
            wake.send_replace(());
        }
    }
}

/// Keeps the stream open from the first time that somebody follows.
pub(crate) async fn listen(home: Home, stream: Stream) {
    stream.0.wanted.notified().await;
    let mut broken = 0;
    loop {
        let since = Instant::now();
        let pause = match home.events().await {
            Ok(response) => {
                stream.0.line.send_replace(Line::Up);
                // What changed while nobody listened.
                stream.wake_all();
                hear(response, &stream).await;
                if since.elapsed() > HELD {
                    broken = 0;
                }
                // Asked once more before everybody asks for themselves.
                stream.0.line.send_replace(if broken == 0 { Line::Opening } else { Line::Down });
                backoff(broken)
            }
            Err(error) => {
                stream.0.line.send_replace(Line::Down);
                let refused = matches!(&error, ClientError::Refused(p) if p.status < 500);
                if refused { NOT_OFFERED } else { backoff(broken) }
            }
        };
        broken += 1;
        tokio::time::sleep(pause).await;
    }
}

/// Until the stream ends, breaks or falls silent.
async fn hear(mut response: reqwest::Response, stream: &Stream) {
    let mut lines = Lines::default();
    while let Ok(Ok(Some(bytes))) = tokio::time::timeout(SILENCE, response.chunk()).await {
        if !lines.push(&bytes, |name, data| match name {
            "job" => {
                if let Ok(event) = serde_json::from_str::<JobEvent>(data) {
                    stream.wake(&event.job);
                }
            }
            "all" => stream.wake_all(),
            // Words of a newer home.
            _ => {}
        }) {
            return;
        }
    }
}

/// Puts lines together to events (WHATWG HTML, section 9.2). Data of ours is one line.
#[derive(Default)]
struct Lines {
    waiting: Vec<u8>,
    name: String,
    data: String,
}

impl Lines {
    /// False when a line is longer than is accepted.
    fn push(&mut self, bytes: &[u8], mut event: impl FnMut(&str, &str)) -> bool {
        self.waiting.extend_from_slice(bytes);
        while let Some(end) = self.waiting.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = self.waiting.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.name),
                "data" => value.clone_into(&mut self.data),
                "" if line.is_empty() => {
                    if !self.data.is_empty() {
                        event(&self.name, &self.data);
                    }
                    self.name.clear();
                    self.data.clear();
                }
                // Comments have an empty field; ids are of no use here.
                _ => {}
            }
        }
        self.waiting.len() <= MOST_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_however_they_are_cut() {
        let text = ": hello\n\nid: 4\nevent: job\ndata: {\"job\":\"a\"}\n\nevent: all\r\ndata: {}\r\n\r\nevent: job\n\n";
        for size in [1, 3, text.len()] {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for part in text.as_bytes().chunks(size) {
                assert!(lines.push(part, |n, d| seen.push(format!("{n} {d}"))));
            }
            assert_eq!(seen, ["job {\"job\":\"a\"}", "all {}"]);
        }
        assert!(!Lines::default().push(&vec![b'x'; MOST_BYTES + 1], |_, _| {}));
    }
}
