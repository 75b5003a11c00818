//! A script without a model: a text cut into scenes of whole sentences, each showing what its own
//! words name.

use super::{
    LONGEST_SCENE, MAX_NARRATION, MAX_SCENES, MAX_TITLE, MAX_VISUAL, Script, ScriptScene, capped,
    has_words, seconds_of, tidy,
};

/// A scene is filled up to this before the next one begins.
const USUAL_SECS: f32 = 5.0;
/// What is not cut, so that a hostile text costs nothing: more than any film can say.
const LONGEST_TEXT: usize = 60_000;
/// Words of a sentence that say what is seen.
const SEEN_WORDS: usize = 12;

/// A script of somebody's own text. A heading becomes the title; other headings begin a scene.
/// With more time asked for than the words need, scenes are longer than what is said in them.
/// Without any words there are no scenes.
#[must_use]
pub fn of_text(text: &str, prompt: &str, seconds: Option<u32>) -> Script {
    let text = capped(text, LONGEST_TEXT);
    let text = if has_words(&text) { text } else { capped(prompt, LONGEST_TEXT) };
    let (title, parts) = parts_of(&text);
    let mut said = scenes_of(&parts, USUAL_SECS);
    if said.len() > MAX_SCENES {
        said = scenes_of(&parts, LONGEST_SCENE);
    }
    said.truncate(MAX_SCENES);
    let needed: f32 = said.iter().map(|s| seconds_of(s)).sum();
    // Never shorter than what is said: a voice is not cut.
    let stretch = seconds.map(|s| s as f32 / needed.max(0.1)).filter(|s| *s > 1.1);
    let scene = |narration: String| ScriptScene {
        visual: seen(&narration, prompt),
        seconds: stretch.map(|s| (seconds_of(&narration) * s).clamp(1.0, 60.0)),
        narration,
    };
    Script { title, scenes: said.into_iter().map(scene).collect() }
}

/// The title, and stretches of sentences that belong together.
fn parts_of(text: &str) -> (String, Vec<Vec<String>>) {
    let mut title = String::new();
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut open = String::new();
    let mut close = |open: &mut String| {
        let sentences = sentences_of(&tidy(open, LONGEST_TEXT));
        if !sentences.is_empty() {
            parts.push(sentences);
        }
        open.clear();
    };
    for line in text.lines() {
        let line = line.trim();
        if let Some(heading) = line.strip_prefix('#') {
            close(&mut open);
            if title.is_empty() {
                title = tidy(heading, MAX_TITLE);
            }
        } else if line.chars().all(|c| matches!(c, '-' | '_' | '=' | '*')) {
            // An empty line, or a rule between parts.
            close(&mut open);
        } else {
            let item = line.trim_start_matches(['-', '•', '*', '>']).trim_start();
            let is_item = item.len() < line.len();
            if is_item {
                close(&mut open);
            }
            open.push_str(item);
            open.push(' ');
        }
    }
    close(&mut open);
    (title, parts)
}

/// Whole sentences, none of them longer than a scene.
fn sentences_of(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open = String::new();
    let words: Vec<&str> = text.split_inclusive([' ', '。', '！', '？']).collect();
    for (i, word) in words.iter().enumerate() {
        open.push_str(word);
        let next = words.get(i + 1).and_then(|w| w.chars().next());
        if ends_sentence(word.trim_end(), next) {
            out.extend(short_enough(open.trim()));
            open.clear();
        }
    }
    out.extend(short_enough(open.trim()));
    out
}

/// Whether a sentence ends with this word.
fn ends_sentence(word: &str, next: Option<char>) -> bool {
    const SHORT: [&str; 14] = [
        "mr.", "mrs.", "ms.", "dr.", "st.", "prof.", "no.", "vs.", "e.g.", "i.e.", "z.b.", "p.ex.",
        "cf.", "approx.",
    ];
    let bare = word.trim_end_matches(['"', '”', '»', '’', '\'', ')', ']']);
    if bare.ends_with(['。', '！', '？', '!', '?', '…']) {
        return true;
    }
    if !bare.ends_with('.') {
        return false;
    }
    let lower = bare.to_lowercase();
    let initial = bare.chars().count() == 2 && bare.starts_with(char::is_uppercase);
    // A small letter goes on with the sentence.
    !SHORT.contains(&lower.as_str()) && !initial && !next.is_some_and(char::is_lowercase)
}

