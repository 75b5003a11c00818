//! Which strings may show in a drawing, and where they hang: those of dragged notes go with the
//! hand.

use oto_board::NoteId;
use oto_board::geom::{Rect, TwineCurve, sag_of};

use super::strings::Over;
use super::{Sources, Which};
use crate::lod::{LEAST_TWINE_PX, Lod};

/// World units that a string and its shadow reach from the curve.
pub(super) const HALF_STRING: f64 = 18.0;
/// Strings of what is dragged at most.
const MOST_LIFTED: usize = 500;

/// A string that may show, where it hangs now.
pub(super) struct Near {
    pub(super) slot: u32,
    /// Slots of the notes it is tied to.
    pub(super) ends: [u32; 2],
    pub(super) curve: TwineCurve,
    /// From pin to pin.
    pub(super) length: f64,
    /// It is tied to a note that is dragged.
    pub(super) in_hand: bool,
}

impl Sources<'_> {
    /// Strings that may show in `area`, in no order, some of them twice; not those that lie under
    /// the paper of a heap from end to end.
    pub(super) fn visit_near(
        &self,
        area: Rect,
        lod: Lod,
        which: Which,
        lifted: &[NoteId],
        over: Option<&Over>,
        mut visit: impl FnMut(Near),
    ) {
        let board = self.open.board();
        let mut take = |slot: &u32| {
            if let Some(near) = self.near(*slot, area, which, over) {
                visit(near);
            }
        };
        if which == Which::Lifted {
            let of = |id: &NoteId| board.twine_slots_of(*id).iter().copied();
            let mut slots: Vec<u32> = lifted.iter().flat_map(of).collect();
            slots.sort_unstable();
            slots.dedup();
            slots.truncate(MOST_LIFTED);
            return slots.iter().for_each(take);
        }
        let least = LEAST_TWINE_PX / lod.px_per_unit;
        board.visit_twines(area, least, |slots| slots.iter().for_each(&mut take));
        if which == Which::All {
            // Strings of what is dragged hang elsewhere than the index says.
            for id in lifted {
                board.twine_slots_of(*id).iter().for_each(&mut take);
            }
        }
    }

    /// A string that is meant and may show in `area`.
    fn near(&self, slot: u32, area: Rect, which: Which, over: Option<&Over>) -> Option<Near> {
        // Asked first: of very many strings most end here.
        let touches = self.may_touch(slot, area);
        if !touches && which == Which::Resting {
            return None;
        }
        let record = self.mirror.twines.get(slot as usize)?;
        let ends = [record.from, record.to];
        let up = ends.map(|note| self.is_lifted(note));
        let in_hand = up[0] || up[1];
        let meant = match which {
            Which::All => in_hand || touches,
            Which::Resting => !in_hand,
            Which::Lifted => in_hand,
        };
        if !meant {
            return None;
        }
        if !in_hand && over.is_some_and(|over| self.is_under(slot, ends, over)) {
            return None;
        }
        let mut curve = self.open.board().twine_curve(slot)?;
        if in_hand {
            let [mut a, _, mut b] = curve.points;
            for i in 0..2 {
                a[i] += if up[0] { self.lift[i] } else { 0.0 };
                b[i] += if up[1] { self.lift[i] } else { 0.0 };
            }
            curve = TwineCurve::between(a, b);
        }
        let [a, _, b] = curve.points;
        let length = (b[0] - a[0]).hypot(b[1] - a[1]);
        Some(Near { slot, ends, curve, length, in_hand })
    }

    /// True when all of a string lies under paper, and over none of the notes that show.
    fn is_under(&self, slot: u32, notes: [u32; 2], over: &Over) -> bool {
        let (Some(cover), Some((e, slack))) = (&over.cover, self.mirror.ends(slot)) else {
            return false;
        };
        let sag = sag_of((e[2] - e[0]).hypot(e[3] - e[1]) + slack);
        let mut bounds = Rect::from_corners([e[0], e[1]], [e[2], e[3]]).grown(HALF_STRING + slack);
        bounds.max[1] += sag;
        cover.is_papered(bounds) && notes.iter().all(|n| over.shown.binary_search(n).is_err())
    }

    /// A cheap test before the exact one: the chord passes near, and the sag is at most 90 units.
    fn may_touch(&self, slot: u32, area: Rect) -> bool {
        let Some((e, slack)) = self.mirror.ends(slot) else { return false };
        let (d, c) = ([e[2] - e[0], e[3] - e[1]], area.center());
        let size = area.size();
        let reach = size[0].hypot(size[1]) / 2.0 + 90.0 + slack;
        if e[0].min(e[2]) - slack > area.max[0]
            || e[0].max(e[2]) + slack < area.min[0]
            || e[1].min(e[3]) - slack > area.max[1]
            || e[1].max(e[3]) + slack + 90.0 < area.min[1]
        {
            return false;
        }
        let cross = d[0] * (c[1] - e[1]) - d[1] * (c[0] - e[0]);
        cross * cross <= reach * reach * (d[0] * d[0] + d[1] * d[1]).max(1.0)
    }
}
