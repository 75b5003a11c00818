//! Wakes the window once at a time ahead: for the end of a message and for seconds that pass while
//! something is made. Frames on end would do the same and never rest.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use bevy::prelude::Resource;

/// Handle of the thread.
#[derive(Resource)]
pub(super) struct Ticker(Option<Sender<Instant>>);

impl Ticker {
    pub(super) fn start(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (send, inbox) = channel::<Instant>();
        let thread = std::thread::Builder::new().name("oto-ticker".to_owned()).spawn(move || {
            let mut due: Vec<Instant> = Vec::new();
            loop {
                let now = Instant::now();
                if due.iter().any(|d| *d <= now) {
                    due.retain(|d| *d > now);
                    wake();
                }
                let wait = due
                    .iter()
                    .min()
                    .map_or(Duration::from_secs(3600), |d| d.saturating_duration_since(now));
                match inbox.recv_timeout(wait) {
                    Ok(at) => due.push(at),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        Self(thread.is_ok().then_some(send))
    }

    /// One frame after this long.
    pub(super) fn after(&self, wait: Duration) {
        if let Some(send) = &self.0 {
            send.send(Instant::now() + wait).ok();
        }
    }
}
