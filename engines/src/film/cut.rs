//! From scenes with their sounds and pictures to a timeline. Pure.

use oto_media::caption::{Cue, Word, cues};
use oto_media::timeline::{
    Bed, Clip, Motion, SAMPLE_RATE, Shot, TIMELINE_VERSION, Timeline, Transition, TransitionKind,
    Visual,
};

use super::settings::Settings;

/// How long the title is shown.
const TITLE_SECS: f32 = 2.0;
/// Silence before and after what is said in a scene.
const LEAD_SECS: f32 = 0.3;
const TAIL_SECS: f32 = 0.5;
/// Between two voices that were joined.
const PAUSE_SECS: f32 = 0.5;
/// A scene in which nobody speaks, when the script does not say how long it is.
const SILENT_SECS: f32 = 4.0;

/// A voice: which part of it is heard, and when each word is said.
#[derive(Debug, Clone, Default)]
pub(super) struct Said {
    pub(super) asset: String,
    /// What is left between the silences at its ends.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) words: Vec<Word>,
    pub(super) estimated: bool,
}

/// What is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) asset: String,
    pub(super) is_film: bool,
}

/// A scene.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// Its own voice.
    pub(super) said: Option<Said>,
    /// How many words of the narration it has, when one narration runs through all scenes.
    pub(super) n_words: usize,
    /// How long the script wants it.
    pub(super) seconds: Option<f32>,
}

fn samples(seconds: f32) -> u64 {
    (f64::from(seconds) * f64::from(SAMPLE_RATE)) as u64
}

fn ms(samples: u64) -> u32 {
    (samples * 1000 / u64::from(SAMPLE_RATE)) as u32
}

/// Lays the film out. `narration` are voices that run through all scenes, one after the other.
pub(super) fn timeline(
    settings: &Settings,
    seed: u64,
    title: Option<&str>,
    parts: &[Part],
    narration: &[Said],
    seen: &[Seen],
    bed: Option<String>,
) -> Timeline {
    let mut film =
        Cut { settings, shots: Vec::new(), voice: Vec::new(), words: Vec::new(), estimated: false };
    if let Some(title) = title {
        let frames = settings.fps.frame_at((TITLE_SECS * 1000.0) as u64);
        film.shots.push(shot(frames, Visual::Card { text: title.to_owned() }));
    }
    if narration.is_empty() {
        for (i, part) in parts.iter().enumerate() {
            film.scene(part, share(seen, i, parts.len()));
        }
    } else {
        film.narrated(parts, narration, seen);
    }
    let mut made: Vec<Cue> = cues(&film.words);
    for cue in &mut made {
        cue.estimated = film.estimated;
    }
    let mut shots = film.shots;
    transitions(settings, &mut shots);
    Timeline {
        version: TIMELINE_VERSION,
        size: settings.size,
        fps: settings.fps,
        seed,
        style: settings.style,
        shots,
        voice: film.voice,
        bed: bed.map(|asset| Bed { asset, gain_db: 0.0 }),
        cues: made,
        captions: settings.captions,
    }
}

fn shot(frames: u32, visual: Visual) -> Shot {
    Shot { frames, visual, motion: Motion::Auto, transition: Transition::default() }
}

/// What a scene shows of all there is: some of many, or one of few.
fn share(seen: &[Seen], i: usize, n: usize) -> &[Seen] {
    if seen.is_empty() {
        return &[];
    }
    let from = i * seen.len() / n.max(1);
    let to = ((i + 1) * seen.len() / n.max(1)).max(from + 1);
    &seen[from..to.min(seen.len())]
}

struct Cut<'s> {
    settings: &'s Settings,
    shots: Vec<Shot>,
    voice: Vec<Clip>,
    words: Vec<Word>,
    estimated: bool,
}

impl Cut<'_> {
    fn frame(&self) -> u32 {
        self.shots.iter().map(|s| s.frames).sum()
    }

    /// Shots that last so many frames in all.
    fn show(&mut self, seen: &[Seen], frames: u32) {
        let second = self.settings.fps.frame_at(1_000).max(1);
        let n = (seen.len() as u32).clamp(1, (frames / second).max(1));
        for k in 0..n {
            let cut = |k: u32| (u64::from(frames) * u64::from(k) / u64::from(n)) as u32;
            let visual = match seen.get(k as usize) {
                Some(s) if s.is_film => Visual::Film { asset: s.asset.clone(), in_ms: 0 },
                Some(s) => Visual::Still { asset: s.asset.clone(), focus: [0.5, 0.5] },
                None => Visual::Card { text: String::new() },
            };
            self.shots.push(shot((cut(k + 1) - cut(k)).max(1), visual));
        }
    }

    fn say(&mut self, said: &Said, start_sample: u64) {
        self.voice.push(Clip {
            asset: said.asset.clone(),
            start_sample,
            in_sample: said.from as u64,
            samples: (said.to - said.from) as u64,
            gain_db: 0.0,
        });
        self.estimated |= said.estimated;
        let (there, cut) = (ms(start_sample), ms(said.from as u64));
        self.words.extend(said.words.iter().map(|w| Word {
            start_ms: (w.start_ms + there).saturating_sub(cut),
            end_ms: (w.end_ms + there).saturating_sub(cut),
            text: w.text.clone(),
        }));
    }

    /// A scene with its own voice, or none.
    fn scene(&mut self, part: &Part, seen: &[Seen]) {
        let fps = self.settings.fps;
        let start = fps.sample_at(self.frame());
        let seconds = match &part.said {
            Some(said) => {
                self.say(said, start + samples(LEAD_SECS));
                LEAD_SECS + (said.to - said.from) as f32 / SAMPLE_RATE as f32 + TAIL_SECS
            }
            None => part.seconds.unwrap_or(SILENT_SECS).clamp(1.0, 60.0),
        };
        self.show(seen, fps.frame_at((seconds * 1000.0).ceil() as u64).max(1));
    }

    /// Scenes over a narration: each begins where its first word is said.
    fn narrated(&mut self, parts: &[Part], narration: &[Said], seen: &[Seen]) {
        let fps = self.settings.fps;
        let first = self.frame();
        let mut at = fps.sample_at(first) + samples(LEAD_SECS);
        for said in narration {
            self.say(said, at);
            at += (said.to - said.from) as u64 + samples(PAUSE_SECS);
        }
        let end = at - samples(PAUSE_SECS) + samples(TAIL_SECS);
        let last = fps.frame_at(u64::from(ms(end))).max(first + parts.len() as u32);
        let total: usize = parts.iter().map(|p| p.n_words).sum();
        let mut so_far = 0;
        let mut from = first;
        for (i, part) in parts.iter().enumerate() {
            so_far += part.n_words;
            // By its share of the words: the engine may have counted them in another way.
            let word = so_far * self.words.len() / total.max(1);
            let to = match self.words.get(word) {
                Some(word) if i + 1 < parts.len() => fps.frame_at(u64::from(word.start_ms)),
                _ => last,
            };
            let to = to.clamp(from + 1, last.max(from + 1));
            self.show(share(seen, i, parts.len()), to - from);
            from = to;
        }
    }
}

