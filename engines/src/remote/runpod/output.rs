//! Results of workers: every worker has its own shape, so what counts is what the texts in it are.

use oto_media::sniff::sniff;
use serde_json::Value;

use super::super::common::{brief, fits, no_result, number};
use super::super::media::{from_base64, output_in, output_of};
use crate::http::{MAX_FILM, Provider};
use crate::{Context, EngineError, Kind, Output};

/// Shorter texts hold no media.
const LEAST: usize = 20;
/// Fields that hold the words of a text model, the surest first.
const WORDS: [&str; 10] = [
    "text",
    "generated_text",
    "response",
    "content",
    "message",
    "transcription",
    "choices",
    "tokens",
    "output",
    "result",
];

/// A text that holds media or leads to it.
struct Found<'a> {
    text: &'a str,
    is_link: bool,
    /// What it is; none when that is not seen before it is opened.
    kind: Option<Kind>,
}

fn kind_of_mime(mime: &str) -> Option<Kind> {
    match mime.split('/').next() {
        Some("image") => Some(Kind::Image),
        Some("audio") => Some(Kind::Voice),
        Some("video") => Some(Kind::Video),
        _ => None,
    }
}

/// What a base64 text begins with.
fn kind_of_base64(text: &str) -> Option<Kind> {
    let data =
        text.strip_prefix("data:").map_or(text, |t| t.split_once(',').map_or("", |(_, d)| d));
    let is_base64 =
        |b: u8| b.is_ascii_alphanumeric() || b"+/=".contains(&b) || b.is_ascii_whitespace();
    if data.len() < LEAST || !data.bytes().all(is_base64) {
        return None;
    }
    let dense = data.chars().filter(|c| !c.is_ascii_whitespace());
    let head: String = dense.take(64).collect();
    // Three bytes come from four letters.
    let bytes = from_base64(&head[..head.len() / 4 * 4]).ok()?;
    kind_of_mime(sniff(&bytes)?.mime())
}

/// What a link leads to, by the end of its path.
fn kind_of_link(link: &str) -> Option<Kind> {
    let path = link.split(['?', '#']).next()?;
    match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "png" | "jpg" | "jpeg" | "webp" | "gif" => Some(Kind::Image),
        "wav" | "mp3" | "flac" | "ogg" => Some(Kind::Voice),
        "mp4" | "webm" | "mkv" | "mov" => Some(Kind::Video),
        _ => None,
    }
}

fn gather<'a>(value: &'a Value, found: &mut Vec<Found<'a>>) {
    match value {
        Value::String(text) if text.starts_with("https://") || text.starts_with("http://") => {
            found.push(Found { text, is_link: true, kind: kind_of_link(text) });
        }
        Value::String(text) => {
            if let Some(kind) = kind_of_base64(text) {
                found.push(Found { text, is_link: false, kind: Some(kind) });
            }
        }
        Value::Array(list) => list.iter().for_each(|v| gather(v, found)),
        Value::Object(map) => map.values().for_each(|v| gather(v, found)),
        _ => {}
    }
}

/// The first text that holds this kind, or may.
fn best(output: &Value, kind: Kind) -> Option<Found<'_>> {
    let mut found = Vec::new();
    gather(output, &mut found);
    let may_be = found.into_iter().filter(|f| f.kind.is_none_or(|k| k == kind));
    may_be.min_by_key(|f| f.kind.is_none())
}

/// True when there is surely something of this kind in an output.
pub(super) fn holds(output: &Value, kind: Kind) -> bool {
    kind != Kind::Text && best(output, kind).is_some_and(|f| f.kind.is_some())
}

/// The media of an output.
pub(super) async fn media(
    provider: &Provider,
    context: &Context,
    output: &Value,
    kind: Kind,
) -> Result<Output, EngineError> {
    let found = best(output, kind).ok_or_else(|| no_result(kind))?;
    let main = if found.is_link {
        let file = provider.fetch_file(context, found.text, MAX_FILM, "result.bin").await?;
        output_in(context, file).await?
    } else {
        output_of(context, from_base64(found.text)?).await?
    };
    if fits(kind, &main) { Ok(main) } else { Err(no_result(kind)) }
}

