//! A note on the GPU: 32 bytes, mirrored in `note.wgsl`.

use bytemuck::{Pod, Zeroable};

/// How the face of a note is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum NoteStyle {
    /// Paper with words.
    Text = 0,
    /// Golden paper.
    Agent = 1,
    /// Photo print.
    Photo = 2,
    /// Film print with a play button.
    Film = 3,
    /// Waveform.
    Voice = 4,
    /// Named region.
    Frame = 5,
}

/// Bit of an entry in the list of visible notes: its words are drawn as bars.
pub const BARS: u32 = 1 << 31;

/// Bits of [`NoteGpu::page_flags`] above the page's 24.
pub mod flags {
    /// Follows the pointer.
    pub const LIFTED: u32 = 1 << 24;
    /// Being made.
    pub const MAKING: u32 = 1 << 25;
    /// Could not be made.
    pub const FAILED: u32 = 1 << 26;
    /// Not matched by the filter.
    pub const DIMMED: u32 = 1 << 27;
    /// One of its sources has changed since it was made.
    pub const STALE: u32 = 1 << 28;
}

/// One note.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Default, Pod, Zeroable)]
pub struct NoteGpu {
    /// Centre relative to the page, world units.
    pub center: [f32; 2],
    /// Width and height, each 32768 for the edge of the size class.
    pub size: [u16; 2],
    /// Tilt, 32768 for a half turn.
    pub tilt: i16,
    /// Lines of its words in the lower four bits, length of the last in the upper (15 for full):
    /// drawn as bars while letters are too small to read or not there yet.
    pub lines: u8,
    /// A [`NoteStyle`].
    pub style: u8,
    /// Index of the paper.
    pub paper: u8,
    /// Index of the pin's colour.
    pub pin: u8,
    /// Average colour of the picture as RGB565; progress (65535 for done) while being made.
    pub average: u16,
    /// Page in the lower 24 bits, [`flags`] above.
    pub page_flags: u32,
    /// Picture: a small slot below 32768, a layer of the large ones from there, one with a film
    /// that plays from 49152, 65535 for none.
    pub thumb: u16,
    /// Decides grain and the lifted corner.
    pub seed: u16,
    /// Place in the order, 0 at the bottom.
    pub rank: u32,
}
