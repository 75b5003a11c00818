//! Makes room for words in what is already mixed. It follows the times of words, not the sound:
//! music never jumps after a breath, and is already soft when the first word begins.

use std::ops::Range;

use super::loudness::gain_of;
use super::{Frame, ms};
use crate::caption::Cue;
use crate::maths::smoothstep;

/// How much softer.
const DEPTH_DB: f32 = -12.0;
/// The way down ends when the first word begins.
const BEFORE: usize = ms(150);
/// The way up begins when the last word ends.
const AFTER: usize = ms(400);
/// Pauses shorter than this stay soft.
const SHORT_PAUSE: usize = ms(700);

/// Makes `bed` softer wherever somebody speaks. `speech` is where voices lie: one that no cue
/// tells about counts as a whole, and cues that nobody speaks change nothing.
pub(super) fn duck(bed: &mut [Frame], cues: &[Cue], speech: &[Range<usize>]) {
    let n = bed.len();
    for words in phrases(cues, speech) {
        // The next phrase is at least a pause away, so that ways up and down never overlap.
        let from = words.start.saturating_sub(BEFORE).min(n);
        let to = words.end.saturating_add(AFTER).min(n);
        for (i, frame) in bed.iter_mut().enumerate().take(to).skip(from) {
            let depth = if i < words.start {
                smoothstep(0.0, 1.0, 1.0 - (words.start - i) as f32 / BEFORE as f32)
            } else if i < words.end {
                1.0
            } else {
                smoothstep(0.0, 1.0, 1.0 - (i - words.end) as f32 / AFTER as f32)
            };
            let gain = gain_of(DEPTH_DB * depth);
            *frame = frame.map(|s| s * gain);
        }
    }
}

/// Spoken stretches in samples, in order, short pauses closed.
fn phrases(cues: &[Cue], speech: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for cue in cues {
        if cue.words.is_empty() {
            spans.push(ms(cue.start_ms)..ms(cue.end_ms));
        }
        spans.extend(cue.words.iter().map(|w| ms(w.start_ms)..ms(w.end_ms)));
    }
    spans.retain(|s| s.start < s.end);
    let touch = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
    let untold: Vec<Range<usize>> =
        speech.iter().filter(|s| !spans.iter().any(|w| touch(s, w))).cloned().collect();
    spans.retain(|w| speech.iter().any(|s| touch(s, w)));
    spans.extend(untold);
    spans.sort_by_key(|s| (s.start, s.end));
    let mut out: Vec<Range<usize>> = Vec::new();
    for span in spans {
        match out.last_mut() {
            Some(open) if span.start < open.end.saturating_add(SHORT_PAUSE) => {
                open.end = open.end.max(span.end);
            }
            _ => out.push(span),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caption::Word;

    fn cue(words: &[(u32, u32)]) -> Cue {
        let word = |&(start_ms, end_ms): &(u32, u32)| Word { start_ms, end_ms, text: "a".into() };
        Cue {
            start_ms: words[0].0,
            end_ms: words[words.len() - 1].1 + 400,
            words: words.iter().map(word).collect(),
            ..Cue::default()
        }
    }

    fn ducked(cues: &[Cue], speech: &[Range<usize>]) -> impl Fn(u32) -> f32 + use<> {
        let mut bed = vec![[1.0; 2]; ms(10_000)];
        duck(&mut bed, cues, speech);
        let steps = bed.windows(2).map(|w| (w[1][0] - w[0][0]).abs()).fold(0.0f32, f32::max);
        assert!(steps < 0.001, "a jump of {steps}");
        move |at| 20.0 * bed[ms(at)][0].log10()
    }

    #[test]
    fn music_follows_the_words() {
        let all = 0..ms(10_000);
        let db = ducked(&[cue(&[(2_000, 2_400), (3_050, 3_500)]), cue(&[(5_000, 6_000)])], &[all]);
        for (at, expected) in [
            (1_849, 0.0),
            (2_000, -12.0),
            (2_700, -12.0), // A pause of 0.65 s.
            (3_499, -12.0),
            (3_700, -6.0),
            (3_901, 0.0),
            (4_849, 0.0),
            (5_500, -12.0),
            (6_401, 0.0),
        ] {
            assert!((db(at) - expected).abs() < 0.2, "{at} ms: {}", db(at));
        }
    }

    #[test]
    fn cues_without_words_count_whole_and_captions_without_a_voice_not_at_all() {
        let mut whole = cue(&[(2_000, 3_000)]);
        whole.words.clear();
        let voice = ms(2_000)..ms(3_000);
        assert!(
            (ducked(std::slice::from_ref(&whole), std::slice::from_ref(&voice))(3_300) + 12.0)
                .abs()
                < 0.1
        );
        assert_eq!(ducked(&[whole], &[])(2_500), 0.0);
        assert!((ducked(&[], std::slice::from_ref(&voice))(2_500) + 12.0).abs() < 0.1);
        let backwards = Cue { start_ms: 4_000, end_ms: 1_000, ..Cue::default() };
        let far = Cue { start_ms: 9_500, end_ms: u32::MAX, ..Cue::default() };
        assert_eq!(ducked(&[backwards, far], &[])(2_500), 0.0);
    }
}
