//! Real workers: speech, pictures and a film that other programs can play.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use oto_media::MediaError;
use oto_media::caption::{Cue, cues};
use oto_media::picture::Picture;
use oto_media::timeline::{
    Aspect, Captions, Clip, Fps, Motion, Pictures, Renderer, SAMPLE_RATE, Shot, Style,
    TIMELINE_VERSION, Timeline, Transition, TransitionKind, Visual, export, mix,
};
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

fn name(i: usize) -> String {
    format!("{i:064x}")
}

fn timeline(size: [u32; 2], visuals: Vec<Visual>, frames: u32, kind: TransitionKind) -> Timeline {
    let shot = |visual| Shot {
        frames,
        visual,
        motion: Motion::Auto,
        transition: Transition { kind, frames: 14 },
    };
    Timeline {
        version: TIMELINE_VERSION,
        size,
        fps: Fps::DEFAULT,
        seed: 1,
        style: Style::Documentary,
        shots: visuals.into_iter().map(shot).collect(),
        voice: vec![],
        bed: None,
        cues: vec![],
        captions: Captions::Style,
    }
}

fn still(i: usize) -> Visual {
    Visual::Still { asset: name(i), focus: [0.5; 2] }
}

fn two_pictures() -> Pictures {
    let mut pictures = Pictures::default();
    pictures.stills.insert(name(0), picture(30));
    pictures.stills.insert(name(1), picture(220));
    pictures
}

/// Five halves of a second with two pictures.
fn short_film(cues: Vec<Cue>) -> Renderer {
    let size = Aspect::Wide.size(184);
    let mut timeline = timeline(size, vec![still(0), still(1)], 38, TransitionKind::Dissolve);
    timeline.shots[1].frames = 37;
    timeline.cues = cues;
    Renderer::new(timeline, two_pictures())
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
    let steps = AtomicU32::new(0);
    let renderer = short_film(cues(&speech.words));
    let mut spoken = renderer.timeline().clone();
    let samples = voice.len().min(110_000) as u64;
    let clip = Clip { asset: name(7), start_sample: 4_800, in_sample: 0, samples, gain_db: 0.0 };
    spoken.voice.push(clip);
    let sound = mix(&spoken, &BTreeMap::from([(name(7), Arc::new(voice))]));
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

/// Mean structural similarity of the brightness of two pictures of one size, over 8 × 8 blocks.
fn similarity(a: &Picture, b: &Picture) -> f64 {
    assert_eq!([a.width, a.height], [b.width, b.height]);
    let luma = |p: &Picture, x: u32, y: u32| {
        let at = ((y * p.width + x) * 4) as usize;
        [0.2126, 0.7152, 0.0722]
            .iter()
            .zip(&p.rgba[at..])
            .map(|(k, v)| k * f64::from(*v))
            .sum::<f64>()
    };
    let (mut total, mut n) = (0.0, 0.0);
    for by in 0..a.height / 8 {
        for bx in 0..a.width / 8 {
            let (mut sa, mut sb, mut saa, mut sbb, mut sab) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for i in 0..64 {
                let (x, y) = (bx * 8 + i % 8, by * 8 + i / 8);
                let (va, vb) = (luma(a, x, y), luma(b, x, y));
                sa += va;
                sb += vb;
                saa += va * va;
                sbb += vb * vb;
                sab += va * vb;
            }
            let (ma, mb) = (sa / 64.0, sb / 64.0);
            let (va, vb, cov) = (saa / 64.0 - ma * ma, sbb / 64.0 - mb * mb, sab / 64.0 - ma * mb);
            let (c1, c2) = (6.5025, 58.5225);
            total += (2.0 * ma * mb + c1) * (2.0 * cov + c2)
                / ((ma * ma + mb * mb + c1) * (va + vb + c2));
            n += 1.0;
        }
    }
    total / n
}

/// Soft shapes of several sizes, as photographs have them.
fn scenery(seed: u32) -> Picture {
    use oto_media::maths::{fbm, smoothstep};
    let rgba = (0..1_200 * 800u32)
        .flat_map(|i| {
            let (x, y) = ((i % 1_200) as f32 / 200.0, (i / 1_200) as f32 / 200.0);
            let v = fbm(x, y, 4, seed);
            let hill = smoothstep(0.48, 0.52, v) * 0.3;
            let rgb = [v, (v * 0.7 + hill).min(1.0), 1.0 - v];
            rgb.map(|c| (c * 255.0) as u8).into_iter().chain([255])
        })
        .collect();
    Picture { width: 1_200, height: 800, rgba }
}

#[test]
fn the_preview_looks_like_the_film() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let pictures = || {
        let mut pictures = Pictures::default();
        pictures.stills.insert(name(1), scenery(3));
        pictures.stills.insert(name(2), scenery(5));
        pictures
    };
    let visuals = || vec![still(2), still(1)];
    let full = timeline([1_280, 720], visuals(), 30, TransitionKind::Dissolve);
    let words = oto_media::caption::estimated_words("a cat on the roof counts trams", 2_000);
    let full = Timeline { cues: cues(&words), ..full };
    let half = Timeline { size: [640, 360], ..full.clone() };
    let (full, half) = (Renderer::new(full, pictures()), Renderer::new(half, pictures()));
    export(&workers(), &full, &[], &path, &|_| true).unwrap();
    let mut film = workers().film(&path, [640, 360]).unwrap();
    for n in 0..60 {
        let (exported, _) = film.next_frame().unwrap().unwrap();
        if n % 7 == 3 {
            let preview = Picture { width: 640, height: 360, rgba: half.frame(n) };
            let alike = similarity(&preview, &exported);

            assert!(alike >= 0.98, "frame {n}: {alike}");
        }
    }
    assert!(film.next_frame().unwrap().is_none());
}

