//! One board: records with their indexes. It changes only inside [`Board::transact`].

use std::collections::HashMap;

use crate::geom::{Rect, TwineCurve, hits_note};
use crate::hash::IdMap;
use crate::slot_list::SlotList;
use crate::spatial::Spatial;
use crate::{
    AssetId, AssetInfo, Change, JobId, Note, NoteId, Run, RunId, Transaction, Twine, TwineId, Tx,
    TxMeta,
};

/// Why an edit was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    /// The note is not on the board.
    #[error("note {0} is not on this board")]
    NoSuchNote(NoteId),
    /// The twine is not on the board.
    #[error("string {0} is not on this board")]
    NoSuchTwine(TwineId),
    /// The id is taken.
    #[error("a record with id {0} is already on this board")]
    IdTaken(String),
    /// Position or size cannot be drawn.
    #[error("a note needs finite coordinates and an edge between 1 and 1,000,000 units")]
    NotDrawable,
    /// A string from a note to itself.
    #[error("a string joins two different notes")]
    TwineToItself,
    /// The note is not of the kind the edit needs.
    #[error("note {0} is not {1}")]
    WrongKind(NoteId, &'static str),
    /// Something other than the user would remove most of the board.
    #[error("refused: this would remove {removed} of {live} notes although you did not ask for it")]
    WouldEmptyBoard {
        /// Notes to be removed.
        removed: usize,
        /// Notes there are.
        live: usize,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct NoteSlot {
    pub(crate) note: Note,
    /// Slots of twines tied to this note.
    pub(crate) twines: SlotList,
}

#[derive(Debug, Clone)]
pub(crate) struct TwineSlot {
    pub(crate) twine: Twine,
    /// Slots of the notes it ties, so that a walk over strings needs no lookups.
    pub(crate) ends: [u32; 2],
}

/// Records and indexes of one board. Notes and twines live in dense slots which are reused after a
/// removal; the slots are also their places on the GPU.
#[derive(Debug, Clone, Default)]
pub struct Board {
    pub(crate) notes: Vec<Option<NoteSlot>>,
    pub(crate) twines: Vec<Option<TwineSlot>>,
    pub(crate) free_notes: Vec<u32>,
    pub(crate) free_twines: Vec<u32>,
    pub(crate) note_slots: IdMap<NoteId, u32>,
    pub(crate) twine_slots: IdMap<TwineId, u32>,
    pub(crate) runs: Vec<Run>,
    pub(crate) run_index: IdMap<RunId, usize>,
    pub(crate) run_of_job: IdMap<JobId, usize>,
    pub(crate) assets: Vec<AssetInfo>,
    pub(crate) asset_index: HashMap<AssetId, usize>,
    pub(crate) spatial: Spatial,
    pub(crate) twine_spatial: Spatial,
    pub(crate) top_rank: u32,
    pub(crate) seq: u64,
}

impl Board {
    /// An empty board.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `f` as one transaction: all its changes or none. `None` when nothing changed.
    ///
    /// # Errors
    /// What `f` returns, or [`EditError::WouldEmptyBoard`]; the board is then as it was.
    pub fn transact(
        &mut self,
        meta: TxMeta,
        f: impl FnOnce(&mut Tx<'_>) -> Result<(), EditError>,
    ) -> Result<Option<Transaction>, EditError> {
        let live = self.n_notes();
        let mut tx = Tx::new(self);
        let outcome = f(&mut tx).and_then(|()| tx.guard_against_emptying(meta.origin, live));
        let changes = match outcome {
            Ok(()) => tx.into_changes(),
            Err(error) => {
                tx.roll_back();
                return Err(error);
            }
        };
        if changes.is_empty() {
            return Ok(None);
        }
        self.seq += 1;
        Ok(Some(Transaction {
            seq: self.seq,
            step: meta.step,
            op: meta.op,
            origin: meta.origin,
            at_ms: meta.at_ms,
            changes,
            selection_hint: meta.selection_hint,
        }))
    }

    /// Number of the last transaction.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// How many notes there are.
    #[must_use]
    pub fn n_notes(&self) -> usize {
        self.note_slots.len()
    }

    /// How many twines there are.
    #[must_use]
    pub fn n_twines(&self) -> usize {
        self.twine_slots.len()
    }

    /// One past the highest note slot in use.
    #[must_use]
    pub fn note_slot_count(&self) -> u32 {
        self.notes.len() as u32
    }

    /// One past the highest twine slot in use.
    #[must_use]
    pub fn twine_slot_count(&self) -> u32 {
        self.twines.len() as u32
    }

    /// The note in a slot.
    #[must_use]
    pub fn note_at(&self, slot: u32) -> Option<&Note> {
        self.notes.get(slot as usize)?.as_ref().map(|s| &s.note)
    }

    /// The twine in a slot.
    #[must_use]
    pub fn twine_at(&self, slot: u32) -> Option<&Twine> {
        self.twines.get(slot as usize)?.as_ref().map(|s| &s.twine)
    }

    /// The slots of the two notes that the twine in a slot ties.
    #[must_use]
    pub fn twine_ends(&self, slot: u32) -> Option<[u32; 2]> {
        self.twines.get(slot as usize)?.as_ref().map(|s| s.ends)
    }

    /// The slot of a note.
    #[must_use]
    pub fn note_slot(&self, id: NoteId) -> Option<u32> {
        self.note_slots.get(&id).copied()
    }

    /// The slot of a twine.
    #[must_use]
    pub fn twine_slot(&self, id: TwineId) -> Option<u32> {
        self.twine_slots.get(&id).copied()
    }

    /// A note by id.
    #[must_use]
    pub fn note(&self, id: NoteId) -> Option<&Note> {
        self.note_at(self.note_slot(id)?)
    }

    /// A twine by id.
    #[must_use]
    pub fn twine(&self, id: TwineId) -> Option<&Twine> {
        self.twine_at(self.twine_slot(id)?)
    }

    /// All notes, by slot.
    pub fn notes(&self) -> impl Iterator<Item = &Note> {
        self.notes.iter().flatten().map(|s| &s.note)
    }

    /// All twines, by slot.
    pub fn twines(&self) -> impl Iterator<Item = &Twine> {
        self.twines.iter().flatten().map(|s| &s.twine)
    }

    /// Slots of the twines tied to a note.
    #[must_use]
    pub fn twine_slots_of(&self, note: NoteId) -> &[u32] {
        self.note_slot(note)
            .and_then(|slot| self.notes[slot as usize].as_ref())
            .map_or(&[], |s| s.twines.as_slice())
    }

    /// The twines tied to a note.
    pub fn twines_of(&self, note: NoteId) -> impl Iterator<Item = &Twine> {
        self.twine_slots_of(note).iter().filter_map(|slot| self.twine_at(*slot))
    }

    /// All runs, oldest first.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// A run by id.
    #[must_use]
    pub fn run(&self, id: RunId) -> Option<&Run> {
        self.run_index.get(&id).map(|i| &self.runs[*i])
    }

    /// The run a job became.
    #[must_use]
    pub fn run_of_job(&self, id: JobId) -> Option<&Run> {
        self.run_of_job.get(&id).map(|i| &self.runs[*i])
    }

    /// All asset records.
    #[must_use]
    pub fn assets(&self) -> &[AssetInfo] {
        &self.assets
    }

    /// An asset record by id.
    #[must_use]
    pub fn asset(&self, id: AssetId) -> Option<&AssetInfo> {
        self.asset_index.get(&id).map(|i| &self.assets[*i])
    }

    /// The highest rank in use: a new note on top gets one more.
    #[must_use]
    pub fn top_rank(&self) -> u32 {
        self.top_rank
    }

    /// Notes whose untilted rectangle, grown by a tilt's worth, touches `rect`; by slot.
    #[must_use]
    pub fn notes_in(&self, rect: Rect) -> Vec<&Note> {
        let mut found = Vec::new();
        self.visit_notes(rect, 0.0, |slots| {
            let notes = slots.iter().filter_map(|s| self.note_at(*s).map(|n| (*s, n)));
            found.extend(notes.filter(|(_, n)| n.bounds().intersects(rect)));
        });
        found.sort_unstable_by_key(|(slot, _)| *slot);
        found.into_iter().map(|(_, note)| note).collect()
    }

    /// Hands over groups of note slots that may touch `rect`, of notes whose size class (the next
    /// power of two) is at least `least_edge` units; every such note is among them.
    pub fn visit_notes(&self, rect: Rect, least_edge: f64, each: impl FnMut(&[u32])) {
        self.spatial.visit(rect, least_edge, each);
    }

    /// Hands over groups of twine slots whose curve may touch `rect`, of twines whose extent (its
    /// next power of two) is at least `least_edge` units; every such twine is among them.
    pub fn visit_twines(&self, rect: Rect, least_edge: f64, each: impl FnMut(&[u32])) {
        self.twine_spatial.visit(rect, least_edge, each);
    }

    /// How many twines there are of each extent (the next power of two, in units), ascending.
    pub fn twine_extents(&self) -> impl Iterator<Item = (f64, u32)> {
        self.twine_spatial.classes()
    }

    /// A rectangle that surely holds all notes, at most a page of the index larger on each side.
    /// Cheap: it does not look at notes.
    #[must_use]
    pub fn reach(&self) -> Rect {
        self.spatial.reach()
    }

    /// The curve of the twine in a slot, from pin to pin.
    #[must_use]
    pub fn twine_curve(&self, slot: u32) -> Option<TwineCurve> {
        let [from, to] = self.twine_ends(slot)?;
        Some(TwineCurve::between(self.note_at(from)?.pin(), self.note_at(to)?.pin()))
    }

    /// The topmost note under a point.
    #[must_use]
    pub fn note_under(&self, p: [f64; 2]) -> Option<&Note> {
        let mut top: Option<&Note> = None;
        self.visit_notes(Rect { min: p, max: p }, 0.0, |slots| {
            for note in slots.iter().filter_map(|s| self.note_at(*s)) {
                let higher = top.is_none_or(|t| (t.rank, t.id) < (note.rank, note.id));
                if higher && hits_note(note, p) {
                    top = Some(note);
                }
            }
        });
        top
    }

    /// The smallest rectangle round all notes; empty on an empty board. Only the outermost pages of
    /// the index are looked at note by note.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        let mut cells: Vec<(Rect, &[u32])> = self
            .spatial
            .cells()
            .map(|(cell, edge, slots)| (cell.grown(edge / 2.0), slots))
            .collect();
        let mut all = Rect::EMPTY;
        let look = |slots: &[u32], all: &mut Rect| {
            for note in slots.iter().filter_map(|s| self.note_at(*s)) {
                *all = all.union(note.rect());
            }
        };
        // The extreme ones first, so that most others are inside already.
        for key in
            [|r: &Rect| r.min[0], |r: &Rect| r.min[1], |r: &Rect| -r.max[0], |r: &Rect| -r.max[1]]
        {
            if let Some((_, slots)) = cells.iter().min_by(|a, b| key(&a.0).total_cmp(&key(&b.0))) {
                look(slots, &mut all);
            }
        }
        let inside = |all: &Rect, r: &Rect| all.contains(r.min) && all.contains(r.max);
        cells.retain(|(rect, _)| !inside(&all, rect));
        for (rect, slots) in cells {
            if !inside(&all, &rect) {
                look(slots, &mut all);
            }
        }
        all
    }

    /// How many notes have their middle in `rect`; whole pages are counted, not walked.
    #[must_use]
    pub fn count_in(&self, rect: Rect) -> usize {
        let mut n = 0;
        self.spatial.visit_cells(rect, 0.0, |cell, slots| {
            if rect.contains(cell.min) && rect.contains(cell.max) {
                n += slots.len();
            } else {
                let notes = slots.iter().filter_map(|s| self.note_at(*s));
                n += notes.filter(|note| rect.contains(note.center)).count();
            }
        });
        n
    }

    /// Hands over every page of the index: where the middles of its notes lie, and their slots.
    pub fn pages(&self) -> impl Iterator<Item = (Rect, &[u32])> {
        self.spatial.cells().map(|(cell, _, slots)| (cell, slots))
    }

    /// The note whose middle is nearest to a point.
    #[must_use]
    pub fn nearest(&self, p: [f64; 2]) -> Option<&Note> {
        let away = |c: [f64; 2]| (c[0] - p[0]).hypot(c[1] - p[1]);
        let outside = |cell: &Rect| {
            let d = [0, 1].map(|i| (cell.min[i] - p[i]).max(p[i] - cell.max[i]).max(0.0));
            d[0].hypot(d[1])
        };
        let mut cells: Vec<(f64, &[u32])> =
            self.spatial.cells().map(|(cell, _, slots)| (outside(&cell), slots)).collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut best: Option<(f64, &Note)> = None;
        for (least, slots) in cells {
            if best.is_some_and(|(d, _)| d <= least) {
                break;
            }
            for note in slots.iter().filter_map(|s| self.note_at(*s)) {
                let d = away(note.center);
                if best.is_none_or(|(b, other)| (d, note.id) < (b, other.id)) {
                    best = Some((d, note));
                }
            }
        }
        best.map(|(_, note)| note)
    }
}

/// What became of the records: used by tests and by the mirror.
impl Transaction {
    /// Ids of notes inserted, updated or removed.
    pub fn touched_notes(&self) -> impl Iterator<Item = NoteId> {
        self.changes.iter().filter_map(|change| match change {
            Change::Note(rec) => rec.after().or(rec.before()).map(|n| n.id),
            _ => None,
        })
    }
}
