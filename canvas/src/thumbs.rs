//! Pictures on notes, in texture arrays by level: small slots of 128 pixels for notes in passing,
//! layers of 512 for those looked at, and more such layers for the parts of a picture that is
//! looked at from so near that one layer would be blurred. The canvas says which it wants; the app
//! brings decoded pixels; what was looked at longest ago makes room.

use std::collections::{HashMap, HashSet};

use bevy::prelude::*;
use oto_board::AssetId;
use oto_board::geom::Rect;

/// Edge of a large layer in pixels.
pub(crate) const LARGE_EDGE: u32 = 512;
/// Large pictures the GPU holds.
pub(crate) const LARGE_LAYERS: u32 = 64;
/// Edge of a small slot in pixels.
pub(crate) const SMALL_EDGE: u32 = 128;
/// Small slots in a row and column of a layer.
pub(crate) const SMALL_ACROSS: u32 = 16;
/// Layers of small slots.
pub(crate) const SMALL_LAYERS: u32 = 4;
/// Index of the first large layer in a note's record.
const FIRST_LARGE: u16 = 32_768;
/// Added where the layer shows a film that plays: without the mark that says it can.
const PLAYING: u16 = 16_384;

/// Decoded pixels: straight RGBA, rows packed. Stretched over the slot; the note has the shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumb {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `4 * width * height` bytes.
    pub rgba: Vec<u8>,
}

/// Parts are shown at no more than this edge in pixels of the screen.
const MOST_PART_PX: f64 = 800.0;

/// A part of a picture: one of `2^level` columns and rows, as wide and high for its size as the
/// whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// How often the picture is halved; zero for the whole of it.
    pub level: u8,
    /// Column and row.
    pub at: [u16; 2],
}

impl Part {
    /// The whole picture.
    pub const WHOLE: Self = Self { level: 0, at: [0; 2] };
    /// Finer parts are not made.
    const MOST_LEVEL: u8 = 10;

    /// Into how many parts a picture of this size is divided where its longer side is shown with
    /// `edge_px` pixels. Not into more than have pixels of their own to show.
    pub(crate) fn level_for(edge_px: f64, size_px: [u32; 2]) -> u8 {
        let own = f64::from(size_px[0].max(size_px[1])) / f64::from(LARGE_EDGE);
        let halvings = |v: f64| v.log2().ceil().clamp(0.0, f64::from(Self::MOST_LEVEL)) as u8;
        halvings(edge_px / MOST_PART_PX).min(halvings(own))
    }

    /// Where it is in the picture, in fractions of it.
    pub(crate) fn place(self) -> Rect {
        let edge = f64::from(self.level).exp2().recip();
        let min = self.at.map(|v| f64::from(v) * edge);
        Rect { min, max: min.map(|v| v + edge) }
    }

    /// For the GPU: level, column and row.
    pub(crate) fn bits(self) -> u32 {
        u32::from(self.level) << 20 | u32::from(self.at[1]) << 10 | u32::from(self.at[0])
    }
}

/// Pixels that are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wish {
    /// Whose.
    pub asset: AssetId,
    /// Which of them; each is stretched to a square of 512 pixels.
    pub part: Part,
}

impl Wish {
    /// All of a picture.
    #[must_use]
    pub const fn whole(asset: AssetId) -> Self {
        Self { asset, part: Part::WHOLE }
    }
}

/// How large a picture is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Size {
    Small,
    Large,
}

impl Size {
    /// What a note of this edge in pixels needs; its average colour is enough below `least_px`.
    pub(crate) fn for_edge(edge_px: f64, least_px: f64) -> Option<Self> {
        match edge_px {
            e if e < least_px => None,
            e if e < 210.0 => Some(Self::Small),
            _ => Some(Self::Large),
        }
    }

    fn edge(self) -> u32 {
        if self == Self::Small { SMALL_EDGE } else { LARGE_EDGE }
    }
}

/// Pixels for the GPU: where, and a square of the size's edge.
#[derive(Debug)]
pub(crate) struct ThumbUpload {
    pub(crate) size: Size,
    pub(crate) slot: u32,
    pub(crate) rgba: Vec<u8>,
}

/// Slots of one size, the least recently wanted first to go.
#[derive(Debug)]
struct Shelf {
    slots: Vec<Option<(Wish, u64)>>,
    by_wish: HashMap<Wish, u32>,
    most: usize,
}

impl Shelf {
    fn new(most: u32) -> Self {
        Self { slots: Vec::new(), by_wish: HashMap::new(), most: most as usize }
    }

    fn find(&mut self, wish: Wish, frame: u64) -> Option<u32> {
        let slot = *self.by_wish.get(&wish)?;
        self.slots[slot as usize] = Some((wish, frame));
        Some(slot)
    }

