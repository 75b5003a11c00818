//! Which strings a drawing shows: each with the part of it in view, or all of them as a layer that
//! the CPU draws.

use oto_board::NoteId;
use oto_board::geom::{Rect, TwineCurve, sag_of};

use super::near::{HALF_STRING, Near};
use super::{Gathered, Lists, MARGIN, Sources, Which};
use crate::far;
use crate::lod::{LEAST_TWINE_PX, Lod, is_in_part};
use crate::render::cover::Cover;

/// As few thin strings as these are not worth a layer of their own.
const FEW_TWINES: usize = 40;

/// The notes over the strings of a drawing.
pub(super) struct Over {
    /// Slots of those that are drawn, in order.
    pub(super) shown: Vec<u32>,
    /// What a heap hides.
    pub(super) cover: Option<Cover>,
}

/// A string in view.
struct Hung {
    slot: u32,
    segments: u32,
    part: [f64; 2],
    curve: TwineCurve,
}

impl Hung {
    fn entry(&self) -> [u32; 2] {
        let to = |t: f64| (t * 65_535.0).round().clamp(0.0, 65_535.0) as u32;
        [self.slot | self.segments << 29, to(self.part[0]) | to(self.part[1]) << 16]
    }
}

impl Sources<'_> {
    /// Strings in `area` that show, and over which of the notes they lead.
    pub(super) fn twines(
        &self,
        lists: &mut Lists,
        area: Rect,
        lod: Lod,
        which: Which,
        lifted: &[NoteId],
        full: bool,
        over: &Over,
        out: &mut Gathered,
    ) {
        let margin = area.grown(16.0);
        let part = self.part_of_long(lod, full);
        let mut hung: Vec<Hung> = Vec::new();
        let mut stubs = Vec::new();
        self.visit_near(margin, lod, which, lifted, Some(over), |near| {
            let Near { slot, length, in_hand, curve, .. } = near;
            let Some(span) = part_in(&curve, margin) else { return };
            if length * lod.px_per_unit < LEAST_TWINE_PX {
                return;
            }
            let reach = curve.bounds().grown(HALF_STRING);
            let hidden = over.cover.as_ref().is_some_and(|c| c.is_papered(reach));
            if !hidden && lod.is_long(length) && !in_hand && !is_in_part(slot, part) {
                out.left_out += 1;
                return;
            }
            if !hidden {
                let segments = lod.segments(span[1] - span[0], sag_of(length));
                hung.push(Hung { slot, segments, part: span, curve });
            }
            // Over its own notes it shows even where paper lies under all of it.
            if lod.has_stubs() {
                stubs.extend(self.stubs(slot, near.ends, area, over));
            }
        });
        // Drawn in the order of their slots, whichever way they were found.
        hung.sort_unstable_by_key(|h| (h.segments, h.slot));
        hung.dedup_by_key(|h| h.slot);
        if lod.has_thin_twines() && which == Which::Resting && hung.len() > FEW_TWINES {
            let mut curves: Vec<_> = hung.drain(..).map(|h| (h.slot, h.curve)).collect();
            curves.sort_unstable_by_key(|(slot, _)| *slot);
            self.far_layer(&[], &[], &curves, 1.0, area, lod, out);
        }
        stubs.sort_unstable();
        stubs.dedup();
        list(lists, &hung, &stubs, out);
    }

    /// What is far in a drawing, as one layer: small notes, and strings. `large` are notes that are
    /// drawn elsewhere.
    pub(super) fn gather_far(&self, large: &[u32], area: Rect, lod: Lod, out: &mut Gathered) {
        let reach = area.grown(MARGIN);
        let (found, _) = self.notes_in(area, Which::Resting, 0.0..lod.least_gpu_edge());
        let slots: Vec<u32> = found.into_iter().map(|f| f.slot).collect();
        let part = self.part_of_long(lod, false);
        let mut curves: Vec<(u32, TwineCurve)> = Vec::new();
        self.visit_near(reach, lod, Which::Resting, &[], None, |near| {
            if !near.curve.bounds().intersects(reach) {
                return;
            }
            if lod.is_long(near.length) && !is_in_part(near.slot, part) {
                out.left_out += 1;
            } else {
                curves.push((near.slot, near.curve));
            }
        });
        curves.sort_unstable_by_key(|(slot, _)| *slot);
        // Those that are drawn stand for the others, so the tone stays.
        let strength = (1.0 / part).min(4.0) as f32;
        self.far_layer(large, &slots, &curves, strength, area, lod, out);
    }

    /// Entries for a string over its own notes, where they are drawn.
    fn stubs<'a>(
        &'a self,
        slot: u32,
        ends: [u32; 2],
        area: Rect,
        over: &'a Over,
    ) -> impl Iterator<Item = [u32; 2]> + 'a {
        let shows = move |note: u32| {
            // Not over notes that are themselves covered.
            over.shown.binary_search(&note).is_ok()
                && self
                    .shown_at(note)
                    .is_some_and(|f| f.lying.bounds(f.record.tilt).intersects(area))
        };
        let both = [(1, ends[0]), (2, ends[1])].into_iter();
        both.filter(move |(_, note)| shows(*note)).map(move |(end, _)| [slot | end << 29, 0])
    }

    /// Which part of the long strings of this board is drawn.
    fn part_of_long(&self, lod: Lod, full: bool) -> f64 {
        let board = self.open.board();
        let most = match full {
            true if !self.thinned => lod.most_long_twines().max(1_500.0),
            _ => Lod::new(lod.px_per_unit, self.cheap).most_long_twines(),
        };
        lod.part_of_long(board.twine_extents(), self.board_area, most)
    }

    fn far_layer(
        &self,
        large: &[u32],
        slots: &[u32],
        curves: &[(u32, TwineCurve)],
        strength: f32,
        area: Rect,
        lod: Lod,
        out: &mut Gathered,
    ) {
        let layer =
            far::draw(self.mirror, &self.palette.gpu, large, slots, curves, strength, area, lod);
        out.work.far_notes = layer.n_notes;
        out.work.far_note_px = layer.note_px;
        out.work.far_twine_px = layer.twine_px;
        out.far = Some(layer);
    }
}

