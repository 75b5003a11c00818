//! Keeping up: with transactions, and with marks that are no edits (filter, lifting, progress).
//! Each costs what changed, not what there is; a changed filter is the one walk over all notes.

use std::collections::{BTreeSet, HashMap};

use bevy::prelude::*;
use oto_board::geom::TwineCurve;
use oto_board::{Board, Change, Note, NoteId, Rec, Twine, TwineId};
use oto_shaders::flags;

use super::{Mirror, Touched};
use crate::{BoardChanged, CanvasSystems, Gesture, Lit, MakingLooks, OpenBoard, Selection};

/// Marks as they were written last.
#[derive(Resource, Debug, Default)]
pub(crate) struct Marks {
    lit: Lit,
    lifted: BTreeSet<NoteId>,
    bright: [Option<TwineId>; 2],
    progress: HashMap<NoteId, f32>,
}

impl Marks {
    fn of(&self, note: &Note) -> u32 {
        let mut marks = 0;
        if self.lit != Lit::default() && !self.lit.lights(note) {
            marks |= flags::DIMMED;
        }
        if self.lifted.contains(&note.id) {
            marks |= flags::LIFTED;
        }
        marks
    }
}

impl Marks {
    /// Colour, and whether it is bright or dim; the bits of `TwineGpu::look`.
    fn look_of(&self, twine: &Twine, board: &Board) -> u32 {
        let bright = self.bright.contains(&Some(twine.id));
        let dim = self.lit != Lit::default()
            && [twine.from, twine.to]
                .iter()
                .any(|id| board.note(*id).is_none_or(|n| !self.lit.lights(n)));
        u32::from(twine.color & 15) | u32::from(bright) << 8 | u32::from(dim) << 9
    }
}

impl Mirror {
    fn refresh_note(&mut self, id: NoteId, board: &Board, marks: &Marks) {
        if let (Some(slot), Some(note)) = (board.note_slot(id), board.note(id)) {
            let progress = marks.progress.get(&id).copied().unwrap_or(0.0);
            let moved = self.set_note(slot, note, board, marks.of(note), progress);
            for twine in board.twine_slots_of(id) {
                // Where a string hangs is known roughly: far away a small move may not show there.
                if moved {
                    self.touch_twine(*twine);
                }
                self.refresh_twine(*twine, board, marks);
                if moved {
                    self.touch_twine(*twine);
                }
            }
        }
    }

    fn refresh_twine(&mut self, slot: u32, board: &Board, marks: &Marks) {
        let (Some(twine), Some(ends)) = (board.twine_at(slot), board.twine_ends(slot)) else {
            return;
        };
        let pin = |end: u32| board.note_at(end).map_or([0.0; 2], Note::pin).map(|v| v as f32);
        self.write_twine(slot, ends, marks.look_of(twine, board), ends.map(pin));
    }

    fn refresh_all(&mut self, board: &Board, marks: &Marks) {
        for slot in 0..board.note_slot_count() {
            if let Some(note) = board.note_at(slot) {
                let progress = marks.progress.get(&note.id).copied().unwrap_or(0.0);
                self.set_note(slot, note, board, marks.of(note), progress);
            }
        }
        // Each pin is computed once, however many strings hang on it.
        let pin = |slot| board.note_at(slot).map_or([0.0; 2], Note::pin).map(|v| v as f32);
        let pins: Vec<[f32; 2]> = (0..board.note_slot_count()).map(pin).collect();
        for slot in 0..board.twine_slot_count() {
            let (Some(twine), Some(ends)) = (board.twine_at(slot), board.twine_ends(slot)) else {
                continue;
            };
            let look = marks.look_of(twine, board);
            self.write_twine(slot, ends, look, ends.map(|end| pins[end as usize]));
        }
    }

    /// Builds everything anew.
    pub(super) fn rebuild(&mut self, open: &OpenBoard) {
        self.rebuild_with(open, &Marks::default());
    }

    fn rebuild_with(&mut self, open: &OpenBoard, marks: &Marks) {
        *self = Self { generation: open.generation(), ..Self::default() };
        let board = open.board();
        self.notes.reserve(board.note_slot_count() as usize);
        self.twines.reserve(board.twine_slot_count() as usize);
        self.refresh_all(board, marks);
        self.send_all();
    }
}

pub(crate) fn plugin(app: &mut App) {
    app.init_resource::<Mirror>()
        .init_resource::<Marks>()
        .add_systems(Update, (follow, mark).chain().in_set(CanvasSystems::Mirror));
}

