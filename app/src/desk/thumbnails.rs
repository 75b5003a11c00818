//! Pixels for notes: pictures and posters decoded by the media worker, waveforms drawn from sound.

use std::path::Path;

use oto_canvas::Thumb;
use oto_media::MediaError;
use oto_media::wav::Pcm;
use oto_media::waveform::waveform;
use oto_media::worker::Workers;

/// Edge asked of the decoder: the slot's.
const EDGE: u32 = 512;
/// Bars of a waveform.
const BARS: usize = 34;

/// A thumbnail by media type. Blocks: called on the media thread only.
///
/// # Errors
/// When the worker cannot open the file.
pub(crate) fn thumb(workers: &Workers, path: &Path, mime: &str) -> Result<Thumb, MediaError> {
    if mime.starts_with("audio/") {
        return Ok(bars(&workers.sound(path)?));
    }
    let picture = if mime.starts_with("video/") {
        let mut film = workers.film(path, [EDGE, EDGE])?;
        // A third in: titles are over, and something is to be seen.
        let at = film.info.duration_ms / 3;
        match film.seek(at)? {
            Some((picture, _)) => picture,
            None => return Err(MediaError::Damaged("the film has no pictures".to_owned())),
        }
    } else {
        workers.picture(path, EDGE)?.0
    };
    Ok(Thumb { width: picture.width, height: picture.height, rgba: picture.rgba })
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
