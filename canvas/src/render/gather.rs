//! What one drawing shows, a tile or the whole window: slots of notes bottom first, strings by
//! their number of segments, letters; and what is not there yet.

use std::ops::Range;

use bevy::prelude::*;
use oto_board::geom::{Rect, TwineCurve, sag_of};
use oto_board::{AssetId, NoteId, WorkKind};
use oto_shaders::{BARS, GlyphGpu, NoteGpu, NoteStyle, flags};

use super::cover::{Cover, Heap};
use crate::far::{self, FarLayer};
use crate::lod::{LEAST_TWINE_PX, Lod, Work, is_in_part};
use crate::mirror::Lying;
use crate::text::{Suppressed, Texts, current_blocks};
use crate::thumbs::{Part, Size, Wish};
use crate::{MakingLooks, Mirror, OpenBoard, Palette, Thumbs};

/// World units round a drawing from which shadows reach into it.
const MARGIN: f64 = 48.0;
/// As few thin strings as these are not worth a layer of their own.
const FEW_TWINES: usize = 40;
/// Letters in one drawing at most.
const MOST_GLYPHS: usize = 262_144;

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

/// The notes over the strings of a drawing.
struct Over {
    /// Slots of those that are drawn, in order.
    shown: Vec<u32>,
    /// What a heap hides.
    cover: Option<Cover>,
}

struct Found {
    slot: u32,
    lying: Lying,
    record: NoteGpu,
}

