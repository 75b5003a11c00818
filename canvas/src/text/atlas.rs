//! Letters as multi-channel distance fields (fdsm), one 40-pixel cell each, numbered in the order
//! they are met. The GPU's atlas has room for 2,601 on each of its four layers.

use std::collections::HashMap;

use fdsm::bezier::scanline::FillRule;
use fdsm::bezier::{Point, Segment};
use fdsm::correct_error::{ErrorCorrectionConfig, correct_error_msdf};
use fdsm::generate::generate_msdf;
use fdsm::render::correct_sign_msdf;
use fdsm::shape::{Contour, Shape};
use fdsm::transform::Transform as _;
use image::Rgb32FImage;
use nalgebra::{Affine2, Matrix3};
use oto_shaders::CellGpu;
use parley::FontData;
use skrifa::bitmap::{BitmapData, Origin};
use skrifa::instance::{LocationRef, NormalizedCoord, Size};
use skrifa::outline::pen::ControlBoundsPen;
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider};

/// Edge of a cell, the same as in `glyph.wgsl`.
pub(crate) const CELL_PX: u32 = 40;
/// Cells in a row of the atlas.
pub(crate) const CELLS_A_ROW: u32 = 51;
/// Cells on one layer of the atlas.
pub(crate) const CELLS_A_LAYER: u32 = CELLS_A_ROW * CELLS_A_ROW;
/// Layers of the atlas.
pub(crate) const LAYERS: u32 = 4;
const MOST_CELLS: u32 = CELLS_A_LAYER * LAYERS;
/// Pixels of an em.
const EM_PX: f64 = 32.0;
/// Width of the distance field's slope, the same as in `glyph.wgsl`.
const RANGE_PX: f64 = 4.0;
const PAD_PX: f64 = RANGE_PX / 2.0 + 0.5;

type Key = (u64, u32, u32, Vec<i16>);

#[derive(Default)]
pub(crate) struct Atlas {
    cells: HashMap<Key, Option<u16>>,
    used: u32,
    new: Vec<(u16, CellGpu, Vec<u8>)>,
}

impl Atlas {
    /// The cell of a glyph; none for spaces and for what has no outline.
    pub(crate) fn cell(&mut self, font: &FontData, coords: &[i16], glyph: u32) -> Option<u16> {
        let key = (font.data.id(), font.index, glyph, coords.to_vec());
        if let Some(known) = self.cells.get(&key) {
            return *known;
        }
        let made = if self.used < MOST_CELLS {
            draw(font, coords, glyph).or_else(|| colored(font, glyph))
        } else {
            None
        };
        let cell = made.map(|(place, pixels)| {
            let index = self.used as u16;
            self.used += 1;
            self.new.push((index, place, pixels));
            index
        });
        self.cells.insert(key, cell);
        cell
    }

    pub(crate) fn take_new(&mut self) -> Vec<(u16, CellGpu, Vec<u8>)> {
        std::mem::take(&mut self.new)
    }
}

fn draw(font: &FontData, coords: &[i16], glyph: u32) -> Option<(CellGpu, Vec<u8>)> {
    let font = FontRef::from_index(font.data.data(), font.index).ok()?;
    let coords: Vec<NormalizedCoord> =
        coords.iter().map(|c| NormalizedCoord::from_bits(*c)).collect();
    let location = LocationRef::new(&coords);
    let em = f64::from(font.metrics(Size::unscaled(), location).units_per_em);
    let outline = font.outline_glyphs().get(GlyphId::new(glyph))?;
    let settings = || DrawSettings::unhinted(Size::unscaled(), location);
    let (mut pen, mut bounds) = (ShapePen::default(), ControlBoundsPen::new());
    outline.draw(settings(), &mut pen).ok()?;
    outline.draw(settings(), &mut bounds).ok()?;
    let bounds = bounds.bounding_box()?;
    let mut shape = pen.shape;
    if shape.contours.is_empty() || em <= 0.0 {
        return None;
    }
    let (w, h) = (f64::from(bounds.x_max - bounds.x_min), f64::from(bounds.y_max - bounds.y_min));
    let scale = (EM_PX / em).min((f64::from(CELL_PX) - 2.0 * PAD_PX) / w.max(h).max(1.0));
    let (tx, ty) =
        (PAD_PX - f64::from(bounds.x_min) * scale, PAD_PX + f64::from(bounds.y_max) * scale);
    let matrix = Matrix3::new(scale, 0.0, tx, 0.0, -scale, ty, 0.0, 0.0, 1.0);
    shape.transform(&Affine2::from_matrix_unchecked(matrix));
    let colored = Shape::edge_coloring_simple(shape, 0.03, 69_441_337_420);
    let prepared = colored.prepare();
    let mut field = Rgb32FImage::new(CELL_PX, CELL_PX);
    generate_msdf(&prepared, RANGE_PX, &mut field);
    correct_error_msdf(
        &mut field,
        &colored,
        &prepared,
        RANGE_PX,
        &ErrorCorrectionConfig::default(),
    );
    correct_sign_msdf(&mut field, &prepared, FillRule::Nonzero);
    let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
    let pixels =
        field.pixels().flat_map(|p| [byte(p.0[0]), byte(p.0[1]), byte(p.0[2]), 255]).collect();
    let px_per_em = scale * em;
    let place = CellGpu {
        left: (-tx / px_per_em) as f32,
        top: (-ty / px_per_em) as f32,
        edge: (f64::from(CELL_PX) / px_per_em) as f32,
        colored: 0.0,
    };
    Some((place, pixels))
}

