//! The window: Bevy, the canvas, panels, and bridges to storage, backend and media.

mod bridge;
mod clock;
mod command;
mod estimates;
mod notices;
mod panels;
mod plugin;
mod state;
mod third_party;
pub(crate) mod thumbnails;
mod ticker;
mod timeline;
mod wall;

pub(crate) use wall::walk;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use oto_storage::view_state::Library;
use oto_storage::{create_board, open_board};

use crate::data::DataDir;
use crate::settings::Settings;

/// Name of the board of a first start.
const FIRST_BOARD: &str = "My wall.oto";

/// Opens the desk on a board: the one named, else the last one, else a first one.
pub(crate) fn open(data: &DataDir, board: Option<PathBuf>) -> Result<()> {
    let started = Instant::now();
    start_log();
    let library = Library::read(&data.library());
    let path = match board {
        Some(name) => {
            let path = data.board(&name);
            if !path.exists() {
                bail!(
                    "there is no board “{}”; `oto board new` makes one, `oto --help` lists the commands",
                    name.display()
                );
            }
            path
        }
        None => match library.recent.iter().find(|p| p.exists()) {
            Some(last) => last.clone(),
            None => data.boards().join(FIRST_BOARD),
        },
    };
    if cfg!(target_os = "linux")
        && std::env::var_os("DISPLAY").is_none()
        && std::env::var_os("WAYLAND_DISPLAY").is_none()
    {
        bail!(
            "there is no display here, so the desk cannot open; `oto tour` shows what oTo does without a window"
        );
    }
    let fresh = !path.exists();
    let (loaded, writer) = if fresh { create_board(&path) } else { open_board(&path) }
        .with_context(|| format!("{} cannot be opened", path.display()))?;
    let fresh = fresh && library.recent.is_empty();
    let settings = Settings::read(&data.settings());
    plugin::run(plugin::Start {
        data: data.clone(),
        library,
        settings,
        path,
        loaded,
        writer,
        fresh,
        started,
    })
}

/// At `trace` this module writes whole requests, the key in their header with them.
fn without_requests(filter: tracing_subscriber::EnvFilter) -> tracing_subscriber::EnvFilter {
    match "tungstenite::handshake::client=debug".parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    }
}

/// Messages of the program on stderr; `RUST_LOG` says which. Never prompts, keys or file contents.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,wgpu=error,naga=error"));
    let filter = without_requests(filter);
    // A second start in one process keeps the first log.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init().ok();
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::without_requests;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn requests_with_their_key_are_not_logged_however_much_is_asked_for() {
        for asked in ["trace", "tungstenite=trace", "trace,tungstenite::handshake::client=trace"] {
            let (kept, filter) = (Kept::default(), tracing_subscriber::EnvFilter::new(asked));
            let writer = kept.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_env_filter(without_requests(filter))
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::trace!(target: "tungstenite::handshake::client", "Request: Bearer x");
                tracing::trace!(target: "tungstenite::protocol", "a frame");
            });
            let told = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            assert!(!told.contains("Bearer") && told.contains("a frame"), "{asked}: {told}");
        }
    }
}
