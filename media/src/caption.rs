//! Words with times: cues of readable length, and WebVTT.

use serde::{Deserialize, Serialize};

/// A spoken word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Milliseconds from the start.
    pub start_ms: u32,
    /// Milliseconds from the start.
    pub end_ms: u32,
    /// The word with its punctuation.
    pub text: String,
}

/// One caption on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cue {
    /// Milliseconds from the start.
    pub start_ms: u32,
    /// Milliseconds from the start.
    pub end_ms: u32,
    /// One or two lines.
    pub text: String,
    /// Its words with their times; none when only the times of the whole are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
    /// The times were spread by letters: no engine told them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
}

/// Longest line of a caption.
pub const MAX_LINE: usize = 42;

/// Longest and shortest time of a caption, in milliseconds.
const LONGEST_MS: u32 = 7_000;
const SHORTEST_MS: u32 = 1_000;
/// Two frames of the slowest film: captions that touch look like one that flickers.
const APART_MS: u32 = 84;
/// A silence at which a caption ends.
const PAUSE_MS: u32 = 700;
/// How long a caption stays when nothing follows.
const STAY_MS: u32 = 400;

/// Groups words into cues: at most two lines of [`MAX_LINE`] characters and seven seconds, broken
/// after sentences, then after clauses, then where both halves are most alike; never inside a word.
#[must_use]
pub fn cues(words: &[Word]) -> Vec<Cue> {
    let mut groups: Vec<&[Word]> = Vec::new();
    let ends = |i: usize| {
        words.get(i + 1).is_none_or(|next| {
            words[i].text.ends_with(['.', '!', '?', '…', '。', '！', '？'])
                || next.start_ms.saturating_sub(words[i].end_ms) > PAUSE_MS
        })
    };
    let mut start = 0;
    for i in 0..words.len() {
        if ends(i) {
            split(&words[start..=i], &mut groups);
            start = i + 1;
        }
    }
    // What is said in less than a second stands with its neighbour, if both fit.
    let mut joined: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    for group in groups {
        let own = (at, at + group.len());
        at = own.1;
        if let Some(last) = joined.last_mut() {
            let brief = |(from, to): (usize, usize)| {
                words[to - 1].end_ms.saturating_sub(words[from].start_ms) < SHORTEST_MS - STAY_MS
            };
            let near = words[own.0].start_ms.saturating_sub(words[own.0 - 1].end_ms) <= PAUSE_MS;
            if near && (brief(*last) || brief(own)) && fits(&words[last.0..own.1]) {
                last.1 = own.1;
                continue;
            }
        }
        joined.push(own);
    }
    let mut out: Vec<Cue> = joined.into_iter().filter_map(|(a, b)| close(&words[a..b])).collect();
    for i in 0..out.len() {
        let next = out.get(i + 1).map_or(u32::MAX, |c| c.start_ms);
        let cue = &mut out[i];
        cue.end_ms = (cue.end_ms + STAY_MS)
            .max(cue.start_ms + SHORTEST_MS)
            .min(cue.start_ms + LONGEST_MS)
            .min(next.saturating_sub(APART_MS))
            .max(cue.start_ms + 1);
    }
    out
}

fn letters(words: &[Word]) -> usize {
    words.iter().map(|w| w.text.chars().count() + 1).sum::<usize>().saturating_sub(1)
}

/// How bad it is to break before the word `at`.
fn break_cost(words: &[Word], at: usize) -> usize {
    let uneven = letters(&words[..at]).abs_diff(letters(&words[at..]));
    // A clause may be a good deal shorter than the rest and still be the better break.
    let clause = words[at - 1].text.ends_with([',', ';', ':', '–', '—', '、', '，']);
    if clause { uneven } else { uneven + letters(words) * 2 / 5 }
}

/// Where a second line begins, after a clause or where both are most alike; the end when one line
/// is enough.
fn line_break(words: &[Word]) -> Option<usize> {
    if letters(words) <= MAX_LINE {
        return Some(words.len());
    }
    (1..words.len())
        .filter(|i| letters(&words[..*i]).max(letters(&words[*i..])) <= MAX_LINE)
        .min_by_key(|i| break_cost(words, *i))
}

fn fits(words: &[Word]) -> bool {
    let [Some(first), Some(last)] = [words.first(), words.last()] else { return true };
    line_break(words).is_some()
        && last.end_ms.saturating_sub(first.start_ms) <= LONGEST_MS - STAY_MS
}

/// Halves a sentence until its parts fit.
fn split<'a>(words: &'a [Word], out: &mut Vec<&'a [Word]>) {
    if words.len() < 2 || fits(words) {
        out.push(words);
        return;
    }
    let at = (1..words.len()).min_by_key(|i| break_cost(words, *i)).unwrap_or(1);
    split(&words[..at], out);
    split(&words[at..], out);
}