impl Sources<'_> {
    fn is_lifted(&self, slot: u32) -> bool {
        self.mirror.notes.get(slot as usize).is_some_and(|r| r.page_flags & flags::LIFTED != 0)
    }

    /// True when a string is tied to a note that is dragged.
    fn is_in_hand(&self, twine: u32) -> bool {
        let record = self.mirror.twines.get(twine as usize);
        record.is_some_and(|r| self.is_lifted(r.from) || self.is_lifted(r.to))
    }

    /// A note where it is shown: with the hand when it is dragged.
    fn shown_at(&self, slot: u32) -> Option<Found> {
        let (mut lying, record) = self.mirror.lying(slot)?;
        if record.page_flags & flags::LIFTED != 0 {
            lying.center = [0, 1].map(|i| lying.center[i] + self.lift[i]);
        }
        Some(Found { slot, lying, record })
    }

    /// Notes whose paper or shadow reaches into `area`, bottom first; those wholly under opaque
    /// paper may be left out. Only size classes in `edges` are looked at.
    fn notes_in(&self, area: Rect, which: Which, edges: Range<f64>) -> (Vec<Found>, Option<Cover>) {
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

    fn lifted_notes(&self, ids: &[NoteId], area: Rect) -> Vec<Found> {
        let reach = area.grown(MARGIN);
        let slots = ids.iter().filter_map(|id| self.open.board().note_slot(*id));
        let mut found: Vec<Found> = slots
            .filter_map(|slot| self.shown_at(slot))
            .filter(|f| f.lying.bounds(f.record.tilt).intersects(reach))
            .collect();
        found.sort_unstable_by_key(|f| (f.record.rank, f.slot));
        found
    }

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
        let mut ranged = |keep: &dyn Fn(&Found, Face) -> bool| {
            let from = lists.notes.len() as u32;
            let kept = found.iter().zip(&entries).filter(|(f, (_, face))| keep(f, *face));
            lists.notes.extend(kept.map(|(_, (entry, _))| *entry));
            from..lists.notes.len() as u32
        };
        out.shown.faces = Face::ALL.map(|wanted| ranged(&|_, face| face == wanted));
        out.shown.rims = ranged(&|f, _| lod.has_rim(f.lying.class_edge));
        out.shown.pins = ranged(&|f, _| lod.has_pin(f.lying.class_edge));
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

    /// True when the letters of a note are there.
    fn letters(&mut self, lists: &mut Lists, f: &Found, lod: Lod, out: &mut Gathered) -> bool {
        let Some(note) = self.open.board().note_at(f.slot) else { return true };
        let (open, making, palette, suppressed) =
            (self.open, self.making, self.palette, self.suppressed);
        let blocks = || current_blocks(open, note.id, making, palette, suppressed);
        let (letters, coming) = self.texts.letters(note.id, blocks);
        out.missing += u32::from(coming);
        let Some(letters) = letters else { return false };
        let edge = f.lying.class_edge;
        let dimmed = f.record.page_flags & flags::DIMMED != 0;
        let faded = |[r, g, b, a]: [u8; 4]| [r, g, b, if dimmed { a / 5 } else { a }];
        let unit = |v: f32| (f64::from(v) / edge * 32_768.0).clamp(-32_768.0, 32_767.0) as i16;
        if lists.glyphs.len() + letters.len() < MOST_GLYPHS {
            lists.glyphs.extend(letters.iter().filter(|l| lod.shows_letter(l.size)).map(|l| {
                GlyphGpu {
                    note: f.slot,
                    at: [unit(l.x), unit(l.y)],
                    cell: l.cell,
                    size: (f64::from(l.size) / edge * 32_768.0).clamp(1.0, 65_535.0) as u16,
                    color: faded(l.color),
                }
            }));
        }
        true
    }

    /// Asks for the picture of a note, and tells the GPU which there is.
    fn picture(&mut self, lists: &mut Lists, f: &Found, area: Rect, lod: Lod, out: &mut Gathered) {
        let Some(asset) = picture_of(self.open, f.slot) else { return };
        let edge_px = f.lying.half[0].max(f.lying.half[1]) * 2.0 * lod.px_per_unit;
        let Some(size) = Size::for_edge(edge_px, lod.least_picture_px()) else {
            // Its slot may be another's by now: the average colour stands.
            return self.mirror.set_thumb(f.slot, u16::MAX);
        };
        let (index, coming) = self.thumbs.want(asset, f.slot, size);
        self.mirror.set_thumb(f.slot, index);
        out.missing += u32::from(coming);
        if size == Size::Large && f.record.style == NoteStyle::Photo as u8 {
            self.parts(lists, f, asset, area, lod, out);
        }
    }

    /// Parts of a picture that fill more of the screen than one layer has pixels for.
    fn parts(
        &mut self,
        lists: &mut Lists,
        f: &Found,
        asset: AssetId,
        area: Rect,
        lod: Lod,
        out: &mut Gathered,
    ) {
        let Some(info) = self.open.board().asset(asset) else { return };
        let picture = f.lying.picture();
        let size = picture.size();
        let edge_px = size[0].max(size[1]) * lod.px_per_unit;
        let level = Part::level_for(edge_px, info.size_px);
        if level == 0 || picture.is_empty() {
            return;
        }
        let n = f64::from(1u32 << level);
        let seen = f.lying.seen(f.record.tilt, area);
        // Columns, then rows, that reach into the area.
        let [columns, rows] = [0, 1].map(|i| {
            let index = |v: f64| ((v - picture.min[i]) / size[i] * n).clamp(0.0, n);
            index(seen.min[i]).floor() as u16..index(seen.max[i]).ceil() as u16
        });
        for row in rows {
            for column in columns.clone() {
                let part = Part { level, at: [column, row] };
                let (layer, coming) = self.thumbs.want_part(Wish { asset, part }, f.slot);
                out.missing += u32::from(coming);
                lists.twines.extend(layer.map(|layer| [f.slot, layer << 24 | part.bits()]));
            }
        }
    }

    /// Strings in `area` that show, and over which of the notes they lead.
    fn twines(
        &self,
        lists: &mut Lists,
        area: Rect,
        lod: Lod,
        which: Which,
        lifted: &[NoteId],
        full: bool,
        over: &Over,
        out: &mut Gathered,
    ) {
        let board = self.open.board();
        let margin = area.grown(16.0);
        let part = self.part_of_long(lod, full);
        let mut hung: Vec<Hung> = Vec::new();
        let mut stubs = Vec::new();
        let mut take = |slot: u32| {
            let Some(record) = self.mirror.twines.get(slot as usize) else { return };
            let up = [self.is_lifted(record.from), self.is_lifted(record.to)];
            let in_hand = up[0] || up[1];
            if in_hand && which == Which::Resting || !in_hand && which == Which::Lifted {
                return;
            }
            if !in_hand && !self.may_touch(slot, margin) {
                return;
            }
            let Some(mut curve) = board.twine_curve(slot) else { return };
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
            let Some(span) = part_in(&curve, margin) else { return };
            if length * lod.px_per_unit < LEAST_TWINE_PX {
                return;
            }
            // A string and its shadow reach this far from the curve.
            let reach = curve.bounds().grown(18.0);
            let hidden = over.cover.as_ref().is_some_and(|c| c.is_papered(reach));
            if !hidden && lod.is_long(length) && !in_hand && !is_in_part(slot, part) {
                out.left_out += 1;
                return;
            }
            let segments = lod.segments(span[1] - span[0], sag_of(length));
            if !hidden {
                hung.push(Hung { slot, segments, part: span, curve });
            }
            // Over its own notes it shows even where paper lies under all of it.
            if lod.has_stubs() {
                for (end, note) in [(1, record.from), (2, record.to)] {
                    // Not over notes that are themselves covered.
                    let drawn = over.shown.binary_search(&note).is_ok();
                    if drawn
                        && self
                            .shown_at(note)
                            .is_some_and(|f| f.lying.bounds(f.record.tilt).intersects(area))
                    {
                        stubs.push([slot | end << 29, 0]);
                    }
                }
            }
        };
        if which == Which::Lifted {
            let mut slots: Vec<u32> =
                lifted.iter().flat_map(|id| board.twine_slots_of(*id).iter().copied()).collect();
            slots.sort_unstable();
            slots.dedup();
            slots.truncate(500);
            slots.into_iter().for_each(&mut take);
        } else {
            let least = LEAST_TWINE_PX / lod.px_per_unit;
            board.visit_twines(margin, least, |slots| slots.iter().for_each(|s| take(*s)));
            if which == Which::All {
                // Strings of what is dragged hang elsewhere than the index says.
                for id in lifted {
                    board.twine_slots_of(*id).iter().for_each(|s| take(*s));
                }
            }
        }
        // Drawn in the order of their slots, whichever way they were found.
        hung.sort_unstable_by_key(|h| (h.segments, h.slot));
        hung.dedup_by_key(|h| h.slot);
        if lod.has_thin_twines() && which == Which::Resting && hung.len() > FEW_TWINES {
            let mut curves: Vec<_> = hung.drain(..).map(|h| (h.slot, h.curve)).collect();
            curves.sort_unstable_by_key(|(slot, _)| *slot);
            self.far_layer(&[], &[], &curves, 1.0, area, lod, out);
        }
        for class in 0..4u32 {
            let from = lists.twines.len() as u32;
            let group = hung.iter().filter(|h| h.segments == class);
            lists.twines.extend(group.map(Hung::entry));
            out.shown.twines[class as usize] = from..lists.twines.len() as u32;
            out.work.twines[class as usize] = lists.twines.len() - from as usize;
        }
        stubs.sort_unstable();
        stubs.dedup();
        let from = lists.twines.len() as u32;
        lists.twines.append(&mut stubs);
        out.shown.stubs = from..lists.twines.len() as u32;
        out.work.stubs = out.shown.stubs.len();
    }

    /// Which part of the long strings of this board is drawn.
    fn part_of_long(&self, lod: Lod, full: bool) -> f64 {
        let board = self.open.board();
        let most = match full {
            true if !self.thinned => lod.most_long_twines().max(1_500.0),
            _ => Lod::new(lod.px_per_unit, self.cheap).most_long_twines(),
        };
        lod.part_of_long(board.twine_extents(), self.board_area, most)
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

    fn gather_far(&self, large: &[u32], area: Rect, lod: Lod, out: &mut Gathered) {
        let board = self.open.board();
        let reach = area.grown(MARGIN);
        let (found, _) = self.notes_in(area, Which::Resting, 0.0..lod.least_gpu_edge());
        let slots: Vec<u32> = found.into_iter().map(|f| f.slot).collect();
        let least = LEAST_TWINE_PX / lod.px_per_unit;
        let part = self.part_of_long(lod, false);
        let mut curves: Vec<(u32, TwineCurve)> = Vec::new();
        board.visit_twines(reach, least, |group| {
            for slot in group.iter().filter(|slot| self.may_touch(**slot, reach)) {
                if self.is_in_hand(*slot) {
                    continue;
                }
                let Some(curve) = board.twine_curve(*slot) else { continue };
                let [a, _, b] = curve.points;
                if !curve.bounds().intersects(reach) {
                    continue;
                }
                let long = lod.is_long((b[0] - a[0]).hypot(b[1] - a[1]));
                if long && !is_in_part(*slot, part) {
                    out.left_out += 1;
                } else {
                    curves.push((*slot, curve));
                }
            }
        });
        curves.sort_unstable_by_key(|(slot, _)| *slot);
        // Those that are drawn stand for the others, so the tone stays.
        let strength = (1.0 / part).min(4.0) as f32;
        self.far_layer(large, &slots, &curves, strength, area, lod, out);
    }

    fn far_layer(
        &self,
        large: &[u32],
        slots: &[u32],
        curves: &[(u32, TwineCurve)],
        strength: f32,
        area: Rect,
        lod: Lod,
        out: &mut Gathered,
    ) {
        let layer = far::draw(self.mirror, &self.palette.gpu, large, slots, curves, strength, area, lod);
        out.work.far_notes = layer.n_notes;
        out.work.far_note_px = layer.note_px;
        out.work.far_twine_px = layer.twine_px;
        out.far = Some(layer);
    }
}

/// A string in view.
struct Hung {
    slot: u32,
    segments: u32,
    part: [f64; 2],
    curve: TwineCurve,
}

impl Hung {
    fn entry(&self) -> [u32; 2] {
        let to = |t: f64| (t * 65_535.0).round().clamp(0.0, 65_535.0) as u32;
        [self.slot | self.segments << 29, to(self.part[0]) | to(self.part[1]) << 16]
    }
}

/// From where to where a curve is in `area`, a little more at either end; none when it never is.
fn part_in(curve: &TwineCurve, area: Rect) -> Option<[f64; 2]> {
    const PIECES: u32 = 16;
    let [a, _, b] = curve.points;
    // The control point lies midway, so x runs evenly.
    let (mut low, mut high) = (0.0f64, 1.0f64);
    let run = b[0] - a[0];
    if run.abs() > 1e-9 {
        let (s, t) = ((area.min[0] - a[0]) / run, (area.max[0] - a[0]) / run);
        (low, high) = (low.max(s.min(t)), high.min(s.max(t)));
    } else if a[0] < area.min[0] || a[0] > area.max[0] {
        return None;
    }
    if low > high {
        return None;
    }
    let at = |i: u32| low + (high - low) * f64::from(i) / f64::from(PIECES);
    let inside = |i: u32| {
        // Between two points of the curve it hangs below their chord by little.
        let (p, q) = (curve.at(at(i))[1], curve.at(at(i + 1))[1]);
        let slack = sag_of(run.hypot(b[1] - a[1])) * 4.0 * (at(i + 1) - at(i)).powi(2);
        p.max(q) + slack >= area.min[1] && p.min(q) - slack <= area.max[1]
    };
    let first = (0..PIECES).find(|i| inside(*i))?;
    let last = (first..PIECES).rev().find(|i| inside(*i)).unwrap_or(first);
    Some([at(first), at(last + 1)])
}

/// The asset whose picture is on the note in a slot.
pub(crate) fn picture_of(open: &OpenBoard, slot: u32) -> Option<AssetId> {
    let work = open.board().note_at(slot)?.kind.work()?;
    if work.kind == WorkKind::Text { None } else { work.asset() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_string_in_view_holds_all_of_it_that_is() {
        let area = Rect::from_center_size([100.0, 50.0], [512.0, 300.0]);
        let mut dice = 7u64;
        let mut next = || {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            ((dice >> 33) as f64 / f64::from(1u32 << 31) - 0.5) * 4_000.0
        };
        for _ in 0..4_000 {
            let curve = TwineCurve::between([next(), next()], [next(), next()]);
            let part = part_in(&curve, area);
            for i in 0..=400 {
                let t = f64::from(i) / 400.0;
                if area.contains(curve.at(t)) {
                    let [low, high] = part.unwrap_or([2.0, 2.0]);
                    assert!(
                        (low - 1e-9..=high + 1e-9).contains(&t),
                        "{t} of {curve:?} in {part:?}"
                    );
                }
            }
        }
    }
}
