//! `frame(n)` of a timeline: pure CPU code, the same bytes for any number of threads.
//!
//! A frame is made row by row: the rows of one or two shots are sampled in linear light, mixed,
//! turned into values by the style's look, and handed on in pairs. Only a few rows exist at a time,
//! so that they stay near the processor. Memory is reused from frame to frame.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::captions::Subtitles;
use super::framing::{Moving, Path, chosen};
use super::grade::{Look, Row};
use super::image::Pyramid;
use super::lens::{Aim, Lens};
use super::light::{Light, light, mix};
use super::transition::Mixing;
use super::{Shot, Timeline, TransitionKind, Visual, card, i420};
use crate::maths::smoothstep;
use crate::picture::Picture;

pub use super::films::{FrameSource, Pictures};

/// Shots at rest, and cards, of which the finished rows are kept.
const RESTING: usize = 3;

/// What a shot shows, made ready.
enum Scene {
    Still { index: usize, path: Path },
    Film { index: usize, in_ms: u64 },
    Card(String),
    Missing,
}

struct Film {
    source: Box<dyn FrameSource>,
    /// The last time at which each shot still had a frame, where the film is shorter.
    ends: BTreeMap<usize, Option<u64>>,
}

/// The memory of a thread that draws.
#[derive(Default)]
struct Scratch {
    lenses: [Lens; 2],
    light: [Vec<Light>; 2],
    rows: [Row; 2],
    sums: [Vec<i16>; 3],
}

/// Two rows of a frame, the number of the upper one, and memory to work in.
type Pair<'a> = (usize, &'a [Row; 2], &'a mut [Vec<i16>; 3]);

/// What a frame shows.
enum Moment {
    /// One shot, under so much paper.
    One {
        shot: usize,
        veil: f32,
    },
    Two {
        shots: [usize; 2],
        kind: TransitionKind,
        part: f32,
    },
}

/// Draws the frames of one timeline. Shared between threads.
pub struct Renderer {
    timeline: Timeline,
    starts: Vec<u32>,
    /// Frames of the transition into each shot: before its first frame, and from it on.
    overlaps: Vec<[u32; 2]>,
    scenes: Vec<Scene>,
    pyramids: Vec<Pyramid>,
    films: Vec<Mutex<Film>>,
    look: Look,
    paper: Light,
    subtitles: Subtitles,
    resting: Mutex<VecDeque<(usize, Arc<Vec<Row>>)>>,
    scratch: Mutex<Vec<Scratch>>,
}

impl std::fmt::Debug for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderer").field("frames", &self.timeline.frames()).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many frames of a transition lie before a shot and how many behind its first. No shot gives
/// more than half of itself to each end.
fn overlaps(shots: &[Shot]) -> Vec<[u32; 2]> {
    let into = |(i, shot): (usize, &Shot)| {
        let before = if i == 0 { 0 } else { shots[i - 1].frames };
        let frames = match shot.transition.kind {
            TransitionKind::Cut => 0,
            _ => shot.transition.frames.min(shot.frames).min(before),
        };
        [frames / 2, frames - frames / 2]
    };
    shots.iter().enumerate().map(into).collect()
}

impl Renderer {
    /// True when a film in it broke off while it was read.
    pub(super) fn is_broken(&self) -> bool {
        self.films.iter().any(|film| locked(film).source.is_broken())
    }

    /// Prepares pictures; what the timeline names and `pictures` lacks is shown as missing.
    #[must_use]
    pub fn new(timeline: Timeline, pictures: Pictures) -> Self {
        let (size, sheet) = (timeline.size, timeline.style.sheet());
        let starts = timeline.starts();
        let overlaps = overlaps(&timeline.shots);
        let mut scenes = Vec::with_capacity(timeline.shots.len());
        // Each still once, with the range of its scales over all its shots.
        let mut stills: Vec<(String, [f64; 2])> = Vec::new();
        let film_names: Vec<String> = pictures.films.keys().cloned().collect();
        for (i, shot) in timeline.shots.iter().enumerate() {
            scenes.push(match &shot.visual {
                Visual::Still { asset, focus } => match pictures.stills.get(asset) {
                    Some(picture) => {
                        let frames = visible(&timeline.shots, &overlaps, &starts, i);
                        let seconds = timeline.fps.ms_at(frames.end - frames.start) as f64 / 1000.0;
                        let motion = chosen(shot.motion, timeline.seed, i);
                        let moving = Moving::new(sheet, *focus, motion, seconds);
                        let path = Path::new([picture.width, picture.height], size, moving);
                        let steps = path.steps();
                        let index = match stills.iter().position(|(name, _)| name == asset) {
                            Some(index) => {
                                let known = &mut stills[index].1;
                                *known = [known[0].min(steps[0]), known[1].max(steps[1])];
                                index
                            }
                            None => {
                                stills.push((asset.clone(), steps));
                                stills.len() - 1
                            }
                        };
                        Scene::Still { index, path }
                    }
                    None => Scene::Missing,
                },
                Visual::Film { asset, in_ms } => {
                    match film_names.iter().position(|name| name == asset) {
                        Some(index) => Scene::Film { index, in_ms: *in_ms },
                        None => Scene::Missing,
                    }
                }
                Visual::Card { text } => Scene::Card(text.clone()),
            });
        }
        let pyramids = prepared(stills, pictures.stills, sheet.paper);
        let film = |source| Mutex::new(Film { source, ends: BTreeMap::new() });
        Self {
            look: Look::new(timeline.style, size, timeline.seed),
            paper: light(sheet.paper),
            subtitles: Subtitles::new(&timeline),
            films: pictures.films.into_values().map(film).collect(),
            timeline,
            starts,
            overlaps,
            scenes,
            pyramids,
            resting: Mutex::default(),
            scratch: Mutex::default(),
        }
    }

