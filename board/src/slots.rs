//! Records in and out of their slots, with every index kept in step. No rules about who may: those
//! are in `tx`.

use crate::board::{NoteSlot, TwineSlot};
use crate::slot_list::SlotList;
use crate::{AssetInfo, Board, EditError, Note, Run, Twine};

impl Board {
    pub(crate) fn may_insert_note(&self, note: &Note) -> Result<(), EditError> {
        if self.note_slots.contains_key(&note.id) {
            return Err(EditError::IdTaken(note.id.to_string()));
        }
        if note.is_drawable() { Ok(()) } else { Err(EditError::NotDrawable) }
    }

    pub(crate) fn may_insert_twine(&self, twine: &Twine) -> Result<(), EditError> {
        if self.twine_slots.contains_key(&twine.id) {
            return Err(EditError::IdTaken(twine.id.to_string()));
        }
        if twine.from == twine.to {
            return Err(EditError::TwineToItself);
        }
        for end in [twine.from, twine.to] {
            self.note_slot(end).ok_or(EditError::NoSuchNote(end))?;
        }
        Ok(())
    }

    pub(crate) fn put_run(&mut self, run: Run) -> Result<(), EditError> {
        if self.run_index.contains_key(&run.id) {
            return Err(EditError::IdTaken(run.id.to_string()));
        }
        if self.run_of_job.contains_key(&run.job) {
            return Err(EditError::IdTaken(run.job.to_string()));
        }
        self.run_index.insert(run.id, self.runs.len());
        self.run_of_job.insert(run.job, self.runs.len());
        self.runs.push(run);
        Ok(())
    }

    /// False when the asset was known.
    pub(crate) fn put_asset(&mut self, asset: AssetInfo) -> bool {
        if self.asset_index.contains_key(&asset.id) {
            return false;
        }
        self.asset_index.insert(asset.id, self.assets.len());
        self.assets.push(asset);
        true
    }

    pub(crate) fn put_note(&mut self, note: Note) {
        let slot = self.free_notes.pop().unwrap_or(self.notes.len() as u32);
        self.note_slots.insert(note.id, slot);
        self.spatial.insert(slot, note.bounds());
        self.top_rank = self.top_rank.max(note.rank);
        let filled = Some(NoteSlot { note, twines: SlotList::default() });
        match self.notes.get_mut(slot as usize) {
            Some(place) => *place = filled,
            None => self.notes.push(filled),
        }
    }

    pub(crate) fn write_note(&mut self, new: Note) {
        let Some(slot) = self.note_slot(new.id) else { return };
        let Some(place) = self.notes[slot as usize].as_mut() else { return };
        let (from, to) = (place.note.bounds(), new.bounds());
        self.top_rank = self.top_rank.max(new.rank);
        place.note = new;
        if from == to {
            return;
        }
        let tied = place.twines.clone();
        self.spatial.update(slot, to);
        for twine in tied.as_slice() {
            if let Some(curve) = self.twine_curve(*twine) {
                self.twine_spatial.update(*twine, curve.bounds());
            }
        }
    }

    pub(crate) fn take_note(&mut self, slot: u32) -> Option<Note> {
        let taken = self.notes[slot as usize].take()?.note;
        self.note_slots.remove(&taken.id);
        self.spatial.remove(slot);
        self.free_notes.push(slot);
        Some(taken)
    }

    pub(crate) fn put_twine(&mut self, twine: Twine) {
        let (Some(from), Some(to)) = (self.note_slot(twine.from), self.note_slot(twine.to)) else {
            return;
        };
        let slot = self.free_twines.pop().unwrap_or(self.twines.len() as u32);
        self.twine_slots.insert(twine.id, slot);
        for end in [from, to] {
            if let Some(place) = self.notes[end as usize].as_mut() {
                place.twines.push(slot);
            }
        }
        let filled = Some(TwineSlot { twine, ends: [from, to] });
        match self.twines.get_mut(slot as usize) {
            Some(place) => *place = filled,
            None => self.twines.push(filled),
        }
        if let Some(curve) = self.twine_curve(slot) {
            self.twine_spatial.insert(slot, curve.bounds());
        }
    }

    pub(crate) fn take_twine(&mut self, slot: u32) -> Option<Twine> {
        let TwineSlot { twine, ends } = self.twines[slot as usize].take()?;
        self.twine_slots.remove(&twine.id);
        self.twine_spatial.remove(slot);
        for end in ends {
            if let Some(place) = self.notes[end as usize].as_mut() {
                place.twines.remove(slot);
            }
        }
        self.free_twines.push(slot);
        Some(twine)
    }
}
