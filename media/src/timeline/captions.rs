//! Captions drawn into the picture, in the five looks. What each frame shows is known from the
//! start; the pictures are drawn when a frame first needs them, and only the latest are kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tiny_skia::{FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Stroke, Transform};

use super::grade::Row;
use super::{CaptionLook, Captions, StyleSheet, Timeline};
use crate::caption::{Cue, Word, estimated_words};
use crate::draw::{Align, Face, TextShape, shape_text, shape_text_spaced};
use crate::maths::{Rng, hash_text};

/// How many drawn captions are kept: what several threads show at about the same time.
const KEPT: usize = 6;
/// Frames a line takes to appear, and to go.
const FADE: u32 = 4;

/// A caption as a picture at its place; premultiplied.
struct Label {
    image: Pixmap,
    at: [usize; 2],
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    Lines(String),
    /// Two words of which one is lit.
    Pair(Vec<String>, usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    from: u32,
    to: u32,
    words: Words,
}

/// All captions of a film.
pub(super) struct Subtitles {
    size: [u32; 2],
    look: CaptionLook,
    sheet: &'static StyleSheet,
    shown: Vec<Shown>,
    drawn: Mutex<VecDeque<(usize, Option<Arc<Label>>)>>,
}

/// What a frame shows of them.
pub(super) struct Overlay {
    label: Arc<Label>,
    /// 0..=256.
    strength: i32,
}

impl Subtitles {
    pub(super) fn new(timeline: &Timeline) -> Self {
        let sheet = timeline.style.sheet();
        let look = match (timeline.captions, sheet.captions) {
            (Captions::Beside, _) => CaptionLook::None,
            (Captions::Burnt, CaptionLook::None) => CaptionLook::PlainLine,
            (_, look) => look,
        };
        let frame = |ms: u32| timeline.fps.frame_at(u64::from(ms));
        let shown = timeline
            .cues
            .iter()
            .filter(|cue| look != CaptionLook::None && !cue.text.trim().is_empty())
            .flat_map(|cue| match look {
                CaptionLook::BigWords => pairs(cue),
                _ => vec![(cue.start_ms, cue.end_ms, Words::Lines(cue.text.clone()))],
            })
            .map(|(from, to, words)| Shown {
                from: frame(from),
                to: frame(to).max(frame(from) + 1),
                words,
            })
            .collect();
        Self { size: timeline.size, look, sheet, shown, drawn: Mutex::default() }
    }

    /// What frame `n` shows.
    pub(super) fn at(&self, n: u32) -> Option<Overlay> {
        // Cues are in order, but may touch: the later one wins.
        let behind = self.shown.partition_point(|s| s.from <= n);
        let index = (behind.saturating_sub(2)..behind).rev().find(|i| n < self.shown[*i].to)?;
        let label = self.label(index)?;
        let shown = &self.shown[index];
        let fades = matches!(
            self.look,
            CaptionLook::LowerLine | CaptionLook::PlainLine | CaptionLook::NoteStrip
        ) && shown.to - shown.from > 3 * FADE;
        let near = (n - shown.from + 1).min(shown.to - n);
        let strength = if fades { 256 * near.min(FADE) as i32 / FADE as i32 } else { 256 };
        Some(Overlay { label, strength })
    }

