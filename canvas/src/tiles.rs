//! Retained tiles: pieces of the board, 512 pixels square, drawn once and laid on the screen until
//! something in them changes. Here is only the policy, in plain numbers: which tiles a view needs,
//! which of those that are there stand in for those that are not, which to draw next, and which to
//! give up. A cache, never truth.

mod lay;
mod sight;
mod wishes;

use std::collections::HashMap;

use oto_board::geom::Rect;

pub(crate) use lay::Laid;
pub(crate) use sight::{Sight, TileKey, level_of};
pub(crate) use wishes::Need;

/// Edge of a tile in physical pixels.
pub(crate) const TILE_PX: u32 = 512;
/// A set of tiles is stretched this far at most before another scale is drawn.
const STRETCH: std::ops::RangeInclusive<f64> = 0.7..=1.42;
/// Frames without a change of zoom before tiles are drawn for exactly this zoom.
const STILL_FRAMES: u32 = 3;
/// World units round a note in which its shadow falls.
const MARGIN: f64 = 36.0;

#[derive(Debug, Clone)]
struct Tile {
    key: TileKey,
    last_used: u64,
    /// Something in it has changed since.
    stale: bool,
    /// Words and pictures that were not there when it was drawn.
    missing: u32,
    baked_at: u64,
    /// Strings that are not drawn in it.
    left_out: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Tiles {
    capacity: u32,
    slots: Vec<Option<Tile>>,
    index: HashMap<TileKey, u32>,
    frame: u64,
    /// Scale of the set in use.
    base: f64,
    last: Option<Sight>,
    still_frames: u32,
    motion: [f64; 2],
    /// How much larger everything is shown than a frame before.
    growth: f64,
    /// Tiles ahead whose words were not there yet, and when they were looked at.
    postponed: HashMap<TileKey, u64>,
}

impl Tiles {
    /// How many layers a window of this size needs: about three screens of tiles.
    pub(crate) fn capacity_for(size_px: [f64; 2]) -> u32 {
        let across = |v: f64| (v / (f64::from(TILE_PX) * 0.7)).ceil() as u32 + 1;
        (across(size_px[0]) * across(size_px[1]) * 3).clamp(64, 256)
    }

