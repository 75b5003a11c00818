//! What makes things: the [`Engine`] trait, one file per engine, and the guard against hostile
//! addresses and sizes. No HTTP server, no database, no keyring; no clock or randomness of its
//! own: everything comes through the [`Context`].
#![warn(missing_docs)]

pub mod discover;
mod error;
pub mod film;
pub mod http;
pub mod local;
mod outcome;
mod pipeline;
pub mod prices;
mod registry;
pub mod remote;
mod request;
pub mod webhook;

use std::future::Future;
use std::pin::Pin;

pub use error::{EngineError, ErrorClass};
pub use outcome::{
    Body, Check, CheckState, Estimate, Lookup, Outcome, Output, OutputRole, Pending, Polled,
    Stopped, Submitted,
};
pub use pipeline::{Next, Pipeline, Stage, StageState, Stages};
pub use registry::{Added, Registry};
pub use request::{
    Clock, Context, Draft, Input, Kind, Looks, Meter, Probe, ProgressSink, Request, TokenUsage,
};

/// A future that can be boxed in a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where an engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In this process or a child of it.
    Local,
    /// A server on this machine.
    Loopback,
    /// Somewhere else.
    Remote,
}

/// One parameter of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// Value when none is given.
    pub default: &'static str,
    /// Allowed values; empty when any will do.
    pub choices: &'static [&'static str],
}

/// What an engine is. The id goes into every run and is never used for another engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Names it in jobs and runs.
    pub id: String,
    /// What people call it.
    pub label: String,
    /// What it makes.
    pub kinds: Vec<Kind>,
    /// Where it works.
    pub place: Place,
    /// True for local drafts.
    pub draft: bool,
    /// True when it works only with a key.
    pub needs_key: bool,
    /// True when the same request may be sent twice without harm: nothing is paid.
    pub free: bool,
    /// Its parameters.
    pub params: Vec<Parameter>,
}

/// Adapter to one provider or local generator.
pub trait Engine: Send + Sync {
    /// What it is.
    fn describe(&self) -> Description;

    /// Whether it can work now, without paying for anything.
    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check>;

    /// Sends one request, once. An engine that answers at once gives the result, another a handle
    /// for [`Engine::poll`].
    ///
    /// # Errors
    /// With the class that decides what happens next.
    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>>;

    /// How its works are made in stages; none for an engine that makes a work in one go.
    fn pipeline(&self) -> Option<&dyn Pipeline> {
        None
    }

    /// What a request will cost, without asking anybody.
    fn estimate(&self, _request: &Request) -> Estimate {
        if self.describe().free { Estimate::FREE } else { Estimate::UNKNOWN }
    }

    /// Whether a submission that was sent before a crash arrived. Asked before any second submit.
    ///
    /// # Errors
    /// With the class that decides what happens next.
    fn lookup<'a>(
        &'a self,
        _context: &'a Context,
        _submission_id: &'a str,
    ) -> BoxFuture<'a, Result<Lookup, EngineError>> {
        Box::pin(std::future::ready(Ok(Lookup::Unsupported)))
    }

    /// Stops a request with a handle.
    ///
    /// # Errors
    /// With the class that decides what happens next.
    fn cancel<'a>(
        &'a self,
        _context: &'a Context,
        _handle: &'a str,
    ) -> BoxFuture<'a, Result<Stopped, EngineError>> {
        Box::pin(std::future::ready(Ok(Stopped::NotSupported)))
    }

    /// How a request with a handle stands; the truth, asked as often as needed. When it is
    /// finished its results are fetched at once: they do not stay. Engines that answer at once
    /// have none.
    ///
    /// # Errors
    /// With the class that decides what happens next.
    fn poll<'a>(
        &'a self,
        _context: &'a Context,
        handle: &'a str,
    ) -> BoxFuture<'a, Result<Polled, EngineError>> {
        let gone = EngineError::new(
            ErrorClass::EngineLostJob,
            "engine_lost_job",
            format!("the engine does not know the request {handle}"),
        );
        Box::pin(std::future::ready(Err(gone)))
    }
}
