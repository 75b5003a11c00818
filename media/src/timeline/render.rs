//! `frame(n)` of a timeline: pure CPU code, the same bytes for any number of threads.

use tiny_skia::Pixmap;

use super::image::{Framing, Pyramid, SRGB_STEPS, srgb_table};
use super::{DISSOLVE_FRAMES, Shot, Timeline, Visual};
use crate::draw::{Align, Face, shape_text};
use crate::maths::{Rng, smoothstep};
use crate::picture::Picture;

/// Paper of title cards, in linear light.
const PAPER: [f32; 4] = [0.905, 0.863, 0.765, 1.0];
/// Paper and ink of title cards.
const PAPER_RGB: [u8; 3] = [244, 239, 227];
const INK: [u8; 4] = [45, 42, 38, 255];
/// Strongest zoom of a moving still.
const MAX_ZOOM: f32 = 1.14;

struct Caption {
    start_frame: u32,
    end_frame: u32,
    image: Pixmap,
    at: [usize; 2],
}

/// Draws the frames of one timeline. Shared between threads.
pub struct Renderer {
    timeline: Timeline,
    pictures: Vec<Pyramid>,
    cards: Vec<Option<Pyramid>>,
    captions: Vec<Caption>,
    to_srgb: Vec<u8>,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").field("frames", &self.timeline.frames).finish_non_exhaustive()
    }
}

impl Renderer {
    /// Prepares pictures, title cards and captions.
    #[must_use]
    pub fn new(timeline: Timeline, pictures: &[Picture]) -> Self {
        let size = timeline.size;
        let cards = timeline
            .shots
            .iter()
            .map(|shot| match &shot.visual {
                Visual::Card(text) => Some(Pyramid::new(&card(text, size))),
                Visual::Still(_) => None,
            })
            .collect();
        let frame_of = |ms: u32| (u64::from(ms) * u64::from(super::FPS) / 1000) as u32;
        let captions = timeline
            .cues
            .iter()
            .filter_map(|cue| {
                caption(&cue.text, size).map(|(image, at)| Caption {
                    start_frame: frame_of(cue.start_ms),
                    end_frame: frame_of(cue.end_ms).max(frame_of(cue.start_ms) + 1),
                    image,
                    at,
                })
            })
            .collect();
        let pictures = pictures.iter().map(Pyramid::new).collect();
        Self { timeline, pictures, cards, captions, to_srgb: srgb_table() }
    }

    /// The timeline drawn.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Frame `n` as packed RGBA.
    #[must_use]
    pub fn frame(&self, n: u32) -> Vec<u8> {
        let [width, height] = self.timeline.size.map(|v| v as usize);
        let mut light = vec![PAPER; width * height];
        let mut under: Vec<[f32; 4]> = Vec::new();
        let mut first = true;
        for (index, shot) in self.timeline.shots.iter().enumerate() {
            if !(shot.start_frame..shot.start_frame + shot.frames).contains(&n) {
                continue;
            }
            let into = n - shot.start_frame;
            if first {
                self.shot(index, shot, into, &mut light);
                first = false;
            } else {
                let amount = smoothstep(0.0, 1.0, (into as f32 + 0.5) / DISSOLVE_FRAMES as f32);
                under.resize(light.len(), PAPER);
                self.shot(index, shot, into, &mut under);
                for (a, b) in light.iter_mut().zip(&under) {
                    for c in 0..4 {
                        a[c] += (b[c] - a[c]) * amount;
                    }
                }
            }
        }
        let mut rgba = vec![255u8; width * height * 4];
        let top = SRGB_STEPS as f32;
        for (out, pixel) in rgba.chunks_exact_mut(4).zip(&light) {
            for c in 0..3 {
                let step = (pixel[c] * top + 0.5).clamp(0.0, top);
                out[c] = self.to_srgb[step as usize];
            }
        }
        for caption in &self.captions {
            if (caption.start_frame..caption.end_frame).contains(&n) {
                blend(&mut rgba, width, caption);
            }
        }
        rgba
    }

