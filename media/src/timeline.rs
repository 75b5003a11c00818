//! A film before it is one: shots, voice, captions. Preview and export call the same
//! [`Renderer::frame`].

mod encode;
mod image;
mod mix;
mod render;

use serde::{Deserialize, Serialize};

use crate::caption::Cue;

pub use encode::{Container, ExportReport, export};
pub use mix::mix;
pub use render::Renderer;

/// Frames a second.
pub const FPS: u32 = 30;
/// Samples a second.
pub const SAMPLE_RATE: u32 = 48_000;

/// The shape of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aspect {
    /// 16:9.
    Wide,
    /// 9:16.
    Tall,
    /// 1:1.
    Square,
}

impl Aspect {
    /// From "16:9", "9:16", "1:1".
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "16:9" => Some(Self::Wide),
            "9:16" => Some(Self::Tall),
            "1:1" => Some(Self::Square),
            _ => None,
        }
    }

    /// Size in pixels for a shorter edge of `short`.
    #[must_use]
    pub fn size(self, short: u32) -> [u32; 2] {
        // Multiples of 8, so that every plane of a frame is packed.
        let (short, long) = (short.next_multiple_of(8), (short * 16 / 9).next_multiple_of(8));
        match self {
            Self::Wide => [long, short],
            Self::Tall => [short, long],
            Self::Square => [short, short],
        }
    }
}

/// What a shot shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visual {
    /// A still picture, by its place in the list of pictures, slowly moving.
    Still(usize),
    /// Words on paper.
    Card(String),
}

/// A part of the film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// First frame.
    pub start_frame: u32,
    /// Length in frames, the dissolve into the next shot included.
    pub frames: u32,
    /// What it shows.
    pub visual: Visual,
}

/// A film before it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Layout of this record.
    pub version: u32,
    /// Width and height in pixels, both even.
    pub size: [u32; 2],
    /// Length in frames at [`FPS`].
    pub frames: u32,
    /// Decides the direction of each movement.
    pub seed: u64,
    /// In order; neighbours overlap by [`DISSOLVE_FRAMES`].
    pub shots: Vec<Shot>,
    /// Captions drawn into the picture.
    pub cues: Vec<Cue>,
}

/// How long one shot dissolves into the next.
pub const DISSOLVE_FRAMES: u32 = 15;
