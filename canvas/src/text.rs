//! Words on notes: what they are, shaped on a thread of their own, kept until they change.

mod atlas;
mod content;
mod shape;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bevy::prelude::*;
use oto_board::NoteId;
use oto_shaders::CellGpu;

use crate::{CanvasSystems, Fonts, MakingLooks, OpenBoard, Palette, Wake};

pub(crate) use atlas::{CELL_PX, CELLS_A_ROW};
pub(crate) use content::blocks_of;
pub(crate) use shape::{Shaped, Shaper};

/// Bundled faces of notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// Titles of agents and frames.
    Marker,
    /// Short texts and captions.
    Brush,
    /// Longer texts.
    Hand,
}

impl Face {
    pub(crate) fn family(self) -> &'static str {
        match self {
            Self::Marker => "Permanent Marker",
            Self::Brush => "Caveat Brush",
            Self::Hand => "Caveat",
        }
    }
}

/// One piece of text on a note, in units relative to the note's centre.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) text: String,
    pub(crate) face: Face,
    pub(crate) size: f32,
    /// Smallest size before lines are left out.
    pub(crate) least: f32,
    /// Left, top, right, bottom.
    pub(crate) area: [f32; 4],
    pub(crate) centered: bool,
    pub(crate) middle: bool,
    pub(crate) color: [u8; 4],
}

impl Block {
    fn hash(&self, hasher: &mut impl Hasher) {
        (self.text.as_str(), self.face, self.size.to_bits(), self.least.to_bits()).hash(hasher);
        self.area.map(f32::to_bits).hash(hasher);
        (self.centered, self.middle, self.color).hash(hasher);
    }
}

/// The note whose words are being edited on it: the canvas leaves them out meanwhile.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Suppressed(pub Option<NoteId>);

/// One letter in place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Letter {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) cell: u16,
    pub(crate) size: f32,
    pub(crate) color: [u8; 4],
}

#[derive(Debug, Default)]
struct Entry {
    /// Hash of the words that were asked for last.
    asked: u64,
    /// Hash of the words that are there.
    there: u64,
    letters: Vec<Letter>,
}

/// Shaped words by note.
#[derive(Resource, Debug)]
pub(crate) struct Texts {
    entries: HashMap<NoteId, Entry>,
    shaper: Shaper,
    waiting: usize,
    pub(crate) new_cells: Vec<(u16, CellGpu, Vec<u8>)>,
}

impl Texts {
    /// Letters of a note; words that changed are asked for and the old ones shown meanwhile.
    pub(crate) fn letters(&mut self, id: NoteId, blocks: Vec<Block>) -> &[Letter] {
        let mut hasher = DefaultHasher::new();
        blocks.iter().for_each(|b| b.hash(&mut hasher));
        let hash = hasher.finish();
        let entry = self.entries.entry(id).or_default();
        if entry.asked != hash && self.shaper.ask(id, hash, blocks) {
            entry.asked = hash;
            self.waiting += 1;
        }
        &entry.letters
    }

    /// True while words that were asked for are not there.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0
    }

    fn take(&mut self, shaped: Shaped) {
        self.waiting = self.waiting.saturating_sub(1);
        self.new_cells.extend(shaped.cells);
        let entry = self.entries.entry(shaped.note).or_default();
        if entry.asked == shaped.hash {
            entry.there = shaped.hash;
            entry.letters = shaped.letters;
        }
    }
}

pub(super) fn plugin(app: &mut App, fonts: Fonts, wake: Wake) {
    app.insert_resource(Texts {
        entries: HashMap::new(),
        shaper: Shaper::start(fonts, wake),
        waiting: 0,
        new_cells: Vec::new(),
    })
    .add_systems(Update, collect.in_set(CanvasSystems::Events));
}

fn collect(mut texts: ResMut<Texts>) {
    while let Some(shaped) = texts.shaper.take() {
        texts.take(shaped);
    }
    if texts.entries.len() > 20_000 {
        // Out of view they are shaped again when they come back.
        texts.entries.clear();
    }
}

/// Blocks of a note as it stands, unless it is being edited.
pub(crate) fn current_blocks(
    open: &OpenBoard,
    id: NoteId,
    making: &MakingLooks,
    palette: &Palette,
    suppressed: &Suppressed,
) -> Vec<Block> {
    if suppressed.0 == Some(id) {
        return Vec::new();
    }
    open.board()
        .note(id)
        .map_or_else(Vec::new, |note| blocks_of(note, open.board(), making.0.get(&id), palette))
}