#[test]
fn clicks_stay_with_their_flashes_over_sixty_cuts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    // 29.97 frames a second, where a clock that adds up would drift.
    let flat = |v: u8| Picture { width: 64, height: 64, rgba: [v, v, v, 255].repeat(64 * 64) };
    let mut pictures = Pictures::default();
    pictures.stills.insert(name(0), flat(0));
    pictures.stills.insert(name(1), flat(255));
    let visuals = (0..61).map(|i| still(i % 2)).collect();
    let mut film = timeline([128, 72], visuals, 15, TransitionKind::Cut);
    film.fps = Fps::parse("29.97").unwrap();
    let mut sound = vec![[0.0f32; 2]; film.samples() as usize];
    let cuts: Vec<u32> = film.starts()[1..].to_vec();
    for cut in &cuts {
        let at = film.fps.sample_at(*cut) as usize;
        for (i, sample) in sound[at..at + 240].iter_mut().enumerate() {
            *sample = [if i / 24 % 2 == 0 { 0.8 } else { -0.8 }; 2];
        }
    }
    let (frames, fps) = (film.frames(), film.fps);
    export(&workers(), &Renderer::new(film, pictures), &sound, &path, &|_| true).unwrap();
    let mut player = workers().film(&path, [128, 128]).unwrap();
    let (mut shades, mut flashes) = (Vec::new(), Vec::new());
    while let Some((picture, ms)) = player.next_frame().unwrap() {
        let shade = picture.average_rgb() & 0xff;
        if shades.last().is_some_and(|last: &u32| last.abs_diff(shade) > 120) {
            flashes.push(ms);
        }
        shades.push(shade);
    }
    assert_eq!((shades.len() as u32, flashes.len()), (frames, cuts.len()));
    let heard = workers().sound(&path).unwrap();
    let loud: Vec<u64> = heard
        .samples
        .chunks_exact(2)
        .enumerate()
        .filter(|(_, s)| s[0].unsigned_abs() > 8_000)
        .map(|(i, _)| i as u64 * 1_000 / u64::from(SAMPLE_RATE))
        .collect();
    for (cut, flash) in cuts.iter().zip(flashes) {
        assert!(flash.abs_diff(fps.ms_at(*cut)) <= 2, "{flash}");
        let click = loud.iter().find(|ms| **ms + 100 > flash).unwrap();
        assert!(click.abs_diff(flash) <= 15, "flash at {flash}, click at {click}");
    }
}

#[test]
fn films_in_a_film_are_opened_and_hold_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    export(&workers(), &short_film(vec![]), &[], &path, &|_| true).unwrap();
    let asset = folder.path().join("a.png");
    std::fs::write(&asset, picture(90).to_png().unwrap()).unwrap();
    let visuals = vec![
        Visual::Film { asset: name(5), in_ms: 0 },
        still(6),
        Visual::Film { asset: name(5), in_ms: 1_000 },
        still(8),
    ];
    let outer = timeline([320, 184], visuals, 90, TransitionKind::Dissolve);
    let find = |wanted: &str| {
        if wanted == name(5) {
            Some(path.clone())
        } else {
            (wanted == name(6)).then(|| asset.clone())
        }
    };
    let open = || {
        let pictures = Pictures::open(&workers(), &outer, &find).unwrap();
        assert_eq!((pictures.stills.len(), pictures.films.len()), (1, 1));
        Renderer::new(outer.clone(), pictures)
    };
    let renderer = open();
    let red = |n: u32| {
        let frame = renderer.frame(n);
        frame.chunks_exact(4).map(|p| u32::from(p[0])).sum::<u32>() / (frame.len() / 4) as u32
    };
    assert!(red(10) < 60 && red(60) > 180);
    let held = renderer.frame(82);
    assert!(renderer.frame(78) == held && red(240) > 180);
    // Asked in another order, from a film opened anew, it is the same.
    let again = open();
    assert!(again.frame(240) == renderer.frame(240) && again.frame(82) == held);
    assert!(again.frame(20) == renderer.frame(20));
}

#[test]
fn a_long_export_stops_within_a_second() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    let visuals = vec![still(0), still(1)];
    let renderer =
        Renderer::new(timeline([1_920, 1_080], visuals, 300, TransitionKind::Peel), two_pictures());
    let (steps, asked) = (AtomicU32::new(0), std::sync::Mutex::new(None));
    let progress = |_| {
        let go = steps.fetch_add(1, Ordering::Relaxed) < 20;
        if !go {
            asked.lock().unwrap().get_or_insert_with(Instant::now);
        }
        go
    };
    let stopped = export(&workers(), &renderer, &[], &path, &progress);
    assert!(matches!(stopped, Err(MediaError::Canceled)));
    let took = asked.into_inner().unwrap().unwrap().elapsed();
    assert!(took.as_millis() <= 1_000, "{took:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
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
    let spec = EncodeSpec { size: [320, 184], fps: [30, 1], frames: 20, samples: 32_000, chain: 3 };
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
