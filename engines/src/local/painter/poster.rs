//! Typographic posters: the words themselves, large, over a few cut shapes.

use oto_media::draw::{Align, Face, shape_text};
use oto_media::maths::Rng;
use oto_media::tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Rect, Transform};

use super::palette::{Palette, Rgb, color, mix};

fn brightness(rgb: Rgb) -> f32 {
    0.3 * rgb[0] + 0.59 * rgb[1] + 0.11 * rgb[2]
}

pub(super) fn paint(canvas: &mut Pixmap, about: &str, palette: &Palette, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let ground = palette.inks[if rng.below(3) == 0 { 5 } else { 0 }];
    canvas.fill(color(ground, 1.0));
    shapes(canvas, palette, rng);
    let ink = if brightness(ground) > 130.0 {
        mix(palette.inks[5], [20.0, 18.0, 24.0], 0.4)
    } else {
        [255.0, 250.0, 238.0]
    };
    let edge = color(ground, 1.0).to_color_u8();
    let ground_rgba = [edge.red(), edge.green(), edge.blue(), 255];
    let ink_rgba = [ink[0] as u8, ink[1] as u8, ink[2] as u8, 255];
    let words: Vec<&str> = about.split_whitespace().take(14).collect();
    let title = words.iter().take(5).copied().collect::<Vec<_>>().join(" ");
    let rest = words.iter().skip(5).copied().collect::<Vec<_>>().join(" ");
    let box_width = w * 0.84;
    let mut px = h * 0.24;
    let mut shape = shape_text(&title, Face::Marker, px, box_width, Align::Start);
    while (shape.size[1] > h * 0.66 || shape.size[0] > box_width) && px > 18.0 {
        px *= 0.9;
        shape = shape_text(&title, Face::Marker, px, box_width, Align::Start);
    }
    let top = h * rng.range(0.08, 0.2);
    shape.draw(canvas, [w * 0.08, top], ink_rgba, px * 0.05, ground_rgba);
    if !rest.is_empty() {
        let small = shape_text(&rest, Face::Plain, h * 0.042, box_width, Align::Start);
        small.draw(
            canvas,
            [w * 0.085, (top + shape.size[1] + h * 0.04).min(h * 0.86)],
            ink_rgba,
            3.0,
            ground_rgba,
        );
    }
    let mut paint = Paint::default();
    paint.set_color(color(ink, 1.0));
    if let Some(rect) = Rect::from_xywh(w * 0.085, h * 0.93, w * 0.18, h * 0.012) {
        canvas.fill_rect(rect, &paint, Transform::identity(), None);
    }
}

fn shapes(canvas: &mut Pixmap, palette: &Palette, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    let mut paint = Paint::default();
    for i in 0..3 + rng.below(3) {
        let ink = palette.inks[1 + ((i + rng.below(2)) % 4) as usize];
        paint.set_color(color(ink, 0.94));
        let (x, y, r) =
            (w * rng.range(0.2, 1.0), h * rng.range(0.25, 1.0), w.min(h) * rng.range(0.12, 0.38));
        let mut path = PathBuilder::new();
        match rng.below(3) {
            0 => path.push_circle(x, y, r),
            1 => {
                path.move_to(x - r, y + r * 0.8);
                path.line_to(x + r * rng.range(-0.3, 0.3), y - r);
                path.line_to(x + r, y + r * 0.7);
                path.close();
            }
            _ => {
                if let Some(rect) = Rect::from_xywh(x - r, y - r * 0.22, r * 2.2, r * 0.44) {
                    path.push_rect(rect);
                }
            }
        }
        if let Some(path) = path.finish() {
            let tilt = Transform::from_rotate_at(rng.range(-25.0, 25.0), x, y);
            canvas.fill_path(&path, &paint, FillRule::Winding, tilt, None);
        }
    }
}
