//! Pictures made here: title cards, and what stands for a picture that is missing.

use tiny_skia::{FillRule, LineCap, Paint, PathBuilder, Pixmap, Stroke, Transform};

use super::StyleSheet;
use crate::draw::{Align, Face, shape_text};
use crate::maths::{Rng, fbm, hash_text};
use crate::picture::Picture;

/// Words on the style's paper, with a stroke of the marker under them.
pub(super) fn card(text: &str, size: [u32; 2], sheet: &StyleSheet) -> Picture {
    let [width, height] = size.map(|v| v as f32);
    let Some(mut map) = paper(size, sheet) else { return blank(size, sheet) };
    let box_width = width * 0.80;
    let mut px = width.min(height) * 0.13;
    let mut shape = shape_text(text, Face::Marker, px, box_width, Align::Middle);
    while (shape.size[1] > height * 0.62 || shape.size[0] > box_width) && px > 8.0 {
        px *= 0.92;
        shape = shape_text(text, Face::Marker, px, box_width, Align::Middle);
    }
    let [r, g, b] = sheet.ink;
    let ink = [r, g, b, 255];
    let top = (height - shape.size[1]) / 2.0 - px * 0.12;
    shape.draw(&mut map, [width * 0.1, top], ink, 0.0, ink);
    let mut rng = Rng::new(hash_text(text));
    let half = (shape.size[0] * 0.42).clamp(px, box_width / 2.0);
    let at = top + shape.size[1] + px * 0.22;
    stroke(
        &mut map,
        [width / 2.0 - half, width / 2.0 + half],
        at,
        px * 0.075,
        sheet.accent,
        &mut rng,
    );
    picture(map)
}

/// Paper with a crossed frame.
pub(super) fn missing(size: [u32; 2], sheet: &StyleSheet) -> Picture {
    let [width, height] = size.map(|v| v as f32);
    let Some(mut map) = paper(size, sheet) else { return blank(size, sheet) };
    let edge = width.min(height) * 0.16;
    let (left, top, right, bottom) = (edge, edge, width - edge, height - edge);
    let mut path = PathBuilder::new();
    let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    path.move_to(left, top);
    for [x, y] in corners.iter().cycle().skip(1).take(4) {
        path.line_to(*x, *y);
    }
    path.line_to(right, bottom);
    path.move_to(right, top);
    path.line_to(left, bottom);
    let [r, g, b] = sheet.ink;
    let mut paint = Paint::default();
    paint.set_color_rgba8(r, g, b, 90);
    let pen = Stroke {
        width: (width.min(height) * 0.006).max(1.0),
        line_cap: LineCap::Round,
        ..Stroke::default()
    };
    if let Some(path) = path.finish() {
        map.stroke_path(&path, &paint, &pen, Transform::identity(), None);
    }
    picture(map)
}

fn picture(map: Pixmap) -> Picture {
    let (width, height) = (map.width(), map.height());
    Picture { width, height, rgba: map.take_demultiplied() }
}

fn blank(size: [u32; 2], sheet: &StyleSheet) -> Picture {
    let [r, g, b] = sheet.paper;
    let pixels = size[0] as usize * size[1] as usize;
    Picture { width: size[0], height: size[1], rgba: [r, g, b, 255].repeat(pixels) }
}

/// The style's paper, a little uneven and darker towards the corners.
fn paper(size: [u32; 2], sheet: &StyleSheet) -> Option<Pixmap> {
    let mut map = Pixmap::new(size[0], size[1])?;
    let [width, height] = size.map(|v| v as f32);
    let short = width.min(height);
    // Clouds are wide: one value for a block of pixels would show, one a row of them does not.
    let clouds: Vec<f32> =
        (0..=64 * 64).map(|i| fbm((i % 64) as f32 * 0.11, (i / 64) as f32 * 0.11, 3, 11)).collect();
    let data = map.data_mut();
    for y in 0..size[1] {
        let v = y as f32 / height;
        for x in 0..size[0] {
            let u = x as f32 / width;
            let (gx, gy) = (u * 62.0, v * 62.0);
            let (ix, iy) = (gx as usize, gy as usize);
            let at = |dx: usize, dy: usize| clouds[(iy + dy) * 64 + ix + dx];
            let (fx, fy) = (gx - ix as f32, gy - iy as f32);
            let upper = at(0, 0) + (at(1, 0) - at(0, 0)) * fx;
            let lower = at(0, 1) + (at(1, 1) - at(0, 1)) * fx;
            let cloud = upper + (lower - upper) * fy - 0.5;
            let (dx, dy) = ((u - 0.5) * width / short, (v - 0.5) * height / short);
            let shade = 1.0 + cloud * 0.035 - 0.05 * (dx * dx + dy * dy);
            let place = (y as usize * size[0] as usize + x as usize) * 4;
            for c in 0..3 {
                let value = f32::from(sheet.paper[c]) * shade + 0.5;
                data[place + c] = value.clamp(0.0, 255.0) as u8;
            }
            data[place + 3] = 255;
        }
    }
    Some(map)
}

/// A stroke of a marker: thick in the middle, uneven at its edges.
fn stroke(map: &mut Pixmap, ends: [f32; 2], y: f32, width: f32, color: [u8; 3], rng: &mut Rng) {
    const STEPS: usize = 14;
    let lean = rng.range(-0.25, 0.25) * width;
    let mut edges = [Vec::new(), Vec::new()];
    for i in 0..=STEPS {
        let t = i as f32 / STEPS as f32;
        let x = ends[0] + (ends[1] - ends[0]) * t;
        let thick = width * (0.34 + 0.66 * 4.0 * t * (1.0 - t)).min(0.92) * 0.5;
        let bow = (t - 0.5) * lean * 2.0 - 4.0 * t * (1.0 - t) * width * 0.35;
        edges[0].push([x, y + bow - thick + rng.range(-0.05, 0.05) * width]);
        edges[1].push([x, y + bow + thick + rng.range(-0.05, 0.05) * width]);
    }
    let mut path = PathBuilder::new();
    let [upper, lower] = edges;
    for (i, [x, y]) in upper.into_iter().chain(lower.into_iter().rev()).enumerate() {
        if i == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    path.close();
    let Some(path) = path.finish() else { return };
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(color[0], color[1], color[2], 235);
    map.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
}
