//! Traces that cameras and programs leave in files: places, owners, prompts. They are taken out of
//! what is published; how a picture is turned stays, and so do content credentials. Containers are
//! read here, never decoded.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use img_parts::jpeg::{Jpeg, markers};
use img_parts::png::Png;
use img_parts::riff::RiffContent;
use img_parts::webp::WebP;
use img_parts::{Bytes, ImageEXIF};

use crate::MediaError;
use crate::sniff::Sniffed;

/// The same picture without its traces; `None` when it has none. Sound has no cameras: it stays. Films
/// are for [`film_without`].
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

/// Copies an MP4 without its traces, when it has any: boxes that carry what was noted about it become
/// free space of the same length with nothing in it, so that no place in the film moves. Read box by
/// box: a film is never in memory. False when it has none; then nothing is written.
///
/// # Errors
/// When it cannot be read or written, or has more boxes than a film needs.
pub fn film_without(from: &Path, to: &Path) -> Result<bool, MediaError> {
    let mut film = BufReader::new(File::open(from).map_err(MediaError::io("opening a film"))?);
    let found = traced(&mut film).map_err(MediaError::io("looking into a film"))?;
    let found = found.ok_or_else(|| MediaError::Damaged("it has too many parts".to_owned()))?;
    if found.is_empty() {
        return Ok(false);
    }
    cleared(from, to, &found).map_err(MediaError::io("writing a film"))?;
    Ok(true)
}

fn cleared(from: &Path, to: &Path, found: &[(u64, u64)]) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    let mut film = OpenOptions::new().write(true).open(to)?;
    let nothing = vec![0; 1 << 16];
    for &(at, size) in found {
        film.seek(SeekFrom::Start(at))?;
        // The short form, also where the long one was: what follows its eight bytes is cleared.
        film.write_all(&u32::try_from(size).unwrap_or(0).to_be_bytes())?;
        film.write_all(b"free")?;
        let mut left = size - 8;
        while left > 0 {
            let n = left.min(nothing.len() as u64);
            film.write_all(&nothing[..n as usize])?;
            left -= n;
        }
    }
    Ok(())
}

/// Most boxes that are looked at: an hour of film in parts of a second has some ten thousand.
const MOST_BOXES: usize = 400_000;
/// What carries XMP (XMP specification, part 3, 1.1.3.3).
const XMP: [u8; 16] = [
    0xbe, 0x7a, 0xcf, 0xcb, 0x97, 0xa9, 0x42, 0xe8, 0x9c, 0x71, 0x99, 0x94, 0x91, 0xe3, 0xaf, 0xac,
];

/// Where the boxes with traces are, and how long (ISO/IEC 14496-12, 4.2).
/// None when there are more boxes than a film needs.
fn traced(film: &mut (impl Read + Seek)) -> std::io::Result<Option<Vec<(u64, u64)>>> {
    let length = film.seek(SeekFrom::End(0))?;
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut open = vec![(0, length, 0)];
    while let Some((mut at, end, depth)) = open.pop() {
        while end.saturating_sub(at) >= 8 {
            seen += 1;
            if seen > MOST_BOXES {
                return Ok(None);
            }
            film.seek(SeekFrom::Start(at))?;
            let mut head = [0; 8];
            film.read_exact(&mut head)?;
            let short = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
            let (skip, size) = match short {
                0 => (8, end - at),
                1 if end - at >= 16 => {
                    let mut long = [0; 8];
                    film.read_exact(&mut long)?;
                    (16, u64::from_be_bytes(long))
                }
                n => (8, u64::from(n)),
            };
            // Lies about lengths end the look.
            if size < skip || size > end - at {
                break;
            }
            match &head[4..] {
                b"moov" | b"trak" | b"moof" | b"traf" if depth < 3 => {
                    open.push((at + skip, at + size, depth + 1));
                }
                b"udta" | b"meta" if depth > 0 => found.push((at, size)),
                b"uuid" if size >= skip + 16 => {
                    let mut id = [0; 16];
                    film.read_exact(&mut id)?;
                    if id == XMP {
                        found.push((at, size));
                    }
                }
                _ => {}
            }
            at += size;
        }
    }
    // Nothing that somebody noted has four gigabytes; zero would mean up to the end.
    found.retain(|(_, size)| u32::try_from(*size).is_ok());
    Ok(Some(found))
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
        // The long form of a length (ISO/IEC 14496-12, 4.2).
        let long = [&[0, 0, 0, 1][..], b"udta", &30u64.to_be_bytes(), b"38.7223 again!"].concat();
        let place = [place, long].concat();
        let xmp = boxed(b"uuid", &[&XMP[..], b"GPS 38.7223"].concat());
        let credentials = boxed(b"uuid", &[7; 24]);
        let film = [
            boxed(b"ftyp", b"isom"),
            boxed(b"moov", &[trak, place].concat()),
            xmp,
            credentials.clone(),
            boxed(b"mdat", b"udta"),
        ]
        .concat();
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| folder.path().join(name));
        let without = |bytes: &[u8]| {
            std::fs::write(&from, bytes).unwrap();
            film_without(&from, &to).unwrap().then(|| std::fs::read(&to).unwrap())
        };
        let clean = without(&film).unwrap();
        assert_eq!(clean.len(), film.len());
        assert_eq!(clean.windows(4).filter(|w| w == b"free").count(), 4);
        assert_eq!(traced(&mut std::io::Cursor::new(&clean)).unwrap(), Some(Vec::new()));
        assert!(!clean.windows(7).any(|w| w == b"38.7223"));
        assert!(clean.ends_with(&[credentials, boxed(b"mdat", b"udta")].concat()));
        assert_eq!(without(&clean), None);
        // Lies about lengths end the look, not the program.
        for n in 0..film.len() {
            let mut broken = film.clone();
            broken[n] ^= 0xff;
            without(&broken);
        }
        // A film of nothing but boxes is no film.
        std::fs::write(&from, boxed(b"free", b"").repeat(MOST_BOXES + 1)).unwrap();
        assert!(film_without(&from, &to).is_err());
    }
}
