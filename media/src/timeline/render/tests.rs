//! What is drawn when: transitions, styles, missing pictures, the same bytes from any thread.

use super::*;
use crate::caption::{cues, estimated_words};
use crate::timeline::{Aspect, Captions, Fps, Motion, Style, TIMELINE_VERSION, Transition, Visual};

fn flat(v: u8) -> Picture {
    Picture { width: 320, height: 180, rgba: [v, v, v, 255].repeat(320 * 180) }
}

fn detailed(width: u32, height: u32) -> Picture {
    let rgba = (0..width * height)
        .flat_map(|i| {
            let (x, y) = (i % width, i / width);
            [(x / 2) as u8, (y / 2) as u8, ((x / 24 + y / 24) % 2 * 160) as u8, 255]
        })
        .collect();
    Picture { width, height, rgba }
}

fn still(asset: &str) -> Visual {
    Visual::Still { asset: asset.to_owned(), focus: [0.5; 2] }
}

fn film(style: Style, size: [u32; 2], kind: TransitionKind, shown: [Visual; 2]) -> Timeline {
    let shot = |visual| Shot {
        frames: 30,
        visual,
        motion: Motion::In,
        transition: Transition { kind, frames: 10 },
    };
    Timeline {
        version: TIMELINE_VERSION,
        size,
        fps: Fps::DEFAULT,
        seed: 3,
        style,
        shots: shown.map(shot).to_vec(),
        voice: vec![],
        bed: None,
        cues: vec![],
        captions: Captions::Style,
    }
}

fn pictures() -> Pictures {
    let mut pictures = Pictures::default();
    pictures.stills.insert("dark".to_owned(), flat(20));
    pictures.stills.insert("bright".to_owned(), flat(230));
    pictures.stills.insert("fine".to_owned(), detailed(700, 500));
    pictures
}

fn mean(frame: &[u8]) -> f64 {
    frame.chunks_exact(4).map(|p| f64::from(p[1])).sum::<f64>() / (frame.len() / 4) as f64
}

#[test]
fn transitions_lie_half_in_each_shot() {
    for kind in TransitionKind::ALL {
        let shown = [still("dark"), still("bright")];
        let timeline = film(Style::Documentary, [320, 184], kind, shown);
        let renderer = Renderer::new(timeline, pictures());
        let at = |n: u32| mean(&renderer.frame(n));
        assert!((at(24) - 20.0).abs() < 1.0, "{kind:?} {}", at(24));
        assert!((at(35) - 230.0).abs() < 1.0, "{kind:?} {}", at(35));
        let (before, behind) = (at(29), at(30));
        match kind {
            TransitionKind::Cut => {
                assert!((before - 20.0).abs() < 1.0 && (behind - 230.0).abs() < 1.0);
            }
            // Through the paper, which is dark here: 32, 33, 35.
            TransitionKind::Dip => {
                assert!(before < 60.0 && behind < 120.0, "{before} {behind}");
            }
            // Half of each light: byte 172.
            TransitionKind::Dissolve => assert!((130.0..200.0).contains(&before), "{before}"),
            _ => assert!((50.0..215.0).contains(&before), "{kind:?} {before}"),
        }
        assert!((at(25) - 20.0).abs() < 25.0, "{kind:?} {}", at(25));
        assert!((at(34) - 230.0).abs() < 25.0, "{kind:?} {}", at(34));
    }
}

#[test]
fn every_style_draws_every_shape_and_looks_like_no_other() {
    let words = "Lisbon wakes slowly, and a cat on the roof counts the trams.";
    for aspect in [Aspect::Wide, Aspect::Tall, Aspect::Square] {
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for style in Style::ALL {
            let kind = style.sheet().transition;
            let mut timeline = film(style, aspect.size(184), kind, [still("fine"), still("fine")]);
            timeline.shots.push(Shot {
                visual: Visual::Card { text: "The end".to_owned() },
                ..timeline.shots[0].clone()
            });
            timeline.shots.push(Shot { visual: still("lost"), ..timeline.shots[0].clone() });
            timeline.cues = cues(&estimated_words(words, 2_000));
            let renderer = Renderer::new(timeline, pictures());
            for n in (0..=120).step_by(8) {
                let [width, height] = renderer.timeline().size;
                assert_eq!(renderer.frame(n).len(), (width * height * 4) as usize);
            }
            let frame = renderer.frame(15);
            let apart = |other: &Vec<u8>| {
                let sum: u64 =
                    other.iter().zip(&frame).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
                sum as f64 / frame.len() as f64
            };
            assert!(seen.iter().all(|other| apart(other) > 1.0), "{style:?}");
            seen.push(frame);
        }
    }
}

