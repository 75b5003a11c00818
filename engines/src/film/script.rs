//! The script of a film: what is asked of a language model, what is made of its answer however
//! that looks, and what is made of plain text without a model. Pure functions; nobody is asked.

mod ask;
mod read;
mod templates;

use oto_media::timeline::Style;

pub use ask::{ask, repair};
pub use read::read;
pub use templates::of_text;

/// Most scenes of a script.
pub const MAX_SCENES: usize = 60;
/// Most letters that are said in a scene.
pub const MAX_NARRATION: usize = 2_000;
/// Most letters that say what a scene shows.
pub const MAX_VISUAL: usize = 1_000;
/// Most letters of a title.
pub const MAX_TITLE: usize = 80;

/// Before what is said, in a script that is written out.
const NARRATION_LABEL: &str = "Narration:";
/// Words that are said in a second.
const WORDS_A_SECOND: f32 = 2.4;
/// Longest scene in seconds.
const LONGEST_SCENE: f32 = 12.0;

/// What a film says and shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    /// Its title; empty when nobody gave one.
    pub title: String,
    /// In order.
    pub scenes: Vec<ScriptScene>,
}

/// One picture and what is said to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScriptScene {
    /// What is said; empty when the picture speaks for itself.
    pub narration: String,
    /// What the picture shows.
    pub visual: String,
    /// How long it should last; the voice decides otherwise.
    pub seconds: Option<f32>,
}

impl Script {
    /// As people read and change it; [`read`] reads it again.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if !self.title.is_empty() {
            text = format!("Title: {}\n\n", self.title);
        }
        for (i, scene) in self.scenes.iter().enumerate() {
            text.push_str(&format!("Scene {}\n{NARRATION_LABEL} {}\n", i + 1, scene.narration));
            text.push_str(&format!("Visual: {}\n", scene.visual));
            if let Some(seconds) = scene.seconds {
                text.push_str(&format!("Seconds: {seconds}\n"));
            }
            text.push('\n');
        }
        text.trim_end().to_owned()
    }
}

/// The words of a text that may be a script written out: as such, or as plain text.
#[must_use]
pub fn of_any_text(text: &str, prompt: &str) -> Script {
    let is_script = text.lines().any(|line| line.starts_with(NARRATION_LABEL));
    match read(text) {
        Ok(script) if is_script => script,
        _ => of_text(text, prompt, None),
    }
}

/// What an image engine is asked for a scene, and what it is asked to leave out. The film's prompt
/// stands in for a scene that does not say what it shows.
#[must_use]
pub fn visual_prompt(scene: &ScriptScene, prompt: &str, style: Style) -> (String, String) {
    let sheet = style.sheet();
    let shown = [&scene.visual, prompt, &scene.narration]
        .into_iter()
        .map(|text| tidy(text, MAX_VISUAL))
        .find(|text| has_words(text))
        .unwrap_or_default();
    let shown = shown.trim_end_matches(['.', ',', ';', ' ']);
    let positive =
        if shown.is_empty() { sheet.words.clone() } else { format!("{shown}, {}", sheet.words) };
    (positive, sheet.without.clone())
}

/// True when there is something to say in it.
fn has_words(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// One line without marks of Markdown, without anything invisible, at most `most` letters long.
fn tidy(text: &str, most: usize) -> String {
    let visible = |c: char| {
        !matches!(c, '*' | '`' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let spaced: String = text
        .chars()
        .filter(|c| visible(*c))
        .map(|c| if c.is_control() || c == '\u{2028}' || c == '\u{2029}' { ' ' } else { c })
        .collect();
    let line = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line = line.trim_start_matches(['#', '>', ' ']);
    while let Some(inner) = unquoted(line) {
        line = inner;
    }
    capped(line, most)
}

/// What stands between quotes, when they are around all of it.
fn unquoted(line: &str) -> Option<&str> {
    [('"', '"'), ('“', '”'), ('«', '»'), ('\'', '\'')].into_iter().find_map(|(open, close)| {
        let inner = line.strip_prefix(open)?.strip_suffix(close)?;
        let doubled = inner.starts_with(open) && inner.ends_with(close);
        (doubled || !inner.contains([open, close])).then_some(inner.trim())
    })
}

/// At most `most` letters, cut after a sentence or at least a word where one ends late enough.
fn capped(text: &str, most: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(most) else { return text.to_owned() };
    let kept = &text[..end];
    let late = end / 2;
    let sentence = kept.rfind(['.', '!', '?', '…', '。']).filter(|at| *at > late);
    let kept = match (sentence, kept.rfind(' ').filter(|at| *at > late)) {
        (Some(at), _) => &kept[..at + kept[at..].chars().next().map_or(1, char::len_utf8)],
        (None, Some(at)) => &kept[..at],
        (None, None) => kept,
    };
    kept.trim_end().to_owned()
}

/// Words as they take time to say: letters of scripts without spaces count for half a word.
fn words_in(text: &str) -> f32 {
    let spaced = text.split_whitespace().filter(|w| has_words(w)).count() as f32;
    let dense = |c: &char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{0e00}'..='\u{0e7f}');
    spaced.max(text.chars().filter(dense).count() as f32 / 2.0)
}

/// About how long a text takes to say.
fn seconds_of(text: &str) -> f32 {
    words_in(text) / WORDS_A_SECOND
}

#[cfg(test)]
mod tests;
