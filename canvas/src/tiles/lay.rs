//! Where tiles lie on the screen, those in use and those that stand in for others.

use super::sight::{TileKey, grid, samples};
use super::{TILE_PX, Tiles};

/// A tile on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Laid {
    pub(crate) layer: u32,
    pub(crate) min_px: [f64; 2],
    pub(crate) edge_px: f64,
}

impl Tiles {
    /// What to lay on the screen, bottom first; and whether something of it stays uncovered.
    pub(crate) fn lay(&mut self) -> (Vec<Laid>, bool) {
        let Some(sight) = self.last else { return (Vec::new(), true) };
        let area = sight.area();
        let mut laid: Vec<u32> = Vec::new();
        let mut bare: Vec<[f64; 2]> = Vec::new();
        for key in grid(self.base, area) {
            match self.index.get(&key) {
                Some(layer) => laid.push(*layer),
                None => bare.extend(samples(key, area)),
            }
        }
        if !bare.is_empty() {
            // The nearest scale first, and only as many as the gaps need.
            let ratio = |key: TileKey| (key.scale() / sight.px_per_unit).log2().abs();
            let mut others: Vec<(f64, TileKey, u32)> = Vec::new();
            for (layer, tile) in self.slots.iter().enumerate() {
                if let Some(tile) = tile
                    && tile.key.scale() != self.base
                {
                    others.push((ratio(tile.key), tile.key, layer as u32));
                }
            }
            others.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let mut stand_in = Vec::new();
            for (_, key, layer) in others {
                let before = bare.len();
                let covered = key.area();
                bare.retain(|p| !covered.contains(*p));
                if bare.len() < before {
                    stand_in.push(layer);
                }
                if bare.is_empty() {
                    break;
                }
            }
            stand_in.reverse();
            stand_in.append(&mut laid);
            laid = stand_in;
        }
        let frame = self.frame;
        let exact = self.is_exact();
        let offset = sight.offset_px();
        let mut out = Vec::with_capacity(laid.len());
        for layer in laid {
            let Some(tile) = self.slots[layer as usize].as_mut() else { continue };
            tile.last_used = frame;
            let edge_px = f64::from(TILE_PX) * sight.px_per_unit / tile.key.scale();
            let at = |i: usize, n: i64| {
                if exact && tile.key.scale() == sight.px_per_unit {
                    (n * i64::from(TILE_PX)) as f64 - offset[i]
                } else {
                    n as f64 * edge_px - sight.center[i] * sight.px_per_unit
                        + sight.size_px[i] / 2.0
                }
            };
            out.push(Laid { layer, min_px: [at(0, tile.key.x), at(1, tile.key.y)], edge_px });
        }
        (out, !bare.is_empty())
    }

    /// Tiles in view that are not there, and where they belong; none while zooming.
    pub(crate) fn bare(&self) -> Vec<(TileKey, [f64; 2])> {
        let Some(sight) = self.last.filter(|_| self.is_exact()) else { return Vec::new() };
        let offset = sight.offset_px();
        let at = |n: i64, i: usize| (n * i64::from(TILE_PX)) as f64 - offset[i];
        grid(self.base, sight.area())
            .filter(|key| !self.is_there(*key))
            .map(|key| (key, [at(key.x, 0), at(key.y, 1)]))
            .collect()
    }

    /// Strings that were left out of a tile because there are too many.
    pub(crate) fn note_left_out(&mut self, layer: u32, n: u32) {
        if let Some(tile) = self.slots.get_mut(layer as usize).and_then(Option::as_mut) {
            tile.left_out = n;
        }
    }

    /// The most that any tile on the screen leaves out: one string crosses many.
    pub(crate) fn left_out(&self, laid: &[Laid]) -> u32 {
        let tiles = laid.iter().filter_map(|l| self.slots[l.layer as usize].as_ref());
        tiles.map(|t| t.left_out).max().unwrap_or(0)
    }
}
