//! A script from what a language model answered. Models wrap JSON into prose, break it off, name
//! things as they like, or write a screenplay; everything a person would understand is taken.

mod loose;
mod plain;

use super::{
    MAX_NARRATION, MAX_SCENES, MAX_TITLE, MAX_VISUAL, Script, ScriptScene, has_words, tidy,
};
use loose::Value;

/// Letters of an answer that are looked at.
const LONGEST_ANSWER: usize = 150_000;
/// Places where JSON may begin that are tried.
const MOST_STARTS: usize = 16;
/// How deep things may lie in one another.
const MOST_DEPTH: usize = 8;

const TITLES: &[&str] =
    &["title", "filmtitle", "videotitle", "titre", "titel", "titulo", "título", "name", "headline"];
const SCENES: &[&str] = &[
    "scenes",
    "scene",
    "shots",
    "segments",
    "storyboard",
    "sequences",
    "sections",
    "parts",
    "clips",
    "slides",
    "frames",
    "beats",
    "script",
    "scènes",
    "szenen",
    "escenas",
];
const NARRATION: &[&str] = &[
    "narration",
    "voiceover",
    "narrator",
    "narrative",
    "voiceovertext",
    "narrationtext",
    "vo",
    "spokentext",
    "spoken",
    "speech",
    "voice",
    "says",
    "text",
    "script",
    "dialogue",
    "dialog",
    "lines",
    "line",
    "content",
    "audio",
    "caption",
    "voixoff",
    "texte",
    "sprecher",
    "erzähler",
    "narración",
    "texto",
];
const VISUAL: &[&str] = &[
    "visual",
    "visuals",
    "visualprompt",
    "imageprompt",
    "visualdescription",
    "imagedescription",
    "image",
    "picture",
    "description",
    "shot",
    "shots",
    "video",
    "videoprompt",
    "prompt",
    "onscreen",
    "screen",
    "setting",
    "action",
    "visuel",
    "bild",
    "imagen",
    "camera",
    "scene",
];
const SECONDS: &[&str] = &[
    "seconds",
    "duration",
    "durationseconds",
    "durationinseconds",
    "durationsec",
    "secs",
    "sec",
    "time",
    "length",
    "timing",
    "timecode",
    "timestamp",
    "durée",
    "dauer",
    "duración",
];

/// Reads an answer.
///
/// # Errors
/// With what was wrong, for [`super::repair`].
pub fn read(answer: &str) -> Result<Script, String> {
    let answer: String = answer.chars().take(LONGEST_ANSWER).collect();
    let answer = without_thoughts(&answer);
    if !has_words(&answer) {
        return Err("The answer was empty.".to_owned());
    }
    let fenced = fenced(&answer);
    let whole = std::iter::once(answer.as_str());
    // JSON that was put into a string once too often.
    let wrapped = answer.contains("{\\\"") || answer.contains("{\\n");
    let unescaped = wrapped.then(|| unescaped(&answer));
    let mut wrong = None;
    for text in
        unescaped.as_deref().into_iter().chain(fenced.iter().map(String::as_str)).chain(whole)
    {
        match from_json(text) {
            Ok(script) => return Ok(script),
            Err(sentence) => wrong = wrong.or(sentence),
        }
    }
    plain::read(&answer).or_else(|| fenced.iter().find_map(|f| plain::read(f))).ok_or_else(|| {
        wrong.unwrap_or("There was no JSON object with scenes in the answer.").to_owned()
    })
}

/// The script of the JSON with most scenes, the last of several alike: it is the corrected one.
fn from_json(text: &str) -> Result<Script, Option<&'static str>> {
    let letters: Vec<char> = text.chars().collect();
    let mut best: Option<Script> = None;
    let mut single: Vec<ScriptScene> = Vec::new();
    let (mut cut, mut seen, mut at) = (false, false, 0);
    for _ in 0..MOST_STARTS {
        let Some(start) = letters[at..].iter().position(|c| matches!(c, '{' | '[')) else { break };
        let (value, end) = loose::parse(&letters, at + start);
        seen |= matches!(value, Value::Map(ref pairs, _) if !pairs.is_empty());
        cut |= matches!(value, Value::Map(_, false) | Value::List(_, false));
        let script = script_of(&value, 0);
        if script.scenes.is_empty() {
            at += start + 1;
            continue;
        }
        at = end;
        if script.scenes.len() == 1 {
            single.extend(script.scenes.iter().cloned());
        }
        if best.as_ref().is_none_or(|b| b.scenes.len() <= script.scenes.len()) {
            best = Some(script);
        }
    }
    // One object a line.
    if let Some(best) = &mut best
        && best.scenes.len() == 1
        && single.len() > 1
    {
        best.scenes = single;
    }
    if let Some(script) = best.and_then(finished) {
        return Ok(script);
    }
    Err(if cut && seen {
        Some("The JSON was cut off before the first scene was whole.")
    } else if seen {
        Some("The JSON had no list “scenes” with a text “narration” in each.")
    } else {
        None
    })
}

