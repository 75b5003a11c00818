//! Words on notes: what they are, shaped on a thread of their own, kept until they change.

mod atlas;
mod content;
mod shape;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use bevy::prelude::*;
use oto_board::NoteId;
use oto_shaders::CellGpu;

use crate::{BoardChanged, CanvasSystems, Fonts, MakingLooks, Mirror, OpenBoard, Palette, Wake};

pub(crate) use atlas::{CELL_PX, CELLS_A_LAYER, CELLS_A_ROW, LAYERS as ATLAS_LAYERS};
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
    /// Hash of the words that are there; 0 for none yet.
    there: u64,
    letters: Vec<Letter>,
    /// The note has not changed since its words were asked for.
    current: bool,
    last_used: u64,
}

/// Letters kept at most, 20 bytes each; what was not seen for longest goes first.
const MOST_LETTERS: usize = 1_600_000;

/// Shaped words by note.
#[derive(Resource)]
pub(crate) struct Texts {
    entries: HashMap<NoteId, Entry>,
    n_letters: usize,
    shaper: Shaper,
    restart: Arc<dyn Fn() -> Shaper + Send + Sync>,
    waiting: usize,
    clock: u64,
    /// The shaper had no room: asked again when it has.
    refused: bool,
    pub(crate) new_cells: Vec<(u16, CellGpu, Vec<u8>)>,
    /// Notes whose words came since the last frame.
    pub(crate) arrived: Vec<NoteId>,
}

impl Texts {
    /// Letters of a note, none before they are shaped; and whether others will come. Words that
    /// changed are asked for and the old ones shown meanwhile. `blocks` is called only for a note
    /// that is new or has changed.
    pub(crate) fn letters(
        &mut self,
        id: NoteId,
        blocks: impl FnOnce() -> Vec<Block>,
    ) -> (Option<&[Letter]>, bool) {
        self.clock += 1;
        let entry = self.entries.entry(id).or_default();
        entry.last_used = self.clock;
        if !entry.current {
            let blocks = blocks();
            let mut hasher = DefaultHasher::new();
            blocks.iter().for_each(|b| b.hash(&mut hasher));
            // Zero means none.
            let hash = hasher.finish() | 1;
            if blocks.iter().all(|b| b.text.trim().is_empty()) {
                (entry.asked, entry.there, entry.current) = (hash, hash, true);
                self.n_letters -= entry.letters.len();
                entry.letters = Vec::new();
            } else if entry.asked == hash {
                entry.current = true;
            } else if self.shaper.ask(id, hash, blocks) {
                (entry.asked, entry.current) = (hash, true);
                self.waiting += 1;
            } else {
                self.refused = true;
            }
        }
        let coming = entry.there != entry.asked || !entry.current;
        ((entry.there != 0).then_some(entry.letters.as_slice()), coming)
    }

    /// The words of a note may have changed.
    pub(crate) fn changed(&mut self, id: NoteId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.current = false;
        }
    }

    /// All words may have changed, or their colour.
    pub(crate) fn all_changed(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.current = false);
    }

    /// The GPU has lost the atlas: everything is shaped again.
    pub(crate) fn forget_all(&mut self) {
        self.shaper = (self.restart)();
        self.entries.clear();
        self.new_cells.clear();
        self.arrived.clear();
        (self.n_letters, self.waiting, self.refused) = (0, 0, false);
    }

    /// True while words that were asked for are not there.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting > 0 || self.refused
    }

    /// True once when the shaper had no room and has some now.
    pub(crate) fn take_retry(&mut self) -> bool {
        self.waiting == 0 && std::mem::take(&mut self.refused)
    }

    fn take(&mut self, shaped: Shaped) {
        self.waiting = self.waiting.saturating_sub(1);
        self.new_cells.extend(shaped.cells);
        let Some(entry) = self.entries.get_mut(&shaped.note) else { return };
        if entry.asked == shaped.hash {
            entry.there = shaped.hash;
            self.n_letters = self.n_letters + shaped.letters.len() - entry.letters.len();
            entry.letters = shaped.letters;
            self.arrived.push(shaped.note);
        }
    }

    fn make_room(&mut self) {
        if self.n_letters <= MOST_LETTERS && self.entries.len() <= 200_000 {
            return;
        }
        let mut used: Vec<u64> = self.entries.values().map(|e| e.last_used).collect();
        let middle = used.len() / 2;
        let (_, median, _) = used.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, e| e.last_used > median || e.there != e.asked);
        self.n_letters = self.entries.values().map(|e| e.letters.len()).sum();
    }
}

pub(super) fn plugin(app: &mut App, fonts: Fonts, wake: Wake) {
    let restart: Arc<dyn Fn() -> Shaper + Send + Sync> =
        Arc::new(move || Shaper::start(fonts, Arc::clone(&wake)));
    app.insert_resource(Texts {
        entries: HashMap::new(),
        n_letters: 0,
        shaper: restart(),
        restart,
        waiting: 0,
        clock: 0,
        refused: false,
        new_cells: Vec::new(),
        arrived: Vec::new(),
    })
    .add_systems(Update, collect.in_set(CanvasSystems::Events))
    .add_systems(Update, follow.in_set(CanvasSystems::Mirror));
}

fn collect(mut texts: ResMut<Texts>) {
    while let Some(shaped) = texts.shaper.take() {
        texts.take(shaped);
    }
    texts.make_room();
}

/// Which notes' words may have changed.
fn follow(
    mut texts: ResMut<Texts>,
    open: Res<OpenBoard>,
    making: Res<MakingLooks>,
    palette: Res<Palette>,
    suppressed: Res<Suppressed>,
    mut mirror: ResMut<Mirror>,
    mut changes: MessageReader<BoardChanged>,
    mut before: Local<(u64, MakingLooks, Option<Palette>, Suppressed)>,
) {
    let mirror = mirror.bypass_change_detection();
    let mut redraw = |texts: &mut Texts, id: NoteId| {
        texts.changed(id);
        if let Some(slot) = open.board().note_slot(id) {
            mirror.touch_note(slot);
        }
    };
    for changed in changes.read() {
        changed.transaction.touched_notes().for_each(|id| redraw(&mut texts, id));
    }
    if before.0 != open.generation() || before.2.as_ref() != Some(&*palette) {
        texts.all_changed();
        (before.0, before.2) = (open.generation(), Some(palette.clone()));
    }
    if before.1 != *making {
        let ids: std::collections::BTreeSet<NoteId> =
            before.1.0.keys().chain(making.0.keys()).copied().collect();
        for id in ids {
            if before.1.0.get(&id) != making.0.get(&id) {
                redraw(&mut texts, id);
            }
        }
        before.1 = making.clone();
    }
    if before.3 != *suppressed {
        for id in [before.3.0, suppressed.0].into_iter().flatten() {
            redraw(&mut texts, id);
        }
        before.3 = *suppressed;
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
