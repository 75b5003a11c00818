//! Rows of values to what encoders want (I420, BT.709, limited range) and to RGBA.

use super::grade::Row;

// All whole numbers here wrap: they cannot leave their range, and a check would keep the compiler
// from taking eight of them at once.

/// Upper 16 bits of a product.
#[inline]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Brightness of a row.
pub(super) fn luma(row: &Row, out: &mut [u8]) {
    let [r, g, b] = &row.planes;
    for (((out, r), g), b) in out.iter_mut().zip(r).zip(g).zip(b) {
        // Halves, so that no factor leaves 15 bits; 16 is added as 1,024, and 33 rounds.
        let half = high(*r, 5_983).wrapping_add(high(*g, 20_127)).wrapping_add(high(*b, 2_032));
        *out = (half.wrapping_add(1_024 + 33) >> 6) as u8;
    }
}

/// Colour of two rows, averaged over 2 × 2 pixels. `sums` is memory to work in.
pub(super) fn chroma(rows: &[Row; 2], sums: &mut [Vec<i16>; 3], blue: &mut [u8], red: &mut [u8]) {
    let n = blue.len().min(red.len());
    for (c, sums) in sums.iter_mut().enumerate() {
        sums.resize(n, 0);
        average(&rows[0].planes[c], &rows[1].planes[c], sums);
    }
    let [r, g, b] = sums;
    let shift = |v: i16| (v.wrapping_add(16_384 + 64) >> 7) as u8;
    for ((((blue, red), r), g), b) in blue.iter_mut().zip(red).zip(r).zip(g).zip(b) {
        let toward_blue = high(*b, 28_784).wrapping_sub(high(*r, 6_596));
        *blue = shift(toward_blue.wrapping_sub(high(*g, 22_189)));
        let toward_red = high(*r, 28_784).wrapping_sub(high(*g, 26_145));
        *red = shift(toward_red.wrapping_sub(high(*b, 2_639)));
    }
}

fn average(top: &[i16], bottom: &[i16], out: &mut [i16]) {
    let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
    for (out, (a, b)) in out.iter_mut().zip(pairs) {
        let two = |a: i16, b: i16| (a >> 1).wrapping_add(b >> 1).wrapping_add(a & b & 1);
        *out = two(two(a[0], b[0]), two(a[1], b[1]));
    }
}

/// A row as RGBA.
pub(super) fn rgba(row: &Row, out: &mut [u8]) {
    let [r, g, b] = &row.planes;
    let byte = |v: i16| (v.wrapping_add(64) >> 7) as u8;
    for (pixel, ((r, g), b)) in out.chunks_exact_mut(4).zip(r.iter().zip(g).zip(b)) {
        pixel.copy_from_slice(&[byte(*r), byte(*g), byte(*b), 255]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_standard() {
        for rgb in
            [[0u8, 0, 0], [255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 140, 33]]
        {
            let row = Row { planes: rgb.map(|v| vec![i16::from(v) << 7; 16]) };
            let [r, g, b] = rgb.map(|v| f64::from(v) / 255.0);
            let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
            let wanted = [
                16.0 + 219.0 * y,
                128.0 + 224.0 * (b - y) / 1.8556,
                128.0 + 224.0 * (r - y) / 1.5748,
            ];
            let (mut light, mut blue, mut red) = ([0; 16], [0; 8], [0; 8]);
            luma(&row, &mut light);
            chroma(&[row.clone(), row.clone()], &mut Default::default(), &mut blue, &mut red);
            for (got, wanted) in [light[3], blue[3], red[3]].into_iter().zip(wanted) {
                assert!((f64::from(got) - wanted).abs() <= 0.75, "{rgb:?}: {got} {wanted}");
            }
            let mut out = [0; 64];
            rgba(&row, &mut out);
            assert_eq!(out[..4], [rgb[0], rgb[1], rgb[2], 255]);
        }
    }
}
