//! Landscapes: a sky with clouds and a sun or moon, then hills, a skyline, trees or water from far
//! to near, each paler the farther it is, and weather in front.

use oto_media::maths::{Rng, fbm, smoothstep};
use oto_media::tiny_skia::{
    FillRule, LineCap, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};

use super::palette::{Palette, Rgb, color, mix};

const CITY: &[&str] = &[
    "city", "ville", "town", "street", "rue", "lisbon", "lisbonne", "paris", "tram", "roof",
    "toit", "house", "maison", "london", "tokyo", "skyline", "window",
];
const WATER: &[&str] = &[
    "sea", "mer", "ocean", "lake", "lac", "river", "fleuve", "beach", "plage", "boat", "bateau",
    "water", "harbour", "port",
];
const TREES: &[&str] =
    &["forest", "forêt", "tree", "arbre", "wood", "bois", "garden", "jardin", "pine"];
const WEATHER: &[&str] = &["rain", "pluie", "storm", "wet", "tempête"];
const SNOW: &[&str] = &["snow", "neige", "winter", "hiver"];
const OTHER: &[&str] = &[
    "mountain",
    "montagne",
    "hill",
    "colline",
    "landscape",
    "paysage",
    "valley",
    "sky",
    "ciel",
    "dawn",
    "sunset",
    "night",
    "moon",
    "desert",
    "aube",
    "nuit",
];

fn has(words: &str, list: &[&str]) -> bool {
    list.iter().any(|w| words.contains(w))
}

/// True when the words name something this style can hint at.
pub(super) fn has_motif(words: &str) -> bool {
    [CITY, WATER, TREES, WEATHER, SNOW, OTHER].iter().any(|list| has(words, list))
}

pub(super) fn paint(canvas: &mut Pixmap, words: &str, palette: &Palette, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let seed = rng.next_u32();
    let horizon = h * rng.range(0.56, 0.68);
    sky(canvas, palette, horizon, seed);
    let disc = [w * rng.range(0.22, 0.78), horizon * rng.range(0.35, 0.72)];
    sun(canvas, palette, disc, w.min(h) * rng.range(0.07, 0.11));
    let (city, water, trees) = (has(words, CITY), has(words, WATER), has(words, TREES));
    let layers = if city { 4 } else { 5 };
    for layer in 0..layers {
        let depth = layer as f32 / (layers - 1) as f32;
        let tint = mix(
            mix(palette.land[0], palette.sky[2], 0.45 * (1.0 - depth)),
            palette.land[1],
            depth * 0.95,
        );
        let base = horizon + (h - horizon) * (depth * 0.55 - 0.06);
        if city && layer > 0 {
            let base = horizon + (h - horizon) * (depth * depth * 0.42 - 0.05);
            skyline(canvas, tint, palette, base, depth, rng);
        } else {
            ridge(
                canvas,
                tint,
                base,
                h * 0.16 * (1.1 - depth * 0.6),
                2.2 + depth * 2.0,
                seed ^ layer,
            );
        }
        if trees && layer > 1 {
            forest(canvas, mix(tint, palette.land[1], 0.5), base, depth, rng);
        }
    }
    if water {
        sea(canvas, palette, horizon + (h - horizon) * 0.3, disc[0], rng);
    }
    if has(words, WEATHER) {
        rain(canvas, rng);
    }
    if has(words, SNOW) {
        snow(canvas, rng);
    }
    birds(canvas, palette, horizon, rng);
}

fn sky(canvas: &mut Pixmap, palette: &Palette, horizon: f32, seed: u32) {
    let width = canvas.width();
    let scale = 3.4 / width as f32;
    for (i, pixel) in canvas.data_mut().chunks_exact_mut(4).enumerate() {
        let (x, y) = ((i as u32 % width) as f32, (i as u32 / width) as f32);
        let t = (y / horizon).min(1.2);
        let base = if t < 0.55 {
            mix(palette.sky[0], palette.sky[1], t / 0.55)
        } else {
            mix(palette.sky[1], palette.sky[2], ((t - 0.55) / 0.45).min(1.0))
        };
        let rgb = if y < horizon {
            let cloud = fbm(x * scale, y * scale * 2.6, 5, seed);
            let amount = smoothstep(0.5, 0.78, cloud) * 0.5 * (1.0 - 0.4 * t);
            mix(base, mix(palette.disc, palette.sky[2], 0.4), amount)
        } else {
            base
        };
        for c in 0..3 {
            pixel[c] = rgb[c].clamp(0.0, 255.0) as u8;
        }
        pixel[3] = 255;
    }
}