fn close(words: &[Word]) -> Option<Cue> {
    let (first, last) = (words.first()?, words.last()?);
    let line = |words: &[Word]| words.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
    let at = line_break(words).unwrap_or(words.len());
    let mut text = line(&words[..at]);
    if at < words.len() {
        text = format!("{text}\n{}", line(&words[at..]));
    }
    Some(Cue {
        start_ms: first.start_ms,
        end_ms: last.end_ms.max(first.start_ms),
        text,
        words: words.to_vec(),
        estimated: false,
    })
}

/// Spreads words over a length by their letters, for voices without word times.
#[must_use]
pub fn estimated_words(text: &str, duration_ms: u32) -> Vec<Word> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let total: usize = words.iter().map(|w| w.chars().count() + 1).sum();
    let mut at = 0usize;
    words
        .iter()
        .map(|word| {
            let start = at;
            at += word.chars().count() + 1;
            let ms = |letters: usize| {
                (letters as u64 * u64::from(duration_ms) / total.max(1) as u64) as u32
            };
            Word { start_ms: ms(start), end_ms: ms(at), text: (*word).to_owned() }
        })
        .collect()
}

fn stamp(ms: u32) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// WebVTT with one cue a word, so that no time is lost.
#[must_use]
pub fn words_to_vtt(words: &[Word]) -> String {
    let mut out = "WEBVTT\n".to_owned();
    for word in words {
        out.push_str(&format!(
            "\n{} --> {}\n{}\n",
            stamp(word.start_ms),
            stamp(word.end_ms),
            word.text
        ));
    }
    out
}

/// WebVTT of cues.
#[must_use]
pub fn cues_to_vtt(cues: &[Cue]) -> String {
    let mut out = "WEBVTT\n".to_owned();
    for cue in cues {
        out.push_str(&format!(
            "\n{} --> {}\n{}\n",
            stamp(cue.start_ms),
            stamp(cue.end_ms),
            cue.text
        ));
    }
    out
}

fn read_stamp(text: &str) -> Option<u32> {
    let mut ms = 0u32;
    for part in text.trim().split(':') {
        let (whole, thousandths) = part.split_once('.').unwrap_or((part, "0"));
        ms = ms.checked_mul(60)?.checked_add(whole.parse::<u32>().ok()?.checked_mul(1000)?)?;
        ms = ms.checked_add(thousandths.parse::<u32>().ok()?)?;
    }
    // A day: later times are no times of a sound.
    (ms <= 86_400_000).then_some(ms)
}

/// Words (or lines) with their times from WebVTT; what cannot be read is left out.
#[must_use]
pub fn words_from_vtt(vtt: &str) -> Vec<Word> {
    let mut lines = vtt.lines();
    let mut words = Vec::new();
    while let Some(line) = lines.next() {
        let Some((start, end)) = line.split_once("-->") else { continue };
        let end = end.split_whitespace().next().unwrap_or_default();
        let (Some(start_ms), Some(end_ms)) = (read_stamp(start), read_stamp(end)) else { continue };
        let text = lines.by_ref().take_while(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
        if !text.is_empty() && end_ms >= start_ms {
            words.push(Word { start_ms, end_ms, text });
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_keep_their_times_and_break_at_clauses() {
        let slow = estimated_words("one two three four five six seven eight nine ten", 30_000);
        let made = cues(&slow);
        assert!(made.iter().all(|c| c.end_ms - c.start_ms <= LONGEST_MS));
        assert!(made.windows(2).all(|w| w[0].end_ms + APART_MS <= w[1].start_ms));
        let text = "When the river had gone back to its bed, the people came down from the hills and counted what was left.";
        let made = cues(&estimated_words(text, 7_000));
        assert!(made[0].text.ends_with("bed,"), "{made:?}");
        let brief = cues(&estimated_words("Yes. And then we went home again.", 2_000));
        assert_eq!(brief.len(), 1, "{brief:?}");
        assert!(cues(&estimated_words("Yes.", 200))[0].end_ms >= SHORTEST_MS);
        assert!(cues(&[]).is_empty());
        let long = "a".repeat(60);
        assert_eq!(cues(&estimated_words(&long, 900))[0].text, long);
    }

    #[test]
    fn cues_are_short_in_order_and_lose_no_word() {
        let text = "Lisbon wakes slowly. A cat on the roof counts the trams, one by one, until the sun is high enough to sleep again in peace and quiet.";
        let words = estimated_words(text, 9_000);
        let made = cues(&words);
        assert!(made.len() > 2);
        assert!(made.iter().all(|c| c.text.lines().count() <= 2));
        assert!(made.iter().flat_map(|c| c.text.lines()).all(|l| l.chars().count() <= MAX_LINE));
        assert!(made.windows(2).all(|w| w[0].end_ms < w[1].start_ms));
        let all: Vec<&str> = made.iter().flat_map(|c| c.text.split_whitespace()).collect();
        assert_eq!(all, text.split_whitespace().collect::<Vec<_>>());
        assert_eq!(words_from_vtt(&words_to_vtt(&words)), words);
    }
}
