//! Colours chosen by words: hours of the day, places, seasons.

use oto_media::maths::Rng;
use oto_media::tiny_skia::Color;

pub(super) type Rgb = [f32; 3];

/// Colours of one picture, each 0..=255.
pub(super) struct Palette {
    /// Sky from top to horizon.
    pub(super) sky: [Rgb; 3],
    /// Sun or moon.
    pub(super) disc: Rgb,
    /// Far to near.
    pub(super) land: [Rgb; 2],
    /// For patterns, strokes and posters, lightest first.
    pub(super) inks: [Rgb; 6],
    /// Light enough that the disc is a moon.
    pub(super) night: bool,
}

const fn hex(v: u32) -> Rgb {
    [(v >> 16 & 255) as f32, (v >> 8 & 255) as f32, (v & 255) as f32]
}

const fn inks(v: [u32; 6]) -> [Rgb; 6] {
    [hex(v[0]), hex(v[1]), hex(v[2]), hex(v[3]), hex(v[4]), hex(v[5])]
}

type Row = (&'static [&'static str], [u32; 3], u32, [u32; 2], [u32; 6], bool);

const ROWS: [Row; 8] = [
    (
        &["dawn", "sunrise", "morning", "aube", "matin", "wakes", "réveil", "éveil"],
        [0xffb47a, 0xffc998, 0xffe3c0],
        0xfff3d0,
        [0xb79ac2, 0x6d4f93],
        [0xfff1dc, 0xffc998, 0xf58f6c, 0xb79ac2, 0x6d4f93, 0x3b2a5c],
        false,
    ),
    (
        &["dusk", "sunset", "evening", "soir", "crépuscule", "couch"],
        [0x2f3560, 0xa1586f, 0xff8f5a],
        0xffe2ad,
        [0x5b3f63, 0x241d38],
        [0xffe9c9, 0xffb077, 0xe8635a, 0x8a4a6b, 0x463560, 0x221c36],
        false,
    ),
    (
        &["night", "nuit", "moon", "lune", "star", "étoile", "midnight"],
        [0x10162e, 0x1d2a52, 0x3f5486],
        0xf6f1d8,
        [0x2a3763, 0x0e1430],
        [0xf6f1d8, 0x9db4d8, 0x5472ad, 0x30457f, 0x1b2650, 0x0d1330],
        true,
    ),
    (
        &["rain", "pluie", "wet", "storm", "grey", "gris", "fog", "brume", "winter", "hiver"],
        [0x5f7488, 0x8296a5, 0xb9c4c8],
        0xeef1ea,
        [0x6f828f, 0x34424f],
        [0xedf0ec, 0xb9c8cc, 0x84a0ad, 0x557588, 0x37505f, 0x1f2d38],
        false,
    ),
    (
        &["sea", "ocean", "beach", "mer", "plage", "island", "boat", "bateau", "blue", "bleu"],
        [0x4fa3c7, 0x8fcbdc, 0xe3f0e4],
        0xfffbe6,
        [0x5c9fb0, 0x1f5a72],
        [0xfdf6e3, 0xf2c879, 0x8fcbdc, 0x3f97b8, 0x1f6a8a, 0x12384f],
        false,
    ),
    (
        &["forest", "forêt", "tree", "arbre", "green", "vert", "garden", "jardin", "spring"],
        [0x9cc7b4, 0xc7dfbd, 0xf1f0cf],
        0xfffadf,
        [0x86ab84, 0x24523f],
        [0xf7f3d9, 0xd7dc8f, 0x9bbd78, 0x5b8f62, 0x2f674d, 0x183a30],
        false,
    ),
    (
        &["desert", "autumn", "automne", "gold", "fire", "feu", "bee", "abeille", "honey"],
        [0xf0b65d, 0xf6cf86, 0xfdeebf],
        0xfffbe0,
        [0xd9924b, 0x8a4b2a],
        [0xfdf0cc, 0xf3c65f, 0xe89a3c, 0xc9652f, 0x8a3f2a, 0x4a2420],
        false,
    ),
    (
        &["day", "jour", "summer", "été", "noon", "city", "ville"],
        [0x6fb3dd, 0xa9d5e8, 0xf4ead2],
        0xfffae0,
        [0x8aa9a4, 0x3c5f63],
        [0xfbf3e2, 0xf2b84b, 0xe0633f, 0x3e8e8c, 0x2f5f8f, 0x23304a],
        false,
    ),
];

impl Palette {
    pub(super) fn for_words(words: &str, rng: &mut Rng) -> Self {
        let named = ROWS.iter().find(|row| row.0.iter().any(|w| words.contains(w)));
        let index = rng.below(ROWS.len() as u32) as usize;
        let (_, sky, disc, land, of, night) = named.unwrap_or(&ROWS[index]);
        Self {
            sky: sky.map(hex),
            disc: hex(*disc),
            land: land.map(hex),
            inks: inks(*of),
            night: *night,
        }
    }
}

pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

pub(super) fn color(rgb: Rgb, alpha: f32) -> Color {
    let c = |v: f32| v.clamp(0.0, 255.0) as u8;
    Color::from_rgba8(c(rgb[0]), c(rgb[1]), c(rgb[2]), (alpha.clamp(0.0, 1.0) * 255.0) as u8)
}
