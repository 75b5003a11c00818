//! The texture of the wall, made once.

/// Edge of the texture, its period in pixels.
pub(super) const EDGE: u32 = 1_024;
/// Bytes for a darkness of one; the same in `paper.wgsl`.
const SCALE: f32 = 400.0;

fn lattice(x: i32, y: i32, period: [i32; 2], seed: u32) -> f32 {
    let (x, y) = (x.rem_euclid(period[0]) as u32, y.rem_euclid(period[1]) as u32);
    let mut h =
        x.wrapping_mul(0x85eb_ca6b) ^ y.wrapping_mul(0xc2b2_ae35) ^ seed.wrapping_mul(0x27d4_eb2f);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    (h ^ (h >> 15)) as f32 / u32::MAX as f32
}

/// Smooth value noise that repeats after `period` cells.
fn noise(x: f32, y: f32, period: [i32; 2], seed: u32) -> f32 {
    let (ix, iy) = (x.floor(), y.floor());
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (smooth(x - ix), smooth(y - iy));
    let at = |dx: i32, dy: i32| lattice(ix as i32 + dx, iy as i32 + dy, period, seed);
    let top = at(0, 0) + (at(1, 0) - at(0, 0)) * u;
    let bottom = at(0, 1) + (at(1, 1) - at(0, 1)) * u;
    top + (bottom - top) * v
}

/// One period of a noise as bytes, `edge` square.
fn layer(edge: u32, octaves: &[([i32; 2], u32, f32)]) -> Vec<f32> {
    let mut out = vec![0.0; (edge * edge) as usize];
    for (index, value) in out.iter_mut().enumerate() {
        let (x, y) = (index as u32 % edge, index as u32 / edge);
        let (fx, fy) = (x as f32 / edge as f32, y as f32 / edge as f32);
        for (cells, seed, strength) in octaves {
            *value += strength * noise(fx * cells[0] as f32, fy * cells[1] as f32, *cells, *seed);
        }
    }
    out
}

/// Darkness of the paper, one byte a texel, 128 for none: fine grain, long horizontal fibres and
/// large mottling in one, so that the wall is one sample a pixel.
pub(super) fn texture() -> Vec<u8> {
    // The fine layers repeat after half an edge, which the mottling hides.
    let half = EDGE / 2;
    let grain = layer(half, &[([256, 256], 1, 0.6), ([512, 512], 2, 0.4)]);
    let fibre = layer(half, &[([6, 128], 3, 0.4), ([14, 256], 4, 0.35), ([24, 384], 7, 0.25)]);
    let coarse = 64;
    let mottle = layer(coarse, &[([3, 3], 5, 0.6), ([7, 7], 6, 0.4)]);
    let step = EDGE / coarse;
    let mottle_at = |x: u32, y: u32| {
        let at = |dx: u32, dy: u32| {
            let (x, y) = ((x / step + dx) % coarse, (y / step + dy) % coarse);
            mottle[(y * coarse + x) as usize]
        };
        let (u, v) = ((x % step) as f32 / step as f32, (y % step) as f32 / step as f32);
        let top = at(0, 0) + (at(1, 0) - at(0, 0)) * u;
        top + (at(0, 1) + (at(1, 1) - at(0, 1)) * u - top) * v
    };
    let mut out = Vec::with_capacity((EDGE * EDGE) as usize);
    for y in 0..EDGE {
        for x in 0..EDGE {
            let fine = (y % half * half + x % half) as usize;
            let shade = (grain[fine] - 0.5) * 0.20
                + (fibre[fine] - 0.5) * 0.13
                + (mottle_at(x, y) - 0.5) * 0.17;
            out.push((128.0 + shade * SCALE).clamp(0.0, 255.0) as u8);
        }
    }
    out
}