/// A glyph that is a picture, as emoji are: shrunk into a cell, colours multiplied by alpha.
fn colored(font: &FontData, glyph: u32) -> Option<(CellGpu, Vec<u8>)> {
    let font = FontRef::from_index(font.data.data(), font.index).ok()?;
    let strike = font.bitmap_strikes().glyph_for_size(Size::new(CELL_PX as f32), glyph.into())?;
    let (width, height) = (strike.width, strike.height);
    let pixels = match strike.data {
        BitmapData::Png(png) => {
            image::load_from_memory_with_format(png, image::ImageFormat::Png).ok()?.to_rgba8()
        }
        BitmapData::Bgra(bgra) => {
            let rgba = bgra.chunks_exact(4).flat_map(|p| [p[2], p[1], p[0], p[3]]).collect();
            image::RgbaImage::from_raw(width, height, rgba)?
        }
        BitmapData::Mask(_) => return None,
    };
    let (width, height) = pixels.dimensions();
    // A border of one pixel, so that neighbours do not bleed in.
    let room = CELL_PX - 2;
    let longest = width.max(height).max(1);
    let fit = |v: u32| (v * room / longest).max(1);
    let small = image::imageops::thumbnail(&pixels, fit(width), fit(height));
    let mut cell = vec![0u8; (CELL_PX * CELL_PX * 4) as usize];
    for (x, y, pixel) in small.enumerate_pixels() {
        let at = (((y + 1) * CELL_PX + x + 1) * 4) as usize;
        let alpha = u32::from(pixel.0[3]);
        let multiplied = |v: u8| (u32::from(v) * alpha / 255) as u8;
        let [r, g, b, a] = pixel.0;
        cell[at..at + 4].copy_from_slice(&[multiplied(r), multiplied(g), multiplied(b), a]);
    }
    let ppem = strike.ppem_y.max(1.0);
    // Cell pixels an em of the strike.
    let px_per_em = ppem * room as f32 / longest as f32;
    let top = if strike.placement_origin == Origin::TopLeft {
        -strike.inner_bearing_y / ppem
    } else {
        -(strike.inner_bearing_y + height as f32) / ppem
    };
    let place = CellGpu {
        left: strike.inner_bearing_x / ppem - 1.0 / px_per_em,
        top: top - 1.0 / px_per_em,
        edge: CELL_PX as f32 / px_per_em,
        colored: 1.0,
    };
    Some((place, cell))
}

/// Outlines as fdsm wants them: no segments without length, no curves that are lines.
#[derive(Default)]
struct ShapePen {
    shape: Shape<Contour>,
    segments: Vec<Segment>,
    start: Point,
    now: Point,
}

fn point(x: f32, y: f32) -> Point {
    Point::new(f64::from(x), f64::from(y))
}

impl ShapePen {
    fn line(&mut self, p: Point) {
        if (p - self.now).norm_squared() > 1e-12 {
            self.segments.push(Segment::line(self.now, p));
        }
        self.now = p;
    }

    fn flush(&mut self) {
        self.line(self.start);
        if !self.segments.is_empty() {
            self.shape.contours.push(Contour { segments: std::mem::take(&mut self.segments) });
        }
    }
}

impl OutlinePen for ShapePen {
    fn move_to(&mut self, x: f32, y: f32) {
        if !self.segments.is_empty() {
            self.flush();
        }
        self.start = point(x, y);
        self.now = self.start;
    }
    fn line_to(&mut self, x: f32, y: f32) {
        self.line(point(x, y));
    }
    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let (c, p) = (point(cx, cy), point(x, y));
        if (c - self.now).perp(&(p - c)).abs() < 1e-6 {
            return self.line(p);
        }
        self.segments.push(Segment::quad(self.now, c, p));
        self.now = p;
    }
    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let (mut a, mut b, p, o) = (point(ax, ay), point(bx, by), point(x, y), self.now);
        if (a - o).perp(&(p - o)).abs() < 1e-6 && (b - o).perp(&(p - o)).abs() < 1e-6 {
            return self.line(p);
        }
        if (a - o).norm_squared() < 1e-12 {
            a = o + (b - o) * 1e-3;
        }
        if (b - p).norm_squared() < 1e-12 {
            b = p + (a - p) * 1e-3;
        }
        self.segments.push(Segment::cubic(o, a, b, p));
        self.now = p;
    }
    fn close(&mut self) {
        self.flush();
    }
}