    fn label(&self, index: usize) -> Option<Arc<Label>> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, label)) = drawn.iter().find(|(i, _)| *i == index) {
            return label.clone();
        }
        let label = self.draw(&self.shown[index].words).map(Arc::new);
        if drawn.len() >= KEPT {
            drawn.pop_front();
        }
        drawn.push_back((index, label.clone()));
        label
    }

    /// Left, upper, right and lower edge of where captions may be.
    fn safe(&self) -> [f32; 4] {
        let [width, height] = self.size.map(|v| v as f32);
        let (margin, from, to) = if height > width * 1.2 {
            (0.08, 0.60, 0.78)
        } else if width > height * 1.2 {
            (0.06, 2.0 / 3.0, 0.94)
        } else {
            (0.06, 0.75, 0.94)
        };
        [width * margin, height * from, width * (1.0 - margin), height * to]
    }

    fn draw(&self, words: &Words) -> Option<Label> {
        match words {
            Words::Lines(text) => self.lines(text),
            Words::Pair(words, lit) => self.pair(words, *lit),
        }
    }

    fn pair(&self, words: &[String], lit: usize) -> Option<Label> {
        let [left, top, right, bottom] = self.safe();
        let [width, height] = self.size.map(|v| v as f32);
        let tall = height > width * 1.2;
        let mut px = if tall { width * 0.15 } else { width.min(height) * 0.135 };
        let shapes = |px: f32| -> Vec<TextShape> {
            words.iter().map(|w| shape_text(w, Face::Plain, px, 1e5, Align::Start)).collect()
        };
        let mut shaped = shapes(px);
        let room = right - left;
        let wide = |shaped: &[TextShape], px: f32| {
            shaped.iter().map(|s| s.size[0]).sum::<f32>() + px * 0.28 + px * 0.2
        };
        let total = wide(&shaped, px);
        if total > room {
            px *= room / total;
            shaped = shapes(px);
        }
        if shaped.len() == 2 && words[0].chars().any(from_right) {
            shaped.reverse();
        }
        let lit = if shaped.len() == 2 && words[0].chars().any(from_right) { 1 - lit } else { lit };
        let pad = px * 0.14;
        let size = [
            wide(&shaped, px) + 2.0 * pad,
            shaped.iter().map(|s| s.size[1]).fold(px, f32::max) + 2.0 * pad,
        ];
        let middle = if tall { (top + bottom) / 2.0 } else { top + (bottom - top) * 0.58 };
        let upper = (middle - size[1] / 2.0).min(bottom - size[1]);
        let (mut map, [from_x, from_y], at) = sheet_of(size, [(width - size[0]) / 2.0, upper])?;
        let [er, eg, eb] = self.sheet.ink;
        let (mut x, y) = (from_x + pad + px * 0.1, from_y + pad);
        for (i, shape) in shaped.iter().enumerate() {
            let [r, g, b] = if i == lit { self.sheet.accent } else { [255, 255, 255] };
            // A soft shadow first, then the edge with the letters.
            shape.draw(&mut map, [x, y + px * 0.04], [0, 0, 0, 90], px * 0.085, [0, 0, 0, 70]);
            shape.draw(&mut map, [x, y], [r, g, b, 255], px * 0.05, [er, eg, eb, 255]);
            x += shape.size[0] + px * 0.28;
        }
        Some(Label { image: map, at })
    }

    fn lines(&self, text: &str) -> Option<Label> {
        let [left, top, right, bottom] = self.safe();
        let short = self.size[0].min(self.size[1]) as f32;
        let upper = text.to_uppercase();
        let (text, face, px, spacing) = match self.look {
            CaptionLook::LowerLine => (text, Face::Plain, 0.034, spacing_of(text)),
            CaptionLook::NoteStrip => (text, Face::Brush, 0.062, 0.0),
            CaptionLook::SpeechStrip => (upper.as_str(), Face::Marker, 0.048, 0.02),
            _ => (text, Face::Plain, 0.045, 0.0),
        };
        let strip = matches!(self.look, CaptionLook::NoteStrip | CaptionLook::SpeechStrip);
        // On a phone the film is small.
        let tall = self.size[1] as f32 > self.size[0] as f32 * 1.2;
        let mut px = (short * px * if tall { 1.3 } else { 1.0 }).max(9.0);
        let inset = |px: f32| if strip { [px * 0.75, px * 0.42] } else { [px * 0.3; 2] };
        let flowing = text.replace('\n', " ");
        let shape_at = |px: f32| {
            let room = right - left - 2.0 * inset(px)[0];
            let shape = |text: &str, room: f32| {
                shape_text_spaced(text, face, px, spacing * px, room, Align::Middle)
            };
            let whole = shape(text, room);
            let wanted = shape(text, 1e5).size[1];
            if whole.size[1] <= wanted + 1.0 {
                return (whole, room);
            }
            // Its lines do not fit: as many lines as it needs, all about as long.
            let height = shape(&flowing, room).size[1];
            let (mut low, mut high) = (room * 0.3, room);
            for _ in 0..7 {
                let middle = (low + high) / 2.0;
                let fits = shape(&flowing, middle).size[1] <= height + 1.0;
                (low, high) = if fits { (low, middle) } else { (middle, high) };
            }
            (shape(&flowing, high), high)
        };
        // A little smaller is better than lines that break at another place.
        let natural = shape_text_spaced(text, face, px, spacing * px, 1e5, Align::Start).size[0];
        let fitting = (right - left - 2.0 * inset(px)[0]) / natural.max(1.0);
        if (0.82..1.0).contains(&fitting) {
            px *= fitting * 0.985;
        }
        let (mut shape, mut room) = shape_at(px);
        while px > 7.0
            && (shape.size[1] + 2.0 * inset(px)[1] > bottom - top || shape.size[0] > room)
        {
            px *= 0.93;
            (shape, room) = shape_at(px);
        }
        let [in_x, in_y] = inset(px);
        let around = px * 0.3;
        let body = [shape.size[0] + 2.0 * in_x, shape.size[1] + 2.0 * in_y];
        let size = body.map(|v| v + 2.0 * around);
        let left = (self.size[0] as f32 - size[0]) / 2.0;
        let (mut map, from, place) = sheet_of(size, [left, bottom - size[1]])?;
        let from = from.map(|v| v + around);
        let at = [from[0] + in_x - (room - shape.size[0]) / 2.0, from[1] + in_y];
        let mut rng = Rng::new(hash_text(text));
        let [r, g, b] = self.sheet.ink;
        match self.look {
            CaptionLook::NoteStrip => {
                note(&mut map, from, body, px, self.sheet.paper, &mut rng);
                shape.draw(&mut map, at, [r, g, b, 255], 0.0, [0; 4]);
            }
            CaptionLook::SpeechStrip => {
                speech(&mut map, from, body, px, self.sheet, &mut rng);
                shape.draw(&mut map, at, [r, g, b, 255], 0.0, [0; 4]);
            }
            CaptionLook::LowerLine => {
                let below = [at[0], at[1] + px * 0.05];
                shape.draw(&mut map, below, [0, 0, 0, 110], px * 0.16, [0, 0, 0, 46]);
                shape.draw(&mut map, below, [0, 0, 0, 120], px * 0.08, [0, 0, 0, 80]);
                shape.draw(&mut map, at, [r, g, b, 255], 0.0, [0; 4]);
            }
            _ => {
                let below = [at[0], at[1] + px * 0.04];
                shape.draw(&mut map, below, [0, 0, 0, 90], px * 0.12, [0, 0, 0, 80]);
                shape.draw(&mut map, at, [255, 255, 255, 255], px * 0.055, [12, 12, 14, 235]);
            }
        }
        Some(Label { image: map, at: place })
    }
}

