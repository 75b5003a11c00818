//! Colours of the board, as given by the theme.

use bevy::prelude::Resource;
use oto_shaders::PaletteGpu;

/// Ink of letters, sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink {
    /// On paper.
    pub paper: [u8; 3],
    /// On gold.
    pub gold: [u8; 3],
    /// On ghosts.
    pub faint: [u8; 3],
    /// For failures.
    pub failed: [u8; 3],
}

/// All colours of the board.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Palette {
    /// For the shaders.
    pub gpu: PaletteGpu,
    /// For letters.
    pub ink: Ink,
    /// True for dark paper.
    pub dark: bool,
}