    fn shot(&self, index: usize, shot: &Shot, into: u32, out: &mut [[f32; 4]]) {
        let picture = match &shot.visual {
            Visual::Still(i) => self.pictures.get(*i),
            Visual::Card(_) => self.cards.get(index).and_then(Option::as_ref),
        };
        let Some(picture) = picture else {
            out.fill(PAPER);
            return;
        };
        let moving = matches!(shot.visual, Visual::Still(_));
        let framing = framing(
            picture.size(),
            self.timeline.size,
            self.timeline.seed,
            index,
            shot.frames,
            into,
            moving,
        );
        picture.sample(framing, self.timeline.size[0] as usize, out);
    }
}

/// Ken Burns: from one framing to another, scale exponential in time, the focus on a straight
/// line, eased over the first and last tenth. Never rounded to pixels.
fn framing(
    picture: [f32; 2],
    frame: [u32; 2],
    seed: u64,
    index: usize,
    frames: u32,
    into: u32,
    moving: bool,
) -> Framing {
    let frame = frame.map(|v| v as f32);
    let cover = (picture[0] / frame[0]).min(picture[1] / frame[1]);
    if !moving {
        let left = (picture[0] - frame[0] * cover) / 2.0;
        return Framing { left, top: (picture[1] - frame[1] * cover) / 2.0, step: cover };
    }
    let mut rng = Rng::new(seed ^ (index as u64).wrapping_mul(0x9e37_79b9));
    let inwards = rng.below(2) == 0;
    let drift = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
    let t = eased((into as f32 + 0.5) / frames.max(1) as f32);
    let depth = if inwards { t } else { 1.0 - t };
    let zoom = 1.02 * (depth * (MAX_ZOOM / 1.02).ln()).exp();
    let step = cover / zoom;
    let spare = [picture[0] - frame[0] * step, picture[1] - frame[1] * step];
    let place = |i: usize| spare[i] * (0.5 + 0.42 * drift[i] * (2.0 * t - 1.0));
    Framing { left: place(0), top: place(1), step }
}

/// Constant speed with a gentle start and end of a tenth each.
fn eased(t: f32) -> f32 {
    const E: f32 = 0.1;
    let speed = 1.0 / (1.0 - E);
    if t < E {
        speed * t * t / (2.0 * E)
    } else if t > 1.0 - E {
        1.0 - speed * (1.0 - t) * (1.0 - t) / (2.0 * E)
    } else {
        speed * (t - E / 2.0)
    }
}

fn card(text: &str, size: [u32; 2]) -> Picture {
    let [width, height] = size;
    let empty = || Picture {
        width,
        height,
        rgba: [PAPER_RGB[0], PAPER_RGB[1], PAPER_RGB[2], 255].repeat((width * height) as usize),
    };
    let Some(mut map) = Pixmap::new(width, height) else { return empty() };
    let [r, g, b] = PAPER_RGB;
    map.fill(tiny_skia::Color::from_rgba8(r, g, b, 255));
    let short = width.min(height) as f32;
    let box_width = width as f32 * 0.8;
    let mut px = short * 0.12;
    let mut shape = shape_text(text, Face::Marker, px, box_width, Align::Middle);
    while (shape.size[1] > height as f32 * 0.7 || shape.size[0] > box_width) && px > 12.0 {
        px *= 0.88;
        shape = shape_text(text, Face::Marker, px, box_width, Align::Middle);
    }
    shape.draw(
        &mut map,
        [width as f32 * 0.1, (height as f32 - shape.size[1]) / 2.0],
        INK,
        0.0,
        INK,
    );
    Picture { width, height, rgba: map.take_demultiplied() }
}