    /// True when it was found in this frame.
    fn is_wanted(&self, wish: Wish, frame: u64) -> bool {
        let slot = self.by_wish.get(&wish).and_then(|slot| self.slots[*slot as usize]);
        slot.is_some_and(|(_, at)| at == frame)
    }

    fn forget(&mut self, wish: Wish) {
        if let Some(slot) = self.by_wish.remove(&wish) {
            self.slots[slot as usize] = None;
        }
    }

    fn has_room(&self, frame: u64) -> bool {
        self.slots.len() < self.most
            || self.slots.iter().any(|slot| slot.is_none_or(|(_, at)| at + 1 < frame))
    }

    /// A slot for a new picture, unless every one was wanted in the last two frames.
    /// With it the picture that had it.
    fn take(&mut self, wish: Wish, frame: u64) -> Option<(u32, Option<Wish>)> {
        if let Some(slot) = self.by_wish.get(&wish) {
            return Some((*slot, None));
        }
        let slot = if self.slots.len() < self.most {
            self.slots.push(None);
            self.slots.len() - 1
        } else {
            let used = |i: &usize| self.slots[*i].map_or(0, |(_, at)| at);
            let oldest = (0..self.slots.len()).min_by_key(used)?;
            if used(&oldest) + 1 >= frame {
                return None;
            }
            oldest
        };
        let displaced = self.slots[slot].replace((wish, frame)).map(|(old, _)| old);
        displaced.map(|old| self.by_wish.remove(&old));
        self.by_wish.insert(wish, slot as u32);
        Some((slot as u32, displaced))
    }
}

/// A film that plays on the wall, and the slots of the notes that show it.
#[derive(Debug)]
struct Playing {
    asset: AssetId,
    notes: Vec<u32>,
}

/// Which pictures are there and which are wanted.
#[derive(Resource, Debug)]
pub struct Thumbs {
    small: Shelf,
    large: Shelf,
    wanted: Vec<Wish>,
    asked: HashMap<Wish, Size>,
    /// Slots of the notes that wait for a picture.
    waiting: HashMap<Wish, Vec<u32>>,
    /// Large ones that were refused or gave way to others, until the view is another one.
    crowded: HashSet<Wish>,
    /// They cannot be made: the average colour stays.
    given_up: HashSet<Wish>,
    pub(crate) uploads: Vec<ThumbUpload>,
    /// Slots of notes whose picture came since the last frame, and which part of it.
    pub(crate) arrived: Vec<(u32, Part)>,
    /// Slots of notes whose picture is another one now.
    pub(crate) moved: Vec<u32>,
    /// Films that play where they hang.
    playing: Vec<Playing>,
    frame: u64,
}

impl Default for Thumbs {
    fn default() -> Self {
        Self {
            small: Shelf::new(SMALL_LAYERS * SMALL_ACROSS * SMALL_ACROSS),
            large: Shelf::new(LARGE_LAYERS),
            wanted: Vec::new(),
            asked: HashMap::new(),
            waiting: HashMap::new(),
            crowded: HashSet::new(),
            given_up: HashSet::new(),
            uploads: Vec::new(),
            arrived: Vec::new(),
            moved: Vec::new(),
            playing: Vec::new(),
            frame: 1,
        }
    }
}

impl Thumbs {
    /// What to draw now for the picture of the note in a slot (the index in a note's record), and
    /// whether a better one will come.
    pub(crate) fn want(&mut self, asset: AssetId, note: u32, size: Size) -> (u16, bool) {
        let wish = Wish::whole(asset);
        if let Some(film) = self.playing.iter_mut().find(|film| film.asset == asset)
            && let Some(slot) = self.large.find(wish, self.frame)
        {
            if !film.notes.contains(&note) {
                film.notes.push(note);
            }
            // However small it is shown: only this layer moves.
            return (FIRST_LARGE + PLAYING + slot as u16, false);
        }
        // A note has one picture in all drawings of a frame: the best that one of them wants.
        let near = self.large.is_wanted(wish, self.frame);
        let large = self.large.find(wish, self.frame).map(|s| FIRST_LARGE + s as u16);
        let small = self.small.find(wish, self.frame).map(|s| s as u16);
        let there = match size {
            Size::Large => large,
            Size::Small if near => large,
            Size::Small => small.or(large),
        };
        if let Some(index) = there {
            return (index, false);
        }
        let stand_in = small.or(large).unwrap_or(u16::MAX);
        // When every large slot is in view, or this picture lost its own to others in view, a small
        // one does until the view changes.
        let size = if size == Size::Large && self.is_crowded(wish) { Size::Small } else { size };
        if size == Size::Small && small.is_some()
            || self.given_up.contains(&wish)
            || size == Size::Small && !self.small.has_room(self.frame)
        {
            return (stand_in, false);
        }
        self.ask(wish, note, size);
        (stand_in, true)
    }

