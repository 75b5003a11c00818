//! Writes pictures of every style, transition and caption to a folder, to be looked at.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use std::path::PathBuf;

use oto_media::caption::{cues, estimated_words};
use oto_media::maths::{fbm, smoothstep};
use oto_media::picture::Picture;
use oto_media::timeline::{
    Aspect, Captions, Fps, Motion, Pictures, Renderer, Shot, Style, TIMELINE_VERSION, Timeline,
    Transition, TransitionKind, Visual,
};

fn name(i: usize) -> String {
    format!("{i:064x}")
}

/// A dusk over water, or hills by day.
fn scene(width: u32, height: u32, dusk: bool) -> Picture {
    let aspect = width as f32 / height as f32;
    let rgba = (0..width * height)
        .flat_map(|i| {
            let (x, y) = ((i % width) as f32 / width as f32, (i / width) as f32 / height as f32);
            let u = x * aspect;
            let far = 0.52 + 0.10 * fbm(u * 2.2, 0.3, 4, 5);
            let near = 0.68 + 0.20 * fbm(u * 1.3, 4.7, 4, 8);
            let sun = ((u - aspect * 0.68).powi(2) + (y - 0.38).powi(2)).sqrt();
            let cloud = fbm(u * 2.0, y * 5.0, 4, 21);
            let mut c = if dusk {
                [
                    0.96 - 0.5 * (1.0 - y),
                    0.55 - 0.2 * (1.0 - y) + 0.1 * cloud,
                    0.38 + 0.3 * (1.0 - y),
                ]
            } else {
                [0.40 + 0.45 * cloud, 0.62 + 0.28 * cloud, 0.92]
            };
            let disc = 1.0 - smoothstep(0.075, 0.08, sun);
            let glow = 0.35 * (1.0 - smoothstep(0.0, 0.5, sun));
            c = [c[0] + glow + disc, c[1] + glow * 0.8 + disc, c[2] + glow * 0.4 + disc * 0.7];
            if y > far {
                let t = fbm(u * 14.0, y * 14.0, 3, 2);
                c = if dusk { [0.36 + 0.1 * t, 0.24, 0.36] } else { [0.35, 0.52 + 0.2 * t, 0.42] };
            }
            if y > near {
                let t = fbm(u * 30.0, y * 30.0, 4, 3);
                c = if dusk {
                    [0.12, 0.10 + 0.08 * t, 0.16]
                } else {
                    [0.18 + 0.2 * t, 0.36 + 0.25 * t, 0.12]
                };
            }
            let house = (x - 0.25).abs() < 0.035 && y > near - 0.12 && y < near + 0.03;
            if house {
                c = if dusk { [0.98, 0.75, 0.35] } else { [0.93, 0.32, 0.22] };
            }
            let [r, g, b] = c.map(|v: f32| (v.clamp(0.0, 1.0) * 255.0) as u8);
            [r, g, b, 255]
        })
        .collect();
    Picture { width, height, rgba }
}

fn film(style: Style, aspect: Aspect, kind: TransitionKind) -> Renderer {
    let text = "Lisbon wakes slowly. A cat on the roof counts the trams, one by one, until the sun is high enough.";
    let shot = |visual: Visual| Shot {
        frames: 90,
        visual,
        motion: Motion::In,
        transition: Transition { kind, frames: 30 },
    };
    let still = |i: usize| Visual::Still { asset: name(i), focus: [0.6, 0.4] };
    let timeline = Timeline {
        version: TIMELINE_VERSION,
        size: aspect.size(720),
        fps: Fps::DEFAULT,
        seed: 7,
        style,
        shots: vec![
            shot(still(0)),
            shot(still(1)),
            shot(Visual::Card { text: "The morning after".into() }),
            shot(still(2)),
            shot(still(9)),
        ],
        voice: vec![],
        bed: None,
        cues: cues(&estimated_words(text, 6_000)),
        captions: Captions::Style,
    };
    let mut pictures = Pictures::default();
    pictures.stills.insert(name(0), scene(1600, 1000, true));
    pictures.stills.insert(name(1), scene(1600, 1000, false));
    pictures.stills.insert(name(2), scene(900, 1600, true));
    Renderer::new(timeline, pictures)
}

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "/tmp/look".into()));
    let save = |renderer: &Renderer, n: u32, what: &str| {
        let [width, height] = renderer.timeline().size;
        let picture = Picture { width, height, rgba: renderer.frame(n) };
        std::fs::write(folder.join(format!("{what}.png")), picture.to_png().unwrap()).unwrap();
    };
    for (style, word) in Style::ALL.into_iter().zip(Style::NAMES) {
        for (aspect, shape) in
            [(Aspect::Wide, "wide"), (Aspect::Tall, "tall"), (Aspect::Square, "square")]
        {
            let renderer = film(style, aspect, style.sheet().transition);
            save(&renderer, 40, &format!("{word}_{shape}_dusk"));
            save(&renderer, 140, &format!("{word}_{shape}_day"));
            save(&renderer, 230, &format!("{word}_{shape}_card"));
            save(&renderer, 320, &format!("{word}_{shape}_whole"));
            save(&renderer, 420, &format!("{word}_{shape}_missing"));
        }
    }
    for kind in TransitionKind::ALL {
        let style = if kind == TransitionKind::Slide { Style::Comic } else { Style::Watercolour };
        let renderer = film(style, Aspect::Wide, kind);
        for n in [76, 82, 88, 94, 100] {
            save(&renderer, n, &format!("transition_{kind:?}_{n}"));
        }
    }
}