fn transitions(settings: &Settings, shots: &mut [Shot]) {
    let sheet = settings.style.sheet();
    let wanted = settings.fps.frame_at((sheet.transition_secs * 1000.0) as u64);
    for i in 1..shots.len() {
        let room = shots[i - 1].frames.min(shots[i].frames) / 2;
        let frames = wanted.min(room);
        if sheet.transition != TransitionKind::Cut && frames >= 2 {
            shots[i].transition = Transition { kind: sheet.transition, frames };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::*;
    use crate::{Kind, Request};
    use oto_media::caption::estimated_words;

    fn settings(style: &str) -> Settings {
        Settings::of(&Request {
            kind: Kind::Video,
            model: String::new(),
            prompt: "x".to_owned(),
            seed: 1,
            params: [("style".to_owned(), style.to_owned())].into(),
            inputs: Vec::new(),
            submission_id: String::new(),
        })
        .unwrap()
    }

    fn said(text: &str, seconds: f32) -> Said {
        let n = samples(seconds) as usize;
        Said {
            asset: "a".repeat(64),
            from: 4_800,
            to: n,
            words: estimated_words(text, (seconds * 1000.0) as u32),
            estimated: true,
        }
    }

    fn picture(i: usize) -> Seen {
        Seen { asset: format!("{i:064x}"), is_film: i % 2 == 1 }
    }

    #[test]
    fn each_voice_lies_in_its_own_scene() {
        let parts: Vec<Part> = ["One cat.", "Two trams pass by.", "Three rivers."]
            .iter()
            .map(|t| Part { said: Some(said(t, 2.5)), ..Part::default() })
            .chain([Part { seconds: Some(3.0), ..Part::default() }])
            .collect();
        let seen: Vec<Seen> = (0..4).map(picture).collect();
        for style in oto_media::timeline::Style::NAMES {
            let film = timeline(&settings(style), 7, Some("Title"), &parts, &[], &seen, None);
            film.check().unwrap();
            assert_eq!((film.shots.len(), film.voice.len()), (5, 3));
            let starts = film.starts();
            for (i, clip) in film.voice.iter().enumerate() {
                let (from, to) =
                    (film.fps.sample_at(starts[i + 1]), film.fps.sample_at(starts[i + 2]));
                assert!(clip.start_sample >= from && clip.start_sample + clip.samples <= to);
            }
            assert!(film.cues.iter().all(|c| c.estimated));
            // What is said is shown while it is said.
            let word = &film.cues[0].words[0];
            let heard = film.voice[0].start_sample * 1000 / 48_000;
            assert!(u64::from(word.start_ms).abs_diff(heard) <= 101, "{} {heard}", word.start_ms);
        }
    }

    #[test]
    fn one_narration_runs_through_all_scenes() {
        let text = "One two three four. Five six seven eight. Nine ten.";
        let parts: Vec<Part> =
            [4, 4, 2].iter().map(|n| Part { n_words: *n, ..Part::default() }).collect();
        let voices =
            [said("One two three four. Five six seven", 4.0), said("eight. Nine ten.", 2.0)];
        let film = timeline(&settings("modern"), 7, None, &parts, &voices, &[picture(0)], None);
        film.check().unwrap();
        assert_eq!((film.shots.len(), film.voice.len()), (3, 2));
        assert!(film.voice[0].start_sample + film.voice[0].samples < film.voice[1].start_sample);
        let told: usize = film.cues.iter().map(|c| c.words.len()).sum();
        assert_eq!(told, text.split_whitespace().count());
        assert!(film.samples() > film.voice[1].start_sample + film.voice[1].samples);
    }

    #[test]
    fn many_pictures_share_few_scenes_and_none_leaves_paper() {
        let one = [Part {
            said: Some(said("A long sentence for many pictures.", 8.0)),
            ..Part::default()
        }];
        let seen: Vec<Seen> = (0..3).map(picture).collect();
        let film = timeline(&settings("comic"), 7, None, &one, &[], &seen, None);
        assert_eq!(film.assets().len(), 4);
        let film = timeline(&settings("comic"), 7, None, &one, &[], &[], None);
        assert!(matches!(film.shots[0].visual, Visual::Card { .. }));
        film.check().unwrap();
    }
}
