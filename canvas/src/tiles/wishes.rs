//! Which tiles are to be drawn for a view, and in which order.

use oto_board::geom::Rect;

use super::sight::{TileKey, grid, level_of, samples};
use super::{STRETCH, TILE_PX, Tiles};

/// Frames before a tile ahead is looked at again.
const PATIENCE: u64 = 2;

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

impl Tiles {
    /// Tiles to be drawn for this view, most urgent first.
    pub(crate) fn wishes(&self) -> Vec<Wish> {
        let Some(sight) = self.last else { return Vec::new() };
        let area = sight.area();
        let mut wishes = Vec::new();
        for key in grid(self.base, area) {
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
            let keys = grid(scale, area).filter(|key| !self.is_there(*key) && ready(key));
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
}
