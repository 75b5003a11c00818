//! A server and people who use it, over SQLite and over PostgreSQL: one suite, two databases.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends, and a part that is left out is said aloud"
)]

mod accounts;
mod backups;
mod common;
mod desk;
mod facade;
mod hooks;
mod jobs;
mod notices;
mod operators;
mod payments;
mod providers;
mod publishing;
mod roles;
mod social;
mod uploads;
mod wall;
