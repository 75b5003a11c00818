//! What a picture is asked for by: which part of it, how large; and its pixels on their way.

use oto_board::AssetId;
use oto_board::geom::Rect;

use super::{LARGE_EDGE, SMALL_EDGE};

/// Parts are shown at no more than this edge in pixels of the screen.
const MOST_PART_PX: f64 = 800.0;

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

    pub(super) fn edge(self) -> u32 {
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

/// To a square of this edge: averaged when it shrinks, bilinear when it grows.
pub(super) fn stretched(thumb: &Thumb, edge: u32) -> Vec<u8> {
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
