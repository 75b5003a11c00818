//! Times of letters become times of words.

use oto_media::caption::Word;
use serde_json::Value;

use super::super::common::number;

/// Words with their times from a start in milliseconds; what cannot be read is left out.
pub(super) fn words(alignment: &Value, from_ms: u64) -> Vec<Word> {
    let list = |name: &str| alignment[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let times = list("character_start_times_seconds")
        .iter()
        .zip(list("character_end_times_seconds"))
        .map(|(start, end)| Some((ms(start, from_ms)?, ms(end, from_ms)?)));
    let mut words = Vec::new();
    let mut open: Option<Word> = None;
    for (letter, time) in list("characters").iter().zip(times) {
        let Some(letter) = letter.as_str() else { continue };
        if letter.trim().is_empty() {
            words.extend(open.take());
            continue;
        }
        match (&mut open, time) {
            (Some(word), time) => {
                word.text.push_str(letter);
                word.end_ms = time.map_or(word.end_ms, |(_, end)| end.max(word.end_ms));
            }
            (None, Some((start, end))) => {
                let (end_ms, text) = (end.max(start), letter.to_owned());
                open = Some(Word { start_ms: start, end_ms, text });
            }
            (None, None) => {}
        }
    }
    words.extend(open);
    words
}

fn ms(seconds: &Value, from_ms: u64) -> Option<u32> {
    let ms = number(seconds)? * 1_000.0 + from_ms as f64;
    Some(ms.round().clamp(0.0, f64::from(u32::MAX)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn letters_become_words() {
        let word = |start_ms, end_ms, text: &str| Word { start_ms, end_ms, text: text.to_owned() };
        let alignment = json!({
            "characters": ["O", "h", ",", " ", "m", "y", "!"],
            "character_start_times_seconds": [0.0, 0.1, 0.2, 0.3, "0.4", 0.5, 0.6],
            "character_end_times_seconds": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7],
        });
        let wanted = [word(1_000, 1_300, "Oh,"), word(1_400, 1_700, "my!")];
        assert_eq!(words(&alignment, 1_000), wanted);
    }

    #[test]
    fn nonsense_gives_no_words() {
        for nonsense in [
            json!(null),
            json!([]),
            json!({ "characters": "ab" }),
            json!({ "characters": ["a"], "character_start_times_seconds": [] }),
            json!({ "characters": [4], "character_start_times_seconds": [0], "character_end_times_seconds": [0] }),
        ] {
            assert!(words(&nonsense, 0).is_empty(), "{nonsense}");
        }
    }
}
