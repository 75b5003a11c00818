//! Which notes a drawing shows, and where: those that are dragged are with the hand.

use std::ops::Range;

use oto_board::NoteId;
use oto_board::geom::Rect;
use oto_shaders::{NoteGpu, flags};

use super::{MARGIN, Sources, Which};
use crate::mirror::Lying;
use crate::render::cover::{Cover, Heap};

/// A note of a drawing.
pub(super) struct Found {
    pub(super) slot: u32,
    pub(super) lying: Lying,
    pub(super) record: NoteGpu,
}

impl Sources<'_> {
    pub(super) fn is_lifted(&self, slot: u32) -> bool {
        self.mirror.notes.get(slot as usize).is_some_and(|r| r.page_flags & flags::LIFTED != 0)
    }

    /// A note where it is shown: with the hand when it is dragged.
    pub(super) fn shown_at(&self, slot: u32) -> Option<Found> {
        let (mut lying, record) = self.mirror.lying(slot)?;
        if record.page_flags & flags::LIFTED != 0 {
            lying.center = [0, 1].map(|i| lying.center[i] + self.lift[i]);
        }
        Some(Found { slot, lying, record })
    }

    /// Notes whose paper or shadow reaches into `area`, bottom first; those wholly under opaque
    /// paper may be left out. Only size classes in `edges` are looked at.
    pub(super) fn notes_in(
        &self,
        area: Rect,
        which: Which,
        edges: Range<f64>,
    ) -> (Vec<Found>, Option<Cover>) {
        let reach = area.grown(MARGIN);
        let mut heap = Heap::default();
        let mut take = |slots: &[u32]| {
            for slot in slots {
                let Some(found) = self.shown_at(*slot) else { continue };
                let lifted = found.record.page_flags & flags::LIFTED != 0;
                if !(lifted && which == Which::Resting)
                    && edges.contains(&found.lying.class_edge)
                    && found.lying.bounds(found.record.tilt).intersects(reach)
                {
                    let up = if lifted { 1 << 30 } else { 0 };
                    let size = found.lying.half[0] * found.lying.half[1] * 4.0;
                    heap.push(found.record.rank + up, *slot, size);
                }
            }
        };
        let mut asked = reach;
        if which == Which::All && self.lift != [0.0; 2] {
            // What is dragged may come from outside the view.
            let back = |i: usize| (reach.min[i] - self.lift[i], reach.max[i] - self.lift[i]);
            let ((x0, x1), (y0, y1)) = (back(0), back(1));
            asked = reach.union(Rect { min: [x0, y0], max: [x1, y1] });
        }
        self.open.board().visit_notes(asked, edges.start, &mut take);
        let place = |slot: u32| {
            let found = self.shown_at(slot)?;
            Some((found.lying, found.record))
        };
        let (slots, cover) = heap.uppermost(area, place);
        (slots.into_iter().filter_map(|slot| self.shown_at(slot)).collect(), cover)
    }

    pub(super) fn lifted_notes(&self, ids: &[NoteId], area: Rect) -> Vec<Found> {
        let reach = area.grown(MARGIN);
        let slots = ids.iter().filter_map(|id| self.open.board().note_slot(*id));
        let mut found: Vec<Found> = slots
            .filter_map(|slot| self.shown_at(slot))
            .filter(|f| f.lying.bounds(f.record.tilt).intersects(reach))
            .collect();
        found.sort_unstable_by_key(|f| (f.record.rank, f.slot));
        found
    }
}