/// A sentence, cut after its commas or at least its words when it is too long for a scene.
fn short_enough(sentence: &str) -> Vec<String> {
    if !has_words(sentence) {
        return Vec::new();
    }
    if seconds_of(sentence) <= LONGEST_SCENE && sentence.chars().count() <= MAX_NARRATION {
        return vec![sentence.to_owned()];
    }
    let mut out = Vec::new();
    let mut open = String::new();
    for word in sentence.split_inclusive([' ', '，', '、']).flat_map(pieces) {
        let clause = open.trim_end().ends_with([',', ';', ':', '—', '，', '、']);
        let full = seconds_of(&format!("{open}{word}")) > LONGEST_SCENE
            || open.chars().count() + word.chars().count() > MAX_NARRATION;
        if full || (clause && seconds_of(&open) > LONGEST_SCENE * 0.5) {
            out.push(std::mem::take(&mut open).trim().to_owned());
        }
        open.push_str(&word);
    }
    out.push(open.trim().to_owned());
    out.retain(|s| has_words(s));
    out
}

/// A word, cut where it is none: scripts without spaces, or nonsense.
fn pieces(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.chars().collect();
    letters.chunks(40).map(|c| c.iter().collect()).collect()
}

fn scenes_of(parts: &[Vec<String>], usual: f32) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for part in parts {
        for (i, sentence) in part.iter().enumerate() {
            let joins = out.last().is_some_and(|open| {
                let now = seconds_of(open);
                // A new part begins a new scene unless the last one is only a breath.
                let room = if i == 0 { 2.0 } else { usual };
                now < room
                    && now + seconds_of(sentence) <= LONGEST_SCENE
                    && open.len() + sentence.len() < MAX_NARRATION
            });
            match out.last_mut() {
                Some(open) if joins => {
                    open.push(' ');
                    open.push_str(sentence);
                }
                _ => out.push(sentence.clone()),
            }
        }
    }
    out
}

/// What can be seen of a sentence: its words without the small ones, and what the film is about.
fn seen(narration: &str, prompt: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    let splits = |c: char| !(c.is_alphanumeric() || matches!(c, '-' | '’' | '\''));
    for word in narration.split(splits).map(|w| w.trim_matches(['-', '’', '\''])) {
        let word = word.rsplit(['’', '\'']).find(|w| w.chars().count() > 1).unwrap_or(word);
        let lower = word.to_lowercase();
        let small = SMALL.split_whitespace().any(|s| s == lower);
        let known = words.iter().any(|w| w.to_lowercase() == lower);
        if !small && !known && has_words(word) && words.len() < SEEN_WORDS {
            words.push(word);
        }
    }
    let about = tidy(prompt, MAX_VISUAL / 2);
    let about = about.trim_end_matches(['.', '!', '?', ',']);
    let own = words.join(" ");
    let both = [own.as_str(), about].into_iter().filter(|t| !t.is_empty());
    capped(&both.collect::<Vec<_>>().join(", "), MAX_VISUAL)
}

/// Words nobody can see, in the four languages of the local voices that have most of them.
const SMALL: &str = "a an the and or but so if of on in at to by for from with without into over \
    under as is are was were be been being it its this that these those there here then than when \
    where who what which how why not no nor very just only even still also too all some any each \
    every one i you he she we they me him her us them my your his our their do does did has have \
    had will would can could may might must shall should \
    le la les un une des du de d l et ou mais donc si en dans sur sous au aux par pour avec sans \
    est sont était étaient être ce cet cette ces il elle on nous vous ils elles je tu que qui quoi \
    dont où quand comme plus moins très tout tous toute toutes ne pas se sa son ses leur leurs y c \
    qu n s j m \
    der die das den dem des ein eine einen einem einer und oder aber wenn im in auf an zu mit ohne \
    von für ist sind war waren sein es er sie wir ihr ich du nicht auch nur noch sehr wie als dass \
    el los las una unos unas y o pero en del al con sin por para es son era eran ser lo se su sus \
    no muy más como que";