/// An empty picture that has room for `size` at a place of the frame: where in it that begins, by
/// parts of a pixel, and where it lies itself. So a small film has its captions where a large one
/// has them.
fn sheet_of(size: [f32; 2], at: [f32; 2]) -> Option<(Pixmap, [f32; 2], [usize; 2])> {
    let at = at.map(|v| v.max(0.0));
    let whole = at.map(f32::floor);
    let from = [at[0] - whole[0], at[1] - whole[1]];
    let edge = |i: usize| (from[i] + size[i]).ceil() as u32;
    Some((Pixmap::new(edge(0), edge(1))?, from, whole.map(|v| v as usize)))
}

/// Two words at a time, each lit while it is spoken.
fn pairs(cue: &Cue) -> Vec<(u32, u32, Words)> {
    let spread = || {
        let plain = cue.text.replace('\n', " ");
        let shift = |w: Word| Word {
            start_ms: w.start_ms + cue.start_ms,
            end_ms: w.end_ms + cue.start_ms,
            text: w.text,
        };
        estimated_words(&plain, cue.end_ms.saturating_sub(cue.start_ms))
            .into_iter()
            .map(shift)
            .collect()
    };
    let words: Vec<Word> = if cue.words.is_empty() { spread() } else { cue.words.clone() };
    let mut out = Vec::new();
    let mut at = 0;
    while at < words.len() {
        // A word that ends a sentence stands with the one before it, not with the next.
        let alone = at + 1 < words.len() && words[at].text.ends_with(['.', '!', '?', '…']);
        let n = if alone { 1 } else { 2.min(words.len() - at) };
        let texts: Vec<String> = words[at..at + n].iter().map(|w| w.text.clone()).collect();
        for lit in 0..n {
            let from = words[at + lit].start_ms;
            // Until the next is spoken: nothing flickers between words.
            let to = words.get(at + lit + 1).map_or(cue.end_ms, |w| w.start_ms);
            out.push((from, to.max(from), Words::Pair(texts.clone(), lit)));
        }
        at += n;
    }
    out
}

/// True for letters that are read from the right.
fn from_right(c: char) -> bool {
    matches!(u32::from(c), 0x0590..=0x08ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff)
}

/// Letters that join must not be set apart.
fn spacing_of(text: &str) -> f32 {
    let apart = |c: char| u32::from(c) < 0x0530 || matches!(u32::from(c), 0x2000..=0x206f);
    if text.chars().all(apart) { 0.11 } else { 0.0 }
}

fn filled(map: &mut Pixmap, path: &Path, color: [u8; 4], moved: [f32; 2]) {
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color_rgba8(color[0], color[1], color[2], color[3]);
    let place = Transform::from_translate(moved[0], moved[1]);
    map.fill_path(path, &paint, FillRule::Winding, place, None);
}

