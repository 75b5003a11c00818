//! Text drawn into pictures with the bundled faces: captions, title cards, posters. Only bundled
//! fonts are used first, so that the same text gives the same pixels everywhere.

use std::sync::{Arc, Mutex, OnceLock};

use parley::fontique::{
    Blob, Collection, CollectionOptions, FontInfoOverride, GenericFamily, SourceCache,
};
use parley::{
    Alignment, AlignmentOptions, FontContext, FontFamily, Layout, LayoutContext, LineHeight,
    PositionedLayoutItem, StyleProperty,
};
use skrifa::instance::{LocationRef, NormalizedCoord, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};
use tiny_skia::{FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, Transform};

/// Bundled faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// Permanent Marker: titles.
    Marker,
    /// Caveat Brush: short handwriting.
    Brush,
    /// Inter SemiBold: plain.
    Plain,
}

impl Face {
    fn family(self) -> &'static str {
        match self {
            Self::Marker => "Permanent Marker",
            Self::Brush => "Caveat Brush",
            Self::Plain => "Inter SemiBold",
        }
    }
}

const FACES: [(&str, &[u8]); 3] = [
    ("Permanent Marker", include_bytes!("../../assets/fonts/PermanentMarker-Regular.ttf")),
    ("Caveat Brush", include_bytes!("../../assets/fonts/CaveatBrush-Regular.ttf")),
    ("Inter SemiBold", include_bytes!("../../assets/fonts/Inter-SemiBold.otf")),
];

struct Context {
    fonts: FontContext,
    layouts: LayoutContext<()>,
}

fn context() -> &'static Mutex<Context> {
    static CONTEXT: OnceLock<Mutex<Context>> = OnceLock::new();
    CONTEXT.get_or_init(|| {
        let mut fonts = FontContext {
            collection: Collection::new(CollectionOptions { shared: false, system_fonts: true }),
            source_cache: SourceCache::default(),
        };
        for (name, bytes) in FACES {
            let renamed = FontInfoOverride { family_name: Some(name), ..Default::default() };
            fonts.collection.register_fonts(Blob::new(Arc::new(bytes)), Some(renamed));
        }
        Mutex::new(Context { fonts, layouts: LayoutContext::new() })
    })
}

/// A text ready to be drawn: its outline from the upper left of its box.
#[derive(Debug, Clone)]
pub struct TextShape {
    path: Option<Path>,
    /// Width and height of the box in pixels.
    pub size: [f32; 2],
}

/// How lines stand in their box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the start.
    Start,
    /// In the middle.
    Middle,
}

/// Lays a text out within `width` pixels.
#[must_use]
pub fn shape_text(text: &str, face: Face, size_px: f32, width: f32, align: Align) -> TextShape {
    shape_text_spaced(text, face, size_px, 0.0, width, align)
}

/// Lays a text out within `width` pixels, with `spacing_px` more between its letters.
#[must_use]
pub fn shape_text_spaced(
    text: &str,
    face: Face,
    size_px: f32,
    spacing_px: f32,
    width: f32,
    align: Align,
) -> TextShape {
    let mut context = context().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Context { fonts, layouts } = &mut *context;
    let mut builder = layouts.ranged_builder(fonts, text, 1.0, false);
    let family: FontFamily<'_> = FontFamily::List(std::borrow::Cow::Owned(vec![
        parley::FontFamilyName::named(face.family()),
        parley::FontFamilyName::Generic(GenericFamily::Emoji),
        parley::FontFamilyName::Generic(GenericFamily::SansSerif),
    ]));
    builder.push_default(StyleProperty::FontFamily(family));
    builder.push_default(StyleProperty::FontSize(size_px));
    builder.push_default(StyleProperty::LetterSpacing(spacing_px));
    builder.push_default(LineHeight::FontSizeRelative(1.18));
    let mut layout: Layout<()> = builder.build(text);
    layout.break_all_lines(Some(width));
    let alignment = if align == Align::Middle { Alignment::Center } else { Alignment::Start };
    layout.align(alignment, AlignmentOptions::default());
    let mut pen = Pen { path: PathBuilder::new(), at: [0.0; 2] };
    for line in layout.lines() {
        for item in line.items() {
            let PositionedLayoutItem::GlyphRun(glyphs) = item else { continue };
            let run = glyphs.run();
            let data = run.font();
            let Ok(font) = FontRef::from_index(data.data.data(), data.index) else { continue };
            let coords: Vec<NormalizedCoord> =
                run.normalized_coords().iter().map(|c| NormalizedCoord::from_bits(*c)).collect();
            let settings =
                || DrawSettings::unhinted(Size::new(run.font_size()), LocationRef::new(&coords));
            let outlines = font.outline_glyphs();
            for glyph in glyphs.positioned_glyphs() {
                pen.at = [glyph.x, glyph.y];
                if let Some(outline) = outlines.get(GlyphId::new(glyph.id)) {
                    // A glyph that cannot be drawn is left out; the rest of the text stands.
                    outline.draw(settings(), &mut pen).ok();
                }
            }
        }
    }
    TextShape { path: pen.path.finish(), size: [layout.width(), layout.height()] }
}

impl TextShape {
    /// Draws it with its box's upper left corner at `at`; with an outline of `edge` pixels in the
    /// second colour when `edge` is not zero.
    pub fn draw(
        &self,
        target: &mut Pixmap,
        at: [f32; 2],
        color: [u8; 4],
        edge: f32,
        edge_color: [u8; 4],
    ) {
        let Some(path) = &self.path else { return };
        let place = Transform::from_translate(at[0], at[1]);
        let mut paint = Paint::default();
        if edge > 0.0 {
            let [r, g, b, a] = edge_color;
            paint.set_color_rgba8(r, g, b, a);
            let stroke =
                Stroke { width: edge * 2.0, line_join: LineJoin::Round, ..Stroke::default() };
            target.stroke_path(path, &paint, &stroke, place, None);
        }
        let [r, g, b, a] = color;
        paint.set_color_rgba8(r, g, b, a);
        target.fill_path(path, &paint, FillRule::Winding, place, None);
    }
}

struct Pen {
    path: PathBuilder,
    at: [f32; 2],
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.at[0] + x, self.at[1] - y);
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.at[0] + x, self.at[1] - y);
    }
    fn quad_to(&mut self, a: f32, b: f32, x: f32, y: f32) {
        let [ox, oy] = self.at;
        self.path.quad_to(ox + a, oy - b, ox + x, oy - y);
    }
    fn curve_to(&mut self, a: f32, b: f32, c: f32, d: f32, x: f32, y: f32) {
        let [ox, oy] = self.at;
        self.path.cubic_to(ox + a, oy - b, ox + c, oy - d, ox + x, oy - y);
    }
    fn close(&mut self) {
        self.path.close();
    }
}