fn sun(canvas: &mut Pixmap, palette: &Palette, at: [f32; 2], radius: f32) {
    let mut paint = Paint::default();
    for ring in (1..=9).rev() {
        let glow = if palette.night { 0.035 } else { 0.055 };
        paint.set_color(color(palette.disc, glow));
        if let Some(path) =
            PathBuilder::from_circle(at[0], at[1], radius * (1.0 + ring as f32 * 0.3))
        {
            canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
        }
    }
    paint.set_color(color(palette.disc, 1.0));
    if let Some(path) = PathBuilder::from_circle(at[0], at[1], radius) {
        canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }
}

fn fill(canvas: &mut Pixmap, path: Option<Path>, rgb: Rgb, alpha: f32) {
    let mut paint = Paint::default();
    paint.set_color(color(rgb, alpha));
    if let Some(path) = path {
        canvas.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }
}

fn rect(canvas: &mut Pixmap, x: f32, y: f32, w: f32, h: f32, rgb: Rgb, alpha: f32) {
    let mut paint = Paint::default();
    paint.set_color(color(rgb, alpha));
    if let Some(rect) = Rect::from_xywh(x, y, w.max(0.5), h.max(0.5)) {
        canvas.fill_rect(rect, &paint, Transform::identity(), None);
    }
}

fn ridge(canvas: &mut Pixmap, rgb: Rgb, base: f32, height: f32, frequency: f32, seed: u32) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let mut path = PathBuilder::new();
    path.move_to(0.0, h);
    let steps = 160;
    for i in 0..=steps {
        let x = i as f32 / steps as f32;
        let y = base - (fbm(x * frequency + 3.7, 0.5, 5, seed) - 0.42) * height * 2.2;
        path.line_to(x * w, y);
    }
    path.line_to(w, h);
    path.close();
    fill(canvas, path.finish(), rgb, 1.0);
}

fn skyline(canvas: &mut Pixmap, rgb: Rgb, palette: &Palette, base: f32, depth: f32, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let unit = w * (0.035 + 0.035 * depth);
    let mut x = -unit * rng.unit();
    while x < w {
        let width = unit * rng.range(0.7, 1.7);
        let height = h * rng.range(0.06, 0.24) * (0.75 + 0.6 * depth);
        let top = base - height;
        let shade = mix(rgb, palette.land[1], rng.range(0.0, 0.22));
        rect(canvas, x, top, width + 0.8, h - top, shade, 1.0);
        match rng.below(4) {
            0 => {
                let mut roof = PathBuilder::new();
                roof.move_to(x - width * 0.06, top + 1.0);
                roof.line_to(x + width / 2.0, top - width * rng.range(0.3, 0.6));
                roof.line_to(x + width * 1.06, top + 1.0);
                roof.close();
                fill(canvas, roof.finish(), mix(shade, [196.0, 92.0, 66.0], 0.35 * depth), 1.0);
            }
            1 => rect(
                canvas,
                x + width * 0.62,
                top - width * 0.3,
                width * 0.13,
                width * 0.32,
                shade,
                1.0,
            ),
            _ => {}
        }
        windows(canvas, palette, [x, top, width, height + h * 0.1], depth, rng);
        x += width;
    }
}

fn windows(
    canvas: &mut Pixmap,
    palette: &Palette,
    [x, top, width, height]: [f32; 4],
    depth: f32,
    rng: &mut Rng,
) {
    let size = width * 0.12;
    if size < 2.5 || depth < 0.3 {
        return;
    }
    let lit = if palette.night { 0.5 } else { 0.16 };
    let rows = (height / (size * 2.6)) as u32;
    for row in 0..rows.min(14) {
        for column in 0..3 {
            if rng.unit() < lit {
                let at = [
                    x + width * (0.2 + 0.24 * column as f32),
                    top + size * 1.4 + row as f32 * size * 2.6,
                ];
                rect(
                    canvas,
                    at[0],
                    at[1],
                    size,
                    size * 1.4,
                    [255.0, 214.0, 138.0],
                    0.25 + 0.6 * depth,
                );
            }
        }
    }
}

