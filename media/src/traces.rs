//! Traces that cameras and programs leave in files: places, owners, prompts. They are taken out of
//! what is published; how a picture is turned stays, and so do content credentials. Containers are
//! read here, never decoded.

use img_parts::jpeg::{Jpeg, markers};
use img_parts::png::Png;
use img_parts::riff::RiffContent;
use img_parts::webp::WebP;
use img_parts::{Bytes, ImageEXIF};

use crate::MediaError;
use crate::sniff::Sniffed;

/// The same medium without its traces; `None` when it has none. Sound has no cameras: it stays.
///
/// # Errors
/// When the container is damaged.
pub fn without(kind: Sniffed, bytes: &[u8]) -> Result<Option<Vec<u8>>, MediaError> {
    let damaged = |e: img_parts::Error| MediaError::Damaged(e.to_string());
    let own = || Bytes::copy_from_slice(bytes);
    let clean = match kind {
        Sniffed::Jpeg => jpeg(Jpeg::from_bytes(own()).map_err(damaged)?),
        Sniffed::Png => png(Png::from_bytes(own()).map_err(damaged)?),
        Sniffed::WebP => webp(WebP::from_bytes(own()).map_err(damaged)?),
        Sniffed::Mp4 => mp4(bytes),
        _ => return Ok(None),
    };
    Ok((clean != bytes).then_some(clean))
}

fn jpeg(mut jpeg: Jpeg) -> Vec<u8> {
    let turn = jpeg.exif().and_then(|exif| orientation(&exif));
    // Exif and XMP are in APP1, what Photoshop notes in APP13, words of a program in COM.
    jpeg.segments_mut()
        .retain(|s| !matches!(s.marker(), markers::APP1 | markers::APP13 | markers::COM));
    if let Some(turn) = turn.filter(|t| (2..=8).contains(t)) {
        jpeg.set_exif(Some(only_orientation(turn).into()));
    }
    jpeg.encoder().bytes().to_vec()
}

fn png(mut png: Png) -> Vec<u8> {
    png.chunks_mut()
        .retain(|c| !matches!(&c.kind(), b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" | b"tIME"));
    png.encoder().bytes().to_vec()
}

fn webp(mut webp: WebP) -> Vec<u8> {
    webp.set_exif(None);
    webp.remove_chunks_by_id(*b"XMP ");
    // The header says what follows; a flag without its chunk is a fault.
    for chunk in webp.chunks_mut().iter_mut().filter(|c| c.id() == *b"VP8X") {
        if let RiffContent::Data(data) = chunk.content()
            && let Some(first) = data.first()
        {
            // Bit 2 is XMP, bit 3 Exif (RFC 9649, 2.7.1).
            let mut changed = data.to_vec();
            changed[0] = first & !0b0000_1100;
            *chunk = img_parts::riff::RiffChunk::new(*b"VP8X", RiffContent::Data(changed.into()));
        }
    }
    webp.encoder().bytes().to_vec()
}

/// How a picture is turned, from its Exif (a TIFF, tag 0x0112 of its first directory).
fn orientation(exif: &[u8]) -> Option<u16> {
    let big = match exif.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| -> Option<u16> {
        let b: [u8; 2] = exif.get(at..at + 2)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })
    };
    let b: [u8; 4] = exif.get(4..8)?.try_into().ok()?;
    let at = if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) } as usize;
    let n = usize::from(u16_at(at)?);
    (0..n.min(200))
        .map(|i| at + 2 + 12 * i)
        .find(|e| u16_at(*e) == Some(0x0112))
        .and_then(|e| u16_at(e + 8))
}

/// An Exif that says nothing else.
fn only_orientation(turn: u16) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend(turn.to_be_bytes());
    exif.extend([0; 6]);
    exif
}

