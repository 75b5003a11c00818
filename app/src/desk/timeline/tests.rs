//! Every operation by itself, and 2,000 of them by chance.

use oto_media::caption::{Cue, estimated_words};
use oto_media::timeline::{
    Aspect, Captions, Clip, Fps, Motion, Shot, Style, TIMELINE_VERSION, Timeline, Transition,
    TransitionKind, Visual,
};

use super::{Editor, Speech};

fn hash(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

fn still(n: u8) -> Visual {
    Visual::Still { asset: hash(n), focus: [0.5, 0.5] }
}

/// Four shots of 2, 3, 4 and 5 seconds: a card, two stills, a film; speech in the middle two,
/// each with its caption, and a caption without speech on the card.
fn film() -> Timeline {
    let shot = |seconds: u32, visual| Shot {
        frames: seconds * 30,
        visual,
        motion: Motion::Auto,
        transition: Transition { kind: TransitionKind::Dissolve, frames: 18 },
    };
    let cue = |start_ms: u32, end_ms: u32, text: &str| {
        let mut words = estimated_words(text, end_ms - start_ms);
        words
            .iter_mut()
            .for_each(|w| (w.start_ms, w.end_ms) = (w.start_ms + start_ms, w.end_ms + start_ms));
        Cue { start_ms, end_ms, text: text.to_owned(), words, estimated: false }
    };
    let clip = |n: u8, start_ms: u64, ms: u64| Clip {
        asset: hash(n),
        start_sample: start_ms * 48,
        in_sample: 0,
        samples: ms * 48,
        gain_db: 0.0,
    };
    Timeline {
        version: TIMELINE_VERSION,
        size: [1280, 720],
        fps: Fps::DEFAULT,
        seed: 7,
        style: Style::Cinematic,
        shots: vec![
            shot(2, Visual::Card { text: "Tram 28".to_owned() }),
            shot(3, still(1)),
            shot(4, still(2)),
            shot(5, Visual::Film { asset: hash(3), in_ms: 500 }),
        ],
        voice: vec![clip(8, 2_300, 2_200), clip(9, 5_300, 3_200)],
        bed: None,
        cues: vec![
            cue(500, 1_500, "a title"),
            cue(2_300, 4_400, "Lisbon wakes slowly."),
            cue(5_300, 8_400, "A cat counts the trams."),
        ],
        captions: Captions::Style,
    }
}

fn editor() -> Editor {
    let timeline = film();
    assert_eq!(timeline.check(), Ok(()));
    Editor::new(timeline)
}

/// One step, and back to where it began.
fn check_undo(editor: &mut Editor) {
    let after = editor.timeline().clone();
    assert_eq!(after.check(), Ok(()));
    while editor.can_undo() {
        editor.undo();
    }
    assert_eq!(*editor.timeline(), film());
    while editor.can_redo() {
        editor.redo();
    }
    assert_eq!(*editor.timeline(), after);
}

fn lengths(editor: &Editor) -> Vec<u32> {
    editor.timeline().shots.iter().map(|s| s.frames / 30).collect()
}

#[test]
fn speech_and_captions_travel_with_their_shot() {
    let mut editor = editor();
    assert!(editor.move_shot(2, 0));
    let timeline = editor.timeline();
    assert_eq!(lengths(&editor), [4, 2, 3, 5]);
    assert_eq!(editor.selected(), 0);
    let heard: Vec<(String, u64)> =
        timeline.voice.iter().map(|c| (c.asset.clone(), c.start_sample / 48)).collect();
    assert_eq!(heard, [(hash(9), 300), (hash(8), 6_300)]);
    let told: Vec<(&str, u32)> =
        timeline.cues.iter().map(|c| (c.text.as_str(), c.start_ms)).collect();
    let wanted =
        [("A cat counts the trams.", 300), ("a title", 4_500), ("Lisbon wakes slowly.", 6_300)];
    assert_eq!(told, wanted);
    assert_eq!(timeline.cues[0].words[0].start_ms, 300);
    assert!(!editor.move_shot(0, 4) && !editor.move_shot(9, 0) && !editor.move_shot(1, 1));
    check_undo(&mut editor);
}

#[test]
fn trimming_shifts_what_follows_and_never_cuts_speech() {
    let mut editor = editor();
    assert!(editor.trim(0, 30));
    assert_eq!(editor.timeline().voice[0].start_sample, 1_300 * 48);
    assert_eq!(editor.timeline().cues[1].start_ms, 1_300);
    // The speech of shot 1 ends 0.5 s before its end, that of shot 2 begins 0.3 s later.
    assert!(editor.trim(1, 1));
    assert_eq!(editor.timeline().shots[1].frames, 90 - 24);
    let voice = &editor.timeline().voice;
    assert!(voice[0].start_sample + voice[0].samples <= voice[1].start_sample);
    assert_eq!(editor.shortest(3), 1);
    assert!(editor.trim(3, u32::MAX));
    assert_eq!(editor.timeline().check(), Ok(()));
    assert_eq!(editor.timeline().frames(), 900 * 30);
    check_undo(&mut editor);
}

#[test]
fn short_shots_shorten_their_transitions() {
    let mut editor = editor();
    assert!(editor.trim(0, 4));
    assert_eq!(editor.timeline().shots[1].transition.frames, 8);
    assert!(editor.set_transition(3, TransitionKind::Peel, 9_999));
    assert_eq!(editor.timeline().shots[3].transition.frames, 120);
    assert!(editor.set_transition(3, TransitionKind::Cut, 50));
    assert_eq!(editor.timeline().shots[3].transition.frames, 0);
    check_undo(&mut editor);
}

#[test]
fn a_split_film_goes_on_where_it_was_cut() {
    let mut editor = editor();
    assert!(editor.split(9 * 30 + 60));
    assert_eq!(lengths(&editor), [2, 3, 4, 2, 3]);
    assert_eq!(editor.timeline().shots[4].visual, Visual::Film { asset: hash(3), in_ms: 2_500 });
    assert_eq!(editor.timeline().shots[4].transition.kind, TransitionKind::Cut);
    assert_eq!((&editor.timeline().voice, &editor.timeline().cues), (&film().voice, &film().cues));
    assert!(!editor.split(0) && !editor.split(9 * 30) && !editor.split(99_999));
    // Before its speech: the speech goes with the second half.
    assert!(editor.split(5 * 30 + 6) && editor.voice_of(2).is_none());
    assert_eq!(editor.voice_of(3).map(|c| c.asset.clone()), Some(hash(9)));
    check_undo(&mut editor);
}

#[test]
fn a_shot_goes_with_what_is_said_in_it() {
    let mut editor = editor();
    assert!(editor.remove(1));
    assert_eq!(lengths(&editor), [2, 4, 5]);
    assert_eq!(editor.timeline().voice.len(), 1);
    assert_eq!(editor.timeline().voice[0].start_sample, 2_300 * 48);
    assert_eq!(editor.timeline().cues.len(), 2);
    assert!(editor.remove(0) && editor.remove(0) && !editor.remove(0));
    assert_eq!(lengths(&editor), [5]);
    check_undo(&mut editor);
}

#[test]
fn pictures_can_be_replaced_moved_and_focused() {
    let mut editor = editor();
    assert!(editor.set_motion(1, Motion::Left) && editor.set_focus(1, [2.0, f32::NAN]));
    let shot = &editor.timeline().shots[1];
    assert_eq!(shot.visual, Visual::Still { asset: hash(1), focus: [1.0, 0.5] });
    assert!(!editor.set_focus(0, [0.1, 0.1]) && !editor.set_film_start(1, 5));
    assert!(editor.set_visual(1, Visual::Film { asset: hash(4), in_ms: 0 }));
    assert!(editor.set_film_start(1, 2_000));
    assert!(!editor.set_visual(1, Visual::Still { asset: "no hash".to_owned(), focus: [0.5; 2] }));
    assert!(editor.set_card_text(0, "Line") && !editor.set_card_text(1, "Line"));
    check_undo(&mut editor);
}

#[test]
fn a_drag_is_one_step_of_undo() {
    let mut editor = editor();
    for i in 0..20 {
        assert!(editor.set_focus(1, [i as f32 / 40.0, 0.2]));
    }
    editor.settle();
    assert!(editor.set_focus(1, [0.9, 0.9]));
    editor.undo();
    editor.undo();
    assert!(!editor.can_undo() && *editor.timeline() == film());
}

#[test]
fn new_words_are_spread_by_letters() {
    let mut editor = editor();
    assert!(editor.set_cue_text(1, "  Paris wakes  "));
    let cue = &editor.timeline().cues[1];
    assert_eq!((cue.text.as_str(), cue.estimated), ("Paris wakes", true));
    assert_eq!((cue.words[0].start_ms, cue.words[1].end_ms), (2_300, 4_400));
    assert!(!editor.set_cue_text(1, "Paris wakes") && !editor.set_cue_text(99, "x"));
    let long = "A caption that is too long for one line is shown on two of them.";
    assert!(editor.set_cue_text(1, long));
    assert_eq!(editor.timeline().cues[1].text.lines().count(), 2);
    assert!(editor.set_cue_text(0, " ") && editor.timeline().cues.len() == 2);
    check_undo(&mut editor);
}

#[test]
fn a_shot_is_as_long_as_its_new_speech() {
    let mut editor = editor();
    let words = estimated_words("one two three", 6_000);
    let speech = Speech { asset: hash(5), samples: 6_000 * 48, words, estimated: true };
    assert!(editor.set_voice(1, Some(speech)));
    let timeline = editor.timeline();
    assert_eq!(timeline.shots[1].frames, 204);
    assert_eq!(
        (timeline.voice[0].start_sample, timeline.voice[0].samples),
        (2_300 * 48, 6_000 * 48)
    );
    assert_eq!(timeline.voice[1].start_sample, (2_000 + 6_800 + 300) * 48);
    assert_eq!(
        (timeline.cues[1].start_ms, timeline.cues[1].text.as_str()),
        (2_300, "one two three")
    );
    assert!(timeline.cues[1].estimated && timeline.cues[2].start_ms == 9_100);
    assert!(editor.set_voice(1, None) && editor.timeline().voice.len() == 1);
    let endless =
        Speech { asset: hash(5), samples: 901 * 48_000, words: Vec::new(), estimated: false };
    assert!(!editor.set_voice(1, Some(endless)));
    check_undo(&mut editor);
}

#[test]
fn settings_of_the_whole_film() {
    let mut editor = editor();
    assert!(!editor.set_bed_gain(3.0) && editor.set_bed(Some(hash(6))));
    assert!(editor.set_bed_gain(f32::NAN) || editor.set_bed_gain(-99.0));
    assert_eq!(editor.timeline().bed.as_ref().map(|b| b.gain_db), Some(-30.0));
    assert!(editor.set_bed(None) && editor.set_captions(Captions::Beside));
    assert!(editor.set_aspect(Aspect::Tall));
    assert_eq!(editor.timeline().size, [720, 1280]);
    assert_eq!(super::aspect_of(editor.timeline()), Some(Aspect::Tall));
    assert!(editor.set_transition(2, TransitionKind::Wipe, 10));
    assert!(editor.set_style(Style::Comic));
    let kinds: Vec<TransitionKind> =
        editor.timeline().shots[1..].iter().map(|s| s.transition.kind).collect();
    let own = Style::Comic.sheet().transition;
    assert_eq!(kinds, [own, TransitionKind::Wipe, own]);
    assert!(editor.revert() && !editor.is_changed());
    check_undo(&mut editor);
}

/// The same numbers every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n.max(1)
    }
}

