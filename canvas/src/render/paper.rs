//! The texture of the wall, made once: tileable grain (red), long fibres (green), mottling (blue).

/// Edge of the texture.
pub(super) const EDGE: u32 = 512;

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

/// RGBA of the whole texture.
pub(super) fn texture() -> Vec<u8> {
    let edge = EDGE as f32;
    let mut out = Vec::with_capacity((EDGE * EDGE * 4) as usize);
    for y in 0..EDGE {
        for x in 0..EDGE {
            let (fx, fy) = (x as f32 / edge, y as f32 / edge);
            let at = |cells: [i32; 2], seed: u32| {
                noise(fx * cells[0] as f32, fy * cells[1] as f32, cells, seed)
            };
            let grain = at([256, 256], 1) * 0.6 + at([512, 512], 2) * 0.4;
            let fibre = at([6, 128], 3) * 0.4 + at([14, 256], 4) * 0.35 + at([24, 384], 7) * 0.25;
            let mottle = at([3, 3], 5) * 0.6 + at([7, 7], 6) * 0.4;
            let byte = |v: f32| (v.clamp(0.0, 1.0) * 255.0) as u8;
            out.extend_from_slice(&[byte(grain), byte(fibre), byte(mottle), 255]);
        }
    }
    out
}
