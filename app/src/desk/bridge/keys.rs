//! Keys to the keyring, off the main thread: it may have to be unlocked first.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::Resource;
use oto_backend_client::{CredentialError, Credentials};
use secrecy::SecretString;

/// An engine and what became of its key.
type Answer = (String, Result<(), CredentialError>);

/// Keeps keys and says what became of it.
#[derive(Resource)]
pub(crate) struct KeyBridge {
    wake: Arc<dyn Fn() + Send + Sync>,
    tell: Sender<Answer>,
    answers: Mutex<Receiver<Answer>>,
}

impl KeyBridge {
    pub(crate) fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (tell, answers) = channel();
        Self { wake, tell, answers: Mutex::new(answers) }
    }

    /// Keeps the key of an engine under its account in the keyring.
    pub(crate) fn keep(
        &self,
        credentials: &Credentials,
        engine: String,
        account: String,
        key: SecretString,
    ) {
        let credentials = credentials.clone();
        let (tell, wake) = (self.tell.clone(), Arc::clone(&self.wake));
        let work = move || {
            let outcome = credentials.set(&account, key);
            // The window may be gone already.
            tell.send((engine, outcome)).ok();
            wake();
        };
        if let Err(error) = std::thread::Builder::new().name("oto-keys".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for the keyring");
        }
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}
