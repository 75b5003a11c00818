//! Small pictures on notes. The canvas says which it wants; the app brings decoded pixels.

use std::collections::HashMap;

use bevy::prelude::*;
use oto_board::AssetId;

/// Edge of a slot in pixels.
pub(crate) const EDGE: u32 = 512;
/// How many pictures the GPU holds.
pub(crate) const LAYERS: u32 = 64;

/// Decoded pixels: straight RGBA, rows packed. Stretched over the slot; the note has the shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumb {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `4 * width * height` bytes.
    pub rgba: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    asset: AssetId,
    last_used: u64,
}

/// Which pictures are there and which are wanted.
#[derive(Resource, Debug, Default)]
pub struct Thumbs {
    slots: Vec<Option<Slot>>,
    by_asset: HashMap<AssetId, u16>,
    wanted: Vec<AssetId>,
    asked: HashMap<AssetId, ()>,
    /// No slot was free for these, in this frame.
    denied: HashMap<AssetId, u64>,
    pub(crate) uploads: Vec<(u16, Vec<u8>)>,
    frame: u64,
}

impl Thumbs {
    pub(crate) fn layer(&self, asset: AssetId) -> Option<u16> {
        self.by_asset.get(&asset).copied()
    }

    /// Called for every picture in view, every frame.
    pub(crate) fn want(&mut self, asset: AssetId) {
        match self.by_asset.get(&asset) {
            Some(layer) => {
                if let Some(Some(slot)) = self.slots.get_mut(usize::from(*layer)) {
                    slot.last_used = self.frame;
                }
            }
            None if self.asked.contains_key(&asset) || self.is_denied(asset) => {}
            None => self.wanted.push(asset),
        }
    }

    /// Asked for again when a slot has gone out of view.
    fn is_denied(&self, asset: AssetId) -> bool {
        let free = || self.slots.iter().flatten().any(|s| s.last_used + 1 < self.frame);
        self.denied.contains_key(&asset) && !free()
    }

    pub(crate) fn next_frame(&mut self) {
        self.frame += 1;
    }

    /// Pictures to be brought; each is told once.
    pub fn take_wanted(&mut self) -> Vec<AssetId> {
        let wanted = std::mem::take(&mut self.wanted);
        for asset in &wanted {
            self.asked.insert(*asset, ());
        }
        wanted
    }

    /// True while pictures in view are not there yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.wanted.is_empty() || !self.asked.is_empty()
    }

    /// A picture could not be made; the average colour stays.
    pub fn give_up(&mut self, asset: AssetId) {
        self.asked.remove(&asset);
        self.by_asset.insert(asset, u16::MAX);
    }

    /// Puts a picture in place of the one looked at longest ago.
    pub fn fill(&mut self, asset: AssetId, thumb: &Thumb) {
        self.asked.remove(&asset);
        if thumb.rgba.len() as u64 != u64::from(thumb.width) * u64::from(thumb.height) * 4
            || thumb.rgba.is_empty()
        {
            return;
        }
        let layer = if (self.slots.len() as u32) < LAYERS {
            self.slots.push(None);
            self.slots.len() - 1
        } else {
            let used = |i: &usize| self.slots[*i].map_or(0, |s| s.last_used);
            match (0..self.slots.len()).min_by_key(used) {
                Some(oldest) if used(&oldest) + 1 < self.frame => oldest,
                // Every slot is in view: this picture keeps its average colour until one is free.
                _ => {
                    self.denied.insert(asset, self.frame);
                    return;
                }
            }
        };
        if let Some(old) = self.slots[layer] {
            self.by_asset.remove(&old.asset);
        }
        self.slots[layer] = Some(Slot { asset, last_used: self.frame });
        self.by_asset.insert(asset, layer as u16);
        self.uploads.push((layer as u16, stretched(thumb)));
    }
}

/// Bilinear to the slot's size.
fn stretched(thumb: &Thumb) -> Vec<u8> {
    if thumb.width == EDGE && thumb.height == EDGE {
        return thumb.rgba.clone();
    }
    let Some(image) = image::RgbaImage::from_raw(thumb.width, thumb.height, thumb.rgba.clone())
    else {
        return vec![0; (EDGE * EDGE * 4) as usize];
    };
    let filter = image::imageops::FilterType::Triangle;
    image::imageops::resize(&image, EDGE, EDGE, filter).into_raw()
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Thumbs>();
}