    /// The timeline drawn.
    #[must_use]
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Frame `n` as packed RGBA.
    #[must_use]
    pub fn frame(&self, n: u32) -> Vec<u8> {
        let [width, height] = self.size();
        let mut out = vec![0; width * height * 4];
        self.draw(n, &mut |(y, rows, _)| {
            let start = y * width * 4;
            let pair = out[start..start + 2 * width * 4].chunks_exact_mut(width * 4);
            for (row, out) in rows.iter().zip(pair) {
                i420::rgba(row, out);
            }
        });
        out
    }

    /// Frame `n` as I420, into `out`.
    pub(super) fn frame_i420(&self, n: u32, out: &mut Vec<u8>) {
        let [width, height] = self.size();
        out.resize(width * height * 3 / 2, 0);
        let (luma, chroma) = out.split_at_mut(width * height);
        let (blue, red) = chroma.split_at_mut(width * height / 4);
        let half = width / 2;
        self.draw(n, &mut |(y, rows, sums)| {
            for (i, row) in rows.iter().enumerate() {
                i420::luma(row, &mut luma[(y + i) * width..(y + i + 1) * width]);
            }
            let part = y / 2 * half..(y / 2 + 1) * half;
            i420::chroma(rows, sums, &mut blue[part.clone()], &mut red[part]);
        });
    }

    fn size(&self) -> [usize; 2] {
        self.timeline.size.map(|v| (v & !1) as usize)
    }

    fn moment(&self, n: u32) -> Option<Moment> {
        let shot = self.starts.partition_point(|s| *s <= n).checked_sub(1)?;
        if n >= self.timeline.frames() {
            return None;
        }
        let (into, [before, behind]) = (n - self.starts[shot], self.overlaps[shot]);
        let (shots, k, whole) = if into < behind {
            ([shot.saturating_sub(1), shot], before + into, before + behind)
        } else {
            match (self.starts.get(shot + 1), self.overlaps.get(shot + 1)) {
                (Some(start), Some([before, behind])) if n + before >= *start => {
                    ([shot, shot + 1], n + before - start, before + behind)
                }
                _ => return Some(Moment::One { shot, veil: 0.0 }),
            }
        };
        let part = (k as f32 + 0.5) / whole as f32;
        Some(match self.timeline.shots[shots[1]].transition.kind {
            TransitionKind::Cut => Moment::One { shot, veil: 0.0 },
            TransitionKind::Dip => {
                let veil = smoothstep(0.0, 1.0, 1.0 - (2.0 * part - 1.0).abs());
                Moment::One { shot: shots[usize::from(part >= 0.5)], veil }
            }
            kind => Moment::Two { shots, kind, part },
        })
    }

