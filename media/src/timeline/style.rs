//! The six styles, read from `styles.json`: captions, motion, transition, palette, look, and the
//! words that are added to what an image engine is asked.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::TransitionKind;

/// A style, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// Two big words, cuts, high contrast.
    Modern,
    /// Small lower line, slow, warm.
    #[default]
    Cinematic,
    /// No captions, gentle, much white.
    Minimal,
    /// Plain lower line, neutral.
    Documentary,
    /// Paper grain, bleeding edges.
    Watercolour,
    /// Marker, flat colours, halftone.
    Comic,
}

impl Style {
    /// All, in the order of the catalogue.
    pub const ALL: [Self; 6] = [
        Self::Modern,
        Self::Cinematic,
        Self::Minimal,
        Self::Documentary,
        Self::Watercolour,
        Self::Comic,
    ];
    /// Their words in settings, in the same order.
    pub const NAMES: [&'static str; 6] =
        ["modern", "cinematic", "minimal", "documentary", "watercolour", "comic"];

    /// From its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::NAMES.iter().position(|n| *n == word).map(|i| Self::ALL[i])
    }

    /// What it means.
    #[must_use]
    pub fn sheet(self) -> &'static StyleSheet {
        let at = Self::ALL.iter().position(|s| *s == self).unwrap_or_default();
        &SHEETS[at]
    }
}

/// How a style draws captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptionLook {
    /// Two words at a time, big, the spoken one lit.
    BigWords,
    /// A small letter-spaced line at the bottom.
    LowerLine,
    /// None.
    None,
    /// A plain line at the bottom.
    PlainLine,
    /// Handwriting on a strip of paper.
    NoteStrip,
    /// Marker on a white strip with a black edge.
    SpeechStrip,
}

/// What a style means.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StyleSheet {
    /// Its word.
    pub name: String,
    /// Captions.
    pub captions: CaptionLook,
    /// Strongest zoom of a moving still: 1 is none.
    pub zoom: f32,
    /// How shots follow one another.
    pub transition: TransitionKind,
    /// Length of a transition in seconds.
    pub transition_secs: f32,
    /// Background of cards and of what is shown whole, sRGB.
    pub paper: [u8; 3],
    /// Words on it, sRGB.
    pub ink: [u8; 3],
    /// What is lit, sRGB.
    pub accent: [u8; 3],
    /// Contrast, 1 leaves it.
    pub contrast: f32,
    /// Saturation, 1 leaves it.
    pub saturation: f32,
    /// Warmth, 0 leaves it.
    pub warmth: f32,
    /// Film or paper grain, 0 is none.
    pub grain: f32,
    /// Halftone dots, 0 is none.
    pub halftone: f32,
    /// Paper that shows at the edges, 0 is none.
    pub bleed: f32,
    /// Added to what an image engine is asked.
    pub words: String,
    /// What an image engine is asked to leave out.
    pub without: String,
}

static SHEETS: LazyLock<Vec<StyleSheet>> = LazyLock::new(|| {
    // Part of the program: a test reads it.
    let all: Vec<StyleSheet> =
        serde_json::from_str(include_str!("styles.json")).unwrap_or_default();
    Style::NAMES.iter().filter_map(|name| all.iter().find(|s| s.name == *name).cloned()).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_has_its_sheet() {
        assert_eq!(SHEETS.len(), Style::ALL.len());
        for (style, name) in Style::ALL.iter().zip(Style::NAMES) {
            assert_eq!(style.sheet().name, name);
            assert_eq!(Style::parse(name), Some(*style));
            let sheet = style.sheet();
            assert!((1.0..=1.18).contains(&sheet.zoom) && !sheet.words.is_empty());
        }
        assert_eq!(Style::parse("baroque"), None);
    }
}
