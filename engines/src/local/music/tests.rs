//! The composer, measured.

use super::*;

fn piece(mood: Mood, seconds: u32, seed: u64) -> Vec<Frame> {
    compose("Lisbon at dawn", mood, seconds, seed, &|_| true).unwrap()
}

#[test]
fn the_same_seed_is_the_same_music_and_others_differ() {
    for mood in Mood::ALL {
        let once = piece(mood, 6, 4);
        assert_eq!(once, piece(mood, 6, 4), "{mood:?}");
        assert_ne!(once, piece(mood, 6, 5), "{mood:?}");
    }
    let all: Vec<_> = Mood::ALL.iter().map(|m| piece(*m, 6, 4)).collect();
    for i in 0..all.len() {
        assert!(all[i + 1..].iter().all(|other| *other != all[i]));
    }
}

/// Changes of these bytes change every user's music: on purpose only, with a new version.
#[test]
fn bytes_are_those_of_other_machines() {
    let samples = piece(Mood::Calm, 5, 1);
    let words: Vec<String> =
        samples.iter().flatten().map(|s| ((s * 32_767.0).round() as i16).to_string()).collect();
    assert_eq!(hash_text(&words.join(" ")), FROZEN);
}

const FROZEN: u64 = 14_878_678_685_709_927_983;

#[test]
fn pieces_are_quiet_exact_and_flow_into_themselves() {
    for mood in Mood::ALL {
        for (seconds, seed) in [(5, 1), (17, 2), (31, 3)] {
            let sound = piece(mood, seconds, seed);
            assert_eq!(sound.len(), (seconds * RATE) as usize);
            let all = || sound.iter().flatten();
            assert!(all().all(|s| s.is_finite()));
            let peak = all().fold(0.0f32, |p, s| p.max(s.abs()));
            let rms = (all().map(|s| s * s).sum::<f32>() / (sound.len() * 2) as f32).sqrt();
            let mean = all().sum::<f32>() / (sound.len() * 2) as f32;
            assert!(peak <= PEAK + 0.001 && (0.04..0.06).contains(&rms), "{mood:?}: {peak} {rms}");
            assert!(mean.abs() < 0.001, "{mood:?}: {mean}");
            // No step is larger where the end meets the beginning than inside.
            let step = |a: Frame, b: Frame| (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
            let mut steps: Vec<f32> = sound.windows(2).map(|w| step(w[0], w[1])).collect();
            let seam = step(sound[sound.len() - 1], sound[0]);
            steps.sort_by(f32::total_cmp);
            let largest = steps[steps.len() - 1];
            assert!(seam <= largest && largest < 0.1, "{mood:?}: {seam} {largest}");
        }
    }
}

#[test]
fn moods_are_heard_in_words() {
    for (text, mood) in [
        ("", Mood::Calm),
        ("A cat plays with a toy", Mood::Playful),
        ("Pluie d’automne, souvenirs", Mood::Wistful),
        ("The storm, the danger", Mood::Tense),
        ("Un matin de soleil et de joie", Mood::Bright),
        ("the sea at dawn", Mood::Calm),
        ("电影", Mood::Calm),
    ] {
        assert_eq!(Mood::of_words(text), mood, "{text}");
    }
    assert!(Mood::CHOICES[1..].iter().all(|w| Mood::parse(w).is_some()));
}

#[test]
fn a_stop_is_heard() {
    assert!(compose("x", Mood::Calm, 30, 1, &|done| done < 0.3).is_none());
}
