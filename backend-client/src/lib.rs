//! Speaks `/api/v1` to a home, follows jobs, moves media, keeps credentials in the keyring of the
//! system, in memory or in an encrypted file. It decides nothing about what a result means.

mod api;
mod client;
mod connect;
mod credentials;
mod error;
mod follow;
mod http;
pub mod server;

pub use client::{Client, Event, Upload};
pub use connect::{ConnectError, Site, connect};
pub use credentials::{CredentialError, Credentials, Place, Store, account};
pub use error::ClientError;
pub use http::Home;
pub use server::{Ask, Server, Told};
