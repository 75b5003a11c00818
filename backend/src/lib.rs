//! The backend: an axum server over a job engine, as a library. The desk embeds it on 127.0.0.1
//! with a random port and a secret made at each launch.

mod auth;
mod blobs;
mod convert;
mod db;
pub mod embed;
mod error;
mod jobs;
pub mod keys;
mod migration;
mod router;
mod routes;
mod state;
mod usage;

pub use embed::{EmbedConfig, Embedded};
pub use error::BackendError;
pub use keys::{KeySource, NoKeys};
pub use oto_engines::Registry;
