//! Which notes of a drawing show at all. A heap of a million notes shows its top: what lies wholly
//! under opaque paper is left out, told on a coarse grid where a cell counts only when a single
//! note fills it, or when a dozen shadows fall on it.

use oto_board::geom::Rect;
use oto_shaders::{NoteGpu, flags};

use crate::mirror::Lying;

/// World units that a shadow reaches.
const SHADOW: f64 = 36.0;
/// Of a heap, as many are looked at from the top: far more than fit side by side.
const MOST: usize = 40_000;

/// Candidates of a drawing, by rank.
#[derive(Default)]
pub(super) struct Heap {
    /// Rank above, slot below.
    keys: Vec<u64>,
    area: f64,
}

impl Heap {
    pub(super) fn push(&mut self, rank: u32, slot: u32, area: f64) {
        self.keys.push(u64::from(rank) << 32 | u64::from(slot));
        self.area += area;
    }

    /// Slots bottom first, without those that surely do not show in `area`; for a heap also where
    /// its paper lies.
    pub(super) fn uppermost(
        mut self,
        area: Rect,
        place: impl Fn(u32) -> Option<(Lying, NoteGpu)>,
    ) -> (Vec<u32>, Option<Cover>) {
        let size = area.size();
        if self.area < 3.0 * size[0] * size[1] {
            self.keys.sort_unstable();
            return (self.keys.iter().map(|key| *key as u32).collect(), None);
        }
        let rest = self.keys.len().saturating_sub(MOST);
        if rest > 0 {
            self.keys.select_nth_unstable(rest);
        }
        let mut top = self.keys.split_off(rest);
        top.sort_unstable_by(|a, b| b.cmp(a));
        let mut cover = Cover::new(area);
        let mut kept = Vec::new();
        for key in top {
            if cover.is_full() {
                break;
            }
            let slot = key as u32;
            let Some((lying, record)) = place(slot) else { continue };
            let reach = lying.bounds(record.tilt).grown(SHADOW);
            if cover.hides(reach) {
                continue;
            }
            kept.push(slot);
            cover.shade(reach);
            if record.page_flags & (flags::MAKING | flags::DIMMED) == 0 {
                cover.add(filled_by(&lying, &record));
            }
        }
        kept.reverse();
        (kept, Some(cover))
    }
}

/// The upright rectangle that tilted, bowed paper surely fills.
fn filled_by(lying: &Lying, record: &NoteGpu) -> Rect {
    let slope = (f64::from(record.tilt) / 32_768.0 * std::f64::consts::PI).sin().abs();
    let inner =
        [0, 1].map(|i| (lying.half[i] * 0.99 - lying.half[1 - i] * slope - 5.0).max(0.0) * 2.0);
    Rect::from_center_size(lying.center, inner)
}

/// Shadows, and with them notes, that show one through the other.
const MOST_SHADOWS: u8 = 12;
const CELLS: usize = 48;

/// What opaque paper, and many shadows, leave to be seen of an area.
pub(super) struct Cover {
    area: Rect,
    /// One bit for each column: one more note does not show.
    rows: [u64; CELLS],
    /// The same where paper lies: nothing below it shows, strings neither.
    paper: [u64; CELLS],
    /// How many shadows fall into a cell.
    shadows: Vec<u8>,
}

/// Bits of these columns.
fn bits(columns: std::ops::Range<usize>) -> u64 {
    if columns.is_empty() { 0 } else { (u64::MAX >> (64 - columns.len())) << columns.start }
}

fn range(low: f64, high: f64) -> std::ops::Range<usize> {
    let clamp = |v: f64| v.clamp(0.0, CELLS as f64) as usize;
    clamp(low)..clamp(high)
}

impl Cover {
    fn new(area: Rect) -> Self {
        Self { area, rows: [0; CELLS], paper: [0; CELLS], shadows: vec![0; CELLS * CELLS] }
    }

