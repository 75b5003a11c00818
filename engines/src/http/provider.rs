//! A provider: where it is, how its key is shown, and the clients bound to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, Response, Url};
use secrecy::{ExposeSecret, SecretString};

use super::answer::{from_transport, invalid, nonsense};
use super::call::{Call, Sends};
use super::download::{bad_link, open_public, target, there, write_capped};
use super::upload::put_signed;
use super::{MAX_JSON, MAX_STATUS, Veil, check_base_url, client_for, is_local_name, read_capped};
use crate::{Check, CheckState, Context, EngineError, ErrorClass};

/// How a provider wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// `Authorization: <scheme> <key>`.
    Scheme(&'static str),
    /// A header of its own.
    Header(&'static str),
    /// `Authorization: Basic`, the key being `name:password`.
    Basic,
}

/// Where a provider is; its clients speak to nobody else.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    pub(crate) base: Url,
    auth: Auth,
    /// A key that it does not get and must not tell either.
    other_key: Option<SecretString>,
    /// One for calls that read, one for those that wait until something is made.
    clients: Arc<[OnceLock<Client>; 2]>,
}

impl Provider {
    /// A provider at an address such as `https://api.example.com/v1`.
    ///
    /// # Errors
    /// With a sentence when the address cannot be used.
    pub(crate) fn new(base_url: &str, auth: Auth) -> Result<Self, String> {
        let mut base = check_base_url(base_url)?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Ok(Self { base, auth, other_key: None, clients: Arc::default() })
    }

    /// The same, whose answers are kept free of a key that it does not get.
    pub(crate) fn without(self, other_key: Option<SecretString>) -> Self {
        Self { other_key, ..self }
    }

    /// For what it says.
    fn veil(&self, context: &Context) -> Veil {
        Veil::of(context.key.as_ref().or(self.other_key.as_ref()))
    }

    /// True when it is on this machine or network.
    pub(crate) fn is_local(&self) -> bool {
        is_local_name(&self.base)
    }

    /// An address below the base; `path` has no slash in front.
    pub(crate) fn url(&self, path: &str) -> Result<Url, EngineError> {
        self.base.join(path).or(Err(invalid(
            "The engine’s address cannot be used; check it in the engine’s settings.",
        )))
    }

    /// A link for further calls that the provider gave: only to itself.
    pub(crate) fn own(&self, link: &str) -> Result<Url, EngineError> {
        let url = self.base.join(link).or(Err(bad_link()))?;
        if url.origin() == self.base.origin() { Ok(url) } else { Err(bad_link()) }
    }

