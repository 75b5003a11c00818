//! A script that is no JSON at all: numbered scenes, a screenplay with labels, or a table.

use super::{
    NARRATION, SECONDS, Script, ScriptScene, TITLES, VISUAL, finished, has_words, is_key, key_of,
    scene, seconds_of, tidy,
};
use crate::film::script::MAX_TITLE;

/// What a line says.
enum Line<'a> {
    /// A scene begins; with the rest of the line.
    Scene(&'a str),
    Title(&'a str),
    Narration(&'a str),
    Visual(&'a str),
    Seconds(&'a str),
    Other(&'a str),
}

#[derive(Default)]
struct Open {
    narration: String,
    visual: String,
    other: String,
    seconds: Option<f32>,
    /// Where a line without a label belongs.
    last: Option<Place>,
}

#[derive(Clone, Copy)]
enum Place {
    Narration,
    Visual,
}

/// A script of labelled or numbered lines; none when there are neither.
pub(super) fn read(text: &str) -> Option<Script> {
    if let Some(script) = table(text).and_then(finished) {
        return Some(script);
    }
    let mut script = Script::default();
    let mut open = Open::default();
    let (mut numbered, mut labelled) = (0, 0);
    for line in text.lines() {
        match line_of(line) {
            Line::Title(title) if script.title.is_empty() => script.title = tidy(title, MAX_TITLE),
            Line::Title(_) => {}
            Line::Scene(rest) => {
                script.scenes.extend(close(&mut open));
                numbered += 1;
                // What stands behind the number is said, unless something labelled is.
                push(&mut open.other, rest);
            }
            Line::Narration(said) => {
                labelled += 1;
                if has_words(&open.narration) && has_words(&open.visual) && numbered == 0 {
                    script.scenes.extend(close(&mut open));
                }
                push(&mut open.narration, said);
                open.last = Some(Place::Narration);
            }
            Line::Visual(shown) => {
                if has_words(&open.narration) && has_words(&open.visual) && numbered == 0 {
                    script.scenes.extend(close(&mut open));
                }
                push(&mut open.visual, shown);
                open.last = Some(Place::Visual);
            }
            Line::Seconds(time) => open.seconds = seconds_of(time),
            Line::Other("") => open.last = None,
            Line::Other(text) => match open.last {
                Some(Place::Narration) => push(&mut open.narration, text),
                Some(Place::Visual) => push(&mut open.visual, text),
                // Prose around the script belongs to nobody.
                None if numbered > 0 && !has_words(&open.narration) => push(&mut open.other, text),
                None => {}
            },
        }
    }
    script.scenes.extend(close(&mut open));
    // One number is a list of anything; two are scenes.
    (labelled > 0 || numbered > 1).then_some(script).and_then(finished)
}

fn push(onto: &mut String, text: &str) {
    onto.push(' ');
    onto.push_str(text);
}

fn close(open: &mut Open) -> Option<ScriptScene> {
    let open = std::mem::take(open);
    let (narration, visual) = if has_words(&open.narration) {
        // The words behind the number are a heading then.
        let visual = if has_words(&open.visual) { &open.visual } else { &open.other };
        (open.narration.as_str(), visual.as_str())
    } else {
        (open.other.as_str(), open.visual.as_str())
    };
    scene(narration, visual, open.seconds)
}

fn line_of(line: &str) -> Line<'_> {
    let marks = |c: char| c.is_whitespace() || matches!(c, '*' | '#' | '-' | '•' | '>' | '_' | '[');
    let bare = line.trim_matches(marks);
    let heading = line.trim_start().starts_with("# ");
    if let Some(rest) = scene_number(bare) {
        return Line::Scene(rest);
    }
    let slug = ["INT.", "EXT.", "INT ", "EXT ", "I/E"].iter().any(|s| bare.starts_with(s));
    if slug {
        return Line::Visual(bare);
    }
    if let Some((label, rest)) = bare.split_once([':', '：']) {
        let label = label.trim_matches(marks);
        let is = |list| label.chars().count() < 30 && is_key(label, &[list]);
        // "Scene" before a colon says where it is.
        if is(TITLES) {
            return Line::Title(rest);
        } else if is(NARRATION) {
            return Line::Narration(rest);
        } else if is(VISUAL) {
            return Line::Visual(rest);
        } else if is(SECONDS) {
            return Line::Seconds(rest);
        }
    }
    // A screenplay names the speaker on a line of its own.
    if bare.chars().count() < 30 && bare.chars().any(char::is_uppercase) && !bare.ends_with('.') {
        let name = bare.split('(').next().unwrap_or_default().trim();
        let shouted = !name.is_empty() && !name.chars().any(char::is_lowercase);
        if shouted && matches!(key_of(name).as_str(), "narrator" | "voiceover" | "vo" | "voice") {
            return Line::Narration("");
        }
    }
    if heading { Line::Title(bare) } else { Line::Other(bare) }
}

/// What stands behind "Scene 3:", "Shot 12 -", "3." or "3)".
fn scene_number(line: &str) -> Option<&str> {
    const WORDS: [&str; 9] =
        ["scene", "scène", "szene", "escena", "shot", "segment", "part", "slide", "clip"];
    let lower = line.to_lowercase();
    let word = WORDS.iter().find(|w| lower.starts_with(**w));
    // Lower case may be longer than what it was made of.
    let after = word.map_or(Some(line), |w| line.get(w.len()..))?.trim_start_matches([' ', '#']);
    let digits = after.chars().take_while(char::is_ascii_digit).count();
    if digits == 0 || digits > 3 {
        return None;
    }
    let rest = &after[digits..];
    if word.is_none() && !rest.starts_with(['.', ')', ':']) {
        return None;
    }
    // "1.5 million" is no number of a scene.
    if word.is_none() && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(rest.trim_start_matches(['.', ')', ':', ']', '-', '–', '—', '*', ' ']))
}

/// A table in Markdown whose head names what its columns are.
fn table(text: &str) -> Option<Script> {
    let mut rows = text
        .lines()
        .map(str::trim)
        .filter(|l| l.starts_with('|'))
        .map(|l| l.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let head = rows.next()?;
    let column = |list: &[&str]| head.iter().position(|name| is_key(name, &[list]));
    let narration = column(NARRATION)?;
    let visual = VISUAL[..VISUAL.len() - 1].iter().find_map(|name| column(&[name]));
    let seconds = column(SECONDS);
    let scenes = rows.filter_map(|row| {
        let cell = |at: Option<usize>| at.and_then(|at| row.get(at)).copied().unwrap_or_default();
        scene(cell(Some(narration)), cell(visual), seconds_of(cell(seconds)))
    });
    Some(Script { title: String::new(), scenes: scenes.collect() })
}
