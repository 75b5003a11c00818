//! Real workers: speech, pictures and a film that other programs can play.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use oto_media::MediaError;
use oto_media::caption::{Cue, cues};
use oto_media::picture::Picture;
use oto_media::timeline::{Aspect, FPS, Renderer, Shot, Timeline, Visual, export, mix};
use oto_media::wav::Pcm;
use oto_media::worker::{EncodeSpec, Workers};

fn workers() -> Workers {
    Workers::of_program(env!("CARGO_BIN_EXE_oto-media-worker"))
}

fn picture(shade: u8) -> Picture {
    let rgba = (0..400 * 300u32)
        .flat_map(|i| [shade, (i % 256) as u8, (i / 400 % 256) as u8, 255])
        .collect();
    Picture { width: 400, height: 300, rgba }
}

fn short_film(cues: Vec<Cue>) -> Renderer {
    let shot =
        |i: usize, start_frame: u32| Shot { start_frame, frames: 45, visual: Visual::Still(i) };
    let timeline = Timeline {
        version: 1,
        size: Aspect::Wide.size(184),
        frames: 75,
        seed: 1,
        shots: vec![shot(0, 0), shot(1, 30)],
        cues,
    };
    Renderer::new(timeline, &[picture(30), picture(220)])
}

#[test]
fn a_voice_speaks_with_a_time_for_every_word() {
    let speech = workers().speak("Lisbon wakes slowly, and oTo listens.", "en", 160).unwrap();
    let said: Vec<&str> = speech.words.iter().map(|w| w.text.as_str()).collect();
    assert_eq!(said, ["Lisbon", "wakes", "slowly,", "and", "oTo", "listens."]);
    assert!((1_200..6_000).contains(&speech.pcm.duration_ms()), "{} ms", speech.pcm.duration_ms());
    assert!(speech.words.windows(2).all(|w| w[0].start_ms < w[1].start_ms));
    let again = workers().speak("Lisbon wakes slowly, and oTo listens.", "en", 160).unwrap();
    assert_eq!(again, speech);
    assert!(matches!(workers().speak("x", "no-such-voice", 160), Err(MediaError::Unsupported(_))));
    assert!(workers().speak(" ", "en", 160).is_err());
}

#[test]
fn pictures_are_decoded_and_hostile_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    let made = picture(9);
    std::fs::write(&path, made.to_png().unwrap()).unwrap();
    let (read, source) = workers().picture(&path, 4096).unwrap();
    assert_eq!((read.rgba == made.rgba, source), (true, [400, 300]));
    let mut viewer = workers().viewer(&path).unwrap();
    assert_eq!(viewer.size, [400, 300]);
    let corner = viewer.part(1, [1, 1]).unwrap();
    let expected = made.rgba[((299 * 400 + 399) * 4) as usize..].to_vec();
    assert_eq!((corner.width, &corner.rgba[512 * 512 * 4 - 4..]), (512, &expected[..]));
    assert!(viewer.part(1, [2, 0]).is_err());
    let (small, _) = workers().picture(&path, 100).unwrap();
    assert_eq!([small.width, small.height], [100, 75]);
    for bytes in [
        &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..],
        b"",
        b"\x89PNG\r\n\x1a\nbroken",
        b"GIF89a",
    ] {
        std::fs::write(&path, bytes).unwrap();
        assert!(workers().picture(&path, 100).is_err());
    }
    // A PNG that claims 65,535 x 65,535 pixels is refused before anything is made for it.
    let mut bomb = made.to_png().unwrap();
    bomb[16..24].copy_from_slice(&[0, 0, 255, 255, 0, 0, 255, 255]);
    std::fs::write(&path, &bomb).unwrap();
    assert!(workers().picture(&path, 100).is_err());
}

