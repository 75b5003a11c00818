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

/// Groups words into cues of at most two lines, breaking after punctuation, never inside a word.
#[must_use]
pub fn cues(words: &[Word]) -> Vec<Cue> {
    let mut out: Vec<Cue> = Vec::new();
    let mut open: Vec<&Word> = Vec::new();
    let mut length = 0;
    for word in words {
        let sentence_ended =
            open.last().is_some_and(|w| w.text.ends_with(['.', '!', '?', ';', ':', '…']));
        let clause_ended = length > MAX_LINE && open.last().is_some_and(|w| w.text.ends_with(','));
        let pause = open.last().is_some_and(|w| word.start_ms.saturating_sub(w.end_ms) > 700);
        let n = word.text.chars().count() + 1;
        if !open.is_empty()
            && (length + n > MAX_LINE * 2 - 6 || sentence_ended || clause_ended || pause)
        {
            out.extend(close(&open));
            open.clear();
            length = 0;
        }
        open.push(word);
        length += n;
    }
    out.extend(close(&open));
    // A cue stays until the next begins, but not longer than a breath, and never overlaps it.
    for i in 0..out.len() {
        let next = out.get(i + 1).map_or(u32::MAX, |c| c.start_ms);
        out[i].end_ms = (out[i].end_ms + 400).min(next.saturating_sub(66)).max(out[i].start_ms + 1);
    }
    out
}

fn close(words: &[&Word]) -> Option<Cue> {
    let (first, last) = (words.first()?, words.last()?);
    let whole: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    let line = whole.join(" ");
    let text = if line.chars().count() <= MAX_LINE {
        line
    } else {
        // The break that leaves the two lines most alike.
        let lengths: Vec<usize> = whole.iter().map(|w| w.chars().count() + 1).collect();
        let total: usize = lengths.iter().sum();
        let mut so_far = 0;
        let split = (1..whole.len())
            .min_by_key(|i| {
                so_far = lengths[..*i].iter().sum();
                (so_far * 2).abs_diff(total)
            })
            .unwrap_or(whole.len());
        format!("{}\n{}", whole[..split].join(" "), whole[split..].join(" "))
    };
    Some(Cue {
        start_ms: first.start_ms,
        end_ms: last.end_ms,
        text,
        words: words.iter().map(|w| (*w).clone()).collect(),
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
    Some(ms)
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