/// Boxes of an MP4 that carry what was noted about it become free space of the same length, so that
/// no place in the file moves.
fn mp4(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut open = vec![(0, out.len(), 0)];
    while let Some((mut at, end, depth)) = open.pop() {
        while let Some(head) = out.get(at..at + 8).filter(|_| at + 8 <= end) {
            let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
            let kind = [head[4], head[5], head[6], head[7]];
            let (skip, size) = match short {
                0 => (8, end - at),
                1 => {
                    let Some(long) = out.get(at + 8..at + 16).and_then(|b| b.try_into().ok())
                    else {
                        break;
                    };
                    (16, usize::try_from(u64::from_be_bytes(long)).unwrap_or(usize::MAX))
                }
                n => (8, n as usize),
            };
            if size < skip || size > end - at {
                break;
            }
            match &kind {
                b"moov" | b"trak" if depth < 3 => open.push((at + skip, at + size, depth + 1)),
                b"udta" | b"meta" if depth > 0 => out[at + 4..at + 8].copy_from_slice(b"free"),
                _ => {}
            }
            at += size;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;

    fn picture() -> Picture {
        Picture { width: 8, height: 6, rgba: [200, 120, 40, 255].repeat(48) }
    }

    #[test]
    fn a_place_in_a_jpeg_goes_and_its_turn_stays() {
        let plain = picture().to_jpeg().unwrap();
        assert_eq!(without(Sniffed::Jpeg, &plain).unwrap(), None);
        let mut marked = Jpeg::from_bytes(plain.into()).unwrap();
        let mut exif = only_orientation(6);
        exif.extend(b"38.7223 N 9.1393 W");
        marked.set_exif(Some(exif.into()));
        let marked = marked.encoder().bytes();
        let clean = without(Sniffed::Jpeg, &marked).unwrap().unwrap();
        assert!(!clean.windows(7).any(|w| w == b"38.7223"));
        let exif = Jpeg::from_bytes(clean.clone().into()).unwrap().exif().unwrap();
        assert_eq!(orientation(&exif), Some(6));
        assert_eq!(without(Sniffed::Jpeg, &clean).unwrap(), None);
    }

    #[test]
    fn words_in_a_png_go() {
        let mut marked = Png::from_bytes(picture().to_png().unwrap().into()).unwrap();
        let chunk =
            img_parts::png::PngChunk::new(*b"tEXt", Bytes::from_static(b"prompt\0a secret"));
        let at = marked.chunks().len() - 1;
        marked.chunks_mut().insert(at, chunk);
        let clean = without(Sniffed::Png, &marked.encoder().bytes()).unwrap().unwrap();
        assert!(!clean.windows(6).any(|w| w == b"secret"));
        assert!(image::load_from_memory(&clean).is_ok());
    }

    #[test]
    fn a_place_in_a_film_becomes_free_space_and_nothing_moves() {
        let boxed = |kind: &[u8; 4], inside: &[u8]| {
            let mut out = (inside.len() as u32 + 8).to_be_bytes().to_vec();
            out.extend(kind);
            out.extend(inside);
            out
        };
        let place = boxed(b"udta", &boxed(b"\xa9xyz", b"+38.7223-009.1393/"));
        let trak = boxed(b"trak", &[boxed(b"mdia", b"1234"), place.clone()].concat());
        let film = [
            boxed(b"ftyp", b"isom"),
            boxed(b"moov", &[trak, place].concat()),
            boxed(b"mdat", b"udta"),
        ]
        .concat();
        let clean = without(Sniffed::Mp4, &film).unwrap().unwrap();
        assert_eq!(clean.len(), film.len());
        assert_eq!(clean.windows(4).filter(|w| w == b"free").count(), 2);
        assert!(clean.ends_with(b"mdatudta"));
        // Lies about lengths end the look, not the program.
        for n in 0..film.len() {
            let mut broken = film.clone();
            broken[n] ^= 0xff;
            without(Sniffed::Mp4, &broken).unwrap();
        }
    }
}
