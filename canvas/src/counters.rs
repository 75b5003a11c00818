//! What drawing took, in counts: draws, bytes, tiles. Counts are the same on every machine, so they
//! are what is held to a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use bevy::prelude::Resource;

#[derive(Debug, Default)]
struct Cells {
    draws: AtomicU64,
    uploaded_bytes: AtomicU64,
    upload_calls: AtomicU64,
    tiles_baked: AtomicU64,
    notes: AtomicU64,
    glyphs: AtomicU64,
    twines: AtomicU64,
    twines_left_out: AtomicU64,
    device: AtomicU32,
    refused: AtomicBool,
    /// The device that was lost, until there is another.
    lost: AtomicU32,
}

/// Sums since the start, shared by both worlds of the renderer.
#[derive(Resource, Debug, Clone, Default)]
pub struct Counters(Arc<Cells>);

/// The sums at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Draw calls.
    pub draws: u64,
    /// Bytes sent to the GPU.
    pub uploaded_bytes: u64,
    /// Writes to buffers and textures.
    pub upload_calls: u64,
    /// Tiles drawn.
    pub tiles_baked: u64,
    /// Notes in drawings.
    pub notes: u64,
    /// Letters in drawings.
    pub glyphs: u64,
    /// Strings in drawings.
    pub twines: u64,
}

impl Counters {
    /// The sums now.
    #[must_use]
    pub fn now(&self) -> Counts {
        let get = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Counts {
            draws: get(&self.0.draws),
            uploaded_bytes: get(&self.0.uploaded_bytes),
            upload_calls: get(&self.0.upload_calls),
            tiles_baked: get(&self.0.tiles_baked),
            notes: get(&self.0.notes),
            glyphs: get(&self.0.glyphs),
            twines: get(&self.0.twines),
        }
    }

    /// Strings that the last drawings left out because there are too many.
    #[must_use]
    pub fn twines_left_out(&self) -> u64 {
        self.0.twines_left_out.load(Ordering::Relaxed)
    }

    pub(crate) fn set_left_out(&self, n: u64) {
        self.0.twines_left_out.store(n, Ordering::Relaxed);
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        if bytes > 0 {
            self.0.uploaded_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.0.upload_calls.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn drew(&self, calls: u64) {
        self.0.draws.fetch_add(calls, Ordering::Relaxed);
    }

    pub(crate) fn showed(&self, notes: u64, glyphs: u64, twines: u64, tiles: u64) {
        self.0.notes.fetch_add(notes, Ordering::Relaxed);
        self.0.glyphs.fetch_add(glyphs, Ordering::Relaxed);
        self.0.twines.fetch_add(twines, Ordering::Relaxed);
        self.0.tiles_baked.fetch_add(tiles, Ordering::Relaxed);
    }

    /// How many graphics devices there have been: one more when a lost one came back.
    #[must_use]
    pub fn device(&self) -> u32 {
        self.0.device.load(Ordering::Acquire)
    }

    /// A tile could not be drawn after all.
    pub(crate) fn refuse(&self) {
        self.0.refused.store(true, Ordering::Release);
    }

    pub(crate) fn take_refused(&self) -> bool {
        self.0.refused.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn lose_device(&self) {
        self.0.lost.store(self.device(), Ordering::Release);
    }

    /// True from the loss of a device until there is another.
    pub(crate) fn is_recovering(&self) -> bool {
        let lost = self.0.lost.load(Ordering::Acquire);
        lost != 0 && lost == self.device()
    }

    pub(crate) fn new_device(&self) {
        self.0.device.fetch_add(1, Ordering::AcqRel);
    }
}
