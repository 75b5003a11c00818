//! What is drawn at which size. Everything has a floor in physical pixels, so that the screen
//! bounds the work, not the board.

use oto_board::note::NOTE_EDGE;

/// Letters are drawn from this font size on; below, one bar stands for each line. A set of tiles at
/// a quarter is stretched down to this size, so a zoom changes from one to the other once.
const LEAST_FONT_PX: f64 = 3.88;
/// Bars from this font size on; below, nothing.
const LEAST_BAR_PX: f64 = 1.5;
/// Font size that decides for a whole note.
const COMMON_FONT: f64 = 22.0;
/// Soft edge and shadow from this edge of a note on.
const LEAST_RIM_PX: f64 = 7.0;
/// A pin from this edge of a note on.
const LEAST_PIN_PX: f64 = 12.0;
/// An ordinary note below this edge is drawn on the CPU, thousands at a time.
const LEAST_GPU_PX: f64 = 8.0;
/// Width of a string in world units.
const TWINE_WIDTH: f64 = 4.2;
/// Strings cast a shadow from this width on; as with letters, a whole set of tiles does or does not.
const LEAST_TWINE_SHADOW_PX: f64 = 1.48;
/// Strings shorter than this are not drawn.
pub(crate) const LEAST_TWINE_PX: f64 = 3.0;

/// The level of detail of one drawing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lod {
    pub(crate) px_per_unit: f64,
    cheap: bool,
}

impl Lod {
    pub(crate) fn new(px_per_unit: f64, cheap: bool) -> Self {
        Self { px_per_unit, cheap }
    }

    pub(crate) fn has_letters(self) -> bool {
        COMMON_FONT * self.px_per_unit >= LEAST_FONT_PX
    }

    /// A single letter of a note that has letters.
    pub(crate) fn shows_letter(self, size: f32) -> bool {
        f64::from(size) * self.px_per_unit >= LEAST_FONT_PX * 0.55
    }

    pub(crate) fn has_bars(self) -> bool {
        COMMON_FONT * self.px_per_unit >= LEAST_BAR_PX
    }

    /// True when ordinary notes are too small for triangles.
    pub(crate) fn is_far(self) -> bool {
        NOTE_EDGE * self.px_per_unit < LEAST_GPU_PX
    }

    /// Size class below which a far drawing leaves a note to the CPU.
    pub(crate) fn least_gpu_edge(self) -> f64 {
        if self.is_far() { 24.0 / self.px_per_unit } else { 0.0 }
    }

    pub(crate) fn has_rim(self, class_edge: f64) -> bool {
        class_edge * self.px_per_unit >= LEAST_RIM_PX
    }

    pub(crate) fn has_pin(self, class_edge: f64) -> bool {
        class_edge * self.px_per_unit >= LEAST_PIN_PX
    }

    pub(crate) fn has_twine_shadows(self) -> bool {
        TWINE_WIDTH * self.px_per_unit >= LEAST_TWINE_SHADOW_PX
    }

    /// Strings over their own notes: pointless when the pin's band is a pixel high.
    pub(crate) fn has_stubs(self) -> bool {
        NOTE_EDGE * self.px_per_unit >= 16.0
    }

    /// Index into [`oto_shaders::TWINE_SEGMENTS`] for the part of a string that hangs `sag_px`:
    /// so many that no chord is further than a sixth of a pixel from the curve.
    pub(crate) fn segments(part: f64, sag_px: f64) -> u32 {
        match part * (sag_px / 0.16).sqrt() {
            n if n <= 1.0 => 0,
            n if n <= 4.0 => 1,
            n if n <= 16.0 => 2,
            _ => 3,
        }
    }

    /// True for a string of which only so many are drawn.
    pub(crate) fn is_long(self, length: f64) -> bool {
        length * self.px_per_unit > 240.0
    }

    /// Strings in one far layer at most.
    pub(crate) fn most_far_twines(self) -> usize {
        if self.cheap { 3_000 } else { 10_000 }
    }

    /// Long strings in one drawing at most.
    pub(crate) fn most_long_twines(self) -> usize {
        if self.cheap { 500 } else { 20_000 }
    }
}

/// What a drawing costs, in microseconds of a software adapter with two cores; the sizes of the
/// terms were measured there. Counted, not timed, so that the same board always draws alike.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Work {
    pub(crate) pixels: f64,
    pub(crate) notes: usize,
    pub(crate) glyphs: usize,
    pub(crate) twines: [usize; 4],
    pub(crate) stubs: usize,
    pub(crate) far_notes: usize,
    pub(crate) far_twine_px: f64,
}

impl Work {
    pub(crate) fn cost_us(&self) -> f64 {
        let twine_price = [4.0, 8.0, 14.0, 30.0];
        let twines: f64 = self.twines.iter().zip(twine_price).map(|(n, us)| *n as f64 * us).sum();
        500.0
            + self.pixels * 0.005
            + self.notes as f64 * 4.0
            + self.glyphs as f64 * 1.2
            + twines
            + self.stubs as f64 * 3.0
            + self.far_notes as f64 * 0.03
            + self.far_twine_px * 0.004
    }
}