fn by_chance(editor: &mut Editor, dice: &mut Dice) -> bool {
    let shot = dice.below(editor.timeline().shots.len() + 1);
    let n = dice.below(400) as u32;
    match dice.below(16) {
        0 | 1 => editor.move_shot(shot, dice.below(12)),
        2 | 3 => editor.trim(shot, n),
        4 | 5 => editor.split(dice.below(editor.timeline().frames() as usize + 9) as u32),
        6 => editor.remove(shot),
        7 => editor.set_transition(shot, TransitionKind::ALL[dice.below(6)], n),
        8 => editor.set_motion(shot, Motion::ALL[dice.below(6)]),
        9 => editor.set_focus(shot, [n as f32 / 300.0, 0.3]),
        10 => editor.set_visual(shot, still(n as u8)),
        11 => editor.set_cue_text(dice.below(9), ["one", "two words", ""][dice.below(3)]),
        12 => {
            let words = estimated_words("a few words more", n * 10);
            let samples = u64::from(n) * 480;
            let speech = Speech { asset: hash(n as u8), samples, words, estimated: true };
            editor.set_voice(shot, (n > 80).then_some(speech))
        }
        13 => editor.set_style(Style::ALL[dice.below(6)]),
        14 => editor.set_aspect([Aspect::Wide, Aspect::Tall, Aspect::Square][dice.below(3)]),
        _ => editor.set_bed((n > 200).then(|| hash(n as u8))),
    }
}

