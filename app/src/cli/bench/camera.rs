//! `oto bench camera`: the same frames on every machine, timed; then key frames compared with
//! pictures of full quality, so that fast cannot mean blank.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Args;
use oto_board::{AssetId, Board};
use oto_canvas::{Counts, Quality, Studio, Thumb, Wish};
use oto_media::worker::Workers;
use oto_storage::{AssetStore, read_board};
use serde_json::json;

use super::report::{Figures, halved, joined, psnr, rss_mb};
use crate::cli::{print_json, shot};
use crate::data::DataDir;
use crate::desk::thumbnails::Thumbnails;
use crate::theme::{NOTE_FONTS, Theme};

#[derive(Debug, Args)]
pub(in crate::cli) struct CameraArgs {
    /// The board.
    board: PathBuf,
    /// Size of the picture in pixels.
    #[arg(long, value_name = "WxH", default_value = "1280x800")]
    size: String,
    /// Frames of each segment.
    #[arg(long, default_value_t = 120)]
    frames: u32,
    /// Only these segments.
    #[arg(long = "path", value_name = "SEGMENT")]
    paths: Vec<String>,
    /// Print JSON lines (the only form there is).
    #[arg(long)]
    json: bool,
    /// Keep pictures of key frames in this folder.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Dark paper.
    #[arg(long)]
    dark: bool,
}

/// Likeness that a moving and a resting frame must reach, in decibels.
const MOVING_DB: f64 = 30.0;
const RESTING_DB: f64 = 38.0;
/// Key frames of a segment.
const KEYS: u32 = 6;

/// Where the camera is at `t` in 0..=1 of a segment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene {
    pub(super) middle: [f64; 2],
    pub(super) fit: f64,
}

impl Scene {
    pub(super) fn of(studio: &Studio) -> Self {
        let bounds = studio.board().bounds();
        let (middle, fit) = studio.camera().fitting(bounds, 1.0);
        let middle = if bounds.is_empty() { middle } else { bounds.center() };
        Self { middle, fit }
    }

    fn at(self, segment: &str, t: f64) -> ([f64; 2], f64) {
        let turn = std::f64::consts::TAU * t;
        let swing = (std::f64::consts::PI * t).sin();
        match segment {
            "pan" => {
                let by = [2000.0 * turn.sin(), 1200.0 * turn.cos()];
                ([self.middle[0] + by[0], self.middle[1] + by[1]], 1.0)
            }
            // From 1 to a tenth, or to all, and back; even in ratios.
            "zoom" => (self.middle, self.fit.max(0.1).powf(swing)),
            // From all to 1.
            _ => (self.middle, self.fit.powf(1.0 - t)),
        }
    }
}

/// Decodes pictures on a thread of its own, as the desk does.
pub(super) struct Courier {
    wishes: Sender<Wish>,
    answers: Receiver<(Wish, Option<Thumb>)>,
}

