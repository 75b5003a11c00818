//! Retained tiles: pieces of the board, 512 pixels square, drawn once and laid on the screen until
//! something in them changes. Here is only the policy, in plain numbers: which tiles a view needs,
//! which of those that are there stand in for those that are not, which to draw next, and which to
//! give up. A cache, never truth.

use std::collections::HashMap;

use oto_board::geom::Rect;

/// Edge of a tile in physical pixels.
pub(crate) const TILE_PX: u32 = 512;
/// A set of tiles is stretched this far at most before another scale is drawn.
const STRETCH: std::ops::RangeInclusive<f64> = 0.7..=1.42;
/// Frames without a change of zoom before tiles are drawn for exactly this zoom.
const STILL_FRAMES: u32 = 3;
/// World units round a note in which its shadow falls.
const MARGIN: f64 = 36.0;

/// Where a tile lies: pixels a world unit (as bits), column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TileKey {
    scale: u64,
    pub(crate) x: i64,
    pub(crate) y: i64,
}

impl TileKey {
    pub(crate) fn new(scale: f64, x: i64, y: i64) -> Self {
        Self { scale: scale.to_bits(), x, y }
    }

    pub(crate) fn scale(self) -> f64 {
        f64::from_bits(self.scale)
    }

    /// What it shows of the wall.
    pub(crate) fn area(self) -> Rect {
        let edge = f64::from(TILE_PX) / self.scale();
        let min = [self.x as f64 * edge, self.y as f64 * edge];
        Rect { min, max: [min[0] + edge, min[1] + edge] }
    }
}

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

/// The view that tiles are wanted for, in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sight {
    pub(crate) center: [f64; 2],
    pub(crate) px_per_unit: f64,
    pub(crate) size_px: [f64; 2],
}

impl Sight {
    fn area(&self) -> Rect {
        let size = [self.size_px[0] / self.px_per_unit, self.size_px[1] / self.px_per_unit];
        Rect::from_center_size(self.center, size)
    }
}

/// A tile on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Laid {
    pub(crate) layer: u32,
    pub(crate) min_px: [f64; 2],
    pub(crate) edge_px: f64,
}

/// Why a tile is to be drawn, in order of urgency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// In view with nothing to stand in.
    Bare,
    /// In view, and what it shows has changed.
    Changed,
    /// In view; another scale stands in, or words were missing.
    Better,
    /// Not in view yet.
    Ahead,
}

/// A tile to be drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wish {
    pub(crate) key: TileKey,
    pub(crate) need: Need,
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

/// Frames before a tile ahead is looked at again.
const PATIENCE: u64 = 2;

