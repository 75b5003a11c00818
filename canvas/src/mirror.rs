//! The board as the GPU has it: records in the slots of the board, in pages with an f64 origin.
//! Only this module writes them, and one edit touches few. It also keeps where on the wall the
//! picture has changed, for the tiles.

mod dirty;
mod follow;
mod record;

use std::collections::HashMap;

use bevy::prelude::*;
use oto_board::NoteId;
use oto_board::geom::{Rect, note_from_world, sag_of, world_from_note};
use oto_shaders::{N_CLASSES, NoteGpu, PAGE_EDGES, PageGpu, TwineGpu};

use crate::OpenBoard;
pub(crate) use dirty::DirtyRuns;
pub(super) use follow::plugin;

/// What a page is for: its size class and its place.
type PageKey = (i32, i64, i64);

/// Page in the lower bits of `page_flags`.
const PAGE_BITS: u32 = 0xff_ffff;
/// More changed places than this in one frame are the whole wall.
const MOST_TOUCHED: usize = 4_096;

/// Where the picture has changed.
#[derive(Debug, Clone, Default)]
pub(crate) enum Touched {
    /// Nowhere else than here.
    Here(Vec<Rect>),
    /// Everywhere, but what is shown may stay until it is drawn again.
    #[default]
    Everywhere,
    /// It is another board: nothing may stay.
    Another,
}

/// CPU copy of the GPU records.
#[derive(Resource, Debug, Clone, Default)]
pub struct Mirror {
    pub(crate) notes: Vec<NoteGpu>,
    pub(crate) twines: Vec<TwineGpu>,
    /// Pins at both ends of each string, world units rounded to f32: for culling only.
    ends: Vec<[f32; 4]>,
    pub(crate) pages: Vec<PageGpu>,
    origins: Vec<[f64; 2]>,
    page_index: HashMap<PageKey, u32>,
    last_page: (PageKey, u32),
    pub(crate) dirty_notes: DirtyRuns,
    pub(crate) dirty_twines: DirtyRuns,
    /// Pages the GPU has.
    pub(crate) pages_sent: usize,
    touched: Touched,
    generation: u64,
}

impl Touched {
    fn add(&mut self, area: Rect) {
        if let Self::Here(areas) = self {
            if areas.len() < MOST_TOUCHED {
                areas.push(area);
            } else {
                *self = Self::Everywhere;
            }
        }
    }
}

/// The tilted note as the GPU has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lying {
    pub(crate) center: [f64; 2],
    pub(crate) half: [f64; 2],
    pub(crate) class_edge: f64,
}

fn degrees_of(tilt: i16) -> f32 {
    f32::from(tilt) / 32_768.0 * 180.0
}

impl Lying {
    /// Bounds at any tilt in use.
    pub(crate) fn bounds(&self, tilt: i16) -> Rect {
        let slope = (f64::from(tilt) / 32_768.0 * std::f64::consts::PI).sin().abs();
        let grown = [self.half[0] + self.half[1] * slope, self.half[1] + self.half[0] * slope];
        Rect::from_center_size(self.center, [grown[0] * 2.0, grown[1] * 2.0])
    }

    /// Its corners in the world, one after the other.
    pub(crate) fn corners(&self, tilt: i16) -> [[f64; 2]; 4] {
        let [w, h] = self.half;
        [[-w, -h], [w, -h], [w, h], [-w, h]]
            .map(|p| world_from_note(self.center, degrees_of(tilt), p))
    }

    /// The picture of a print, in units from the note's centre along its own axes, as in
    /// `note.wgsl`.
    pub(crate) fn picture(&self) -> Rect {
        let [w, h] = self.half;
        Rect { min: [-w + 14.0, -h + 30.0], max: [w - 14.0, h - 46.0] }
    }

    /// Where a part of its picture lies, told in fractions of the picture.
    pub(crate) fn part(&self, tilt: i16, fractions: Rect) -> Self {
        let (picture, size) = (self.picture(), self.picture().size());
        let at = |v: [f64; 2]| [0, 1].map(|i| picture.min[i] + v[i] * size[i]);
        let local = Rect { min: at(fractions.min), max: at(fractions.max) };
        let center = world_from_note(self.center, degrees_of(tilt), local.center());
        Self { center, half: local.size().map(|v| v / 2.0), ..*self }
    }

    /// The part of the note that an area of the world may show, along the note's own axes.
    pub(crate) fn seen(&self, tilt: i16, area: Rect) -> Rect {
        let degrees = degrees_of(tilt);
        let corners = [area.min, [area.min[0], area.max[1]], [area.max[0], area.min[1]], area.max];
        let turned = corners.map(|p| note_from_world(self.center, degrees, p));
        let of = |pick: fn(f64, f64) -> f64| {
            [0, 1].map(|i| turned.iter().map(|p| p[i]).reduce(pick).unwrap_or_default())
        };
        Rect { min: of(f64::min), max: of(f64::max) }
    }
}

