//! Which voice speaks: named by its id or its name, else the account's first.

use reqwest::{Method, Url};

use super::{ElevenLabs, reading};
use crate::http::{Sends, nonsense};
use crate::{Context, EngineError, ErrorClass};

/// Pages of voices that are looked through; a page has a hundred.
const MOST_PAGES: usize = 10;

/// Ids are letters and digits, and longer than names without a space.
fn is_id(text: &str) -> bool {
    text.len() >= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn with_query(mut url: Url, wanted: &str, next: Option<&str>) -> Url {
    let size = if wanted.is_empty() { "1" } else { "100" };
    url.query_pairs_mut().append_pair("page_size", size);
    if !wanted.is_empty() {
        url.query_pairs_mut().append_pair("search", wanted);
    }
    if let Some(token) = next {
        url.query_pairs_mut().append_pair("next_page_token", token);
    }
    url
}

fn not_found(wanted: &str) -> EngineError {
    let message = if wanted.is_empty() {
        "This account has no voice. Add one to My Voices at elevenlabs.io.".to_owned()
    } else {
        let wanted: String = wanted.chars().take(60).collect();
        format!(
            "This account has no voice called “{wanted}”. Name one of My Voices at elevenlabs.io on the agent, or leave the voice empty."
        )
    };
    EngineError::new(ErrorClass::InvalidRequest, "voice_not_found", message)
}

impl ElevenLabs {
    /// The id of a voice.
    pub(super) async fn voice(
        &self,
        context: &Context,
        wanted: &str,
    ) -> Result<String, EngineError> {
        if is_id(wanted) {
            return Ok(wanted.to_owned());
        }
        let lower = wanted.to_lowercase();
        let (mut next, mut near) = (None::<String>, None);
        for _ in 0..MOST_PAGES {
            let url = with_query(self.provider.url("v2/voices")?, wanted, next.as_deref());
            let call = self.provider.call(context, Method::GET, url, Sends::Nothing)?;
            let page = call.reading(reading).value().await?;
            let voices = page["voices"].as_array().ok_or_else(nonsense)?;
            for voice in voices {
                let Some(id) = voice["voice_id"].as_str() else { continue };
                // It becomes a part of an address.
                if id.is_empty()
                    || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
                {
                    continue;
                }
                let name = voice["name"].as_str().unwrap_or_default().to_lowercase();
                if wanted.is_empty() || name == lower {
                    return Ok(id.to_owned());
                }
                // Names often go on: “Roger - Laid-back”.
                if near.is_none() && name.starts_with(&format!("{lower} ")) {
                    near = Some(id.to_owned());
                }
            }
            next = page["next_page_token"].as_str().map(str::to_owned);
            if next.is_none() || page["has_more"].as_bool() != Some(true) {
                break;
            }
        }
        near.ok_or_else(|| not_found(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_told_from_names() {
        assert!(is_id("21m00Tcm4TlvDq8ikWAM"));
        for name in ["", "Rachel", "Rachel from the north", "../../../../../etc/passwd"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
