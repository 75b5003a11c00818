//! The view of a drawing for the shaders, computed in f64.

use oto_shaders::{AnchorGpu, N_CLASSES, PAGE_EDGES, ViewGpu};

/// Texels after which the wall repeats in both octaves.
const WALL_PERIOD: f64 = super::paper::EDGE as f64;

/// `center` in world units, `size_px` in physical pixels, `lift` in world units.
pub(super) fn view_gpu(
    center: [f64; 2],
    size_px: [f64; 2],
    px_per_unit: f64,
    scale_factor: f64,
    lift: [f64; 2],
    cheap: bool,
    dark: bool,
) -> ViewGpu {
    let octaves = (px_per_unit / scale_factor).log2();
    let wall_scale = octaves.floor().exp2();
    let mut anchors = [AnchorGpu::default(); N_CLASSES];
    for (class, anchor) in anchors.iter_mut().enumerate() {
        let span = (class as f64).exp2() * PAGE_EDGES;
        let cell = center.map(|v| (v / span).floor());
        // Cells wrap at 32 bits: the shader uses differences only.
        anchor.cell = cell.map(|v| v as i64 as i32);
        anchor.rest = [0, 1].map(|i| (center[i] - cell[i] * span) as f32);
    }
    ViewGpu {
        size_px: size_px.map(|v| v as f32),
        paper_origin: center.map(|v| (v * wall_scale).rem_euclid(WALL_PERIOD) as f32),
        px_per_unit: px_per_unit as f32,
        cheap: f32::from(u8::from(cheap)),
        dark: f32::from(u8::from(dark)),
        scale_factor: scale_factor as f32,
        lift_px: lift.map(|v| (v * px_per_unit) as f32),
        wall_scale: wall_scale as f32,
        wall_blend: (octaves - octaves.floor()) as f32,
        anchors,
    }
}
