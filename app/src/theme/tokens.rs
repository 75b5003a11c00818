//! The tokens of a theme, read from RON.

use oto_canvas::{Ink, Palette};
use serde::Deserialize;

/// A colour written as "#rrggbb".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Hex(pub(crate) [u8; 3]);

impl TryFrom<String> for Hex {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.is_ascii());
        let value = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        value
            .map(|v| Self([(v >> 16) as u8, (v >> 8) as u8, v as u8]))
            .ok_or_else(|| format!("“{text}” is no colour"))
    }
}

/// Colours of the board.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct BoardTokens {
    wall: Hex,
    wall_texture: f32,
    fibre: Hex,
    pub(crate) gold: [Hex; 4],
    pub(crate) papers: [Hex; 8],
    pub(crate) twines: [Hex; 16],
    pub(crate) shadow: Hex,
    shadow_strength: f32,
    pub(crate) select: Hex,
    failed: Hex,
    pub(crate) wave: Hex,
    /// Strength of the lines that stand for letters too small to read.
    bars: f32,
    pub(crate) ink: Hex,
    pub(crate) ink_gold: Hex,
    ink_faint: Hex,
    ink_failed: Hex,
}

/// Colours and sizes of panels.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct PanelTokens {
    pub(crate) fill: Hex,
    pub(crate) line: Hex,
    pub(crate) ink: Hex,
    pub(crate) faint: Hex,
    pub(crate) button: Hex,
    pub(crate) button_hover: Hex,
    pub(crate) accent: Hex,
    pub(crate) on_accent: Hex,
    pub(crate) toast: Hex,
    pub(crate) on_toast: Hex,
    pub(crate) good: Hex,
    pub(crate) shadow: Hex,
    pub(crate) text_size: f32,
    pub(crate) small_size: f32,
    pub(crate) heading_size: f32,
    pub(crate) gap: f32,
    pub(crate) radius: u8,
}

/// A theme.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Theme {
    pub(crate) dark: bool,
    pub(crate) board: BoardTokens,
    pub(crate) panel: PanelTokens,
}

const LIGHT: &str = include_str!("../../../assets/theme/light.ron");
const DARK: &str = include_str!("../../../assets/theme/dark.ron");

impl Theme {
    /// The light or the dark one.
    ///
    /// # Errors
    /// When a token is missing or no colour; tests read both.
    pub(crate) fn read(dark: bool) -> anyhow::Result<Self> {
        Ok(ron::from_str(if dark { DARK } else { LIGHT })?)
    }

    /// For the canvas.
    pub(crate) fn palette(&self) -> Palette {
        let b = &self.board;
        let rgba = |c: Hex, a: f32| {
            [f32::from(c.0[0]) / 255.0, f32::from(c.0[1]) / 255.0, f32::from(c.0[2]) / 255.0, a]
        };
        let gpu = oto_canvas::PaletteRecord {
            wall: rgba(b.wall, b.wall_texture),
            fibre: rgba(b.fibre, 1.0),
            gold: b.gold.map(|c| rgba(c, 1.0)),
            papers: b.papers.map(|c| rgba(c, 1.0)),
            twines: b.twines.map(|c| rgba(c, 1.0)),
            shadow: rgba(b.shadow, b.shadow_strength),
            select: rgba(b.select, 1.0),
            failed: rgba(b.failed, 1.0),
            wave: rgba(b.wave, 1.0),
            ink: rgba(b.ink, b.bars),
            ink_gold: rgba(b.ink_gold, b.bars),
        };
        let ink = Ink {
            paper: b.ink.0,
            gold: b.ink_gold.0,
            faint: b.ink_faint.0,
            failed: b.ink_failed.0,
        };
        Palette { gpu, ink, dark: self.dark }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Hex) -> f32 {
        let linear = |v: u8| {
            let v = f32::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(c.0[0]) + 0.7152 * linear(c.0[1]) + 0.0722 * linear(c.0[2])
    }

    fn contrast(a: Hex, b: Hex) -> f32 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_theme_is_complete_and_legible() {
        for dark in [false, true] {
            let theme = Theme::read(dark).unwrap();
            assert_eq!(theme.dark, dark);
            let (b, p) = (&theme.board, &theme.panel);
            for paper in b.papers {
                assert!(contrast(b.ink, paper) >= 4.5, "{paper:?}");
                assert!(contrast(b.ink_failed, paper) >= 4.5, "failed on {paper:?}");
            }
            b.gold.iter().for_each(|g| assert!(contrast(b.ink_gold, *g) >= 4.5));
            for (ink, ground) in [
                (p.ink, p.fill),
                (p.faint, p.fill),
                (p.on_accent, p.accent),
                (p.on_toast, p.toast),
                (p.ink, p.button),
            ] {
                assert!(
                    contrast(ink, ground) >= 4.5,
                    "{ink:?} on {ground:?}: {}",
                    contrast(ink, ground)
                );
            }
        }
    }
}
