//! The mix, measured with synthetic tones.

use ebur128::{EbuR128, Mode};

use super::*;
use crate::caption::{Cue, Word};
use crate::maths::{Rng, sin};
use crate::timeline::{Bed, Captions, Fps, Motion, Shot, Style, Transition, Visual};

pub(super) fn tone(hz: f32, height: f32, secs: f32) -> Vec<Frame> {
    (0..(secs * 48_000.0) as usize)
        .map(|i| {
            let turns = (i as f64 * f64::from(hz) / 48_000.0).fract() as f32;
            [sin(turns * std::f32::consts::TAU) * height; 2]
        })
        .collect()
}

fn film(secs: u32) -> Timeline {
    Timeline {
        version: 2,
        size: [640, 360],
        fps: Fps { num: 30_000, den: 1001 },
        seed: 1,
        style: Style::Cinematic,
        shots: vec![Shot {
            frames: secs * 30,
            visual: Visual::Card { text: "x".into() },
            motion: Motion::None,
            transition: Transition::default(),
        }],
        voice: Vec::new(),
        bed: None,
        cues: Vec::new(),
        captions: Captions::Style,
    }
}

fn clip(asset: &str, start: usize, samples: usize) -> Clip {
    Clip {
        asset: asset.into(),
        start_sample: start as u64,
        in_sample: 0,
        samples: samples as u64,
        gain_db: 0.0,
    }
}

fn sounds(of: &[(&str, Vec<Frame>)]) -> BTreeMap<String, Arc<Vec<Frame>>> {
    of.iter().map(|(name, sound)| ((*name).to_owned(), Arc::new(sound.clone()))).collect()
}

/// LUFS and dBTP, as another program would measure them.
fn measured(sound: &[Frame]) -> (f64, f64) {
    let mut meter = EbuR128::new(2, 48_000, Mode::I | Mode::TRUE_PEAK).unwrap();
    meter.add_frames_f32(sound.as_flattened()).unwrap();
    let peak = meter.true_peak(0).unwrap().max(meter.true_peak(1).unwrap());
    (meter.loudness_global().unwrap(), 20.0 * peak.log10())
}

/// Height of one tone in a stretch, in decibels.
fn height_db(sound: &[Frame], hz: f64, from_ms: u32, to_ms: u32) -> f64 {
    let part = &sound[ms(from_ms)..ms(to_ms)];
    let (mut re, mut im) = (0.0, 0.0);
    for (i, frame) in part.iter().enumerate() {
        let angle = std::f64::consts::TAU * hz * i as f64 / 48_000.0;
        re += f64::from(frame[0]) * angle.cos();
        im += f64::from(frame[0]) * angle.sin();
    }
    20.0 * (2.0 * (re * re + im * im).sqrt() / part.len() as f64).log10()
}

/// Bursts of noise, soft and loud: speech for a limiter.
fn bursts(secs: f32, height: f32) -> Vec<Frame> {
    let mut rng = Rng::new(3);
    let mut last = 0.0f32;
    (0..(secs * 48_000.0) as usize)
        .map(|i| {
            last += (rng.range(-1.0, 1.0) - last) * 0.4;
            let syllable = (i / 7_000 % 5) as f32 / 4.0;
            let click = if i % 30_000 == 99 { 6.0 } else { 1.0 };
            [last * syllable * syllable * height * click, last * syllable * height]
        })
        .collect()
}

#[test]
fn films_without_sound_have_no_track_and_others_are_as_long_as_the_film() {
    let mut silent = film(3);
    assert!(mix(&silent, &BTreeMap::new()).is_empty());
    silent.voice = vec![clip("a", 0, 100)];
    silent.bed = Some(Bed { asset: "b".into(), gain_db: 0.0 });
    assert!(mix(&silent, &BTreeMap::new()).is_empty());
    assert!(mix(&silent, &sounds(&[("a", vec![[0.0; 2]; 100]), ("b", Vec::new())])).is_empty());
    let made = mix(&silent, &sounds(&[("a", vec![[0.3; 2]; 100])]));
    assert_eq!(made.len() as u64, silent.samples());
    assert_eq!(made.len(), 144_144);
}

#[test]
fn voices_lie_where_they_should_to_the_sample() {
    let mut film = film(8);
    film.voice = vec![clip("a", 48_123, 24_000), clip("b", 200_001, 48_000)];
    film.voice[1].in_sample = 12_000;
    let b = [vec![[0.9; 2]; 12_000], tone(500.0, 0.02, 1.0)].concat();
    let made = mix(&film, &sounds(&[("a", tone(300.0, 0.8, 2.0)), ("b", b)]));
    let heard: Vec<usize> =
        made.iter().enumerate().filter(|(_, f)| f[0] != 0.0).map(|(i, _)| i).collect();
    // The first and last sample of a clip are faded to nothing.
    assert_eq!(heard[0], 48_124);
    assert!(heard.iter().all(|i| (48_123..72_123).contains(i) || (200_001..248_001).contains(i)));
    assert_eq!(*heard.last().unwrap(), 247_999);
    // Both are equally loud, though one was recorded 32 dB softer.
    let levels = [height_db(&made, 300.0, 1_100, 1_400), height_db(&made, 500.0, 4_300, 4_600)];
    assert!((levels[0] - levels[1]).abs() < 1.0, "{levels:?}");
    // 10 ms after an edge the tone is whole, before it is fading.
    let top = |r: Range<usize>| made[r].iter().map(|f| f[0].abs()).fold(0.0, f32::max);
    assert!(top(48_123..48_220) < 0.4 * top(48_700..50_000));
}

