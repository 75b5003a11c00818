//! What is drawn at which size. Everything has a floor in physical pixels, so that the screen
//! bounds the work, not the board.

use oto_board::note::NOTE_EDGE;

use crate::tiles::{TILE_PX, level_of};

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
/// The same where the graphics adapter is a CPU too: from where on bars stand for words.
const LEAST_GPU_PX_CHEAP: f64 = 13.6;
/// Width of a string in world units.
const TWINE_WIDTH: f64 = 4.2;
/// Strings cast a shadow from this width on; as with letters, a whole set of tiles does or does not.
const LEAST_TWINE_SHADOW_PX: f64 = 1.48;
/// Strings show over their own notes from this edge of a note on: the band is five pixels high.
const LEAST_STUB_PX: f64 = 35.0;
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

    /// Notes show their picture from this edge in pixels on; below, its average colour.
    pub(crate) fn least_picture_px(self) -> f64 {
        if self.cheap { 32.0 } else { 14.0 }
    }

    /// True when ordinary notes are too small for triangles.
    pub(crate) fn is_far(self) -> bool {
        NOTE_EDGE * self.px_per_unit < if self.cheap { LEAST_GPU_PX_CHEAP } else { LEAST_GPU_PX }
    }

    /// True where strings are so thin that a CPU draws them faster as lines than a software adapter
    /// as triangles, with nothing lost: no twist and no shadow is seen.
    pub(crate) fn has_thin_twines(self) -> bool {
        self.cheap && !self.has_twine_shadows()
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
        NOTE_EDGE * self.px_per_unit >= LEAST_STUB_PX
    }

    /// Index into [`oto_shaders::TWINE_SEGMENTS`] for this part of a string with this sag in world
    /// units: so many that no chord is far from the curve.
    pub(crate) fn segments(self, part: f64, sag: f64) -> u32 {
        // Pixels that a chord may be off.
        let off = if self.has_twine_shadows() { 0.16 } else { 0.5 };
        match part * (sag * self.px_per_unit / off).sqrt() {
            n if n <= 1.0 => 0,
            n if n <= 4.0 => 1,
            n if n <= 16.0 => 2,
            _ => 3,
        }
    }

    /// The level of tiles that stand in for this scale. By it strings are thinned, so that as many
    /// are there while a zoom goes on as when it has ended.
    fn level(self) -> Self {
        Self { px_per_unit: level_of(self.px_per_unit), ..self }
    }

    /// True for a string of which only so many are drawn.
    pub(crate) fn is_long(self, length: f64) -> bool {
        length * self.level().px_per_unit > 240.0
    }

    /// Which part of the long strings is drawn, so that about `most` cross a tile: a power of a
    /// half, from the whole board alone, so that no string ends where a tile does. `extents` are
    /// numbers of strings by extent, `area` is that of the board in square units.
    pub(crate) fn part_of_long(
        self,
        extents: impl Iterator<Item = (f64, u32)>,
        area: f64,
        most: f64,
    ) -> f64 {
        // Lines of length L in an area A cross a convex piece with the perimeter P about
        // L P / (pi A) times (Crofton 1868).
        let long = extents.filter(|(edge, _)| self.is_long(*edge));
        let length: f64 = long.map(|(edge, n)| edge * 0.7 * f64::from(n)).sum();
        let perimeter = 4.0 * f64::from(TILE_PX) / self.level().px_per_unit;
        let crossing = length * perimeter / (std::f64::consts::PI * area.max(1.0));
        if crossing <= most { 1.0 } else { (most / crossing).log2().floor().exp2() }
    }

    /// Long strings across one tile.
    pub(crate) fn most_long_twines(self) -> f64 {
        match (self.cheap, self.level().is_far()) {
            (true, false) => 120.0,
            (true, true) => 300.0,
            (false, false) => 3_000.0,
            (false, true) => 1_500.0,
        }
    }
}

/// True when a string is among the part that is drawn: a stable hash decides.
pub(crate) fn is_in_part(slot: u32, part: f64) -> bool {
    part >= 1.0 || f64::from(slot.wrapping_mul(0x9e37_79b1)) < part * 4_294_967_296.0
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
    pub(crate) far_note_px: f64,
    pub(crate) far_twine_px: f64,
}

impl Work {
    pub(crate) fn cost_us(&self) -> f64 {
        let twine_price = [8.0, 16.0, 40.0, 70.0];
        let twines: f64 = self.twines.iter().zip(twine_price).map(|(n, us)| *n as f64 * us).sum();
        1_200.0
            + self.pixels * 0.012
            + self.notes as f64 * 8.0
            + self.glyphs as f64 * 2.5
            + twines
            + self.stubs as f64 * 10.0
            + self.far_notes as f64 * 0.2
            + self.far_note_px * 0.008
            + self.far_twine_px * 0.04
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hairball_is_thinned_and_a_tidy_board_is_not() {
        let lod = Lod::new(1.0, true);
        let area = 1e10;
        assert_eq!(lod.part_of_long([(512.0, 1_000)].into_iter(), area, 120.0), 1.0);
        let part = lod.part_of_long([(131_072.0, 1_000_000)].into_iter(), area, 120.0);
        assert!(part < 0.05 && part.log2().fract() == 0.0, "{part}");
        let kept = (0..100_000).filter(|slot| is_in_part(*slot, 0.25)).count();
        assert!((24_000..26_000).contains(&kept), "{kept}");
        // Short ones are never thinned.
        let far = Lod::new(0.01, true);
        assert_eq!(far.part_of_long([(512.0, 1_000_000)].into_iter(), area, 120.0), 1.0);
    }
}