fn forest(canvas: &mut Pixmap, rgb: Rgb, base: f32, depth: f32, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    for _ in 0..(26.0 + 20.0 * (1.0 - depth)) as u32 {
        let x = rng.unit() * w;
        let foot = base + h * rng.range(-0.01, 0.07);
        let tall = h * rng.range(0.08, 0.17) * (0.5 + 0.7 * depth);
        let wide = tall * rng.range(0.26, 0.4);
        for tier in 0..4 {
            let t = tier as f32 / 4.0;
            let mut path = PathBuilder::new();
            path.move_to(x, foot - tall * (1.0 - t * 0.55));
            path.line_to(x + wide * (0.35 + t * 0.65) * 0.5, foot - tall * (0.62 - t * 0.6));
            path.line_to(x - wide * (0.35 + t * 0.65) * 0.5, foot - tall * (0.62 - t * 0.6));
            path.close();
            fill(canvas, path.finish(), mix(rgb, [20.0, 40.0, 34.0], rng.range(0.0, 0.35)), 1.0);
        }
    }
}

fn sea(canvas: &mut Pixmap, palette: &Palette, top: f32, light_x: f32, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let bands = 60;
    for i in 0..bands {
        let t = i as f32 / bands as f32;
        let y = top + (h - top) * t;
        let rgb = mix(
            mix(palette.sky[2], palette.sky[1], t * 1.4_f32.min(1.0)),
            palette.land[1],
            0.15 + 0.5 * t,
        );
        rect(canvas, 0.0, y, w, (h - top) / bands as f32 + 1.0, rgb, 1.0);
    }
    for _ in 0..420 {
        let t = rng.unit();
        let y = top + (h - top) * t * t;
        let spread = w * (0.03 + 0.16 * t);
        let near_light = rng.unit() < 0.45;
        let x = if near_light { light_x + rng.range(-spread, spread) } else { rng.unit() * w };
        let length = w * rng.range(0.006, 0.03) * (0.4 + t);
        let rgb = if near_light { palette.disc } else { palette.sky[2] };
        rect(
            canvas,
            x - length / 2.0,
            y,
            length,
            1.0 + 2.2 * t,
            rgb,
            if near_light { 0.6 } else { 0.16 },
        );
    }
}

fn rain(canvas: &mut Pixmap, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let stroke =
        Stroke { width: (w / 900.0).max(0.8), line_cap: LineCap::Round, ..Stroke::default() };
    let mut paint = Paint::default();
    for _ in 0..340 {
        let (x, y, length) = (rng.unit() * w, rng.unit() * h, h * rng.range(0.015, 0.05));
        paint.set_color(color([255.0, 255.0, 255.0], rng.range(0.15, 0.5)));
        let mut path = PathBuilder::new();
        path.move_to(x, y);
        path.line_to(x - length * 0.25, y + length);
        if let Some(path) = path.finish() {
            canvas.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }
}

fn snow(canvas: &mut Pixmap, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    for _ in 0..380 {
        let radius = w * rng.range(0.001, 0.0035);
        let path = PathBuilder::from_circle(rng.unit() * w, rng.unit() * h, radius);
        fill(canvas, path, [255.0, 255.0, 255.0], rng.range(0.4, 0.9));
    }
}

fn birds(canvas: &mut Pixmap, palette: &Palette, horizon: f32, rng: &mut Rng) {
    let w = canvas.width() as f32;
    let stroke = Stroke { width: w / 640.0, line_cap: LineCap::Round, ..Stroke::default() };
    let mut paint = Paint::default();
    paint.set_color(color(palette.land[1], 0.7));
    let (cx, cy) = (rng.unit() * w, horizon * rng.range(0.2, 0.6));
    for _ in 0..rng.below(7) {
        let (x, y, s) = (
            cx + rng.range(-0.08, 0.08) * w,
            cy + rng.range(-0.05, 0.05) * w,
            w * rng.range(0.006, 0.012),
        );
        let mut path = PathBuilder::new();
        path.move_to(x - s, y - s * 0.3);
        path.quad_to(x - s * 0.3, y - s * 0.6, x, y);
        path.quad_to(x + s * 0.3, y - s * 0.6, x + s, y - s * 0.3);
        if let Some(path) = path.finish() {
            canvas.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }
}