/// A script within its bounds, if anything is said in it.
fn finished(mut script: Script) -> Option<Script> {
    script.scenes.truncate(MAX_SCENES);
    script.scenes.iter().any(|s| has_words(&s.narration)).then_some(script)
}

fn script_of(value: &Value, depth: usize) -> Script {
    let nothing = Script::default();
    if depth > MOST_DEPTH {
        return nothing;
    }
    let pairs = match value {
        Value::Text(_) => return nothing,
        Value::List(..) => return Script { scenes: scenes_in(value), ..nothing },
        Value::Map(pairs, _) => pairs,
    };
    let title = value
        .get(TITLES)
        .and_then(|v| if let Value::Text(t) = v { Some(tidy(t, MAX_TITLE)) } else { None })
        .unwrap_or_default();
    for key in SCENES {
        // "scene 1", "scene 2": all of them.
        let same = pairs.iter().filter(|(k, _)| k == key);
        let scenes: Vec<ScriptScene> = same.flat_map(|(_, v)| scenes_under(v, depth)).collect();
        if !scenes.is_empty() {
            return Script { title, scenes };
        }
    }
    if let Some(scene) = scene_of(value) {
        return Script { title, scenes: vec![scene] };
    }
    let deeper = pairs.iter().map(|(_, v)| script_of(v, depth + 1));
    let Some(found) = deeper.max_by_key(|s| s.scenes.len()).filter(|s| !s.scenes.is_empty()) else {
        return nothing;
    };
    // "opening": {…}, "ending": {…}
    let own = scenes_in(value);
    let scenes = if own.len() > found.scenes.len() { own } else { found.scenes };
    Script { title: if title.is_empty() { found.title } else { title }, scenes }
}

/// The scenes of what stands under a key that says so.
fn scenes_under(value: &Value, depth: usize) -> Vec<ScriptScene> {
    match value {
        // A script inside a string.
        Value::Text(t) if t.contains('{') => {
            let letters: Vec<char> = t.chars().collect();
            script_of(&loose::parse(&letters, 0).0, depth + 1).scenes
        }
        Value::Text(_) => Vec::new(),
        Value::Map(..) => script_of(value, depth + 1).scenes,
        Value::List(..) => scenes_in(value),
    }
}

fn scenes_in(value: &Value) -> Vec<ScriptScene> {
    let said = |v: &Value| match v {
        Value::Text(text) => scene(text, "", None),
        other => scene_of(other),
    };
    match value {
        Value::List(items, _) => items.iter().filter_map(said).collect(),
        Value::Map(pairs, _) => pairs
            .iter()
            .filter(|(_, v)| matches!(v, Value::Map(..)))
            .filter_map(|(_, v)| scene_of(v))
            .collect(),
        Value::Text(_) => Vec::new(),
    }
}

/// A scene of an object or a list of two texts. What was broken off is one only if all of its
/// words are there.
fn scene_of(value: &Value) -> Option<ScriptScene> {
    if let Value::List(items, whole) = value {
        let mut texts =
            items.iter().filter_map(|v| if let Value::Text(t) = v { Some(t) } else { None });
        let first = texts.next().filter(|_| *whole)?;
        return scene(first, texts.next().map_or("", String::as_str), None);
    }
    let Value::Map(_, whole) = value else { return None };
    let words = |keys: &[&str]| {
        let all = keys.iter().filter_map(|k| value.get(&[k])).map(|v| words_of(v, 0));
        all.into_iter().find(|t| has_letters(t))
    };
    let narration = words(NARRATION);
    let visual = words(VISUAL);
    if !whole && (narration.is_none() || visual.is_none()) {
        return None;
    }
    let seconds = value.get(SECONDS).and_then(|v| seconds_of(&words_of(v, 0)));
    let thousandths = || value.get(&["durationms", "milliseconds", "ms"]);
    let seconds = seconds.or_else(|| Some(seconds_of(&words_of(thousandths()?, 0))? / 1000.0));
    scene(&narration.unwrap_or_default(), &visual.unwrap_or_default(), seconds)
}