/// A strip of paper torn at its ends.
fn note(
    map: &mut Pixmap,
    [left, top]: [f32; 2],
    body: [f32; 2],
    px: f32,
    paper: [u8; 3],
    rng: &mut Rng,
) {
    let (right, bottom) = (left + body[0], top + body[1]);
    let mut path = PathBuilder::new();
    path.move_to(left, top + rng.range(0.0, 0.06) * px);
    path.line_to(right, top + rng.range(-0.04, 0.06) * px);
    let teeth = ((body[1] / px * 5.0) as usize).max(4);
    for i in 1..teeth {
        let tooth = rng.range(-0.10, 0.06) * px;
        path.line_to(right + tooth, top + body[1] * i as f32 / teeth as f32);
    }
    path.line_to(right, bottom + rng.range(-0.06, 0.04) * px);
    path.line_to(left, bottom + rng.range(-0.06, 0.04) * px);
    for i in (1..teeth).rev() {
        let tooth = rng.range(-0.06, 0.10) * px;
        path.line_to(left + tooth, top + body[1] * i as f32 / teeth as f32);
    }
    path.close();
    let Some(path) = path.finish() else { return };
    for (i, alpha) in [16u8, 20, 26, 30].into_iter().enumerate() {
        let far = px * (0.15 - 0.035 * i as f32);
        filled(map, &path, [30, 24, 16, alpha], [far * 0.4, far]);
    }
    let [r, g, b] = paper.map(|v| v.saturating_add(4));
    filled(map, &path, [r, g, b, 250], [0.0; 2]);
}

/// A white strip with a black edge, a little askew, and its colour under it.
fn speech(
    map: &mut Pixmap,
    [left, top]: [f32; 2],
    body: [f32; 2],
    px: f32,
    sheet: &StyleSheet,
    rng: &mut Rng,
) {
    let (right, bottom) = (left + body[0], top + body[1]);
    let lean = px * 0.16;
    let mut off = || rng.range(-0.05, 0.05) * px;
    let mut path = PathBuilder::new();
    path.move_to(left + lean, top + off());
    path.line_to(right + off(), top + off());
    path.line_to(right - lean, bottom + off());
    path.line_to(left + off(), bottom + off());
    path.close();
    let Some(path) = path.finish() else { return };
    let [r, g, b] = sheet.accent;
    filled(map, &path, [r, g, b, 255], [px * 0.13, px * 0.13]);
    filled(map, &path, [255, 255, 255, 255], [0.0; 2]);
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    let [r, g, b] = sheet.ink;
    paint.set_color_rgba8(r, g, b, 255);
    let pen = Stroke { width: px * 0.085, line_join: LineJoin::Miter, ..Stroke::default() };
    map.stroke_path(&path, &paint, &pen, Transform::identity(), None);
}

impl Overlay {
    /// Draws its part of row `y`.
    pub(super) fn row(&self, y: usize, row: &mut Row) {
        let image = &self.label.image;
        let [left, top] = self.label.at;
        let width = image.width() as usize;
        if y < top || y >= top + image.height() as usize {
            return;
        }
        let line = &image.data()[(y - top) * width * 4..(y - top + 1) * width * 4];
        let [r, g, b] = &mut row.planes;
        let columns = r.iter_mut().zip(g.iter_mut()).zip(b.iter_mut()).skip(left);
        for (((r, g), b), over) in columns.zip(line.chunks_exact(4)) {
            if over[3] == 0 {
                continue;
            }
            for (under, over_c) in [(r, over[0]), (g, over[1]), (b, over[2])] {
                let kept = 255 * 256 - i32::from(over[3]) * self.strength;
                let sum =
                    i32::from(*under) * kept / (255 * 256) + i32::from(over_c) * self.strength / 2;
                *under = sum.min(i32::from(super::grade::FULL)) as i16;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_words_at_a_time_and_one_is_lit() {
        let word =
            |text: &str, start_ms| Word { start_ms, end_ms: start_ms + 80, text: text.into() };
        let cue = Cue {
            start_ms: 100,
            end_ms: 900,
            text: "a cat. counts trams".into(),
            words: vec![word("a", 100), word("cat.", 200), word("counts", 400), word("trams", 600)],
            estimated: false,
        };
        let shown = pairs(&cue);
        let lit: Vec<(u32, u32, &str)> = shown
            .iter()
            .map(|(from, to, words)| match words {
                Words::Pair(texts, lit) => (*from, *to, texts[*lit].as_str()),
                Words::Lines(_) => panic!("no lines here"),
            })
            .collect();
        assert_eq!(
            lit,
            [(100, 200, "a"), (200, 400, "cat."), (400, 600, "counts"), (600, 900, "trams")]
        );
        let estimated = pairs(&Cue { words: vec![], ..cue });
        assert_eq!((estimated.len(), estimated[0].0, estimated[3].1), (4, 100, 900));
    }
}
