//! What is on the notes of a drawing: letters, and pictures with the parts of those seen from near.

use oto_board::geom::Rect;
use oto_board::{AssetId, WorkKind};
use oto_shaders::{GlyphGpu, NoteStyle, flags};

use super::found::Found;
use super::{Gathered, Lists, Sources};
use crate::OpenBoard;
use crate::lod::Lod;
use crate::text::current_blocks;
use crate::thumbs::{Part, Size, Wish};

/// Letters in one drawing at most.
const MOST_GLYPHS: usize = 262_144;

impl Sources<'_> {
    /// True when the letters of a note are there.
    pub(super) fn letters(
        &mut self,
        lists: &mut Lists,
        f: &Found,
        lod: Lod,
        out: &mut Gathered,
    ) -> bool {
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
    pub(super) fn picture(
        &mut self,
        lists: &mut Lists,
        f: &Found,
        area: Rect,
        lod: Lod,
        out: &mut Gathered,
    ) {
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
}

/// The asset whose picture is on the note in a slot.
fn picture_of(open: &OpenBoard, slot: u32) -> Option<AssetId> {
    let work = open.board().note_at(slot)?.kind.work()?;
    if work.kind == WorkKind::Text { None } else { work.asset() }
}