#[test]
fn loudness_is_reached_and_peaks_are_kept() {
    for (name, voice) in [
        ("loud tone", tone(440.0, 0.99, 6.0)),
        ("soft tone", tone(440.0, 0.01, 6.0)),
        ("above full scale", tone(997.0, 3.0, 6.0)),
        ("high tone", tone(11_987.0, 0.7, 6.0)),
        ("bursts", bursts(6.0, 0.8)),
    ] {
        let mut film = film(10);
        film.voice = vec![clip("v", 40_000, usize::MAX)];
        for bed in [None, Some(Bed { asset: "m".into(), gain_db: 0.0 })] {
            film.bed = bed;
            let made = mix(&film, &sounds(&[("v", voice.clone()), ("m", tone(150.0, 0.5, 5.0))]));
            let (lufs, peak) = measured(&made);
            println!("{name}: {lufs:.2} LUFS, {peak:.2} dBTP");
            assert!((lufs + 14.0).abs() < 1.0, "{name}: {lufs} LUFS");
            assert!(peak <= -1.0, "{name}: {peak} dBTP");
        }
    }
}

#[test]
fn music_is_ten_below_the_voice_and_ducked_by_twelve() {
    let mut film = film(14);
    let word = |start_ms, end_ms| Word { start_ms, end_ms, text: "w".into() };
    film.voice = vec![clip("v", ms(4_000), ms(4_000))];
    film.bed = Some(Bed { asset: "m".into(), gain_db: 0.0 });
    film.cues = vec![Cue {
        start_ms: 4_000,
        end_ms: 8_400,
        words: vec![word(4_000, 5_500), word(6_100, 8_000)],
        ..Cue::default()
    }];
    let both = sounds(&[("v", tone(1_000.0, 0.3, 4.0)), ("m", tone(250.0, 0.9, 30.0))]);
    let made = mix(&film, &both);
    let bed = |from, to| height_db(&made, 250.0, from, to);
    let (free, soft) = (bed(2_000, 3_800), bed(4_200, 7_800));
    println!("duck {:.2} dB", free - soft);
    assert!((free - soft - 12.0).abs() < 0.3, "{}", free - soft);
    assert!((bed(5_550, 6_050) - soft).abs() < 0.3, "a short pause");
    assert!((bed(8_500, 10_000) - free).abs() < 0.3, "and back");
    let voice = height_db(&made, 1_000.0, 4_500, 7_500);
    // K-weighting hears 1 kHz 0.7 dB louder than 250 Hz.
    assert!((voice - free - 10.0).abs() < 1.2, "{}", voice - free);
    // The bed's own gain counts.
    film.bed = Some(Bed { asset: "m".into(), gain_db: -6.0 });
    let softer = mix(&film, &both);
    let change =
        height_db(&softer, 250.0, 2_000, 3_800) - height_db(&softer, 1_000.0, 4_500, 7_500);
    assert!((change - (free - voice) + 6.0).abs() < 0.3);
}

#[test]
fn hostile_values_are_survived() {
    let mut film = film(3);
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e-40, 0.5];
    let noise: Vec<Frame> = (0..60_000).map(|i| [bad[i % 6], bad[(i / 7) % 6]]).collect();
    let all = sounds(&[
        ("n", noise),
        ("e", Vec::new()),
        ("one", vec![[1.0; 2]]),
        ("nan", vec![[f32::NAN; 2]; 50_000]),
        ("dc", vec![[1.0; 2]; 50_000]),
    ]);
    for name in ["n", "e", "one", "nan", "dc"] {
        for gain_db in [0.0, f32::NAN, f32::INFINITY, 900.0, -900.0] {
            let far = Clip { in_sample: u64::MAX, ..clip(name, usize::MAX, usize::MAX) };
            film.voice = vec![
                clip(name, 0, usize::MAX),
                Clip { gain_db, ..clip(name, 10, 30_000) },
                clip(name, 144_143, 7),
                Clip { start_sample: 5, ..far.clone() },
                far,
            ];
            film.bed = Some(Bed { asset: name.into(), gain_db });
            let cue = |start_ms, end_ms| Cue { start_ms, end_ms, ..Cue::default() };
            film.cues = vec![cue(u32::MAX, 0), cue(0, u32::MAX), cue(7, 7)];
            let made = mix(&film, &all);
            assert!(made.is_empty() || made.len() == 144_144);
            assert!(made.iter().flatten().all(|s| s.is_finite() && s.abs() < 0.89), "{name}");
        }
    }
    film.shots[0].frames = u32::MAX;
    assert!(mix(&film, &all).is_empty());
}

#[test]
fn long_silence_is_trimmed_and_short_silence_is_not() {
    let quiet = |secs: f32| vec![[0.0001f32; 2]; (secs * 48_000.0) as usize];
    let long = [quiet(1.0), tone(300.0, 0.5, 1.0), quiet(2.0)].concat();
    let kept = trim_silence(&long);
    assert!(kept.start.abs_diff(45_600) < 50 && kept.end.abs_diff(98_400) < 50, "{kept:?}");
    let short = [quiet(0.3), tone(300.0, 0.5, 1.0), quiet(0.39)].concat();
    assert_eq!(trim_silence(&short), 0..short.len());
    assert_eq!(trim_silence(&quiet(1.0)), 0..0);
    assert_eq!(trim_silence(&[]), 0..0);
    assert_eq!(trim_silence(&[[f32::NAN; 2]; 4]), 0..0);
}
