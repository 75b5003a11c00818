//! How long frames and a whole export take. Arguments: `frames`, `export 1080`, `export 720`, or
//! nothing for all. Needs `oto-media-worker` beside the folder of this program.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::time::Instant;

use oto_media::caption::{cues, estimated_words};
use oto_media::maths::fbm;
use oto_media::picture::Picture;
use oto_media::timeline::{
    Aspect, Captions, Fps, Motion, Pictures, Renderer, Shot, Style, TIMELINE_VERSION, Timeline,
    Transition, TransitionKind, Visual, export,
};
use oto_media::worker::Workers;

/// Seconds of processor time this thread has had; what else runs does not count.
fn busy() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Seconds of processor time all threads and all workers that ended have had.
fn busy_all() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap();
    told.rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|v| v.parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}

fn name(i: usize) -> String {
    format!("{i:064x}")
}

/// Hills under a sky, with fine detail everywhere.
fn picture(width: u32, height: u32, seed: u32) -> Picture {
    let rgba = (0..width * height)
        .flat_map(|i| {
            let (u, v) = ((i % width) as f32 / height as f32, (i / width) as f32 / height as f32);
            let hill = 0.45 + 0.3 * fbm(u * 2.0, 0.5, 3, seed);
            let fine = fbm(u * 90.0, v * 90.0, 2, seed ^ 3) - 0.5;
            let rgb = if v < hill {
                let cloud = fbm(u * 3.0, v * 6.0, 3, seed ^ 9);
                [0.35 + 0.5 * cloud, 0.55 + 0.3 * cloud, 0.85]
            } else {
                [0.25 + 0.5 * fine, 0.45 + 0.6 * fine - (v - hill) * 0.3, 0.2 + 0.3 * fine]
            };
            let [r, g, b] = rgb.map(|c: f32| (c.clamp(0.0, 1.0) * 255.0) as u8);
            [r, g, b, 255]
        })
        .collect();
    Picture { width, height, rgba }
}

fn film(style: Style, short: u32, seconds: u32, kind: TransitionKind, motion: Motion) -> Renderer {
    let text = "Lisbon wakes slowly. A cat on the roof counts the trams, one by one, until the sun is high enough to sleep again in peace and quiet. ";
    let words = estimated_words(&text.repeat(seconds as usize / 10 + 1), seconds * 1000);
    let shots = (0..seconds.div_ceil(5) as usize)
        .map(|i| Shot {
            frames: 150,
            visual: Visual::Still { asset: name(i % 4), focus: [0.6, 0.4] },
            motion,
            transition: Transition { kind, frames: 24 },
        })
        .collect();
    let timeline = Timeline {
        version: TIMELINE_VERSION,
        size: Aspect::Wide.size(short),
        fps: Fps::DEFAULT,
        seed: 7,
        style,
        shots,
        voice: vec![],
        bed: None,
        cues: cues(&words),
        captions: Captions::Burnt,
    };
    let mut pictures = Pictures::default();
    for i in 0..4 {
        let (w, h) = if i % 2 == 0 { (1600, 1000) } else { (3000, 2000) };
        pictures.stills.insert(name(i), picture(w, h, i as u32));
    }
    let start = Instant::now();
    let renderer = Renderer::new(timeline, pictures);
    println!("{style:?} {short}p: made ready in {} ms", start.elapsed().as_millis());
    renderer
}

fn frames(style: Style, short: u32, kind: TransitionKind) {
    let renderer = film(style, short, 10, kind, Motion::Auto);
    for (what, from) in [("1600x1000", 60), ("transition", 139), ("3000x2000", 200)] {
        let mut bytes = 0;
        drop(renderer.frame(from));
        let start = busy();
        for n in from..from + 20 {
            bytes += renderer.frame(n).len();
        }
        let ms = (busy() - start) * 1000.0 / 20.0;
        println!("  {what:<12} {kind:?}: {ms:.1} ms a frame ({bytes} bytes)");
    }
}

fn whole(style: Style, short: u32) {
    let workers = std::env::current_exe().unwrap();
    let workers = workers.parent().unwrap().parent().unwrap().join("oto-media-worker");
    let workers = Workers::of_program(workers);
    let renderer = film(style, short, 60, TransitionKind::Dissolve, Motion::Auto);
    let path = std::env::temp_dir().join(format!("film_speed_{short}.mp4"));
    let sound = vec![[0.01; 2]; 60 * 48_000];
    let (start, before) = (Instant::now(), busy_all());
    export(&workers, &renderer, &sound, &path, &|_| true).unwrap();
    let size = std::fs::metadata(&path).unwrap().len() >> 20;
    println!(
        "60 s at {short}p, {style:?}: {:.1} s, of which {:.1} s of processor time, {size} MiB",
        start.elapsed().as_secs_f64(),
        busy_all() - before
    );
}

fn main() {
    let told: Vec<String> = std::env::args().skip(1).collect();
    let wants = |what: &str| told.is_empty() || told[0] == what;
    if wants("frames") {
        for short in [720, 1080] {
            for style in [Style::Documentary, Style::Cinematic, Style::Comic] {
                frames(style, short, TransitionKind::Dissolve);
            }
            frames(Style::Watercolour, short, TransitionKind::Peel);
            let renderer = film(Style::Documentary, short, 5, TransitionKind::Cut, Motion::None);
            drop(renderer.frame(1));
            let start = busy();
            (10..30).for_each(|n| drop(renderer.frame(n)));
            println!("  at rest: {:.1} ms a frame", (busy() - start) * 50.0);
        }
    }
    if wants("export") {
        for short in [720, 1080] {
            if told.len() < 2 || told[1] == short.to_string() {
                whole(Style::Cinematic, short);
            }
        }
    }
}
