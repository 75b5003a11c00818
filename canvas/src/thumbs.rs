//! Pictures on notes, in texture arrays by level: small slots of 128 pixels for notes in passing,
//! layers of 512 for those looked at, and more such layers for the parts of a picture that is
//! looked at from so near that one layer would be blurred. The canvas says which it wants; the app
//! brings decoded pixels; what was looked at longest ago makes room.

mod film;
mod part;
mod shelf;

use std::collections::{HashMap, HashSet};

use bevy::prelude::*;
use oto_board::AssetId;

use film::Playing;
use part::stretched;
pub use part::{Part, Thumb, Wish};
pub(crate) use part::{Size, ThumbUpload};
use shelf::Shelf;

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
        let comes = !hopeless(wish) && !hopeless(Wish::whole(wish.asset)) && !self.is_crowded(wish);
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
