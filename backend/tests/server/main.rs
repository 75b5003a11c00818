//! A server and people who use it, over SQLite and over PostgreSQL: one suite, two databases.

mod accounts;
mod common;
mod jobs;
mod payments;
mod publishing;
mod roles;
mod social;
mod uploads;
mod wall;