/// The words of an output: a text, parts of one, or one of the fields that hold it.
pub(super) fn words(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(words).collect(),
        Value::Object(map) => {
            let fields = WORDS.iter().filter_map(|name| map.get(*name));
            fields.map(words).find(|w| !w.trim().is_empty()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

/// What a worker says went wrong. Python workers put a description with a trace in a text.
pub(super) fn complaint(answer: &Value) -> String {
    let error = &answer["error"];
    if let Some(inner) = error.as_str().and_then(|t| serde_json::from_str::<Value>(t).ok())
        && inner["error_message"].is_string()
    {
        return brief(&inner["error_message"]);
    }
    let output = &answer["output"];
    let places =
        [error, &error["error_message"], &error["message"], &output["error"], &output["errors"][0]];
    places.into_iter().map(brief).find(|said| !said.is_empty()).unwrap_or_default()
}

/// How far a worker says it is: a part, per cent, or "3/20"; in a number, a text or a field.
pub(super) fn progress(output: &Value) -> Option<f64> {
    let part = match output {
        Value::Object(map) => {
            ["progress", "percent", "percentage"].iter().find_map(|n| progress(map.get(*n)?))
        }
        Value::String(words) if words.contains('%') => {
            last_number(words.split('%').next()?).map(|v| v / 100.0)
        }
        Value::String(words) if words.contains('/') => {
            let (done, rest) = words.split_once('/')?;
            let all =
                rest.split_whitespace().next().and_then(last_number).filter(|all| *all > 0.0)?;
            last_number(done).map(|v| v / all)
        }
        other => number(other).map(|v| if v > 1.0 { v / 100.0 } else { v }),
    };
    part.filter(|v| (0.0..=1.0).contains(v))
}

/// The number that a text ends with.
fn last_number(words: &str) -> Option<f64> {
    words.trim_end().rsplit(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn results_are_found_in_any_shape() {
        let png = "iVBORw0KGgoAAAANSUhEUg==";
        for (output, kind, text) in [
            (json!(png), Kind::Image, Some(png)),
            (json!({ "images": [{ "filename": "a.png", "data": png }] }), Kind::Image, Some(png)),
            (json!([{ "x": "https://b/a.mp4?s=1" }]), Kind::Video, Some("https://b/a.mp4?s=1")),
            (
                json!({ "a": "https://b/info", "z": "https://b/a.png" }),
                Kind::Image,
                Some("https://b/a.png"),
            ),
            (json!({ "a": "https://b/file" }), Kind::Voice, Some("https://b/file")),
            (json!({ "a": png }), Kind::Video, None),
            (json!("a sentence without anything in it"), Kind::Image, None),
            (json!("/runpod-volume/out.png"), Kind::Image, None),
        ] {
            assert_eq!(best(&output, kind).map(|f| f.text), text, "{output}");
        }
    }

    #[test]
    fn words_progress_and_complaints_are_read() {
        assert_eq!(words(&json!([{ "choices": [{ "tokens": ["a ", "b"] }], "usage": {} }])), "a b");
        assert_eq!(words(&json!({ "text": "hello", "model": "m" })), "hello");
        for (output, part) in [
            (json!(42), Some(0.42)),
            (json!("0.5"), Some(0.5)),
            (json!("step 3/20 of it"), Some(0.15)),
            (json!({ "progress": "42 %" }), Some(0.42)),
            (json!("loading"), None),
            (json!("900%"), None),
            (json!(null), None),
        ] {
            assert_eq!(progress(&output), part, "{output}");
        }
        let python =
            json!({ "error": "{\"error_message\": \"no memory\", \"error_traceback\": \"x\"}" });
        assert_eq!(complaint(&python), "no memory");
        assert_eq!(complaint(&json!({ "output": { "errors": ["bad node"] } })), "bad node");
    }
}
