//! Rows of values to what encoders want (I420, BT.709, limited range) and to RGBA.

use super::grade::Row;

/// Upper 16 bits of a product.
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// Brightness of a row.
pub(super) fn luma(row: &Row, out: &mut [u8]) {
    let [r, g, b] = &row.planes;
    let n = out.len().min(r.len()).min(g.len()).min(b.len());
    let (r, g, b, out) = (&r[..n], &g[..n], &b[..n], &mut out[..n]);
    for x in 0..n {
        // Halves, so that no factor leaves 15 bits; 16 is added as 1,024, and 32 rounds.
        let half = high(r[x], 5_983) + high(g[x], 20_127) + high(b[x], 2_032);
        out[x] = ((half + 1_024 + 33) >> 6) as u8;
    }
}

/// Colour of two rows, averaged over 2 × 2 pixels. `sums` is memory to work in.
pub(super) fn chroma(rows: &[Row; 2], sums: &mut [Vec<i16>; 3], blue: &mut [u8], red: &mut [u8]) {
    let n = blue.len().min(red.len());
    for (c, sums) in sums.iter_mut().enumerate() {
        sums.resize(n, 0);
        let (top, bottom) = (&rows[0].planes[c], &rows[1].planes[c]);
        let pairs = top.chunks_exact(2).zip(bottom.chunks_exact(2));
        for (sum, (a, b)) in sums.iter_mut().zip(pairs) {
            let four = i32::from(a[0]) + i32::from(a[1]) + i32::from(b[0]) + i32::from(b[1]);
            *sum = (four >> 2) as i16;
        }
    }
    let [r, g, b] = sums;
    let (r, g, b) = (&r[..n], &g[..n], &b[..n]);
    let (blue, red) = (&mut blue[..n], &mut red[..n]);
    for x in 0..n {
        let toward_blue = high(b[x], 28_784) - high(r[x], 6_596) - high(g[x], 22_189);
        blue[x] = ((toward_blue + 16_384 + 64) >> 7) as u8;
        let toward_red = high(r[x], 28_784) - high(g[x], 26_145) - high(b[x], 2_639);
        red[x] = ((toward_red + 16_384 + 64) >> 7) as u8;
    }
}

/// A row as RGBA.
pub(super) fn rgba(row: &Row, out: &mut [u8]) {
    let [r, g, b] = &row.planes;
    let byte = |v: i16| ((v + 64) >> 7) as u8;
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
