//! The backend: an axum server over a job engine, as a library. The desk embeds it on 127.0.0.1
//! with a random port and a secret made at each launch; a server adds people, the wall and tokens.

mod accounts;
mod admin;
mod assets;
mod audit;
mod auth;
mod blobs;
mod chores;
pub mod config;
mod convert;
mod db;
mod detached;
pub mod embed;
mod error;
mod gauges;
mod jobs;
pub mod keys;
mod ledger;
mod limits;
mod mail;
mod migration;
mod moderation;
mod notices;
pub mod observe;
pub mod ops;
mod pages;
mod payments;
mod people;
mod router;
mod routes;
mod rows;
mod search;
pub mod serve;
mod server;
mod state;
mod streams;
mod usage;
mod wall;
mod webhooks;
mod works;

pub use config::Config;
pub use embed::{EmbedConfig, Embedded};
pub use error::BackendError;
pub use keys::{KeySource, NoKeys};
pub use oto_engines::Registry;
pub use serve::Served;
