//! Pixels for notes: pictures and posters decoded by the media worker, waveforms drawn from sound.

use std::path::Path;

use oto_board::AssetId;
use oto_canvas::{Part, Thumb, Wish};
use oto_media::MediaError;
use oto_media::picture::Picture;
use oto_media::wav::Pcm;
use oto_media::waveform::waveform;
use oto_media::worker::{PictureViewer, Workers};

/// Edge asked of the decoder: the slot's.
const EDGE: u32 = 512;
/// Bars of a waveform.
const BARS: usize = 34;

/// Brings what the canvas wishes for. Blocks: lives on a media thread.
pub(crate) struct Thumbnails {
    workers: Workers,
    /// The picture whose parts are looked at, kept open by its worker.
    near: Option<(AssetId, PictureViewer)>,
}

impl Thumbnails {
    pub(crate) fn new(workers: Workers) -> Self {
        Self { workers, near: None }
    }

    /// True while a picture is kept open.
    pub(crate) fn is_near(&self) -> bool {
        self.near.is_some()
    }

    /// Lets go of the picture that is kept open.
    pub(crate) fn rest(&mut self) {
        self.near = None;
    }

    /// The pixels of a wish, by media type.
    ///
    /// # Errors
    /// When the worker cannot open the file.
    pub(crate) fn get(&mut self, wish: Wish, path: &Path, mime: &str) -> Result<Thumb, MediaError> {
        if wish.part == Part::WHOLE { self.whole(path, mime) } else { self.part(wish, path) }
    }

    fn part(&mut self, wish: Wish, path: &Path) -> Result<Thumb, MediaError> {
        let (asset, mut viewer) = match self.near.take() {
            Some(near) if near.0 == wish.asset => near,
            _ => (wish.asset, self.workers.viewer(path)?),
        };
        let part = viewer.part(wish.part.level, wish.part.at)?;
        self.near = Some((asset, viewer));
        Ok(pixels(part))
    }

    fn whole(&self, path: &Path, mime: &str) -> Result<Thumb, MediaError> {
        if mime.starts_with("audio/") {
            return Ok(bars(&self.workers.sound(path)?));
        }
        if !mime.starts_with("video/") {
            return Ok(pixels(self.workers.picture(path, EDGE)?.0));
        }
        let mut film = self.workers.film(path, [EDGE, EDGE])?;
        // A third in: titles are over, and something is to be seen.
        let at = film.info.duration_ms / 3;
        match film.seek(at)? {
            Some((picture, _)) => Ok(pixels(picture)),
            None => Err(MediaError::Damaged("the film has no pictures".to_owned())),
        }
    }
}

fn pixels(picture: Picture) -> Thumb {
    Thumb { width: picture.width, height: picture.height, rgba: picture.rgba }
}

/// Rounded bars; only their alpha is used, the colour is the theme's.
fn bars(pcm: &Pcm) -> Thumb {
    let loudness = waveform(pcm, BARS);
    let mut rgba = vec![0u8; (EDGE * EDGE * 4) as usize];
    let pitch = EDGE as f32 / BARS as f32;
    let half = pitch * 0.26;
    for y in 0..EDGE {
        for x in 0..EDGE {
            let bar = ((x as f32 / pitch) as usize).min(BARS - 1);
            let height = (0.05 + 0.95 * f32::from(loudness[bar]) / 255.0) * EDGE as f32 * 0.46;
            let dx = (x as f32 + 0.5 - (bar as f32 + 0.5) * pitch).abs();
            let dy =
                ((y as f32 + 0.5 - EDGE as f32 / 2.0).abs() - (height - half).max(0.0)).max(0.0);
            // Bars are drawn on a slot that is wider than high on the note, hence the factor.
            let inside = half - (dx * dx + dy * dy * 0.3).sqrt();
            rgba[((y * EDGE + x) * 4 + 3) as usize] =
                ((inside + 0.5).clamp(0.0, 1.0) * 255.0) as u8;
        }
    }
    Thumb { width: EDGE, height: EDGE, rgba }
}
