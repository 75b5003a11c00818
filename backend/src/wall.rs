//! The shared wall: who lives where, what a tile shows, what changed.

pub(crate) mod live;
pub(crate) mod plots;
pub(crate) mod sums;
pub(crate) mod tiles;