/// Follows the transactions.
fn follow(
    mut mirror: ResMut<Mirror>,
    mut marks: ResMut<Marks>,
    open: Res<OpenBoard>,
    mut changes: MessageReader<BoardChanged>,
) {
    let mirror = mirror.bypass_change_detection();
    if mirror.generation != open.generation() {
        changes.clear();
        *marks = Marks::default();
        mirror.rebuild_with(&open, &marks);
        return;
    }
    let board = open.board();
    for changed in changes.read() {
        // Where notes hung that are gone: their strings are named before them.
        let mut gone: HashMap<NoteId, [f64; 2]> = HashMap::new();
        for change in &changed.transaction.changes {
            if let Change::Note(Rec::Removed(note)) = change {
                gone.insert(note.id, note.pin());
            }
        }
        for change in &changed.transaction.changes {
            match change {
                Change::Note(Rec::Inserted(note)) => {
                    mirror.refresh_note(note.id, board, &marks);
                    // It may be what was in this slot before it was removed: then no record differs.
                    if let Some(slot) = board.note_slot(note.id) {
                        mirror.touch_note(slot);
                    }
                }
                Change::Note(Rec::Updated { before, after }) => {
                    // The note as it is now: a later change of the frame may have moved it on.
                    mirror.refresh_note(after.id, board, &marks);
                    if before.kind != after.kind {
                        mirror.refresh_kin(after.id, board, &marks);
                    }
                }
                Change::Note(Rec::Removed(note)) => {
                    marks.lifted.remove(&note.id);
                    mirror.touched.add(note.bounds());
                }
                Change::Twine(Rec::Inserted(twine) | Rec::Updated { after: twine, .. }) => {
                    if let Some(slot) = board.twine_slot(twine.id) {
                        mirror.refresh_twine(slot, board, &marks);
                        mirror.touch_twine(slot);
                    }
                    mirror.refresh_note(twine.to, board, &marks);
                }
                Change::Twine(Rec::Removed(twine)) => mirror.touch_cut(twine, board, &gone),
                Change::Run(_) | Change::Asset(_) => {}
            }
        }
    }
}

impl Mirror {
    /// Works made by or of a note: their pin follows the agent, their dog-ear the source.
    fn refresh_kin(&mut self, id: NoteId, board: &Board, marks: &Marks) {
        let kin: Vec<NoteId> = board.twines_of(id).filter(|t| t.from == id).map(|t| t.to).collect();
        kin.into_iter().for_each(|id| self.refresh_note(id, board, marks));
    }

    /// A string is gone, maybe with its notes.
    fn touch_cut(&mut self, twine: &Twine, board: &Board, gone: &HashMap<NoteId, [f64; 2]>) {
        let pin = |id: NoteId| gone.get(&id).copied().or_else(|| board.note(id).map(Note::pin));
        if let (Some(a), Some(b)) = (pin(twine.from), pin(twine.to)) {
            self.touched.add(TwineCurve::between(a, b).bounds().grown(16.0));
        }
        // A work whose agent is gone takes its pin from the strings that are left.
        if let (Some(slot), Some(note)) = (board.note_slot(twine.to), board.note(twine.to)) {
            let kept = self.notes.get(slot as usize).map_or(0, |r| r.page_flags);
            let marks = kept & (flags::LIFTED | flags::DIMMED);
            self.set_note(slot, note, board, marks, 0.0);
        }
    }
}

/// Marks that are no edits.
fn mark(
    mut mirror: ResMut<Mirror>,
    mut marks: ResMut<Marks>,
    open: Res<OpenBoard>,
    selection: Res<Selection>,
    lit: Res<Lit>,
    gesture: Res<Gesture>,
    making: Res<MakingLooks>,
) {
    let mirror = mirror.bypass_change_detection();
    let marks = marks.bypass_change_detection();
    let board = open.board();
    if marks.lit != *lit {
        marks.lit = lit.clone();
        mirror.touched = match std::mem::take(&mut mirror.touched) {
            Touched::Another => Touched::Another,
            _ => Touched::Everywhere,
        };
        mirror.refresh_all(board, marks);
    }
    let bright = [selection.twine, gesture.hovered_twine()];
    if marks.bright != bright {
        let before = std::mem::replace(&mut marks.bright, bright);
        for id in before.into_iter().chain(bright).flatten() {
            if let Some(slot) = board.twine_slot(id) {
                mirror.refresh_twine(slot, board, marks);
            }
        }
    }
    let lifted = gesture.lifted();
    if marks.lifted.len() != lifted.len() || lifted.iter().any(|id| !marks.lifted.contains(id)) {
        let before = std::mem::replace(&mut marks.lifted, lifted.iter().copied().collect());
        for id in before.iter().chain(lifted) {
            mirror.refresh_note(*id, board, marks);
            // Strings of what is lifted are drawn with it, and no longer in the tiles.
            for twine in board.twine_slots_of(*id) {
                mirror.touch_twine(*twine);
            }
        }
    }
    let progress: HashMap<NoteId, f32> =
        making.0.iter().map(|(id, look)| (*id, look.progress)).collect();
    if marks.progress != progress {
        let before = std::mem::replace(&mut marks.progress, progress);
        let ids: BTreeSet<NoteId> = before.keys().chain(marks.progress.keys()).copied().collect();
        for id in ids {
            if before.get(&id) != marks.progress.get(&id) {
                mirror.refresh_note(id, board, marks);
            }
        }
    }
}
