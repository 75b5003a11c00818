//! Between bytes and light: sRGB in both directions, by roots that give the same bits everywhere.

use std::sync::LazyLock;

/// A pixel in linear light; the fourth lane only makes it one vector.
pub(super) type Light = [f32; 4];

/// Light of a byte.
pub(super) static LINEAR: LazyLock<[f32; 256]> =
    LazyLock::new(|| std::array::from_fn(|i| decode(i as f64 / 255.0) as f32));

/// The `n`th root by Newton, from above.
fn root(x: f64, n: i32) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let mut y = x.max(1.0);
    for _ in 0..120 {
        let power = (1..n).fold(1.0, |p, _| p * y);
        let next = y - (power * y - x) / (f64::from(n) * power);
        // Once it no longer falls it is as near as numbers allow.
        if next >= y {
            break;
        }
        y = next;
    }
    y
}

/// Linear light of an sRGB value in 0..=1.
pub(super) fn decode(v: f64) -> f64 {
    if v <= 0.040_45 {
        v / 12.92
    } else {
        let u = (v + 0.055) / 1.055;
        // u^2.4
        u * u * root(u * u, 5)
    }
}

/// sRGB value of linear light in 0..=1.
pub(super) fn encode(v: f64) -> f64 {
    if v <= 0.003_130_8 {
        v * 12.92
    } else {
        // v^(5/12)
        let twelfth = root(v.sqrt().sqrt(), 3);
        let square = twelfth * twelfth;
        1.055 * square * square * twelfth - 0.055
    }
}

/// The light of an sRGB colour.
pub(super) fn light(rgb: [u8; 3]) -> Light {
    let [r, g, b] = rgb.map(|v| LINEAR[usize::from(v)]);
    [r, g, b, 0.0]
}

/// `a` towards `b`.
pub(super) fn mix(a: Light, b: Light, amount: f32) -> Light {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_light() {
        for i in 0..=255u8 {
            let v = f64::from(i) / 255.0;
            assert!((encode(decode(v)) - v).abs() < 1e-9);
            let platform = if v <= 0.040_45 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) };
            assert!((decode(v) - platform).abs() < 1e-9, "{i}");
        }
    }
}