#[test]
fn frames_are_the_same_whoever_draws_them() {
    for style in [Style::Watercolour, Style::Cinematic, Style::Comic] {
        let kind = style.sheet().transition;
        let mut timeline = film(style, [320, 184], kind, [still("fine"), still("bright")]);
        timeline.cues = cues(&estimated_words("a cat counts", 1_500));
        let renderer = Renderer::new(timeline.clone(), pictures());
        let alone: Vec<Vec<u8>> = (0..60).step_by(6).map(|n| renderer.frame(n)).collect();
        let other = Renderer::new(timeline, pictures());
        std::thread::scope(|scope| {
            for start in [9usize, 4] {
                let (other, alone) = (&other, &alone);
                scope.spawn(move || {
                    for i in (0..10).map(|k| (start + k * 7) % 10) {
                        assert!(other.frame(i as u32 * 6) == alone[i], "{style:?} {i}");
                    }
                });
            }
        });
    }
}

#[test]
fn captions_show_only_in_their_time_and_only_where_they_are_wanted() {
    let drawn = |style: Style, captions: Captions| {
        let mut timeline =
            film(style, [640, 360], TransitionKind::Cut, [still("dark"), still("dark")]);
        let plain = Renderer::new(timeline.clone(), pictures());
        timeline.cues = cues(&estimated_words("hello there", 600));
        timeline.captions = captions;
        let renderer = Renderer::new(timeline, pictures());
        assert!(renderer.frame(45) == plain.frame(45), "{style:?}");
        let (with, without) = (renderer.frame(8), plain.frame(8));
        let rows: Vec<usize> = with
            .chunks_exact(640 * 4)
            .zip(without.chunks_exact(640 * 4))
            .enumerate()
            .filter_map(|(y, (a, b))| (a != b).then_some(y))
            .collect();
        // Inside the safe area: the lower third less the margin.
        assert!(rows.iter().all(|y| (240..=339).contains(y)), "{style:?} {rows:?}");
        !rows.is_empty()
    };
    for style in Style::ALL {
        assert_eq!(drawn(style, Captions::Style), style != Style::Minimal);
        assert!(drawn(style, Captions::Burnt));
        assert!(!drawn(style, Captions::Beside));
    }
}

/// Frames of 40 ms, as bright as they are late, for a second.
struct Second;

impl FrameSource for Second {
    fn frame_at(&mut self, ms: u64) -> Option<Picture> {
        (ms < 1_000).then(|| flat((ms / 40 * 8) as u8))
    }
}

#[test]
fn a_short_film_holds_its_last_frame() {
    let shown = [Visual::Film { asset: "f".to_owned(), in_ms: 400 }, still("dark")];
    let timeline = film(Style::Documentary, [320, 184], TransitionKind::Cut, shown);
    let open = || {
        let mut pictures = pictures();
        pictures.films.insert("f".to_owned(), Box::new(Second));
        Renderer::new(timeline.clone(), pictures)
    };
    let renderer = open();
    let at = |n: u32| mean(&renderer.frame(n)).round();
    assert_eq!((at(0), at(10)), (80.0, 144.0));
    assert_eq!((at(18), at(29)), (192.0, 192.0));
    assert!(open().frame(29) == renderer.frame(29));
}

#[test]
fn i420_is_the_same_picture() {
    let timeline =
        film(Style::Comic, [320, 184], TransitionKind::Slide, [still("fine"), still("bright")]);
    let renderer = Renderer::new(timeline, pictures());
    let mut planes = Vec::new();
    for n in [3, 30] {
        let rgba = renderer.frame(n);
        renderer.frame_i420(n, &mut planes);
        for i in (0..320 * 184).step_by(7) {
            let [r, g, b] = [0, 1, 2].map(|c| f64::from(rgba[i * 4 + c]));
            let y = 16.0 + (0.2126 * r + 0.7152 * g + 0.0722 * b) * 219.0 / 255.0;
            assert!((f64::from(planes[i]) - y).abs() < 1.6);
        }
    }
}