/// Enters strings, by their number of segments, and stubs.
fn list(lists: &mut Lists, hung: &[Hung], stubs: &[[u32; 2]], out: &mut Gathered) {
    for class in 0..4u32 {
        let from = lists.twines.len() as u32;
        let group = hung.iter().filter(|h| h.segments == class);
        lists.twines.extend(group.map(Hung::entry));
        out.shown.twines[class as usize] = from..lists.twines.len() as u32;
        out.work.twines[class as usize] = lists.twines.len() - from as usize;
    }
    let from = lists.twines.len() as u32;
    lists.twines.extend_from_slice(stubs);
    out.shown.stubs = from..lists.twines.len() as u32;
    out.work.stubs = out.shown.stubs.len();
}

/// From where to where a curve is in `area`, a little more at either end; none when it never is.
fn part_in(curve: &TwineCurve, area: Rect) -> Option<[f64; 2]> {
    const PIECES: u32 = 16;
    let [a, _, b] = curve.points;
    // The control point lies midway, so x runs evenly.
    let (mut low, mut high) = (0.0f64, 1.0f64);
    let run = b[0] - a[0];
    if run.abs() > 1e-9 {
        let (s, t) = ((area.min[0] - a[0]) / run, (area.max[0] - a[0]) / run);
        (low, high) = (low.max(s.min(t)), high.min(s.max(t)));
    } else if a[0] < area.min[0] || a[0] > area.max[0] {
        return None;
    }
    if low > high {
        return None;
    }
    let at = |i: u32| low + (high - low) * f64::from(i) / f64::from(PIECES);
    let inside = |i: u32| {
        // Between two points of the curve it hangs below their chord by little.
        let (p, q) = (curve.at(at(i))[1], curve.at(at(i + 1))[1]);
        let slack = sag_of(run.hypot(b[1] - a[1])) * 4.0 * (at(i + 1) - at(i)).powi(2);
        p.max(q) + slack >= area.min[1] && p.min(q) - slack <= area.max[1]
    };
    let first = (0..PIECES).find(|i| inside(*i))?;
    let last = (first..PIECES).rev().find(|i| inside(*i)).unwrap_or(first);
    Some([at(first), at(last + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_string_in_view_holds_all_of_it_that_is() {
        let area = Rect::from_center_size([100.0, 50.0], [512.0, 300.0]);
        let mut dice = 7u64;
        let mut next = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((dice >> 33) as f64 / f64::from(1u32 << 31) - 0.5) * 4_000.0
        };
        for _ in 0..4_000 {
            let curve = TwineCurve::between([next(), next()], [next(), next()]);
            let part = part_in(&curve, area);
            for i in 0..=400 {
                let t = f64::from(i) / 400.0;
                if area.contains(curve.at(t)) {
                    let [low, high] = part.unwrap_or([2.0, 2.0]);
                    assert!(
                        (low - 1e-9..=high + 1e-9).contains(&t),
                        "{t} of {curve:?} in {part:?}"
                    );
                }
            }
        }
    }
}
