//! The board as the GPU has it: records in the slots of the board, in pages with an f64 origin.
//! Only this file writes them, and one edit touches few.

use std::collections::HashMap;

use bevy::prelude::*;
use oto_board::{Change, Note, NoteId, NoteKind, Rec, Twine, WorkKind, WorkState};
use oto_shaders::{NoteGpu, NoteStyle, TwineGpu, flags};

use crate::{BoardChanged, CanvasSystems, Lit, MakingLooks, OpenBoard, Selection, Thumbs};

/// Edge of a page, in edges of its size class.
const PAGE_EDGES: f64 = 64.0;

/// What a page is for: its size class and its place.
pub(crate) type PageKey = (i32, i64, i64);

/// CPU copy of the GPU records.
#[derive(Resource, Debug, Clone, Default)]
pub struct Mirror {
    pub(crate) notes: Vec<NoteGpu>,
    pub(crate) twines: Vec<TwineGpu>,
    pub(crate) pages: Vec<PageKey>,
    page_index: HashMap<PageKey, u32>,
    /// First and one past the last slot changed since the last upload.
    pub(crate) dirty_notes: Option<(u32, u32)>,
    pub(crate) dirty_twines: Option<(u32, u32)>,
    generation: u64,
}

pub(crate) fn class_edge(class: i32) -> f64 {
    f64::from(class).exp2()
}

impl Mirror {
    fn page_of(&mut self, note: &Note) -> u32 {
        let class = note.size[0].max(note.size[1]).max(1.0).log2().ceil() as i32;
        let edge = class_edge(class) * PAGE_EDGES;
        let cell = |v: f64| (v / edge).floor() as i64;
        let key = (class, cell(note.center[0]), cell(note.center[1]));
        *self.page_index.entry(key).or_insert_with(|| {
            self.pages.push(key);
            self.pages.len() as u32 - 1
        })
    }

    /// Origin of a page on the wall.
    pub(crate) fn origin(key: PageKey) -> [f64; 2] {
        let edge = class_edge(key.0) * PAGE_EDGES;
        [key.1 as f64 * edge, key.2 as f64 * edge]
    }

    fn write_note(&mut self, slot: u32, record: NoteGpu) {
        let index = slot as usize;
        if self.notes.len() <= index {
            self.notes.resize(index + 1, NoteGpu::default());
        }
        if self.notes[index] != record {
            self.notes[index] = record;
            self.dirty_notes = Some(widened(self.dirty_notes, slot));
        }
    }

    fn write_twine(&mut self, slot: u32, record: TwineGpu) {
        let index = slot as usize;
        if self.twines.len() <= index {
            self.twines.resize(index + 1, TwineGpu::default());
        }
        if self.twines[index] != record {
            self.twines[index] = record;
            self.dirty_twines = Some(widened(self.dirty_twines, slot));
        }
    }

