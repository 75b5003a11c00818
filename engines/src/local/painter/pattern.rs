//! Patterns: a grid of tiles with arcs, leaves, dots and stripes, in the manner of cut paper.

use oto_media::maths::Rng;
use oto_media::tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, Rect, Transform};

use super::palette::{Palette, Rgb, color};

pub(super) fn paint(canvas: &mut Pixmap, palette: &Palette, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    canvas.fill(color(palette.inks[0], 1.0));
    let columns = 5 + rng.below(4);
    let edge = w / columns as f32;
    let rows = (h / edge).ceil() as u32;
    // A small set of motifs and colours, repeated, reads as a pattern; free choice reads as noise.
    let motifs: Vec<u32> = (0..4).map(|_| rng.below(7)).collect();
    for row in 0..rows {
        for column in 0..columns {
            let at = [column as f32 * edge, row as f32 * edge];
            let pair = 1 + (row * 2 + column * 3 + rng.below(2)) % 5;
            let ground = palette.inks[if rng.below(3) == 0 { 0 } else { pair as usize }];
            let mut ink = palette.inks[((pair + 2) % 6) as usize];
            if ink == ground {
                ink = palette.inks[((pair + 4) % 6) as usize];
            }
            let motif = motifs[((row + column * 2) % 4) as usize];
            tile(canvas, at, edge, motif, rng.below(4), ground, ink, palette.inks[5]);
        }
    }
}

fn tile(
    canvas: &mut Pixmap,
    at: [f32; 2],
    edge: f32,
    motif: u32,
    quarter: u32,
    ground: Rgb,
    ink: Rgb,
    dark: Rgb,
) {
    let turn = Transform::from_rotate_at(quarter as f32 * 90.0, edge / 2.0, edge / 2.0)
        .post_translate(at[0], at[1]);
    let mut paint = Paint::default();
    paint.set_color(color(ground, 1.0));
    if let Some(rect) = Rect::from_xywh(at[0], at[1], edge + 0.6, edge + 0.6) {
        canvas.fill_rect(rect, &paint, Transform::identity(), None);
    }
    // The usual constant for a quarter of a circle as a cubic.
    let k = 0.552_285 * edge;
    let mut path = PathBuilder::new();
    let mut second = PathBuilder::new();
    match motif {
        0 => {
            path.move_to(0.0, 0.0);
            path.line_to(edge, 0.0);
            path.cubic_to(edge, k, k, edge, 0.0, edge);
            path.close();
            second.push_circle(edge * 0.32, edge * 0.32, edge * 0.14);
        }
        1 => {
            path.move_to(0.0, 0.0);
            path.cubic_to(k, 0.0, edge, edge - k, edge, edge);
            path.cubic_to(edge - k, edge, 0.0, k, 0.0, 0.0);
            path.close();
        }
        2 => {
            path.push_circle(edge / 2.0, edge / 2.0, edge * 0.4);
            second.push_circle(edge / 2.0, edge / 2.0, edge * 0.2);
        }
        3 => {
            for i in 0..4 {
                if let Some(rect) = Rect::from_xywh(0.0, edge * i as f32 / 4.0, edge, edge / 8.0) {
                    path.push_rect(rect);
                }
            }
        }
        4 => {
            path.move_to(0.0, edge);
            path.line_to(edge, 0.0);
            path.line_to(edge, edge);
            path.close();
            second.push_circle(edge * 0.28, edge * 0.28, edge * 0.12);
        }
        5 => {
            for (x, y) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
                path.push_circle(edge * x, edge * y, edge * 0.16);
            }
        }
        _ => {
            path.move_to(0.0, edge / 2.0);
            path.cubic_to(0.0, edge * 0.2, edge, edge * 0.2, edge, edge / 2.0);
            path.cubic_to(edge, edge * 0.8, 0.0, edge * 0.8, 0.0, edge / 2.0);
            path.close();
            second.push_circle(edge / 2.0, edge / 2.0, edge * 0.13);
        }
    }
    for (builder, rgb) in [(path, ink), (second, dark)] {
        paint.set_color(color(rgb, 1.0));
        if let Some(path) = builder.finish() {
            canvas.fill_path(&path, &paint, FillRule::Winding, turn, None);
        }
    }
}