fn probe(path: &Path) -> serde_json::Value {
    let out = std::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-print_format",
            "json",
            "-show_streams",
            "-show_format",
            "-count_frames",
        ])
        .arg(path)
        .output()
        .expect("ffprobe is installed by `cargo xtask test`");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn a_film_has_its_streams_its_length_and_changing_frames() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let workers = workers();
    let speech = workers.speak("A tram climbs the wet street.", "en", 150).unwrap();
    let voice = speech.pcm.to_stereo_48k();
    let sound = mix(&[(4_800, &voice)], 75 * 48_000 / u64::from(FPS));
    let steps = AtomicU32::new(0);
    let renderer = short_film(cues(&speech.words));
    let progress = |_| steps.fetch_add(1, Ordering::Relaxed) < 1_000;
    let report = export(&workers, &renderer, &sound, &path, &progress).unwrap();
    assert_eq!((report.duration_ms, steps.into_inner()), (2_500, 75));
    let told = probe(&path);
    let kinds: Vec<&str> = told["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["codec_type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.iter().filter(|k| **k == "video").count(), 1);
    assert_eq!(kinds.iter().filter(|k| **k == "audio").count(), 1);
    let video =
        told["streams"].as_array().unwrap().iter().find(|s| s["codec_type"] == "video").unwrap();
    assert_eq!(video["nb_read_frames"], "75");
    let seconds: f64 = told["format"]["duration"].as_str().unwrap().parse().unwrap();
    assert!((seconds - 2.5).abs() < 0.2, "{seconds}");

    let mut film = workers.film(&path, [160, 160]).unwrap();
    assert!(film.info.has_sound);
    assert_eq!(film.info.size, [160, 88]);
    let (first, _) = film.next_frame().unwrap().unwrap();
    let (late, ms) = film.seek(2_200).unwrap().unwrap();
    assert!(ms.abs_diff(2_200) <= 34, "{ms}");
    assert!(first.average_rgb() >> 16 < 0x60 && late.average_rgb() >> 16 > 0x90);
    let mut n = 0;
    film.seek(0).unwrap();
    while film.next_frame().unwrap().is_some() {
        n += 1;
    }
    assert_eq!(n, 74);
    let heard = workers.sound(&path).unwrap();
    assert!((2_300..2_700).contains(&heard.duration_ms()), "{}", heard.duration_ms());
    assert!(heard.samples.iter().any(|s| s.unsigned_abs() > 3_000));
}

#[test]
fn a_stopped_export_leaves_no_file_and_damaged_films_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let stopped = export(&workers(), &short_film(vec![]), &[], &path, &|done| done < 0.3);
    assert!(matches!(stopped, Err(MediaError::Canceled)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    export(&workers(), &short_film(vec![]), &[], &path, &|_| true).unwrap();
    assert!(workers().sound(&path).is_err(), "a silent film has no sound");
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 3]).unwrap();
    assert!(workers().film(&path, [64, 64]).is_err());
}

#[test]
fn sound_survives_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let tone: Vec<i16> =
        (0..22_050).map(|i| if i / 50 % 2 == 0 { 9_000 } else { -9_000 }).collect();
    std::fs::write(&path, Pcm { rate: 22_050, channels: 1, samples: tone }.to_wav()).unwrap();
    let heard = workers().sound(&path).unwrap();
    assert_eq!((heard.rate, heard.channels, heard.duration_ms()), (48_000, 2, 1_000));
}

#[test]
fn where_h264_is_missing_films_are_webm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.webm");
    let output = std::fs::File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)
        .unwrap();
    // The last chain: VP9 and Opus.
    let spec = EncodeSpec { size: [320, 184], fps: FPS, frames: 20, samples: 32_000, chain: 3 };
    let mut encoder = workers().encoder(spec, &output).unwrap();
    encoder.set_sound(&vec![[0.1; 2]; 32_000]).unwrap();
    for n in 0..20u8 {
        encoder.push(&vec![n * 10; 320 * 184 * 3 / 2]).unwrap();
    }
    encoder.finish().unwrap();
    let codecs: Vec<String> = probe(&path)["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["codec_name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(codecs, ["vp9", "opus"]);
    assert_eq!(workers().film(&path, [320, 320]).unwrap().info.size, [320, 184]);
}
