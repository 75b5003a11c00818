//! Films that play where they hang: their frames take the layer of the poster.

use oto_board::AssetId;

use super::{LARGE_EDGE, Size, Thumb, ThumbUpload, Thumbs, Wish, stretched};

/// A film that plays on the wall, and the slots of the notes that show it.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) asset: AssetId,
    pub(super) notes: Vec<u32>,
}

impl Thumbs {
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
}

#[cfg(test)]
mod tests {
    use super::super::{FIRST_LARGE, PLAYING};
    use super::*;

    #[test]
    fn a_film_that_plays_is_seen_at_any_size_until_it_ends() {
        let thumb = || Thumb { width: 2, height: 2, rgba: vec![200; 16] };
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
}