/// A caption as a picture and its place: white, with a dark edge, in the safe area.
fn caption(text: &str, size: [u32; 2]) -> Option<(Pixmap, [usize; 2])> {
    let [width, height] = size.map(|v| v as f32);
    let tall = height > width;
    let margin = if tall { 0.08 } else { 0.06 };
    let px = (width.min(height) * 0.058).max(14.0);
    let box_width = width * (1.0 - 2.0 * margin);
    let shape = shape_text(text, Face::Brush, px, box_width, Align::Middle);
    let pad = px * 0.4;
    let mut map = Pixmap::new(width as u32, (shape.size[1] + 2.0 * pad).ceil() as u32)?;
    shape.draw(&mut map, [width * margin, pad], [255, 255, 255, 255], px * 0.09, [20, 16, 12, 215]);
    let bottom = if tall { height * 0.78 } else { height * (1.0 - margin) };
    let top = (bottom - map.height() as f32).max(0.0) as usize;
    Some((map, [0, top]))
}

fn blend(rgba: &mut [u8], width: usize, caption: &Caption) {
    let columns = caption.image.width() as usize;
    for (y, line) in caption.image.data().chunks_exact(columns * 4).enumerate() {
        let start = ((caption.at[1] + y) * width + caption.at[0]) * 4;
        let Some(row) = rgba.get_mut(start..start + columns * 4) else { return };
        for (under, over) in row.chunks_exact_mut(4).zip(line.chunks_exact(4)) {
            if over[3] > 0 {
                for c in 0..3 {
                    // Premultiplied over opaque.
                    under[c] = over[c].saturating_add(
                        (u32::from(under[c]) * (255 - u32::from(over[3])) / 255) as u8,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u32) -> [f32; 2] {
        let f = framing([1600.0, 1000.0], [1280, 720], 5, 1, 150, n, true);
        // Where the picture's middle lies in the frame.
        [(800.0 - f.left) / f.step, (500.0 - f.top) / f.step]
    }

    #[test]
    fn ken_burns_neither_shakes_nor_leaves_the_picture() {
        let mut worst: f32 = 0.0;
        for n in 1..149 {
            let (a, b, c) = (place(n - 1), place(n), place(n + 1));
            for i in 0..2 {
                worst = worst.max((a[i] - 2.0 * b[i] + c[i]).abs());
            }
            let f = framing([1600.0, 1000.0], [1280, 720], 5, 1, 150, n, true);
            assert!(f.left >= 0.0 && f.top >= 0.0);
            assert!(f.left + 1280.0 * f.step <= 1600.1 && f.top + 720.0 * f.step <= 1000.1);
        }
        assert!(worst <= 0.09, "acceleration {worst} px per frame squared");
    }

    #[test]
    fn a_dissolve_mixes_and_captions_show_only_in_their_time() {
        let picture =
            |v: u8| Picture { width: 320, height: 180, rgba: [v, v, v, 255].repeat(320 * 180) };
        let shot =
            |i: usize, start_frame, frames| Shot { start_frame, frames, visual: Visual::Still(i) };
        let timeline = Timeline {
            version: 1,
            size: [320, 180],
            frames: 75,
            seed: 3,
            shots: vec![shot(0, 0, 45), shot(1, 30, 45)],
            cues: vec![crate::caption::Cue { start_ms: 0, end_ms: 500, text: "hello".into() }],
        };
        let renderer = Renderer::new(timeline, &[picture(20), picture(230)]);
        let middle = |frame: &[u8]| frame[(90 * 320 + 160) * 4];
        assert_eq!(middle(&renderer.frame(10)), 20);
        assert_eq!(middle(&renderer.frame(70)), 230);
        let mixed = middle(&renderer.frame(37));
        assert!((60..220).contains(&mixed), "{mixed}");
        let bright = |n: u32| renderer.frame(n).chunks_exact(4).filter(|p| p[0] > 200).count();
        assert!(bright(5) > 50);
        assert_eq!(bright(20), 0);
        assert_eq!(renderer.frame(12), renderer.frame(12));
    }
}
