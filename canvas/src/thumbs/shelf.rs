//! Which picture is in which slot of the GPU, and which was wanted longest ago.

use std::collections::HashMap;

use super::Wish;

/// Slots of one size, the least recently wanted first to go.
#[derive(Debug)]
pub(super) struct Shelf {
    slots: Vec<Option<(Wish, u64)>>,
    by_wish: HashMap<Wish, u32>,
    most: usize,
}

impl Shelf {
    pub(super) fn new(most: u32) -> Self {
        Self { slots: Vec::new(), by_wish: HashMap::new(), most: most as usize }
    }

    pub(super) fn find(&mut self, wish: Wish, frame: u64) -> Option<u32> {
        let slot = *self.by_wish.get(&wish)?;
        self.slots[slot as usize] = Some((wish, frame));
        Some(slot)
    }

    /// True when it was found in this frame.
    pub(super) fn is_wanted(&self, wish: Wish, frame: u64) -> bool {
        let slot = self.by_wish.get(&wish).and_then(|slot| self.slots[*slot as usize]);
        slot.is_some_and(|(_, at)| at == frame)
    }

    pub(super) fn forget(&mut self, wish: Wish) {
        if let Some(slot) = self.by_wish.remove(&wish) {
            self.slots[slot as usize] = None;
        }
    }

    pub(super) fn has_room(&self, frame: u64) -> bool {
        self.slots.len() < self.most
            || self.slots.iter().any(|slot| slot.is_none_or(|(_, at)| at + 1 < frame))
    }

    /// A slot for a new picture, unless every one was wanted in the last two frames.
    /// With it the picture that had it.
    pub(super) fn take(&mut self, wish: Wish, frame: u64) -> Option<(u32, Option<Wish>)> {
        if let Some(slot) = self.by_wish.get(&wish) {
            return Some((*slot, None));
        }
        let slot = if self.slots.len() < self.most {
            self.slots.push(None);
            self.slots.len() - 1
        } else {
            let used = |i: &usize| self.slots[*i].map_or(0, |(_, at)| at);
            let oldest = (0..self.slots.len()).min_by_key(used)?;
            if used(&oldest) + 1 >= frame {
                return None;
            }
            oldest
        };
        let displaced = self.slots[slot].replace((wish, frame)).map(|(old, _)| old);
        displaced.map(|old| self.by_wish.remove(&old));
        self.by_wish.insert(wish, slot as u32);
        Some((slot as u32, displaced))
    }
}