    /// In cells from the upper left.
    fn cells(&self, rect: Rect) -> ([f64; 2], [f64; 2]) {
        let size = self.area.size();
        let to = |v: f64, i: usize| (v - self.area.min[i]) / size[i].max(1e-9) * CELLS as f64;
        ([to(rect.min[0], 0), to(rect.min[1], 1)], [to(rect.max[0], 0), to(rect.max[1], 1)])
    }

    fn is_full(&self) -> bool {
        self.rows.iter().all(|row| *row == bits(0..CELLS))
    }

    /// True when one more note at the bottom would not show in this rectangle.
    fn hides(&self, rect: Rect) -> bool {
        self.all(&self.rows, rect)
    }

    /// True when paper fills the rectangle as far as it is in the area.
    pub(super) fn is_papered(&self, rect: Rect) -> bool {
        self.all(&self.paper, rect)
    }

    fn all(&self, rows: &[u64; CELLS], rect: Rect) -> bool {
        let (min, max) = self.cells(rect);
        let wanted = bits(range(min[0].floor(), max[0].ceil()));
        rows[range(min[1].floor(), max[1].ceil())].iter().all(|row| row & wanted == wanted)
    }

    /// A note's shadow may fall here. After as many as that, one more makes no difference.
    fn shade(&mut self, rect: Rect) {
        let (min, max) = self.cells(rect);
        let columns = range(min[0].floor(), max[0].ceil());
        for y in range(min[1].floor(), max[1].ceil()) {
            for x in columns.clone() {
                let n = &mut self.shadows[y * CELLS + x];
                *n = n.saturating_add(1);
                if *n >= MOST_SHADOWS {
                    self.rows[y] |= 1 << x;
                }
            }
        }
    }

    /// Fills the cells that lie wholly in the rectangle.
    fn add(&mut self, rect: Rect) {
        let (min, max) = self.cells(rect);
        let filled = bits(range(min[0].ceil(), max[0].floor()));
        for y in range(min[1].ceil(), max[1].floor()) {
            self.rows[y] |= filled;
            self.paper[y] |= filled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(center: [f64; 2]) -> (Lying, NoteGpu) {
        (Lying { center, half: [100.0; 2], class_edge: 256.0 }, NoteGpu::default())
    }

    #[test]
    fn a_heap_shows_its_top_and_all_that_peeps_out() {
        let area = Rect::from_center_size([0.0; 2], [512.0; 2]);
        // Many in one place, and three near the top that peep out.
        let at = |slot: u32| match slot {
            199_990 => [150.0, 0.0],
            199_991 => [-190.0, 140.0],
            199_992 => [0.0, 230.0],
            _ => [0.0, 0.0],
        };
        let mut heap = Heap::default();
        (0..200_000).for_each(|slot| heap.push(slot, slot, 40_000.0));
        let (shown, cover) = heap.uppermost(area, |slot| Some(placed(at(slot))));
        let under = Rect::from_center_size([0.0; 2], [60.0; 2]);
        assert!(cover.is_some_and(|c| c.is_papered(under) && !c.is_papered(under.grown(300.0))));
        assert!(shown.len() < 100, "{}", shown.len());
        assert!([199_990, 199_991, 199_992].iter().all(|slot| shown.contains(slot)));
        assert_eq!(shown.last(), Some(&199_999));
        assert!(shown.windows(2).all(|w| w[0] < w[1]));
    }

    #[test]
    fn only_what_is_wholly_under_is_hidden() {
        let mut cover = Cover::new(Rect::from_center_size([0.0; 2], [960.0, 960.0]));
        let note = Rect::from_center_size([0.0; 2], [200.0; 2]);
        assert!(!cover.hides(note));
        cover.add(note.grown(40.0));
        assert!(cover.hides(note));
        assert!(!cover.hides(note.grown(60.0)));
        // Shadows hide one more shadow, but no string.
        let beside = Rect::from_center_size([300.0, 0.0], [200.0; 2]);
        (0..MOST_SHADOWS).for_each(|_| cover.shade(beside));
        assert!(cover.hides(beside) && !cover.is_papered(beside));
        // What lies outside of the area is not seen at all.
        assert!(cover.hides(Rect::from_center_size([5_000.0, 0.0], [10.0, 10.0])));
    }
}