/// All words of a value.
fn words_of(value: &Value, depth: usize) -> String {
    match value {
        Value::Text(text) => text.clone(),
        _ if depth > 3 => String::new(),
        Value::List(items, _) => {
            let all: Vec<String> = items.iter().map(|v| words_of(v, depth + 1)).collect();
            all.join(" ")
        }
        Value::Map(..) => [NARRATION, VISUAL]
            .iter()
            .find_map(|keys| value.get(keys))
            .map_or_else(String::new, |v| words_of(v, depth + 1)),
    }
}

/// A scene, tidied; none when it neither says nor shows anything.
fn scene(narration: &str, visual: &str, seconds: Option<f32>) -> Option<ScriptScene> {
    let narration = tidy(without_label(narration), MAX_NARRATION);
    let visual = tidy(without_label(visual), MAX_VISUAL);
    let empty = |t: &String| !has_letters(t);
    if empty(&narration) && empty(&visual) {
        return None;
    }
    let narration = if empty(&narration) { String::new() } else { narration };
    // What is said is at least about what is to be seen.
    let visual = if empty(&visual) { super::capped(&narration, MAX_VISUAL) } else { visual };
    let seconds = seconds.filter(|s| s.is_finite() && *s > 0.0).map(|s| s.clamp(1.0, 60.0));
    Some(ScriptScene { narration, visual, seconds })
}

/// True when it is more than the number of a scene.
fn has_letters(text: &str) -> bool {
    text.chars().any(char::is_alphabetic)
}

/// Without "Narrator:" in front.
fn without_label(text: &str) -> &str {
    let text = text.trim();
    match text.split_once([':', '：']) {
        Some((label, rest)) if label.len() < 30 && is_key(label, &[NARRATION, VISUAL]) => {
            rest.trim()
        }
        _ => text,
    }
}

/// A key without case and marks: "Image_Prompt" is "imageprompt".
fn key_of(word: &str) -> String {
    word.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

fn is_key(word: &str, lists: &[&[&str]]) -> bool {
    let key = key_of(word.split('(').next().unwrap_or_default());
    lists.iter().any(|list| list.contains(&key.as_str()))
}

/// "6", "6.5 s", "0:05", "0:05 - 0:11", "5-8 seconds".
fn seconds_of(text: &str) -> Option<f32> {
    let text = text.to_lowercase().replace(['–', '—', '→'], "-").replace(" to ", "-");
    let times: Vec<f32> = text.split('-').filter_map(time_of).collect();
    let clock = text.contains(':');
    let minutes = text.contains("min") && !clock;
    let secs = match times[..] {
        [one] => one,
        [from, to, ..] if clock => to - from,
        [from, to, ..] => (from + to) / 2.0,
        [] => return None,
    };
    Some(if minutes { secs * 60.0 } else { secs }).filter(|s| s.is_finite())
}

fn time_of(text: &str) -> Option<f32> {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ',');
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let number: String = text[start..].chars().take_while(|c| digits(*c)).take(16).collect();
    let mut secs = 0.0f32;
    for part in number.replace(',', ".").split(':').filter(|p| !p.is_empty()) {
        secs = secs * 60.0 + part.trim_end_matches('.').parse::<f32>().ok()?;
    }
    Some(secs)
}

/// Without what a model thought before it answered.
fn without_thoughts(answer: &str) -> String {
    let mut text = answer.trim_start_matches('\u{feff}').to_owned();
    for tag in ["think", "thinking", "reasoning", "thought"] {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        // Only what lies behind the last thought counts when its beginning was swallowed.
        while let Some(end) = text.find(&close) {
            let start = text[..end].find(&open).unwrap_or(0);
            text.replace_range(start..end + close.len(), "");
        }
        if let Some(start) = text.find(&open) {
            text.truncate(start);
        }
    }
    text
}

/// What stands between fences; one that is never closed ends with the answer.
fn fenced(answer: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open: Option<String> = None;
    for line in answer.lines() {
        if line.trim_start().starts_with("```") {
            match open.take() {
                Some(block) => out.push(block),
                None => open = Some(String::new()),
            }
        } else if let Some(block) = &mut open {
            block.push_str(line);
            block.push('\n');
        }
    }
    out.extend(open);
    out.retain(|b| has_words(b));
    out
}

fn unescaped(answer: &str) -> String {
    answer.replace("\\\\", "\\").replace("\\n", "\n").replace("\\\"", "\"")
}