    fn client(&self, sends: Sends) -> Result<&Client, EngineError> {
        let (slot, wait) = match sends {
            Sends::Whole => (&self.clients[1], 600),
            Sends::Nothing | Sends::Work => (&self.clients[0], 60),
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = client_for(&self.base, Duration::from_secs(wait))?;
        Ok(slot.get_or_init(|| client))
    }

    fn with_key(&self, builder: RequestBuilder, context: &Context) -> RequestBuilder {
        let Some(key) = &context.key else { return builder };
        let key = key.expose_secret();
        if self.auth == Auth::Basic {
            let (name, password) = key.split_once(':').unwrap_or((key, ""));
            return builder.basic_auth(name, Some(password));
        }
        let (name, text) = match self.auth {
            Auth::Header(name) => (name, key.to_owned()),
            Auth::Scheme(scheme) => (AUTHORIZATION.as_str(), format!("{scheme} {key}")),
            Auth::Basic => return builder,
        };
        match HeaderValue::from_str(&text) {
            Ok(mut value) => {
                value.set_sensitive(true);
                builder.header(name, value)
            }
            // A key with a line break is no key; without it the provider says that there is none.
            Err(_) => builder,
        }
    }

    /// A call. The key goes with it.
    pub(crate) fn call(
        &self,
        context: &Context,
        method: Method,
        url: Url,
        sends: Sends,
    ) -> Result<Call, EngineError> {
        let builder = self.with_key(self.client(sends)?.request(method, url), context);
        let (now_ms, veil) = ((context.now_ms)(), self.veil(context));
        let cap = if sends == Sends::Whole { MAX_JSON } else { MAX_STATUS };
        Ok(Call { builder, sends, reading: None, now_ms, cap, veil })
    }

    /// Reads below the base.
    pub(crate) fn get(&self, context: &Context, path: &str) -> Result<Call, EngineError> {
        self.call(context, Method::GET, self.url(path)?, Sends::Nothing)
    }

    /// Sends below the base.
    pub(crate) fn post(
        &self,
        context: &Context,
        path: &str,
        sends: Sends,
    ) -> Result<Call, EngineError> {
        self.call(context, Method::POST, self.url(path)?, sends)
    }

    /// Opens a result: from the provider itself with the key, else only from the public internet
    /// and without.
    async fn open(&self, context: &Context, link: &str) -> Result<Response, EngineError> {
        let mut url = self.base.join(link).or(Err(bad_link()))?;
        for _ in 0..4 {
            if url.origin() != self.base.origin() {
                return open_public(url).await;
            }
            let builder = self.client(Sends::Nothing)?.get(url.clone());
            let sent = self.with_key(builder, context).send().await;
            let response = sent.map_err(|e| from_transport(&e, Sends::Nothing))?;
            if !response.status().is_redirection() {
                return there(response);
            }
            url = target(&url, &response)?;
        }
        Err(bad_link())
    }

    /// Fetches a result that the provider points to into memory.
    pub(crate) async fn fetch(
        &self,
        context: &Context,
        link: &str,
        cap: u64,
    ) -> Result<Vec<u8>, EngineError> {
        let response = self.open(context, link).await?;
        let bytes = read_capped(response, cap, Sends::Nothing).await?;
        if self.veil(context).is_in(&bytes) { Err(nonsense()) } else { Ok(bytes) }
    }

    /// The same into a file of this name in the folder of the context.
    pub(crate) async fn fetch_file(
        &self,
        context: &Context,
        link: &str,
        cap: u64,
        name: &str,
    ) -> Result<PathBuf, EngineError> {
        let response = self.open(context, link).await?;
        write_capped(response, cap, &context.folder.join(name), &self.veil(context)).await
    }

    /// Sends a file to an address that the provider signed for it, without the key.
    pub(crate) async fn put_file(&self, link: &str, path: &Path) -> Result<(), EngineError> {
        put_signed(&self.base, link, path).await
    }

    /// Fetches what was paid for already, into a file: what passes is waited out for a while, and
    /// then it is not an error after which the work is simply asked for again.
    pub(crate) async fn fetch_paid(
        &self,
        context: &Context,
        link: &str,
        cap: u64,
        name: &str,
    ) -> Result<PathBuf, EngineError> {
        for pause_ms in [200, 1_000, 2_000] {
            match self.fetch_file(context, link, cap, name).await {
                Err(error) if error.class.may_retry() => {
                    tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                }
                other => return other,
            }
        }
        self.fetch_file(context, link, cap, name).await.map_err(|error| {
            if !error.class.may_retry() {
                return error;
            }
            EngineError {
                class: ErrorClass::UnknownOutcome,
                code: "result_unfetched",
                message: "The engine made this, and the result could not be fetched. Trying again may be paid twice.".to_owned(),
                ..error
            }
        })
    }

    /// What to say when there is no key and one is needed.
    pub(crate) fn needs_key(&self, context: &Context) -> Result<(), EngineError> {
        if context.key.is_some() || self.is_local() {
            return Ok(());
        }
        Err(EngineError::new(
            ErrorClass::Auth,
            "no_key",
            "This engine needs a key. Enter it in Keys.",
        ))
    }

    /// The answer to a check: `looked` gives what one free call found, models or nothing.
    pub(crate) async fn checked(
        &self,
        context: &Context,
        looked: impl Future<Output = Result<Check, EngineError>>,
    ) -> Check {
        let no = |state, sentence: String| Check { state, sentence, models: Vec::new() };
        if self.needs_key(context).is_err() {
            return no(CheckState::NoKey, "Enter the key of this engine in Keys.".to_owned());
        }
        match tokio::time::timeout(Duration::from_secs(5), looked).await {
            Ok(Ok(check)) => check,
            Ok(Err(error)) => {
                let state = match error.class {
                    ErrorClass::Auth => CheckState::Unauthorised,
                    ErrorClass::NoCredit => CheckState::OutOfCredit,
                    _ => CheckState::Unreachable,
                };
                no(state, error.message)
            }
            Err(_) => no(
                CheckState::Unreachable,
                "The engine gives no answer. Check that it is running and that the network works."
                    .to_owned(),
            ),
        }
    }
}
