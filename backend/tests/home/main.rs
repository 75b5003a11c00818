//! The embedded home over HTTP, as the desk speaks to it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;
mod costs;
mod films;
mod jobs;
mod providers;
mod streams;
