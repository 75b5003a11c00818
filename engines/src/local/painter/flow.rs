//! Flow fields: thousands of brush strokes that follow a slow, warped noise.

use oto_media::maths::{Rng, cos, fbm, sin};
use oto_media::tiny_skia::{LineCap, LineJoin, Paint, PathBuilder, Pixmap, Stroke, Transform};

use super::palette::{Palette, color, mix};

pub(super) fn paint(canvas: &mut Pixmap, palette: &Palette, rng: &mut Rng) {
    let (w, h) = (canvas.width() as f32, canvas.height() as f32);
    canvas.fill(color(mix(palette.inks[0], [255.0, 252.0, 244.0], 0.35), 1.0));
    let seed = rng.next_u32();
    let scale = rng.range(1.6, 2.6) / w.max(h);
    let turns = rng.range(1.4, 2.6);
    let swirl = [w * rng.range(0.25, 0.75), h * rng.range(0.25, 0.75)];
    let field = |x: f32, y: f32| {
        let warp = fbm(x * scale + 5.2, y * scale + 1.3, 3, seed ^ 31) * 1.6;
        let angle =
            fbm(x * scale + warp, y * scale - warp, 4, seed) * std::f32::consts::TAU * turns;
        let (dx, dy) = (x - swirl[0], y - swirl[1]);
        let near = 1.0 / (1.0 + (dx * dx + dy * dy) / (w * w * 0.03));
        let (vx, vy) = (cos(angle) - dy / w * near * 3.0, sin(angle) + dx / w * near * 3.0);
        let length = (vx * vx + vy * vy).sqrt().max(1e-4);
        (vx / length, vy / length)
    };
    let mut paint = Paint::default();
    let step = w.max(h) / 190.0;
    for stroke_index in 0..1_500 {
        let late = stroke_index as f32 / 1_500.0;
        let (mut x, mut y) = (rng.range(-0.05, 1.05) * w, rng.range(-0.05, 1.05) * h);
        let tone = fbm(x * scale * 1.7, y * scale * 1.7, 2, seed ^ 99);
        let ink = ((tone * 7.0 + rng.range(-1.0, 1.0)) as i32).clamp(1, 5) as usize;
        let width =
            w.max(h) * if late < 0.4 { rng.range(0.008, 0.02) } else { rng.range(0.0015, 0.006) };
        let mut path = PathBuilder::new();
        path.move_to(x, y);
        for _ in 0..14 + rng.below(26) {
            let (vx, vy) = field(x, y);
            x += vx * step;
            y += vy * step;
            path.line_to(x, y);
        }
        let shade = mix(palette.inks[ink], palette.inks[(ink + 1).min(5)], rng.unit() * 0.5);
        paint.set_color(color(shade, if late < 0.4 { 0.5 } else { 0.85 }));
        let stroke = Stroke {
            width,
            line_cap: LineCap::Round,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        if let Some(path) = path.finish() {
            canvas.stroke_path(&path, &paint, &stroke, Transform::identity(), None);
        }
    }
}
