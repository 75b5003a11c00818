//! Seeking shows the very frame, in films as they come and in the small copies made for it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "times and skipped parts are for the reader of the test")]

use std::fs::File;
use std::path::Path;
use std::time::Instant;

use oto_media::MediaError;
use oto_media::picture::Picture;
use oto_media::worker::{EncodeSpec, Workers};

const SIZE: [u32; 2] = [960, 540];
const FRAMES: u32 = 300;
const FPS: u32 = 30;
const BITS: u32 = 10;

fn workers() -> Workers {
    Workers::of_program(env!("CARGO_BIN_EXE_oto-media-worker"))
}

/// A frame with its number in it: one bar for each bit, white for one and black for zero.
fn numbered(n: u32) -> Vec<u8> {
    let row: Vec<u8> =
        (0..SIZE[0]).map(|x| if n >> (x * BITS / SIZE[0]) & 1 == 1 { 220 } else { 30 }).collect();
    let mut frame: Vec<u8> =
        row.iter().copied().cycle().take((SIZE[0] * SIZE[1]) as usize).collect();
    frame.resize(frame.len() * 3 / 2, 128);
    frame
}

fn number_in(picture: &Picture) -> u32 {
    let middle = picture.height / 2 * picture.width;
    (0..BITS)
        .filter(|bit| {
            let x = (bit * 2 + 1) * picture.width / (BITS * 2);
            picture.rgba[((middle + x) * 4) as usize] > 128
        })
        .map(|bit| 1 << bit)
        .sum()
}

/// A film of numbered frames; chain 0 makes MP4, chain 3 WebM.
fn film(path: &Path, chain: u32) {
    let output = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    let spec = EncodeSpec { size: SIZE, fps: [FPS, 1], frames: FRAMES, samples: 0, chain };
    let mut encoder = workers().encoder(spec, &output).unwrap();
    (0..FRAMES).for_each(|n| encoder.push(&numbered(n)).unwrap());
    encoder.finish().unwrap();
}

/// Seeks here and there; every frame must be the one that was asked for.
fn seek_around(path: &Path, n_seeks: u32, name: &str) {
    let mut player = workers().film(path, [640, 360]).unwrap();
    assert!(player.info.duration_ms.abs_diff(u64::from(FRAMES * 1000 / FPS)) <= 40);
    let (mut state, mut times) = (12_345u32, Vec::new());
    let mut random = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    for round in 0..n_seeks {
        let frame = match round {
            0 => FRAMES - 1,
            1 => 0,
            _ => random() % FRAMES,
        };
        // Anywhere in the frame but its very edges, which WebM rounds to a millisecond.
        let (from, to) = (frame * 1000 / FPS + 2, (frame + 1) * 1000 / FPS - 1);
        let ms = from + random() % (to - from);
        let begun = Instant::now();
        let (picture, told_ms) = player.seek(u64::from(ms)).unwrap().unwrap();
        times.push(begun.elapsed());
        assert_eq!(number_in(&picture), frame, "{name} at {ms} ms");
        assert!(told_ms <= u64::from(ms));
        let (again, _) = player.seek(told_ms).unwrap().unwrap();
        assert_eq!(number_in(&again), frame, "{name} at {told_ms} ms, which it told");
        let next = player.next_frame().unwrap();
        assert_eq!(next.map(|n| number_in(&n.0)), (frame + 1 < FRAMES).then_some(frame + 1));
    }
    times.sort();
    let part = |p: usize| times[(times.len() * p / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    eprintln!("{name}: {n_seeks} seeks, p50 {:.1} ms, p95 {:.1} ms", part(50), part(95));
}

#[test]
fn every_seek_shows_the_very_frame() {
    let folder = tempfile::tempdir().unwrap();
    for (file, chain, n_seeks) in [("a.mp4", 0, 60), ("a.webm", 3, 30)] {
        let path = folder.path().join(file);
        film(&path, chain);
        seek_around(&path, n_seeks, file);
        if chain == 0 {
            let small = folder.path().join("small.webm");
            let begun = Instant::now();
            let told = std::cell::Cell::new(0.0f32);
            let progress = |part| part >= told.replace(part);
            workers().proxy(&path, &small, &progress).unwrap();
            eprintln!("proxy of 10 s made in {:.1} s", begun.elapsed().as_secs_f64());
            seek_around(&small, 200, "proxy");
            assert_eq!(workers().film(&small, [960, 960]).unwrap().info.size, [640, 360]);
        }
    }
}

#[test]
fn frames_stored_out_of_order_are_shown_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mixed) = (folder.path().join("a.mp4"), folder.path().join("b.mp4"));
    film(&path, 0);
    // As most cameras and programs do, and with times shifted by what that takes.
    let made = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&path)
        .args(["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "250"])
        .arg(&mixed)
        .status();
    if made.is_ok_and(|status| status.success()) {
        seek_around(&mixed, 30, "frames out of order");
    } else {
        eprintln!("skipped: ffmpeg with x264 is not installed");
    }
}

#[test]
fn a_film_without_index_is_seen_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.webm");
    film(&path, 3);
    let whole = std::fs::read(&path).unwrap();
    // The index is at the end.
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let mut player = workers().film(&path, [640, 360]).unwrap();
    for frame in [20, 21, 60, 3] {
        let (picture, _) = player.seek(u64::from(frame * 1000 / FPS + 10)).unwrap().unwrap();
        assert_eq!(number_in(&picture), frame);
    }
    let small = folder.path().join("small.webm");
    workers().proxy(&path, &small, &|_| true).unwrap();
    let mut player = workers().film(&small, [640, 360]).unwrap();
    for frame in [60, 20] {
        let (picture, _) = player.seek(u64::from(frame * 1000 / FPS + 10)).unwrap().unwrap();
        assert_eq!(number_in(&picture), frame);
    }
}

#[test]
fn a_small_copy_that_fails_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let small = folder.path().join("small.webm");
    film(&path, 0);
    let stopped = workers().proxy(&path, &small, &|_| false);
    assert!(matches!(stopped, Err(MediaError::Canceled)), "{stopped:?}");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..200]).unwrap();
    assert!(workers().proxy(&path, &small, &|_| true).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