#[test]
fn two_thousand_operations_by_chance() {
    for (seed, fps) in [(1, "30"), (2, "29.97"), (3, "24"), (4, "60")] {
        let mut first = film();
        first.fps = Fps::parse(fps).unwrap();
        let (mut editor, mut dice, mut done) = (Editor::new(first.clone()), Dice(seed), 0);
        for _ in 0..2_000 {
            let before = editor.timeline().clone();
            let revision = editor.revision();
            let changed = by_chance(&mut editor, &mut dice);
            let now = editor.timeline();
            assert_eq!(now.check(), Ok(()));
            assert_eq!(changed, *now != before);
            assert_eq!(changed, editor.revision() != revision);
            assert!(now.cues.windows(2).all(|w| w[0].start_ms <= w[1].start_ms));
            assert!(now.voice.windows(2).all(|w| w[0].start_sample <= w[1].start_sample));
            assert!(editor.selected() < now.shots.len());
            done += usize::from(changed);
            // A move from here keeps all that is said, and every word of it.
            let mut moved = Editor::new(before.clone());
            let n = before.shots.len();
            if n > 1 && moved.move_shot(dice.below(n), dice.below(n)) {
                let said = |t: &Timeline| t.voice.iter().map(|c| c.samples).sum::<u64>();
                let words = |t: &Timeline| t.cues.iter().map(|c| c.words.len()).sum::<usize>();
                let after = moved.timeline();
                assert_eq!((said(after), words(after)), (said(&before), words(&before)));
                assert_eq!(after.frames(), before.frames());
            }
        }
        assert!(done > 800, "{done}");
        let last = editor.timeline().clone();
        while editor.can_undo() {
            editor.undo();
        }
        assert_eq!(*editor.timeline(), first);
        while editor.can_redo() {
            editor.redo();
        }
        assert_eq!(*editor.timeline(), last);
    }
}
