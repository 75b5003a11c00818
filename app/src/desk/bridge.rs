//! Between the window and what works on other threads. Every answer comes as an event.

pub(super) mod backend;
pub(super) mod chores;
pub(super) mod films;
pub(super) mod keys;
pub(super) mod media;
mod proxies;
pub(super) mod sharing;
mod sound;
mod storage;
pub(super) mod timeline;

use bevy::prelude::*;

pub(super) fn plugin(app: &mut App) {
    backend::plugin(app);
    films::plugin(app);
    media::plugin(app);
    proxies::plugin(app);
    sharing::plugin(app);
    storage::plugin(app);
    timeline::plugin(app);
}