impl Mirror {
    fn page_of(&mut self, center: [f64; 2], size: [f64; 2]) -> u32 {
        let class =
            (size[0].max(size[1]).max(1.0).log2().ceil() as i32).clamp(0, N_CLASSES as i32 - 1);
        let span = f64::from(class).exp2() * PAGE_EDGES;
        let cell = |v: f64| (v / span).floor() as i64;
        let key = (class, cell(center[0]), cell(center[1]));
        // Neighbours come one after the other when a board is read.
        if self.last_page.0 == key && !self.pages.is_empty() {
            return self.last_page.1;
        }
        if let Some(page) = self.page_index.get(&key) {
            self.last_page = (key, *page);
            return *page;
        }
        let page = self.pages.len() as u32;
        self.page_index.insert(key, page);
        // Cells wrap at 32 bits: the shader uses differences only.
        self.pages.push(PageGpu {
            cell: [key.1 as i32, key.2 as i32],
            class: class as u32,
            pad: 0,
        });
        self.origins.push([key.1 as f64 * span, key.2 as f64 * span]);
        page
    }

    /// Where the note in a slot lies.
    pub(crate) fn lying(&self, slot: u32) -> Option<(Lying, NoteGpu)> {
        let record = *self.notes.get(slot as usize)?;
        let page = (record.page_flags & PAGE_BITS) as usize;
        let (page, origin) = (self.pages.get(page)?, self.origins.get(page)?);
        let class_edge = f64::from(page.class).exp2();
        let center = [0, 1].map(|i| origin[i] + f64::from(record.center[i]));
        let half = record.size.map(|v| f64::from(v) / 65_536.0 * class_edge);
        Some((Lying { center, half, class_edge }, record))
    }

    /// The pins of a string, rounded; and how far the rounding may be off.
    pub(crate) fn ends(&self, slot: u32) -> Option<([f64; 4], f64)> {
        let ends = self.ends.get(slot as usize)?.map(f64::from);
        let slack = ends.iter().fold(0.0f64, |most, v| most.max(v.abs())) * 1.2e-7 + 0.5;
        Some((ends, slack))
    }

    /// Changed places since the last call.
    pub(crate) fn take_touched(&mut self) -> Touched {
        std::mem::replace(&mut self.touched, Touched::Here(Vec::new()))
    }

    /// The GPU has lost everything.
    pub(crate) fn send_all(&mut self) {
        self.dirty_notes.all(self.notes.len());
        self.dirty_twines.all(self.twines.len());
        self.pages_sent = 0;
        self.touched = Touched::Another;
    }

    /// True when the record is another one now.
    fn write_note(&mut self, slot: u32, record: NoteGpu) -> bool {
        let index = slot as usize;
        if self.notes.len() <= index {
            self.notes.resize(index + 1, NoteGpu::default());
        }
        if self.notes[index] == record {
            return false;
        }
        self.touch_note(slot);
        self.notes[index] = record;
        self.dirty_notes.add(slot);
        self.touch_note(slot);
        true
    }

    /// A picture has come or gone: no place changes, and the tile that asked draws it anyway.
    pub(crate) fn set_thumb(&mut self, slot: u32, thumb: u16) {
        if let Some(record) = self.notes.get_mut(slot as usize)
            && record.thumb != thumb
        {
            record.thumb = thumb;
            self.dirty_notes.add(slot);
        }
    }

    pub(crate) fn touch_note(&mut self, slot: u32) {
        if let Touched::Here(_) = self.touched
            && let Some((lying, record)) = self.lying(slot)
            && record.size != [0; 2]
        {
            self.touched.add(lying.bounds(record.tilt));
        }
    }

    fn touch_twine(&mut self, slot: u32) {
        if let Touched::Here(_) = self.touched
            && let Some((e, slack)) = self.ends(slot)
        {
            let mut hull = Rect::from_corners([e[0], e[1]], [e[2], e[3]]);
            hull.max[1] += sag_of((e[2] - e[0]).hypot(e[3] - e[1]));
            self.touched.add(hull.grown(slack + 16.0));
        }
    }

    fn write_twine(&mut self, slot: u32, notes: [u32; 2], look: u32, pins: [[f32; 2]; 2]) {
        let record = TwineGpu { from: notes[0], to: notes[1], look };
        let ends = [pins[0][0], pins[0][1], pins[1][0], pins[1][1]];
        let index = slot as usize;
        if self.twines.len() <= index {
            self.twines.resize(index + 1, TwineGpu::default());
            self.ends.resize(index + 1, [0.0; 4]);
        }
        if self.twines[index] == record && self.ends[index] == ends {
            return;
        }
        self.touch_twine(slot);
        if self.twines[index] != record {
            self.twines[index] = record;
            self.dirty_twines.add(slot);
        }
        self.ends[index] = ends;
        self.touch_twine(slot);
    }

    /// The record of a note by id, with its place on the wall; for comparing two mirrors.
    #[must_use]
    pub fn note_record(&self, open: &OpenBoard, id: NoteId) -> Option<(NoteGpu, [f64; 2])> {
        let (lying, mut record) = self.lying(open.board().note_slot(id)?)?;
        // Pages are numbered in the order they were met, which differs between mirrors.
        record.page_flags &= !PAGE_BITS;
        Some((record, lying.center))
    }

    /// The record of a string by its slot, with both its pins; for comparing two mirrors.
    #[must_use]
    pub fn twine_record(&self, slot: u32) -> Option<(TwineGpu, [f32; 4])> {
        Some((*self.twines.get(slot as usize)?, *self.ends.get(slot as usize)?))
    }

    /// A mirror built from scratch, to be compared with one kept up step by step.
    #[must_use]
    pub fn from_scratch(open: &OpenBoard) -> Self {
        let mut mirror = Self::default();
        mirror.rebuild(open);
        mirror
    }
}
