//! Keys to and from where they are kept, off the main thread: the keyring may have to be unlocked
//! first, and a passphrase takes a while to become a key.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use bevy::prelude::Resource;
use oto_backend_client::{ConnectError, CredentialError, Credentials, Place, Site, connect};
use secrecy::SecretString;

use crate::key_dates::KeyDates;

/// Where a key is, or why that is not known.
pub(crate) type Whereabouts = Result<Option<Place>, CredentialError>;

/// What came of a call.
pub(crate) enum Answer {
    /// The key of an engine that was tried is kept now, or not.
    Kept(String, Place, Result<(), CredentialError>),
    /// The key of an engine is forgotten; false when there was none.
    Forgotten(String, Result<bool, CredentialError>),
    /// Where the keys of engines are, and the days of their last use.
    Places(BTreeMap<String, Whereabouts>, BTreeMap<String, i64>),
    /// The file of keys is open, or not.
    Unlocked(Result<(), CredentialError>),
    /// A page to be opened in the browser.
    Page(String),
    /// OpenRouter was asked for a key; with it where that is kept.
    Connected(Result<Place, ConnectError>),
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

    /// Does it on a thread of its own, which may tell something before it answers.
    fn run(&self, work: impl FnOnce(&dyn Fn(Answer)) + Send + 'static) {
        let (tell, wake) = (self.tell.clone(), Arc::clone(&self.wake));
        let work = move || {
            work(&|answer| {
                // The window may be gone already.
                tell.send(answer).ok();
                wake();
            });
        };
        if let Err(error) = std::thread::Builder::new().name("oto-keys".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for keys");
        }
    }

    /// Has the window woken when a job needs the passphrase.
    pub(crate) fn attend(&self, credentials: &Credentials) {
        credentials.ask_with(Arc::clone(&self.wake));
    }

    /// Keeps the key that was tried there.
    pub(crate) fn keep(
        &self,
        credentials: &Credentials,
        engine: String,
        account: String,
        place: Place,
    ) {
        let credentials = credentials.clone();
        self.run(move |tell| {
            let outcome = credentials.keep_candidate(&account, place);
            tell(Answer::Kept(engine, place, outcome));
        });
    }

    /// Forgets the key of an engine, wherever it is.
    pub(crate) fn forget(
        &self,
        credentials: &Credentials,
        dates: &KeyDates,
        engine: String,
        account: String,
    ) {
        let (credentials, dates) = (credentials.clone(), dates.clone());
        self.run(move |tell| {
            let outcome = credentials.remove(&account);
            if outcome.is_ok() {
                dates.forget(&account);
            }
            tell(Answer::Forgotten(engine, outcome));
        });
    }

    /// Looks where the keys of these engines are, by engine and account.
    pub(crate) fn look(
        &self,
        credentials: &Credentials,
        dates: &KeyDates,
        accounts: Vec<(String, String)>,
    ) {
        let (credentials, dates) = (credentials.clone(), dates.clone());
        self.run(move |tell| {
            let (mut places, mut used) = (BTreeMap::new(), BTreeMap::new());
            let days = dates.all();
            for (engine, account) in accounts {
                if let Some(day) = days.get(&account) {
                    used.insert(engine.clone(), *day);
                }
                let place = credentials.place_of(&account);
                places.insert(engine, place);
            }
            tell(Answer::Places(places, used));
        });
    }

    /// Opens the file of keys, or makes it.
    pub(crate) fn unlock(&self, credentials: &Credentials, passphrase: SecretString) {
        let credentials = credentials.clone();
        self.run(move |tell| {
            tell(Answer::Unlocked(if credentials.has_file() {
                credentials.unlock_file(&passphrase)
            } else {
                credentials.create_file(&passphrase)
            }));
        });
    }

    /// Asks OpenRouter for a key, by way of the browser, and keeps it under this account.
    pub(crate) fn connect(&self, credentials: &Credentials, account: String) {
        let credentials = credentials.clone();
        self.run(move |tell| {
            let key = connect(&Site::default(), |page| tell(Answer::Page(page)));
            let outcome = key.map(|key| {
                // Without a keyring or an open file it is good until the window is closed, and that
                // is said.
                let lasting = [Place::Keyring, Place::File];
                let kept = lasting
                    .into_iter()
                    .find(|place| credentials.set_in(*place, &account, key.clone()).is_ok());
                kept.unwrap_or_else(|| {
                    credentials.set_for_session(&account, key).ok();
                    Place::Session
                })
            });
            tell(Answer::Connected(outcome));
        });
    }

    /// The next answer.
    pub(crate) fn answer(&self) -> Option<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }
}
