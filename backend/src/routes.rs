//! One module a noun.

pub(crate) mod assets;
pub(crate) mod engines;
pub(crate) mod events;
pub(crate) mod home;
pub(crate) mod jobs;
pub(crate) mod usage;