    /// The layer of a part, if it is there, and whether it will come.
    pub(crate) fn want_part(&mut self, wish: Wish, note: u32) -> (Option<u32>, bool) {
        if let Some(layer) = self.large.find(wish, self.frame) {
            return (Some(layer), false);
        }
        let hopeless = |wish| self.given_up.contains(&wish);
        let comes =
            !hopeless(wish) && !hopeless(Wish::whole(wish.asset)) && !self.is_crowded(wish);
        if comes {
            self.ask(wish, note, Size::Large);
        }
        (None, comes)
    }

    fn is_crowded(&self, wish: Wish) -> bool {
        !self.large.has_room(self.frame) || self.crowded.contains(&wish)
    }

    fn ask(&mut self, wish: Wish, note: u32, size: Size) {
        let notes = self.waiting.entry(wish).or_default();
        if !notes.contains(&note) {
            notes.push(note);
        }
        match self.asked.get(&wish) {
            Some(asked) if *asked >= size => {}
            _ => {
                if !self.wanted.contains(&wish) {
                    self.wanted.push(wish);
                }
                self.asked.insert(wish, size);
            }
        }
    }

    pub(crate) fn next_frame(&mut self) {
        self.frame += 1;
    }

    /// The view is another one: what was crowded out may have its turn.
    pub(crate) fn look_elsewhere(&mut self) {
        self.crowded.clear();
    }

    /// The GPU has lost everything.
    pub(crate) fn forget_all(&mut self) {
        *self = Self { frame: self.frame, ..Self::default() };
    }

    /// Pictures to be brought; each is told once.
    /// Those of one picture follow one another: to open it is what takes long.
    pub fn take_wanted(&mut self) -> Vec<Wish> {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.sort_unstable();
        wanted
    }

    /// True while pictures in view are not there yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.asked.is_empty()
    }

    /// A picture could not be made; the average colour stays.
    pub fn give_up(&mut self, wish: Wish) {
        self.asked.remove(&wish);
        self.given_up.insert(wish);
        let notes = self.waiting.remove(&wish).unwrap_or_default();
        self.arrived.extend(notes.into_iter().map(|note| (note, wish.part)));
    }

    /// A frame of a film that plays on the wall, on the note in a slot of the board. It replaces the
    /// poster until [`Self::end`]. False when every layer is in view.
    pub fn play(&mut self, asset: AssetId, note: u32, frame: &Thumb) -> bool {
        let whole = u64::from(frame.width) * u64::from(frame.height) * 4;
        if frame.rgba.is_empty() || frame.rgba.len() as u64 != whole {
            return false;
        }
        let wish = Wish::whole(asset);
        let Some((slot, _)) = self.large.take(wish, self.frame) else { return false };
        let at = self.playing.iter().position(|film| film.asset == asset);
        let at = at.unwrap_or_else(|| {
            self.playing.push(Playing { asset, notes: vec![note] });
            self.playing.len() - 1
        });
        self.moved.extend_from_slice(&self.playing[at].notes);
        let rgba = stretched(frame, LARGE_EDGE);
        self.uploads.push(ThumbUpload { size: Size::Large, slot, rgba });
        true
    }

    /// A film has ended or was stopped: its poster is asked for again, on every note that has it.
    pub fn end(&mut self, asset: AssetId) {
        if let Some(at) = self.playing.iter().position(|film| film.asset == asset) {
            self.moved.append(&mut self.playing.swap_remove(at).notes);
        }
        self.large.forget(Wish::whole(asset));
    }

    /// Puts a picture in place of the one wanted longest ago.
    pub fn fill(&mut self, wish: Wish, thumb: &Thumb) {
        let size = self.asked.remove(&wish).unwrap_or(Size::Large);
        let notes = self.waiting.remove(&wish).unwrap_or_default();
        self.arrived.extend(notes.into_iter().map(|note| (note, wish.part)));
        if thumb.rgba.len() as u64 != u64::from(thumb.width) * u64::from(thumb.height) * 4
            || thumb.rgba.is_empty()
        {
            return;
        }
        let sizes: &[Size] = match size {
            _ if wish.part != Part::WHOLE => &[Size::Large],
            Size::Large => &[Size::Small, Size::Large],
            Size::Small => &[Size::Small],
        };
        for size in sizes {
            let shelf = if *size == Size::Small { &mut self.small } else { &mut self.large };
            match shelf.take(wish, self.frame) {
                Some((slot, displaced)) => {
                    let rgba = stretched(thumb, size.edge());
                    self.uploads.push(ThumbUpload { size: *size, slot, rgba });
                    if *size == Size::Large {
                        displaced.map(|old| self.crowded.insert(old));
                    }
                }
                None => {
                    self.crowded.insert(wish);
                }
            }
        }
    }
}

