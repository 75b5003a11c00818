//! What a view sees: which tiles it lies on, and where they lie on the wall.

use oto_board::geom::Rect;

use super::TILE_PX;

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

/// The view that tiles are wanted for, in physical pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sight {
    pub(crate) center: [f64; 2],
    pub(crate) px_per_unit: f64,
    pub(crate) size_px: [f64; 2],
}

impl Sight {
    pub(super) fn area(&self) -> Rect {
        let size = [self.size_px[0] / self.px_per_unit, self.size_px[1] / self.px_per_unit];
        Rect::from_center_size(self.center, size)
    }

    /// Pixels from the wall's origin to the upper left corner, whole: at rest every tile lies pixel
    /// on pixel.
    pub(super) fn offset_px(&self) -> [f64; 2] {
        [0, 1].map(|i| (self.center[i] * self.px_per_unit - self.size_px[i] / 2.0).round())
    }

    /// The middle that whole pixels give.
    pub(crate) fn snapped(&self) -> [f64; 2] {
        let offset = self.offset_px();
        [0, 1].map(|i| (offset[i] + self.size_px[i] / 2.0) / self.px_per_unit)
    }
}

/// The scale of tiles that stand in while a view at this scale moves: a power of two.
pub(crate) fn level_of(px_per_unit: f64) -> f64 {
    px_per_unit.log2().round().exp2()
}

/// The tiles of this scale that an area lies on, row by row.
pub(super) fn grid(scale: f64, area: Rect) -> impl Iterator<Item = TileKey> + Clone {
    let edge = f64::from(TILE_PX) / scale;
    let cell = |v: f64| (v / edge).floor() as i64;
    let (x0, y0) = (cell(area.min[0]), cell(area.min[1]));
    // A view's far edge on a border of tiles needs no further tile.
    let last = |low: i64, v: f64| low.max((v / edge).ceil() as i64 - 1);
    let (x1, y1) = (last(x0, area.max[0]), last(y0, area.max[1]));
    (y0..=y1).flat_map(move |y| (x0..=x1).map(move |x| TileKey::new(scale, x, y)))
}

/// Points spread over the part of a tile that is in view.
pub(super) fn samples(key: TileKey, view: Rect) -> Vec<[f64; 2]> {
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
