//! The answer of a model, whose shape is its own: words, or links to media.

use reqwest::Method;
use serde_json::Value;

use super::super::common::{expired, fits, links, outcome};
use super::super::media::{from_base64, output_in, output_of, text_output};
use super::{Fal, Handle, reading};
use crate::http::{MAX_FILM, Sends, nonsense};
use crate::{Context, EngineError, Kind, Outcome};

/// Where media of a kind usually is; answers often repeat the prompt and the source, too.
fn usual_places(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Text => &[],
        Kind::Image => &["images", "image"],
        Kind::Voice => &["audio", "audio_file", "audio_url"],
        Kind::Video => &["video", "videos", "video_url"],
    }
}

/// The first picture, sound or film, as a link or as a `data:` address.
fn media_in(answer: &Value, kind: Kind) -> Option<String> {
    let first = |value: &Value| inline(value).or_else(|| links(value).into_iter().next());
    usual_places(kind).iter().find_map(|name| first(&answer[*name])).or_else(|| {
        let fields = answer.as_object()?.iter();
        let mut others = fields.filter(|(name, _)| !name.contains("prompt") && *name != "logs");
        others.find_map(|(_, value)| first(value))
    })
}

/// Media inside the answer, for requests that asked for it.
fn inline(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.starts_with("data:") => Some(text.clone()),
        Value::Array(list) => list.iter().find_map(inline),
        Value::Object(map) => map.values().find_map(inline),
        _ => None,
    }
}

/// Words, under one of the names that models give them.
fn words_in(answer: &Value) -> Option<String> {
    let names = ["output", "text", "results", "result", "response"];
    let found = names.into_iter().find_map(|name| match &answer[name] {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => Some(parts.iter().filter_map(Value::as_str).collect()),
        _ => None,
    });
    found.filter(|words: &String| !words.trim().is_empty())
}

impl Fal {
    pub(super) async fn take(
        &self,
        context: &Context,
        handle: &Handle,
    ) -> Result<Outcome, EngineError> {
        let url = self.provider.own(&handle.response)?;
        let call = self
            .provider
            .call(context, Method::GET, url, Sends::Nothing)?
            .reading(reading)
            .with_media();
        let answer = match call.value().await {
            Err(error) if matches!(error.provider_status, Some(404 | 410)) => {
                return Err(expired());
            }
            other => other?,
        };
        if handle.kind == Kind::Text {
            let words = words_in(&answer).ok_or_else(nonsense)?;
            let main = text_output(&words);
            let made = outcome(&self.id, &handle.model, handle.title.clone(), main);
            return Ok(Outcome { text: words, ..made });
        }
        let link = media_in(&answer, handle.kind).ok_or_else(nonsense)?;
        let main = if link.starts_with("data:") {
            output_of(context, from_base64(&link)?).await?
        } else {
            let file = self.provider.fetch_file(context, &link, MAX_FILM, "result.bin").await?;
            output_in(context, file).await?
        };
        if !fits(handle.kind, &main) {
            return Err(nonsense());
        }
        Ok(outcome(&self.id, &handle.model, handle.title.clone(), main))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn media_is_found_in_any_shape() {
        let prompt = "https://x/prompt";
        for (kind, answer, wanted) in [
            (
                Kind::Image,
                json!({ "images": [{ "url": "https://x/1" }], "a": "https://x/2" }),
                "https://x/1",
            ),
            (Kind::Image, json!({ "image": { "url": "https://x/1" } }), "https://x/1"),
            (
                Kind::Video,
                json!({ "prompt": prompt, "video": { "url": "https://x/1" } }),
                "https://x/1",
            ),
            (Kind::Voice, json!({ "audio_url": "https://x/1" }), "https://x/1"),
            (Kind::Voice, json!({ "prompt": prompt, "speech": ["https://x/1"] }), "https://x/1"),
            (
                Kind::Image,
                json!({ "images": [{ "url": "data:image/png;base64,eA==" }] }),
                "data:image/png;base64,eA==",
            ),
        ] {
            assert_eq!(media_in(&answer, kind).as_deref(), Some(wanted), "{answer}");
        }
        assert_eq!(media_in(&json!({ "prompt": prompt }), Kind::Image), None);
        assert_eq!(media_in(&json!([]), Kind::Image), None);
    }

    #[test]
    fn words_are_found_under_their_names() {
        assert_eq!(words_in(&json!({ "output": "a" })).as_deref(), Some("a"));
        assert_eq!(words_in(&json!({ "text": ["a", "b"] })).as_deref(), Some("ab"));
        assert_eq!(words_in(&json!({ "output": " " })), None);
    }
}