    /// True when the layers are others now and nothing is in them.
    pub(crate) fn set_capacity(&mut self, capacity: u32) -> bool {
        if self.capacity == capacity {
            return false;
        }
        self.capacity = capacity;
        self.clear();
        true
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Gives up everything: another board, another theme, a lost device.
    pub(crate) fn clear(&mut self) {
        self.slots = vec![None; self.capacity as usize];
        self.index.clear();
        self.postponed.clear();
    }

    /// What lies in this rectangle has changed.
    pub(crate) fn touch(&mut self, area: Rect) {
        let area = area.grown(MARGIN);
        for tile in self.slots.iter_mut().flatten() {
            tile.stale |= tile.key.area().intersects(area);
        }
    }

    /// Everything has changed, but may be shown until it is drawn again.
    pub(crate) fn touch_all(&mut self) {
        self.slots.iter_mut().flatten().for_each(|tile| tile.stale = true);
    }

    /// Words or pictures have come for something in this rectangle.
    pub(crate) fn arrived(&mut self, area: Rect) {
        let frame = self.frame;
        // As far as a tile looks for notes whose shadow falls into it, and a little more.
        let area = area.grown(MARGIN * 2.0);
        for tile in self.slots.iter_mut().flatten() {
            if tile.missing > 0 && tile.key.area().intersects(area) {
                tile.missing -= 1;
                // Drawn again once, when all is there; or sooner when the rest is slow.
                tile.stale |= tile.missing == 0 || frame > tile.baked_at + 12;
            }
        }
    }

    /// Starts a frame: decides the scale in use.
    pub(crate) fn look(&mut self, sight: Sight) {
        self.frame += 1;
        let zoom_still = self.last.is_some_and(|l| l.px_per_unit == sight.px_per_unit);
        self.motion = match self.last {
            Some(last) if zoom_still => [0, 1].map(|i| sight.center[i] - last.center[i]),
            _ => [0.0; 2],
        };
        self.growth = self.last.map_or(1.0, |last| sight.px_per_unit / last.px_per_unit);
        // The first view of all is looked at as it is.
        self.still_frames = match self.last {
            None => STILL_FRAMES,
            Some(_) if zoom_still => self.still_frames.saturating_add(1),
            Some(_) => 0,
        };
        self.last = Some(sight);
        if self.still_frames >= STILL_FRAMES {
            self.base = sight.px_per_unit;
        } else if !STRETCH.contains(&(sight.px_per_unit / self.base)) {
            self.base = level_of(sight.px_per_unit);
        }
    }

    /// True when the view does not move and its zoom is that of the tiles in use.
    pub(crate) fn is_exact(&self) -> bool {
        self.last.is_some_and(|l| l.px_per_unit == self.base)
    }

    /// True while a zoom has ended but its exact tiles are not wanted yet.
    pub(crate) fn is_settling(&self) -> bool {
        self.still_frames < STILL_FRAMES
    }

    fn is_there(&self, key: TileKey) -> bool {
        self.index.contains_key(&key)
    }

    /// Takes a layer for a tile. None when every layer is on the screen.
    pub(crate) fn take(&mut self, key: TileKey, missing: u32) -> Option<u32> {
        let layer = match self.index.get(&key) {
            Some(layer) => *layer,
            None => {
                let oldest = |i: &usize| self.slots[*i].as_ref().map_or(0, |t| t.last_used);
                let layer = (0..self.slots.len()).min_by_key(oldest)?;
                // What was laid in the frame before may still be needed to stand in.
                if self.slots[layer].as_ref().is_some_and(|t| t.last_used + 1 >= self.frame) {
                    return None;
                }
                if let Some(old) = &self.slots[layer] {
                    self.index.remove(&old.key);
                }
                layer as u32
            }
        };
        self.index.insert(key, layer);
        self.slots[layer as usize] = Some(Tile {
            key,
            last_used: self.frame,
            stale: false,
            missing,
            baked_at: self.frame,
            left_out: 0,
        });
        Some(layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(x: f64, y: f64, zoom: f64) -> Sight {
        Sight { center: [x, y], px_per_unit: zoom, size_px: [1280.0, 800.0] }
    }

    fn bake_all(tiles: &mut Tiles) -> usize {
        let wishes = tiles.wishes();
        wishes.iter().filter(|w| tiles.take(w.key, 0).is_some()).count()
    }

    /// Every pixel of the screen lies on a tile.
    fn covers(laid: &[Laid]) -> bool {
        let on = |x: f64, y: f64| {
            laid.iter().any(|l| {
                (l.min_px[0]..=l.min_px[0] + l.edge_px).contains(&x)
                    && (l.min_px[1]..=l.min_px[1] + l.edge_px).contains(&y)
            })
        };
        (0..=40).all(|i| (0..=25).all(|j| on(f64::from(i) * 32.0, f64::from(j) * 32.0)))
    }

    #[test]
    fn any_walk_is_covered_and_at_rest_is_exact() {
        let mut tiles = Tiles::default();
        tiles.set_capacity(96);
        let (mut x, mut y, mut zoom) = (1e9 + 0.25, -3e8, 1.0);
        for i in 0..400u32 {
            match i / 40 % 5 {
                0 => x += 90.0 / zoom,
                1 => zoom *= 0.93,
                2 => y -= 60.0 / zoom,
                3 => zoom *= 1.06,
                _ => {}
            }
            tiles.look(sight(x, y, zoom));
            bake_all(&mut tiles);
            let (laid, has_holes) = tiles.lay();
            assert!(covers(&laid) && !has_holes, "frame {i} has a hole");
            assert!(laid.iter().all(|l| l.layer < 96));
            if i % 200 == 199 {
                assert!(tiles.is_exact() && laid.iter().all(|l| l.edge_px == 512.0));
                assert!(laid.iter().all(|l| l.min_px.iter().all(|v| v.fract() == 0.0)));
            }
        }
    }

    #[test]
    fn a_change_is_wished_for_where_it_is_and_nowhere_else() {
        let mut tiles = Tiles::default();
        tiles.set_capacity(96);
        tiles.look(sight(0.0, 0.0, 1.0));
        assert!(bake_all(&mut tiles) >= 6);
        tiles.look(sight(0.0, 0.0, 1.0));
        assert!(tiles.wishes().iter().all(|w| w.need == Need::Ahead));
        tiles.touch(Rect::from_center_size([100.0, 100.0], [50.0, 50.0]));
        let wishes = tiles.wishes();
        let changed: Vec<_> = wishes.iter().filter(|w| w.need == Need::Changed).collect();
        assert_eq!(changed.len(), 1);
        assert!(changed[0].key.area().contains([100.0, 100.0]));
        // It is shown as it was until it is drawn again.
        assert!(covers(&tiles.lay().0));
    }

    #[test]
    fn what_is_on_the_screen_is_never_given_up() {
        let mut tiles = Tiles::default();
        tiles.set_capacity(8);
        tiles.look(sight(0.0, 0.0, 1.0));
        bake_all(&mut tiles);
        let shown: Vec<u32> = tiles.lay().0.iter().map(|l| l.layer).collect();
        tiles.look(sight(10.0, 0.0, 1.0));
        bake_all(&mut tiles);
        let after: Vec<u32> = tiles.lay().0.iter().map(|l| l.layer).collect();
        assert!(shown.iter().all(|l| after.contains(l)));
    }
}
