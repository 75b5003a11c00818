//! Small films for scrubbing, made one at a time on a thread of its own: when a film arrives, and
//! when one is opened that has none.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use bevy::prelude::*;
use oto_board::AssetId;
use oto_media::worker::Workers;

use crate::derived::Derived;
use crate::desk::state::{Desk, Waker};

/// Asks for small films.
#[derive(Resource)]
pub(crate) struct Proxies {
    wishes: Sender<(AssetId, PathBuf)>,
    asked: HashSet<AssetId>,
    closing: Arc<AtomicBool>,
}

impl Drop for Proxies {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl Proxies {
    /// Has the small film of a film made, unless it was asked for; the thread knows if it is there.
    pub(crate) fn ask(&mut self, asset: AssetId, film: PathBuf) {
        if self.asked.insert(asset) {
            self.wishes.send((asset, film)).ok();
        }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.add_systems(PreStartup, start);
}

fn start(mut commands: Commands, desk: Res<Desk>, waker: Res<Waker>) {
    let Ok(workers) = Workers::of_this_program() else { return };
    let (wishes, inbox) = channel();
    let derived = desk.data.derived();
    let closing = Arc::new(AtomicBool::new(false));
    let (stop, wake) = (Arc::clone(&closing), Arc::clone(&waker.0));
    let thread = std::thread::Builder::new()
        .name("oto-proxies".to_owned())
        .spawn(move || serve(&workers, &derived, &inbox, &stop, &*wake));
    match thread {
        Ok(_) => {
            let asked = HashSet::new();
            commands.insert_resource(Proxies { wishes, asked, closing });
        }
        Err(error) => tracing::error!(%error, "no thread for small films"),
    }
}

fn serve(
    workers: &Workers,
    derived: &Derived,
    inbox: &Receiver<(AssetId, PathBuf)>,
    closing: &AtomicBool,
    wake: &(dyn Fn() + Send + Sync),
) {
    derived.sweep();
    while let Ok((asset, film)) = inbox.recv() {
        if derived.ready(asset).is_some() {
            continue;
        }
        let path = derived.proxy(asset);
        // Without its folder the worker says why.
        path.parent().map(std::fs::create_dir_all);
        let made = workers.proxy(&film, &path, &|_| !closing.load(Ordering::Relaxed));
        match made {
            Ok(()) => wake(),
            Err(oto_media::MediaError::Canceled) => return,
            Err(error) => tracing::info!(asset.id = %asset, %error, "no small film of {asset}"),
        }
    }
}
