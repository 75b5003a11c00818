//! Keys to the keyring, off the main thread: it may have to be unlocked first.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::Resource;
use oto_backend_client::{ConnectError, CredentialError, Credentials, Site, connect};
use secrecy::SecretString;

/// What came of keeping a key, or of asking for one.
pub(crate) enum Answer {
    /// An engine and what became of its key.
    Kept(String, Result<(), CredentialError>),
    /// A page to be opened in the browser.
    Page(String),
    /// OpenRouter was asked for a key; with it whether the keyring has it or only this session.
    Connected(Result<bool, ConnectError>),
}

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
            tell.send(Answer::Kept(engine, outcome)).ok();
            wake();
        };
        if let Err(error) = std::thread::Builder::new().name("oto-keys".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for the keyring");
        }
    }

    /// Asks OpenRouter for a key, by way of the browser, and keeps it under this account.
    pub(crate) fn connect(&self, credentials: &Credentials, account: String) {
        let (tell, wake) = (self.tell.clone(), Arc::clone(&self.wake));
        let credentials = credentials.clone();
        let work = move || {
            let key = connect(&Site::default(), |page| {
                tell.send(Answer::Page(page)).ok();
                wake();
            });
            let outcome = key.map(|key| {
                // Without a keyring it is good until the window is closed, and that is said.
                let in_keyring = credentials.set(&account, key.clone()).is_ok();
                in_keyring || credentials.set_for_session(&account, key).is_err()
            });
            // The window may be gone already.
            tell.send(Answer::Connected(outcome)).ok();
            wake();
        };
        if let Err(error) = std::thread::Builder::new().name("oto-connect".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread to connect");
        }
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}