    fn set_note(
        &mut self,
        slot: u32,
        note: &Note,
        board: &oto_board::Board,
        marks: u32,
        thumb: u16,
    ) {
        let page = self.page_of(note);
        let key = self.pages[page as usize];
        let (origin, edge) = (Self::origin(key), class_edge(key.0));
        let fraction = |v: f64| (v / edge * 32_768.0).round().clamp(1.0, 65_535.0) as u16;
        let (style, pin, average) = looks_of(note, board);
        let seed = (note.id.0 ^ (note.id.0 >> 64)) as u64;
        let record = NoteGpu {
            center: [(note.center[0] - origin[0]) as f32, (note.center[1] - origin[1]) as f32],
            size: [fraction(note.size[0]), fraction(note.size[1])],
            tilt: (f64::from(note.tilt_deg) / 180.0 * 32_768.0).clamp(-32_768.0, 32_767.0) as i16,
            curl: 255,
            style: style as u8,
            paper: note.color,
            pin,
            average,
            page_flags: page | marks,
            thumb,
            seed: (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16,
            rank: note.rank.min(4_000_000),
        };
        self.write_note(slot, record);
    }

    /// Builds everything anew.
    fn rebuild(&mut self, open: &OpenBoard) {
        *self = Self { generation: open.generation(), ..Self::default() };
        let board = open.board();
        for slot in 0..board.note_slot_count() {
            if let Some(note) = board.note_at(slot) {
                self.set_note(slot, note, board, 0, u16::MAX);
            }
        }
        for slot in 0..board.twine_slot_count() {
            if let Some(twine) = board.twine_at(slot) {
                self.set_twine(slot, twine, open, false, false);
            }
        }
    }

    fn set_twine(&mut self, slot: u32, twine: &Twine, open: &OpenBoard, bright: bool, dim: bool) {
        let board = open.board();
        let (Some(from), Some(to)) = (board.note_slot(twine.from), board.note_slot(twine.to))
        else {
            return;
        };
        let look = u32::from(twine.color & 15) | u32::from(bright) << 8 | u32::from(dim) << 9;
        self.write_twine(slot, TwineGpu { from, to, look });
    }

    /// The record of a note by id, with its place on the wall; for comparing two mirrors.
    #[must_use]
    pub fn note_record(&self, open: &OpenBoard, id: NoteId) -> Option<(NoteGpu, [f64; 2])> {
        let slot = open.board().note_slot(id)?;
        let mut record = *self.notes.get(slot as usize)?;
        let key = self.pages[(record.page_flags & 0xff_ffff) as usize];
        let origin = Self::origin(key);
        let at = [origin[0] + f64::from(record.center[0]), origin[1] + f64::from(record.center[1])];
        // Pages are numbered in the order they were met, which differs between mirrors.
        record.page_flags &= !0xff_ffff;
        Some((record, at))
    }

    /// A mirror built from scratch, to be compared with one kept up step by step.
    #[must_use]
    pub fn from_scratch(open: &OpenBoard) -> Self {
        let mut mirror = Self::default();
        mirror.rebuild(open);
        mirror
    }
}

fn widened(range: Option<(u32, u32)>, slot: u32) -> (u32, u32) {
    range.map_or((slot, slot + 1), |(a, b)| (a.min(slot), b.max(slot + 1)))
}

fn rgb565(rgb: u32) -> u16 {
    (((rgb >> 19) & 31) << 11 | ((rgb >> 10) & 63) << 5 | ((rgb >> 3) & 31)) as u16
}

/// Style, pin colour and average colour.
fn looks_of(note: &Note, board: &oto_board::Board) -> (NoteStyle, u8, u16) {
    // Plain notes have the orange pin.
    const PLAIN_PIN: u8 = 4;
    match &note.kind {
        NoteKind::Plain => (NoteStyle::Text, PLAIN_PIN, 0),
        NoteKind::Frame => (NoteStyle::Frame, PLAIN_PIN, 0),
        NoteKind::Agent(agent) => (NoteStyle::Agent, agent.twine_color & 15, 0),
        NoteKind::Work(work) => {
            // What could not be made is a plain note with the reason on it.
            let ended = matches!(work.state, WorkState::Failed { .. } | WorkState::Canceled { .. });
            let style = match work.kind {
                _ if ended => NoteStyle::Text,
                WorkKind::Text => NoteStyle::Text,
                WorkKind::Image => NoteStyle::Photo,
                WorkKind::Voice => NoteStyle::Voice,
                WorkKind::Video => NoteStyle::Film,
            };
            let agent = board.note(work.recipe.agent).and_then(|n| n.kind.agent());
            // The string keeps the colour when the agent is gone.
            let tied = board.twines_of(note.id).find(|t| t.to == note.id).map(|t| t.color);
            let pin = agent.map(|a| a.twine_color).or(tied).unwrap_or(PLAIN_PIN) & 15;
            let average = work
                .asset()
                .and_then(|a| board.asset(a))
                .map_or(rgb565(0xe4_de_d0), |a| rgb565(a.average_rgb));
            (style, pin, average)
        }
    }
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Mirror>()
        .add_systems(Update, (follow, mark).chain().in_set(CanvasSystems::Mirror));
}

/// Follows the transactions.
fn follow(
    mut mirror: ResMut<Mirror>,
    open: Res<OpenBoard>,
    mut changes: MessageReader<BoardChanged>,
) {
    if mirror.generation != open.generation() {
        changes.clear();
        mirror.rebuild(&open);
        return;
    }
    let board = open.board();
    for change in changes.read() {
        for change in &change.transaction.changes {
            match change {
                Change::Note(Rec::Inserted(note) | Rec::Updated { after: note, .. }) => {
                    // The note as it is now: a later transaction of the frame may have moved it on.
                    if let (Some(slot), Some(now)) = (board.note_slot(note.id), board.note(note.id))
                    {
                        mirror.set_note(slot, now, board, 0, u16::MAX);
                    }
                }
                Change::Twine(Rec::Inserted(twine) | Rec::Updated { after: twine, .. }) => {
                    if let Some(slot) = board.twine_slot(twine.id) {
                        mirror.set_twine(slot, twine, &open, false, false);
                    }
                    if let (Some(slot), Some(note)) =
                        (board.note_slot(twine.to), board.note(twine.to))
                    {
                        mirror.set_note(slot, note, board, 0, u16::MAX);
                    }
                }
                // A free slot is not drawn: the visible lists come from the board.
                _ => {}
            }
        }
    }
}

/// Marks that are no edits: selection, filter, lifting, thumbnails, progress.
fn mark(
    mut mirror: ResMut<Mirror>,
    open: Res<OpenBoard>,
    selection: Res<Selection>,
    lit: Res<Lit>,
    gesture: Res<crate::Gesture>,
    thumbs: Res<Thumbs>,
    making: Res<MakingLooks>,
) {
    let board = open.board();
    let lifted = gesture.lifted();
    let all_lit = *lit == Lit::default();
    for slot in 0..board.note_slot_count() {
        let Some(note) = board.note_at(slot) else { continue };
        let mut marks = 0;
        if selection.holds(note.id) {
            marks |= flags::SELECTED;
        }
        if !all_lit && !lit.lights(note) {
            marks |= flags::DIMMED;
        }
        if lifted.contains(&note.id) {
            marks |= flags::LIFTED;
        }
        let Some(mut record) = mirror.notes.get(slot as usize).copied() else { continue };
        if let NoteKind::Work(work) = &note.kind {
            match &work.state {
                WorkState::Making { .. } => {
                    marks |= flags::MAKING;
                    let done = making.0.get(&note.id).map_or(0.0, |l| l.progress);
                    record.average = (done.clamp(0.0, 1.0) * 65_535.0) as u16;
                }
                WorkState::Failed { .. } => marks |= flags::FAILED,
                WorkState::Done { .. } | WorkState::Canceled { .. } => {}
            }
            record.thumb = work.asset().and_then(|a| thumbs.layer(a)).unwrap_or(u16::MAX);
        }
        record.page_flags = (record.page_flags & 0xff_ffff) | marks;
        mirror.write_note(slot, record);
    }
    for slot in 0..board.twine_slot_count() {
        let Some(twine) = board.twine_at(slot) else { continue };
        let bright = selection.twine == Some(twine.id) || gesture.hovered_twine() == Some(twine.id);
        let lights = |id: NoteId| board.note(id).is_some_and(|n| lit.lights(n));
        let dim = !(all_lit || lights(twine.from) && lights(twine.to));
        mirror.set_twine(slot, twine, &open, bright, dim);
    }
}