/// The scale of tiles that stand in while a view at this scale moves: a power of two.
pub(crate) fn level_of(px_per_unit: f64) -> f64 {
    px_per_unit.log2().round().exp2()
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

    fn grid(scale: f64, area: Rect) -> impl Iterator<Item = TileKey> + Clone {
        let edge = f64::from(TILE_PX) / scale;
        let cell = |v: f64| (v / edge).floor() as i64;
        let (x0, y0) = (cell(area.min[0]), cell(area.min[1]));
        // A view's far edge on a border of tiles needs no further tile.
        let last = |low: i64, v: f64| low.max((v / edge).ceil() as i64 - 1);
        let (x1, y1) = (last(x0, area.max[0]), last(y0, area.max[1]));
        (y0..=y1).flat_map(move |y| (x0..=x1).map(move |x| TileKey::new(scale, x, y)))
    }

    fn is_there(&self, key: TileKey) -> bool {
        self.index.contains_key(&key)
    }

    /// Tiles to be drawn for this view, most urgent first.
    pub(crate) fn wishes(&self) -> Vec<Wish> {
        let Some(sight) = self.last else { return Vec::new() };
        let area = sight.area();
        let mut wishes = Vec::new();
        for key in Self::grid(self.base, area) {
            let need = match self.index.get(&key).and_then(|l| self.slots[*l as usize].as_ref()) {
                Some(tile) if tile.stale => Need::Changed,
                Some(_) => continue,
                None if self.uncovered(key, area).is_empty() => Need::Better,
                None => Need::Bare,
            };
            wishes.push(Wish { key, need });
        }
        let away = |wish: &Wish| {
            let middle = wish.key.area().center();
            (middle[0] - sight.center[0]).hypot(middle[1] - sight.center[1])
        };
        wishes.sort_by(|a, b| a.need.cmp(&b.need).then(away(a).total_cmp(&away(b))));
        let mut ahead = |scale: f64, area: Rect| {
            let ready =
                |key: &TileKey| self.postponed.get(key).is_none_or(|at| self.frame > at + PATIENCE);
            let keys = Self::grid(scale, area).filter(|key| !self.is_there(*key) && ready(key));
            let fresh: Vec<Wish> = keys.map(|key| Wish { key, need: Need::Ahead }).collect();
            wishes.extend(fresh.into_iter().filter(|w| !wishes.contains(w)).collect::<Vec<_>>());
        };
        if self.motion != [0.0; 2] {
            // Where the hand goes on to, a third of a second from here or a tile at least.
            let edge = f64::from(TILE_PX) / self.base;
            let by = self.motion.map(|v| {
                if v == 0.0 { 0.0 } else { (v * 12.0).abs().max(edge * 0.5).min(edge).copysign(v) }
            });
            let moved = |i: usize| (area.min[i] + by[i], area.max[i] + by[i]);
            let ((x0, x1), (y0, y1)) = (moved(0), moved(1));
            ahead(self.base, Rect { min: [x0, y0], max: [x1, y1] });
        }
        if self.growth != 1.0 {
            // The set that a zoom comes to next, as far as it will be seen then.
            let bound = if self.growth > 1.0 { *STRETCH.end() } else { *STRETCH.start() };
            let then = self.base * bound;
            let size = sight.size_px.map(|v| v / then.max(sight.px_per_unit));
            ahead(level_of(then), Rect::from_center_size(sight.center, size));
        }
        if !self.is_exact() || self.motion == [0.0; 2] {
            // A quarter of the scale stands in wherever the view goes next.
            let coarse = level_of(self.base / 4.0);
            let [w, h] = area.size();
            let around = Rect::from_center_size(sight.center, [w * 2.0, h * 2.0]);
            ahead(coarse, around);
        }
        wishes
    }

    /// Points of a missing tile in view that nothing stands in for.
    fn uncovered(&self, key: TileKey, view: Rect) -> Vec<[f64; 2]> {
        let mut points = samples(key, view);
        for tile in self.slots.iter().flatten() {
            if points.is_empty() {
                break;
            }
            let area = tile.key.area();
            points.retain(|p| !area.contains(*p));
        }
        points
    }

    /// Nobody sees it yet and its words are not there: it is left for later.
    pub(crate) fn postpone(&mut self, key: TileKey) {
        if self.postponed.len() > 256 {
            self.postponed.clear();
        }
        self.postponed.insert(key, self.frame);
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

    /// What to lay on the screen, bottom first; and whether something of it stays uncovered.
    pub(crate) fn lay(&mut self) -> (Vec<Laid>, bool) {
        let Some(sight) = self.last else { return (Vec::new(), true) };
        let area = sight.area();
        let mut laid: Vec<u32> = Vec::new();
        let mut bare: Vec<[f64; 2]> = Vec::new();
        for key in Self::grid(self.base, area) {
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
        Self::grid(self.base, sight.area())
            .filter(|key| !self.is_there(*key))
            .map(|key| (key, [at(key.x, 0), at(key.y, 1)]))
            .collect()
    }
}

impl Sight {
    /// Pixels from the wall's origin to the upper left corner, whole: at rest every tile lies pixel
    /// on pixel.
    pub(crate) fn offset_px(&self) -> [f64; 2] {
        [0, 1].map(|i| (self.center[i] * self.px_per_unit - self.size_px[i] / 2.0).round())
    }

    /// The middle that whole pixels give.
    pub(crate) fn snapped(&self) -> [f64; 2] {
        let offset = self.offset_px();
        [0, 1].map(|i| (offset[i] + self.size_px[i] / 2.0) / self.px_per_unit)
    }
}

/// Points spread over the part of a tile that is in view.
fn samples(key: TileKey, view: Rect) -> Vec<[f64; 2]> {
    const N: u32 = 4;
    let area = key.area();
    let min = [0, 1].map(|i| area.min[i].max(view.min[i]));
    let max = [0, 1].map(|i| area.max[i].min(view.max[i]));
    if min[0] > max[0] || min[1] > max[1] {
        return Vec::new();
    }
    let at = |i: usize, k: u32| min[i] + (max[i] - min[i]) * (f64::from(k) + 0.5) / f64::from(N);
    (0..N * N).map(|k| [at(0, k % N), at(1, k / N)]).collect()
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
