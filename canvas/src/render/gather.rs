//! What one drawing shows, a tile or the whole window: slots of notes bottom first, strings by
//! their number of segments, letters; and what is not there yet.

mod faces;
mod found;
mod near;
mod strings;

use std::ops::Range;

use oto_board::NoteId;
use oto_board::geom::Rect;
use oto_shaders::{BARS, GlyphGpu, NoteGpu, NoteStyle, flags};

use crate::far::FarLayer;
use crate::lod::{Lod, Work};
use crate::text::{Suppressed, Texts};
use crate::{MakingLooks, Mirror, OpenBoard, Palette, Thumbs};
use found::Found;
use strings::Over;

/// World units round a drawing from which shadows reach into it.
const MARGIN: f64 = 48.0;

/// Which notes are meant while some are dragged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// All, where they are shown.
    All,
    /// Those that rest, with the strings between them.
    Resting,
    /// Those in the hand, with their strings.
    Lifted,
}

/// Lists that all drawings of a frame share.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    pub(crate) notes: Vec<u32>,
    /// Strings: slot with segments above, and the part in view. Parts of pictures: slot, and the
    /// part with its layer above.
    pub(crate) twines: Vec<[u32; 2]>,
    pub(crate) glyphs: Vec<GlyphGpu>,
}

/// The part of the lists that one drawing uses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// By [`Face`].
    pub(crate) faces: [Range<u32>; 4],
    /// How many notes.
    pub(crate) n_notes: u32,
    /// Parts of pictures seen from near, in the list of strings.
    pub(crate) parts: Range<u32>,
    pub(crate) rims: Range<u32>,
    pub(crate) pins: Range<u32>,
    /// By [`oto_shaders::TWINE_SEGMENTS`].
    pub(crate) twines: [Range<u32>; 4],
    pub(crate) has_twine_shadows: bool,
    /// Strings over their own notes.
    pub(crate) stubs: Range<u32>,
    pub(crate) glyphs: Range<u32>,
}

/// Which pipeline draws the face of a note; depth puts them in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Face {
    Paper,
    Bars,
    Gold,
    Print,
}

impl Face {
    const ALL: [Self; 4] = [Self::Paper, Self::Bars, Self::Gold, Self::Print];

    fn of(record: &NoteGpu, bars: bool) -> Self {
        const STATES: u32 = flags::MAKING | flags::FAILED | flags::DIMMED | flags::STALE;
        let style = |s: NoteStyle| record.style == s as u8;
        if record.page_flags & STATES != 0 {
            Self::Print
        } else if style(NoteStyle::Agent) {
            Self::Gold
        } else if !style(NoteStyle::Text) && !style(NoteStyle::Frame) {
            Self::Print
        } else if bars {
            Self::Bars
        } else {
            Self::Paper
        }
    }
}

/// A gathered drawing.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) shown: Shown,
    pub(crate) far: Option<FarLayer>,
    /// Words and pictures that will come.
    pub(crate) missing: u32,
    pub(crate) work: Work,
    /// Strings left out because there are too many.
    pub(crate) left_out: u32,
}

/// What gathering reads.
pub(crate) struct Sources<'a> {
    pub(crate) mirror: &'a mut Mirror,
    pub(crate) texts: &'a mut Texts,
    pub(crate) thumbs: &'a mut Thumbs,
    pub(crate) open: &'a OpenBoard,
    pub(crate) making: &'a MakingLooks,
    pub(crate) palette: &'a Palette,
    pub(crate) suppressed: &'a Suppressed,
    /// How far dragged notes are from where they lie.
    pub(crate) lift: [f64; 2],
    /// Square units of the whole board, about.
    pub(crate) board_area: f64,
    /// The adapter is a CPU.
    pub(crate) cheap: bool,
    /// When words or pictures are missing nothing is drawn, so that need not be gathered.
    pub(crate) complete_only: bool,
    /// At full quality too only as many strings are drawn as the adapter manages while moving.
    pub(crate) thinned: bool,
}

impl Sources<'_> {
    /// Gathers what lies in `area`, at this level of detail. `lifted` are the notes in the hand.
    pub(crate) fn gather(
        &mut self,
        lists: &mut Lists,
        area: Rect,
        lod: Lod,
        which: Which,
        lifted: &[NoteId],
        full: bool,
    ) -> Gathered {
        // What is in the hand is few, and moves.
        let is_far = lod.is_far() && !full && which != Which::Lifted;
        let (found, cover) = match which {
            Which::Lifted => (self.lifted_notes(lifted, area), None),
            _ => {
                let least = if is_far { lod.least_gpu_edge() } else { 0.0 };
                self.notes_in(area, which, least..f64::INFINITY)
            }
        };
        let mut out = Gathered::default();
        let size = area.size();
        let whole = size[0] * size[1] * lod.px_per_unit * lod.px_per_unit;
        out.work.pixels = whole;
        let letters = lod.has_letters() && (full || found.len() < 6_000);
        let first_glyph = lists.glyphs.len() as u32;
        let mut entries = Vec::with_capacity(found.len());
        let first_part = lists.twines.len() as u32;
        for f in &found {
            let there = letters && self.letters(lists, f, lod, &mut out);
            let bars = !there && lod.has_bars();
            self.picture(lists, f, area, lod, &mut out);
            entries.push((f.slot | if bars { BARS } else { 0 }, Face::of(&f.record, bars)));
            let edges = f.lying.half.map(|h| h * 2.0 * lod.px_per_unit);
            out.work.pixels += (edges[0] * edges[1]).min(whole) * 1.2;
        }
        if self.complete_only && out.missing > 0 {
            return out;
        }
        out.shown.parts = first_part..lists.twines.len() as u32;
        out.shown.glyphs = first_glyph..lists.glyphs.len() as u32;
        out.work.glyphs = lists.glyphs.len() - first_glyph as usize;
        out.shown.n_notes = found.len() as u32;
        let ranged = |notes: &mut Vec<u32>, keep: &dyn Fn(&Found, Face) -> bool| {
            let from = notes.len();
            let kept = found.iter().zip(&entries).filter(|(f, (_, face))| keep(f, *face));
            notes.extend(kept.map(|(_, (entry, _))| *entry));
            from as u32..notes.len() as u32
        };
        out.shown.faces = Face::ALL.map(|wanted| {
            let range = ranged(&mut lists.notes, &|_, face| face == wanted);
            // Depth decides, so the uppermost is drawn first: in a heap the others cost little.
            lists.notes[range.start as usize..].reverse();
            range
        });
        out.shown.rims = ranged(&mut lists.notes, &|f, _| lod.has_rim(f.lying.class_edge));
        out.shown.pins = ranged(&mut lists.notes, &|f, _| lod.has_pin(f.lying.class_edge));
        out.work.notes = found.len() + out.shown.rims.len() + out.shown.pins.len();
        out.shown.has_twine_shadows = lod.has_twine_shadows();
        if is_far {
            let large: Vec<u32> = found.iter().map(|f| f.slot).collect();
            self.gather_far(&large, area, lod, &mut out);
        } else {
            let mut shown: Vec<u32> = found.iter().map(|f| f.slot).collect();
            shown.sort_unstable();
            let over = Over { shown, cover };
            self.twines(lists, area, lod, which, lifted, full, &over, &mut out);
        }
        out
    }
}
