//! Roles `Picture` and `View`: a still picture to RGBA, whole or in parts, with strict limits
//! checked before decoding.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use image::imageops::{FilterType, resize};
use image::{GenericImageView, ImageDecoder, ImageReader, Limits, RgbaImage};

use super::protocol::{FailCode, FromWorker, PART_EDGE, ToWorker, receive, send};
use crate::MediaError;
use crate::picture::Picture;

const MAX_SIDE: u32 = 16_384;
const MAX_PIXELS: u64 = 64_000_000;

type Failure = (FailCode, String);

/// The whole picture, upright.
fn open(input: File) -> Result<RgbaImage, Failure> {
    let damaged = |error: image::ImageError| match error {
        image::ImageError::Limits(e) => (FailCode::TooLarge, e.to_string()),
        image::ImageError::Unsupported(e) => (FailCode::NotThisKind, e.to_string()),
        other => (FailCode::Damaged, other.to_string()),
    };
    let mut buffered = BufReader::new(input);
    buffered.rewind().map_err(io)?;
    let reader = ImageReader::new(buffered).with_guessed_format().map_err(io)?;
    if reader.format().is_none() {
        return Err((FailCode::NotThisKind, "unknown picture format".to_owned()));
    }
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if width == 0
        || height == 0
        || width > MAX_SIDE
        || height > MAX_SIDE
        || u64::from(width) * u64::from(height) > MAX_PIXELS
    {
        return Err((
            FailCode::TooLarge,
            format!("{width}x{height} pixels; oTo opens up to 64 megapixels"),
        ));
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(600 << 20);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut image = image::DynamicImage::from_decoder(decoder).map_err(damaged)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgba8())
}

/// One picture, shrunk to fit.
pub(super) fn decode(input: File, shared: &File, max_side: u32) -> Result<FromWorker, Failure> {
    let rgba = open(input)?;
    let source = [rgba.width(), rgba.height()];
    let picture =
        Picture { width: source[0], height: source[1], rgba: rgba.into_raw() }.fitted(max_side);
    shared.write_all_at(&picture.rgba, 0).map_err(io)?;
    Ok(FromWorker::Frame { slot: 0, size: [picture.width, picture.height], source, ms: 0 })
}

/// Keeps a picture open and shows parts of it until the caller goes: it is decoded once, and held
/// here, not by the caller.
pub(super) fn view(socket: &UnixStream, input: File, shared: &File) -> Result<(), Failure> {
    let image = open(input)?;
    let source = [image.width(), image.height()];
    let lost = |error: MediaError| (FailCode::Protocol, error.to_string());
    send(socket, &FromWorker::Info { size: source, duration_ms: 0, has_sound: false })
        .map_err(lost)?;
    while let Ok(ToWorker::Part { level, at }) = receive(socket) {
        let edge = PART_EDGE;
        let part = part(&image, level, at)
            .ok_or_else(|| (FailCode::Protocol, "no such part of the picture".to_owned()))?;
        shared.write_all_at(part.as_raw(), 0).map_err(io)?;
        let frame = FromWorker::Frame { slot: 0, size: [edge; 2], source, ms: 0 };
        send(socket, &frame).map_err(lost)?;
    }
    Ok(())
}

/// A part of a picture that is divided into `2^level` columns and rows, stretched over a square.
fn part(image: &RgbaImage, level: u8, at: [u16; 2]) -> Option<RgbaImage> {
    let parts = 1u64 << level.min(15);
    let size = [image.width(), image.height()];
    if at.iter().any(|v| u64::from(*v) >= parts) {
        return None;
    }
    let edge = |axis: usize, index: u64| (u64::from(size[axis]) * index / parts) as u32;
    // A part of less than a pixel shows the pixel it lies in.
    let from = [0, 1].map(|i| edge(i, u64::from(at[i])).min(size[i] - 1));
    let to = [0, 1].map(|i| edge(i, u64::from(at[i]) + 1).max(from[i] + 1));
    let crop = image.view(from[0], from[1], to[0] - from[0], to[1] - from[1]);
    Some(resize(&*crop, PART_EDGE, PART_EDGE, FilterType::Triangle))
}

fn io(error: std::io::Error) -> Failure {
    (FailCode::Damaged, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_put_together_are_the_picture() {
        let image = RgbaImage::from_fn(2_048, 1_024, |x, y| {
            image::Rgba([(x / 8) as u8, (y / 4) as u8, ((x ^ y) & 64) as u8, 255])
        });
        for (level, at) in [(0, [0, 0]), (1, [1, 0]), (2, [3, 2])] {
            let part = part(&image, level, at).unwrap_or_default();
            assert_eq!(part.dimensions(), (PART_EDGE, PART_EDGE));
            let n = f64::from(1u32 << level);
            for (x, y) in [(40u32, 70u32), (256, 256), (500, 300)] {
                let source = |v: u32, i: usize, size: f64| {
                    ((f64::from(v) + 0.5) / 512.0 + f64::from(at[i])) / n * size
                };
                let there =
                    image.get_pixel(source(x, 0, 2_048.0) as u32, source(y, 1, 1_024.0) as u32).0;
                let here = part.get_pixel(x, y).0;
                let off = (0..2).map(|i| here[i].abs_diff(there[i])).max();
                assert!(off <= Some(2), "level {level}: {here:?} {there:?}");
            }
        }
        assert!(part(&image, 1, [2, 0]).is_none());
        let pixel = RgbaImage::from_pixel(1, 1, image::Rgba([9, 8, 7, 255]));
        assert!(part(&pixel, 3, [7, 7]).is_some_and(|p| p.get_pixel(3, 3).0 == [9, 8, 7, 255]));
    }
}
