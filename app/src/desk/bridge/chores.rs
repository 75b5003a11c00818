//! Work with files that is too long for a frame: taking results over, writing downloads.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::Resource;
use oto_api_types::Job;

use crate::inbox::Waiting;

/// What was done.
pub(crate) enum Chore {
    /// The files of a job are in the asset store, or not.
    Adopted {
        /// The job.
        job: Box<Job>,
        /// A sentence when it failed.
        outcome: Result<(), String>,
    },
    /// What was taken on the shared wall and waits.
    Waiting(Vec<(PathBuf, Waiting)>),
    /// A file was written where the user keeps downloads, or not.
    Downloaded(Result<PathBuf, String>),
}

type Task = Box<dyn FnOnce() -> Chore + Send>;

/// One thread, so that chores are done in order.
#[derive(Resource)]
pub(crate) struct Chores {
    tasks: Sender<Task>,
    done: Mutex<Receiver<Chore>>,
}

impl Chores {
    pub(crate) fn start(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (tasks, inbox) = channel::<Task>();
        let (tell, done) = channel();
        let work = move || {
            while let Ok(task) = inbox.recv() {
                if tell.send(task()).is_err() {
                    return;
                }
                wake();
            }
        };
        if let Err(error) = std::thread::Builder::new().name("oto-chores".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for files");
        }
        Self { tasks, done: Mutex::new(done) }
    }

    pub(crate) fn run(&self, task: impl FnOnce() -> Chore + Send + 'static) {
        // Without its thread nothing is done, and works stay under way until the next start.
        self.tasks.send(Box::new(task)).ok();
    }

    pub(crate) fn take(&self) -> Option<Chore> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}