    fn draw(&self, n: u32, take: &mut dyn FnMut(Pair<'_>)) {
        let mut scratch = locked(&self.scratch).pop().unwrap_or_default();
        self.draw_with(n, &mut scratch, take);
        locked(&self.scratch).push(scratch);
    }

    fn draw_with(&self, n: u32, scratch: &mut Scratch, take: &mut dyn FnMut(Pair<'_>)) {
        let [width, height] = self.size();
        let Scratch { lenses, light, rows, sums } = scratch;
        rows.iter_mut().for_each(|row| row.resize(width));
        light.iter_mut().for_each(|row| row.resize(width, [0.0; 4]));
        let overlay = self.subtitles.at(n);
        let mut finish = |y: usize, rows: &mut [Row; 2]| {
            for (i, row) in rows.iter_mut().enumerate() {
                self.look.grain(n, y + i, row);
                if let Some(overlay) = &overlay {
                    overlay.row(y + i, row);
                }
            }
            take((y, rows, sums));
        };
        let moment = self.moment(n);
        if let Some(Moment::One { shot, veil }) = moment
            && veil == 0.0
            && self.rests(shot)
        {
            let kept = self.rested(shot, lenses, light);
            for y in (0..height).step_by(2) {
                for (row, kept) in rows.iter_mut().zip(&kept[y..]) {
                    for (plane, kept) in row.planes.iter_mut().zip(&kept.planes) {
                        plane.copy_from_slice(kept);
                    }
                }
                finish(y, rows);
            }
            return;
        }
        let (shots, mixing, veil) = match moment {
            None => ([None, None], None, 1.0),
            Some(Moment::One { shot, veil }) => ([Some(shot), None], None, veil),
            Some(Moment::Two { shots, kind, part }) => {
                (shots.map(Some), Mixing::new(kind, part, [width, height]), 0.0)
            }
        };
        let views = mixing.as_ref().map_or([(0.0, 0..width), (0.0, 0..width)], |m| m.views(width));
        let held = shots.map(|shot| shot.map(|shot| self.held(shot, n)));
        let [lens, other_lens] = lenses;
        let mut first = held[0].as_ref().map(|h| self.aim(h, &views[0], lens));
        let mut second = held[1].as_ref().map(|h| self.aim(h, &views[1], other_lens));
        let [own, other] = light;
        for y in (0..height).step_by(2) {
            for (i, row) in rows.iter_mut().enumerate() {
                let y = y + i;
                match &mut first {
                    Some(view) if veil < 1.0 => view.row(y, own),
                    _ => own.fill(self.paper),
                }
                if let (Some(view), Some(mixing)) = (&mut second, &mixing) {
                    view.row(y, other);
                    mixing.row(y, own, other, self.paper);
                }
                if veil > 0.0 {
                    let paper = self.paper;
                    own.iter_mut().for_each(|pixel| *pixel = mix(*pixel, paper, veil));
                }
                self.look.develop(own, y, row);
            }
            finish(y, rows);
        }
    }

    /// True when a shot shows the same all the time, but for grain.
    fn rests(&self, shot: usize) -> bool {
        match &self.scenes[shot] {
            Scene::Still { path, .. } => path.rests(),
            Scene::Film { .. } => false,
            Scene::Card(_) | Scene::Missing => true,
        }
    }

    /// The rows of a shot at rest, made once.
    fn rested(
        &self,
        shot: usize,
        lenses: &mut [Lens; 2],
        light: &mut [Vec<Light>; 2],
    ) -> Arc<Vec<Row>> {
        if let Some((_, rows)) = locked(&self.resting).iter().find(|(i, _)| *i == shot) {
            return rows.clone();
        }
        // Two threads may make it at the same time; both make the same.
        let [width, height] = self.size();
        let held = self.held(shot, self.starts[shot]);
        let mut view = self.aim(&held, &(0.0, 0..width), &mut lenses[0]);
        let make = |y: usize| {
            let mut row = Row::default();
            row.resize(width);
            view.row(y, &mut light[0]);
            self.look.develop(&light[0], y, &mut row);
            row
        };
        let rows = Arc::new((0..height).map(make).collect::<Vec<Row>>());
        let mut resting = locked(&self.resting);
        if resting.len() >= RESTING {
            resting.pop_front();
        }
        resting.push_back((shot, rows.clone()));
        rows
    }

    /// What a shot shows at a frame.
    fn held(&self, shot: usize, n: u32) -> Held<'_> {
        let sheet = self.timeline.style.sheet();
        let own = |picture: Picture, paper: bool| {
            let path = Path::new([picture.width, picture.height], self.timeline.size, Moving::REST);
            Held { pyramid: Kept::Own(Pyramid::plain(picture)), path, t: 0.0, paper }
        };
        let missing = || own(card::missing(self.timeline.size, sheet), true);
        match &self.scenes[shot] {
            Scene::Still { index, path } => {
                let frames = visible(&self.timeline.shots, &self.overlaps, &self.starts, shot);
                let length = (frames.end - frames.start).max(1);
                let t = (f64::from(n.saturating_sub(frames.start)) + 0.5) / f64::from(length);
                Held { pyramid: Kept::Shared(&self.pyramids[*index]), path: *path, t, paper: false }
            }
            Scene::Film { index, in_ms } => {
                let fps = self.timeline.fps;
                let ms =
                    |n: u32| (in_ms + fps.ms_at(n)).saturating_sub(fps.ms_at(self.starts[shot]));
                let picture = self.film_frame(*index, shot, ms(n), *in_ms).filter(fits);
                picture.map_or_else(missing, |picture| own(picture, false))
            }
            Scene::Card(text) => own(card::card(text, self.timeline.size, sheet), true),
            Scene::Missing => missing(),
        }
    }

    /// The frame of a film; behind its end, its last one.
    fn film_frame(&self, index: usize, shot: usize, ms: u64, in_ms: u64) -> Option<Picture> {
        let mut film = locked(&self.films[index]);
        if let Some(end) = film.ends.get(&shot) {
            let at = (*end).map(|end| end.min(ms))?;
            return film.source.frame_at(at);
        }
        if let Some(picture) = film.source.frame_at(ms) {
            return Some(picture);
        }
        // Behind the end: the last millisecond that has a frame, between one that has and one that
        // has not.
        let first = [0, in_ms].into_iter().rev().find(|ms| film.source.frame_at(*ms).is_some());
        let end = first.map(|first| {
            let (mut has, mut has_not) = (first, ms.max(first + 1));
            while has_not - has > 1 {
                let middle = has + (has_not - has) / 2;
                if film.source.frame_at(middle).is_some() {
                    has = middle;
                } else {
                    has_not = middle;
                }
            }
            has
        });
        film.ends.insert(shot, end);
        film.source.frame_at(end?)
    }

    fn aim<'a>(
        &'a self,
        held: &'a Held<'a>,
        view: &(f64, Range<usize>),
        lens: &'a mut Lens,
    ) -> View<'a> {
        let (shift, seen) = view.clone();
        let level = lens.aim(&Aim {
            pyramid: match &held.pyramid {
                Kept::Own(pyramid) => pyramid,
                Kept::Shared(pyramid) => pyramid,
            },
            framing: held.path.at(held.t),
            shift,
            seen: seen.clone(),
            frame: self.size(),
            paper: held.path.whole.then_some(self.paper),
        });
        let soaked = !held.path.whole && !held.paper;
        View { lens, level, look: &self.look, shift: shift.round() as isize, seen, soaked }
    }
}