impl Courier {
    pub(super) fn start(board: &Board, store: AssetStore) -> Result<Self> {
        let workers = Workers::of_this_program()?;
        let mimes: HashMap<AssetId, String> =
            board.assets().iter().map(|a| (a.id, a.mime.clone())).collect();
        let (wishes, inbox) = channel::<Wish>();
        let (tell, answers) = channel();
        std::thread::Builder::new().name("oto-thumbs".to_owned()).spawn(move || {
            let mut thumbnails = Thumbnails::new(workers);
            while let Ok(wish) = inbox.recv() {
                let thumb = mimes
                    .get(&wish.asset)
                    .and_then(|mime| thumbnails.get(wish, &store.path(wish.asset), mime).ok());
                if tell.send((wish, thumb)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wishes, answers })
    }

    pub(super) fn carry(&self, studio: &mut Studio) {
        for wish in studio.take_wanted() {
            if self.wishes.send(wish).is_err() {
                studio.fill(wish, None);
            }
        }
        while let Ok((wish, thumb)) = self.answers.try_recv() {
            studio.fill(wish, thumb.as_ref());
        }
    }
}

/// Opens a board in the middle at 100 %, everything in view drawn.
pub(super) fn opened(
    data: &DataDir,
    board: &std::path::Path,
    size: &str,
) -> Result<(Studio, Courier, Scene)> {
    let size = shot::size_of(size)?;
    let loaded = read_board(&data.board(board))?;
    let courier = Courier::start(&loaded.board, data.assets())?;
    let mut studio = Studio::new(size, NOTE_FONTS, Theme::read(false)?.palette())?;
    studio.open(loaded.board);
    let scene = Scene::of(&studio);
    studio.look(scene.middle, 1.0);
    settle(&mut studio, &courier);
    Ok((studio, courier, scene))
}

/// Draws until nothing in view is missing. How many milliseconds it took.
pub(super) fn settle(studio: &mut Studio, courier: &Courier) -> f64 {
    let begun = Instant::now();
    let (mut quiet, mut last) = (0, begun);
    while quiet < 6 && begun.elapsed().as_secs() < 60 {
        let before = studio.counters().now().tiles_baked;
        studio.step();
        courier.carry(studio);
        let busy = studio.is_waiting() || studio.counters().now().tiles_baked != before;
        quiet = if busy { 0 } else { quiet + 1 };
        if busy {
            last = Instant::now();
        }
    }
    (last - begun).as_secs_f64() * 1000.0
}

fn timed(studio: &mut Studio, courier: &Courier, scene: Scene, segment: &str, n: u32) -> Figures {
    let counters = studio.counters();
    let first = counters.now();
    let mut figures = Figures { ms: Vec::new(), most: Counts::default(), tiles: 0, bytes: 0 };
    for frame in 0..n {
        let before = counters.now();
        let begun = Instant::now();
        let (center, zoom) = scene.at(segment, f64::from(frame) / f64::from(n));
        studio.look(center, zoom);
        studio.step();
        courier.carry(studio);
        figures.ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        let now = counters.now();
        let most = &mut figures.most;
        most.draws = most.draws.max(now.draws - before.draws);
        most.uploaded_bytes = most.uploaded_bytes.max(now.uploaded_bytes - before.uploaded_bytes);
        most.upload_calls = most.upload_calls.max(now.upload_calls - before.upload_calls);
        most.tiles_baked = most.tiles_baked.max(now.tiles_baked - before.tiles_baked);
        most.glyphs = most.glyphs.max(now.glyphs - before.glyphs);
        most.twines = most.twines.max(now.twines - before.twines);
        most.notes = most.notes.max(now.notes - before.notes);
    }
    let last = counters.now();
    figures.tiles = last.tiles_baked - first.tiles_baked;
    figures.bytes = last.uploaded_bytes - first.uploaded_bytes;
    figures
}

type Taken = Arc<Mutex<Option<Vec<u8>>>>;

/// The pictures of the key frames, as they come while moving, and the view of each.
fn key_frames(
    studio: &mut Studio,
    courier: &Courier,
    scene: Scene,
    segment: &str,
    n: u32,
) -> Vec<(Taken, [f64; 2], f64, bool)> {
    let (center, zoom) = scene.at(segment, 0.0);
    studio.look(center, zoom);
    settle(studio, courier);
    let mut keys = Vec::new();
    let mut zoom_before = 0.0;
    for frame in 0..n {
        let (center, zoom) = scene.at(segment, f64::from(frame) / f64::from(n));
        studio.look(center, zoom);
        if frame % (n / KEYS).max(1) == n / KEYS / 2 {
            keys.push((studio.expect_picture(), center, zoom, zoom == zoom_before));
        }
        zoom_before = zoom;
        studio.step();
        courier.carry(studio);
    }
    for _ in 0..4 {
        studio.step();
    }
    keys
}

struct Check {
    least_moving: f64,
    resting: f64,
    settle_ms: f64,
}

fn check(
    studio: &mut Studio,
    courier: &Courier,
    scene: Scene,
    segment: &str,
    args: &CameraArgs,
    size: [u32; 2],
) -> Result<Check> {
    let keys = key_frames(studio, courier, scene, segment, args.frames);
    let settle_ms = settle(studio, courier);
    let resting = studio.picture()?;
    let mut least_moving = f64::INFINITY;
    for (index, (taken, center, zoom, snapped)) in keys.into_iter().enumerate() {
        let moving = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
        let moving = moving.context("a key frame did not arrive")?;
        studio.look(center, zoom);
        studio.set_quality(Quality::Full { snapped, thinned: true });
        settle(studio, courier);
        let full = studio.picture()?;
        let small = |rgba: &[u8]| halved(rgba, size[0]);
        least_moving = least_moving.min(psnr(&small(&moving), &small(&full)));
        if let Some(folder) = &args.keep {
            shot::write_png(&folder.join(format!("{segment}-{index}-moving.png")), size, moving)?;
            shot::write_png(&folder.join(format!("{segment}-{index}-full.png")), size, full)?;
        }
    }
    let (center, zoom) = scene.at(segment, f64::from(args.frames - 1) / f64::from(args.frames));
    studio.look(center, zoom);
    studio.set_quality(Quality::Full { snapped: true, thinned: true });
    settle(studio, courier);
    let full = studio.picture()?;
    let db = psnr(&resting, &full);
    if let Some(folder) = &args.keep {
        shot::write_png(&folder.join(format!("{segment}-rest.png")), size, resting)?;
        shot::write_png(&folder.join(format!("{segment}-rest-full.png")), size, full)?;
    }
    studio.set_quality(Quality::Swift);
    Ok(Check { least_moving, resting: db, settle_ms })
}

pub(super) fn run(data: &DataDir, args: &CameraArgs) -> Result<()> {
    let size = shot::size_of(&args.size)?;
    if args.frames < KEYS {
        bail!("--frames wants at least {KEYS}");
    }
    let known = ["pan", "zoom", "far"];
    for path in &args.paths {
        if !known.contains(&path.as_str()) {
            bail!("there is no segment “{path}”; there are {}", known.join(", "));
        }
    }
    let loaded = read_board(&data.board(&args.board))?;
    let courier = Courier::start(&loaded.board, data.assets())?;
    let (notes, twines) = (loaded.board.n_notes(), loaded.board.n_twines());
    let palette = Theme::read(args.dark)?.palette();
    let mut studio = Studio::new(size, NOTE_FONTS, palette)?;
    studio.open(loaded.board);
    let scene = Scene::of(&studio);
    for segment in known {
        if !args.paths.is_empty() && !args.paths.iter().any(|p| p == segment) {
            continue;
        }
        let (center, zoom) = scene.at(segment, 0.0);
        studio.look(center, zoom);
        settle(&mut studio, &courier);
        let figures = timed(&mut studio, &courier, scene, segment, args.frames);
        let rss = rss_mb();
        let left_out = studio.counters().twines_left_out();
        let check = check(&mut studio, &courier, scene, segment, args, size)?;
        let ok = check.least_moving >= MOVING_DB && check.resting >= RESTING_DB;
        let most = figures.most;
        let mut line = json!({
            "segment": segment, "notes": notes, "twines": twines, "frames": args.frames,
            "draws": most.draws, "uploaded_bytes": figures.bytes,
            "uploaded_bytes_max": most.uploaded_bytes, "upload_calls_max": most.upload_calls,
            "tiles_baked": figures.tiles, "tiles_baked_max": most.tiles_baked,
            "notes_max": most.notes, "glyphs_max": most.glyphs, "twines_max": most.twines,
            "twines_left_out": left_out,
            "rss_mb": rss, "adapter": studio.adapter(), "size": args.size,
            "cores": std::thread::available_parallelism().map_or(0, usize::from),
            "moving_db": (check.least_moving * 10.0).round() / 10.0,
            "resting_db": (check.resting * 10.0).round() / 10.0,
            "settle_ms": check.settle_ms.round(),
            "image_check": if ok { "ok" } else { "differs" },
        });
        // No time for a picture that is not right.
        if ok {
            line = joined(line, figures.times());
        }
        print_json(&line);
    }
    Ok(())
}
