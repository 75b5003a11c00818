//! One module a noun.

pub(crate) mod alias;
pub(crate) mod assets;
pub(crate) mod auth;
pub(crate) mod body;
pub(crate) mod engines;
pub(crate) mod events;
pub(crate) mod facade;
pub(crate) mod home;
pub(crate) mod jobs;
pub(crate) mod me;
pub(crate) mod notices;
pub(crate) mod providers;
pub(crate) mod safety;
pub(crate) mod shared;
pub(crate) mod uploads;
pub(crate) mod usage;
pub(crate) mod wallet;
pub(crate) mod works;