fn fits(picture: &Picture) -> bool {
    let pixels = picture.width as usize * picture.height as usize;
    pixels > 0 && picture.rgba.len() == pixels * 4
}

/// The frames at which a shot is seen at all.
fn visible(shots: &[Shot], overlaps: &[[u32; 2]], starts: &[u32], shot: usize) -> Range<u32> {
    let behind = overlaps.get(shot + 1).map_or(0, |o| o[1]);
    starts[shot] - overlaps[shot][0]..starts[shot] + shots[shot].frames + behind
}

enum Kept<'a> {
    Own(Pyramid),
    Shared(&'a Pyramid),
}

struct Held<'a> {
    pyramid: Kept<'a>,
    path: Path,
    t: f64,
    /// Made of paper: a card.
    paper: bool,
}

/// A shot at a frame, row by row.
struct View<'a> {
    lens: &'a mut Lens,
    level: &'a Picture,
    look: &'a Look,
    shift: isize,
    seen: Range<usize>,
    /// Paper shows at its edges.
    soaked: bool,
}

impl View<'_> {
    fn row(&mut self, y: usize, out: &mut [Light]) {
        self.lens.row(self.level, y, out);
        if self.soaked {
            self.look.soak(y, self.shift, &self.seen, out);
        }
    }
}

/// Pyramids of all stills, made on all processors.
fn prepared(
    stills: Vec<(String, [f64; 2])>,
    mut pictures: BTreeMap<String, Picture>,
    paper: [u8; 3],
) -> Vec<Pyramid> {
    let jobs: Vec<Mutex<Option<(Picture, [f64; 2])>>> = stills
        .into_iter()
        .map(|(name, steps)| Mutex::new(pictures.remove(&name).map(|p| (p, steps))))
        .collect();
    drop(pictures);
    let done: Vec<Mutex<Option<Pyramid>>> = jobs.iter().map(|_| Mutex::default()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            let (Some(job), Some(done)) = (jobs.get(i), done.get(i)) else { return };
            let job = locked(job).take();
            *locked(done) = job.map(|(picture, steps)| Pyramid::new(picture, steps, paper));
        }
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 1..threads.min(jobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    let blank = || Pyramid::plain(Picture { width: 1, height: 1, rgba: vec![0; 4] });
    done.into_iter()
        .map(|d| d.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(blank))
        .collect()
}

#[cfg(test)]
mod tests;
