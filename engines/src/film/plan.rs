//! From words to scenes: pure, so that it can be tested without sound or picture.

use oto_media::caption::Word;

/// Longest scene.
const MAX_SCENE_MS: u32 = 12_000;

/// A part of the narration with one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scene {
    /// What is said.
    pub text: String,
    /// Milliseconds from the start of the narration.
    pub start_ms: u32,
    /// Milliseconds from the start of the narration.
    pub end_ms: u32,
}

/// Cuts a narration into scenes of whole sentences: at least `wanted` if there are sentences
/// enough, none longer than 12 seconds, covering the whole length without a gap.
#[must_use]
pub fn scenes_of(words: &[Word], duration_ms: u32, wanted: usize) -> Vec<Scene> {
    let mut sentences: Vec<Vec<&Word>> = vec![Vec::new()];
    for word in words {
        if let Some(open) = sentences.last_mut() {
            open.push(word);
            let long = open
                .first()
                .is_some_and(|f| word.end_ms.saturating_sub(f.start_ms) > MAX_SCENE_MS - 2_000);
            if word.text.ends_with(['.', '!', '?', '…']) || long {
                sentences.push(Vec::new());
            }
        }
    }
    sentences.retain(|s| !s.is_empty());
    let target_ms = (duration_ms / wanted.max(1) as u32).clamp(2_500, MAX_SCENE_MS);
    let mut scenes: Vec<Scene> = Vec::new();
    let mut groups_left = sentences.len();
    for sentence in sentences {
        let (Some(first), Some(last)) = (sentence.first(), sentence.last()) else { continue };
        let text = sentence.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ");
        let joins = scenes.last().is_some_and(|open| {
            let short = last.end_ms.saturating_sub(open.start_ms) <= target_ms;
            let too_short = open.end_ms.saturating_sub(open.start_ms) < 1_500;
            (short || too_short) && scenes.len() + groups_left > wanted
        });
        groups_left -= 1;
        match scenes.last_mut() {
            Some(open) if joins => {
                open.text.push(' ');
                open.text.push_str(&text);
                open.end_ms = last.end_ms;
            }
            _ => scenes.push(Scene { text, start_ms: first.start_ms, end_ms: last.end_ms }),
        }
    }
    if scenes.is_empty() {
        scenes.push(Scene { text: String::new(), start_ms: 0, end_ms: duration_ms });
    }
    // Each scene lasts until the next begins.
    scenes[0].start_ms = 0;
    for i in 0..scenes.len() {
        scenes[i].end_ms = scenes.get(i + 1).map_or(duration_ms, |next| next.start_ms);
    }
    scenes
}

#[cfg(test)]
mod tests {
    use super::*;
    use oto_media::caption::estimated_words;

    #[test]
    fn scenes_cover_the_narration_without_a_gap() {
        let text = "One cat. It counts the trams as they climb. Two trams pass. Then the sun comes up over the river. And nothing else happens today.";
        for (duration, wanted) in [(15_000, 3), (60_000, 3), (4_000, 1), (9_000, 50)] {
            let scenes = scenes_of(&estimated_words(text, duration), duration, wanted);
            assert!(scenes.len() >= wanted.min(3), "{} scenes", scenes.len());
            assert_eq!((scenes[0].start_ms, scenes.last().unwrap().end_ms), (0, duration));
            assert!(
                scenes
                    .windows(2)
                    .all(|w| w[0].end_ms == w[1].start_ms && w[0].start_ms < w[0].end_ms)
            );
            let said: Vec<&str> = scenes.iter().flat_map(|s| s.text.split_whitespace()).collect();
            assert_eq!(said, text.split_whitespace().collect::<Vec<_>>());
        }
        assert_eq!(scenes_of(&[], 2_000, 2).len(), 1);
    }
}
