//! Role `Picture`: a still picture to RGBA, with strict limits checked before decoding.

use std::fs::File;
use std::io::{BufReader, Seek};
use std::os::unix::fs::FileExt;

use image::{ImageDecoder, ImageReader, Limits};

use super::protocol::{FailCode, FromWorker};
use crate::picture::Picture;

const MAX_SIDE: u32 = 16_384;
const MAX_PIXELS: u64 = 64_000_000;

type Failure = (FailCode, String);

pub(super) fn decode(input: File, shared: &File, max_side: u32) -> Result<FromWorker, Failure> {
    let damaged = |error: image::ImageError| match error {
        image::ImageError::Limits(e) => (FailCode::TooLarge, e.to_string()),
        image::ImageError::Unsupported(e) => (FailCode::NotThisKind, e.to_string()),
        other => (FailCode::Damaged, other.to_string()),
    };
    let io = |error: std::io::Error| (FailCode::Damaged, error.to_string());
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
    let rgba = image.into_rgba8();
    let source = [rgba.width(), rgba.height()];
    let picture =
        Picture { width: source[0], height: source[1], rgba: rgba.into_raw() }.fitted(max_side);
    shared.write_all_at(&picture.rgba, 0).map_err(io)?;
    Ok(FromWorker::Frame { slot: 0, size: [picture.width, picture.height], source, ms: 0 })
}