/// To a square of this edge: averaged when it shrinks, bilinear when it grows.
fn stretched(thumb: &Thumb, edge: u32) -> Vec<u8> {
    if thumb.width == edge && thumb.height == edge {
        return thumb.rgba.clone();
    }
    let Some(image) = image::RgbaImage::from_raw(thumb.width, thumb.height, thumb.rgba.clone())
    else {
        return vec![0; (edge * edge * 4) as usize];
    };
    if thumb.width >= edge && thumb.height >= edge {
        return image::imageops::thumbnail(&image, edge, edge).into_raw();
    }
    let filter = image::imageops::FilterType::Triangle;
    image::imageops::resize(&image, edge, edge, filter).into_raw()
}

pub(super) fn plugin(app: &mut App) {
    app.init_resource::<Thumbs>();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumb() -> Thumb {
        Thumb { width: 2, height: 2, rgba: vec![200; 16] }
    }

    #[test]
    fn the_longest_unseen_makes_room_and_what_is_seen_stays() {
        let mut thumbs = Thumbs { large: Shelf::new(2), ..Thumbs::default() };
        let id = |i: u8| AssetId([i; 32]);
        for i in 0..3 {
            thumbs.next_frame();
            thumbs.next_frame();
            assert_eq!(thumbs.want(id(i), 0, Size::Large), (u16::MAX, true));
            assert_eq!(thumbs.take_wanted(), [Wish::whole(id(i))]);
            thumbs.fill(Wish::whole(id(i)), &thumb());
            assert!(!thumbs.want(id(i), 0, Size::Large).1);
        }
        // The first is gone from the large ones; its small one stands in and it is asked for again.
        let (index, coming) = thumbs.want(id(0), 0, Size::Large);
        assert!(!coming && index < FIRST_LARGE, "crowded out while the view stays");
        thumbs.look_elsewhere();
        thumbs.next_frame();
        thumbs.next_frame();
        assert!(thumbs.want(id(0), 0, Size::Large).1);
        thumbs.want(id(1), 0, Size::Large);
        thumbs.want(id(2), 0, Size::Large);
        thumbs.fill(Wish::whole(id(0)), &thumb());
        assert!(!thumbs.want(id(1), 0, Size::Large).1 && !thumbs.want(id(2), 0, Size::Large).1);
    }

    #[test]
    fn what_cannot_be_made_is_asked_once() {
        let mut thumbs = Thumbs::default();
        let id = AssetId([9; 32]);
        assert!(thumbs.want(id, 0, Size::Small).1);
        thumbs.give_up(Wish::whole(id));
        assert_eq!(thumbs.want(id, 0, Size::Small), (u16::MAX, false));
        assert!(!thumbs.is_waiting());
    }

    #[test]
    fn a_film_that_plays_is_seen_at_any_size_until_it_ends() {
        let mut thumbs = Thumbs::default();
        let id = AssetId([5; 32]);
        thumbs.want(id, 0, Size::Small);
        thumbs.fill(Wish::whole(id), &thumb());
        assert_eq!(thumbs.want(id, 0, Size::Small), (0, false));
        assert!(thumbs.play(id, 0, &thumb()));
        assert_eq!(thumbs.want(id, 0, Size::Small), (FIRST_LARGE + PLAYING, false));
        thumbs.end(id);
        assert_eq!(thumbs.want(id, 0, Size::Small), (0, false));
        assert!(!thumbs.play(id, 0, &Thumb { width: 2, height: 2, rgba: vec![1] }));
    }

    #[test]
    fn near_pictures_are_divided_as_far_as_they_have_pixels() {
        assert_eq!(Part::level_for(700.0, [8_000, 6_000]), 0);
        assert_eq!(Part::level_for(1_500.0, [8_000, 6_000]), 1);
        assert_eq!(Part::level_for(1_500.0, [512, 300]), 0);
        assert_eq!(Part::level_for(50_000.0, [1_000, 2_000]), 2);
        assert_eq!(Part::level_for(f64::NAN, [u32::MAX; 2]), 0);
        let mut thumbs = Thumbs::default();
        let wish = Wish { asset: AssetId([1; 32]), part: Part { level: 2, at: [3, 1] } };
        assert_eq!(thumbs.want_part(wish, 7), (None, true));
        assert_eq!((thumbs.take_wanted(), thumbs.is_waiting()), (vec![wish], true));
        thumbs.fill(wish, &thumb());
        assert_eq!(
            (thumbs.want_part(wish, 7).1, std::mem::take(&mut thumbs.arrived)),
            (false, vec![(7, wish.part)])
        );
        assert_eq!(
            thumbs.want(wish.asset, 7, Size::Small),
            (u16::MAX, true),
            "a part is not the whole"
        );
        assert!(thumbs.uploads.iter().all(|u| u.size == Size::Large));
    }
}
