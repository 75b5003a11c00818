//! Colours, sizes and fonts: tokens in `assets/theme/*.ron`, never literals in code.

pub(crate) mod tokens;

pub(crate) use tokens::Theme;

/// Faces of notes, for the canvas.
pub(crate) const NOTE_FONTS: oto_canvas::Fonts = &[
    ("Permanent Marker", include_bytes!("../../assets/fonts/PermanentMarker-Regular.ttf")),
    ("Caveat Brush", include_bytes!("../../assets/fonts/CaveatBrush-Regular.ttf")),
    ("Caveat", include_bytes!("../../assets/fonts/Caveat-Regular.ttf")),
];

/// Inter, for panels.
pub(crate) const INTER: &[u8] = include_bytes!("../../assets/fonts/Inter-Regular.otf");
/// Inter SemiBold, for headings.
pub(crate) const INTER_SEMI: &[u8] = include_bytes!("../../assets/fonts/Inter-SemiBold.otf");
