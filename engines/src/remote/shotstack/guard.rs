//! What must be true of an edit before it is rendered and paid: its files can be reached by the
//! provider, and the result is a film.

use reqwest::Url;
use serde_json::Value;

use super::edit::Edit;
use crate::EngineError;
use crate::http::{invalid, is_local_name, is_private};
use crate::remote::common::number;

/// True for an address that anybody can open.
pub(crate) fn is_public(text: &str) -> bool {
    let Ok(url) = Url::parse(text.trim()) else { return false };
    let literal = match url.host() {
        Some(url::Host::Ipv4(ip)) => Some(ip.into()),
        Some(url::Host::Ipv6(ip)) => Some(ip.into()),
        _ => None,
    };
    let name = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let at_home = [".local", ".localhost", ".internal", ".lan", ".home.arpa"];
    let named =
        literal.is_some() || (name.contains('.') && !at_home.iter().any(|end| name.ends_with(end)));
    url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && named
        && !is_local_name(&url)
        && !literal.is_some_and(is_private)
}

/// The first file that only this computer can open.
fn hidden_source(value: &Value) -> Option<String> {
    match value {
        Value::Array(list) => list.iter().find_map(hidden_source),
        Value::Object(map) => map.iter().find_map(|(name, value)| match value {
            // An alias names another clip of the same edit.
            Value::String(src) if name == "src" => {
                let fine = src.starts_with("alias://") || is_public(src);
                (!fine).then(|| src.chars().filter(|c| !c.is_control()).take(200).collect())
            }
            Value::Null => None,
            _ if name == "src" => Some(value.to_string().chars().take(200).collect()),
            other => hidden_source(other),
        }),
        _ => None,
    }
}

/// Whether an edit can be rendered elsewhere.
pub(super) fn check(edit: &Edit) -> Result<(), EngineError> {
    let merged = edit.merged();
    if merged.timeline.tracks.iter().all(|track| track.clips.is_empty()) {
        return Err(invalid("The edit shows nothing. Add clips to it first."));
    }
    let cut = serde_json::to_value(&merged.timeline).unwrap_or_default();
    if let Some(src) = hidden_source(&cut) {
        return Err(invalid(&format!(
            "Shotstack cannot open “{src}”: every file must lie at a public address that begins with https://. Put it there, or make the film in oTo."
        )));
    }
    let format = merged.output.get("format").and_then(Value::as_str).unwrap_or("mp4");
    if format != "mp4" {
        return Err(invalid(&format!(
            "oTo takes films as mp4 and not as {format}. Set “format” in the output of the edit to mp4."
        )));
    }
    if let Some(size) = merged.output.get("size").filter(|size| !size.is_null()) {
        let even = |name: &str| number(&size[name]).is_some_and(|n| n > 0.0 && n % 2.0 == 0.0);
        if !even("width") || !even("height") {
            return Err(invalid(
                "Width and height of the film must be even numbers. Change “size” in the output of the edit.",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_anybody_can_open_is_public() {
        for good in
            ["https://example.com/a.png", "https://93.184.216.34/a", "https://a.b.org:8443/c"]
        {
            assert!(is_public(good), "{good}");
        }
        for bad in [
            "http://example.com/a.png",
            "file:///home/me/a.png",
            "a.png",
            "",
            "https://localhost/a.png",
            "https://nas/a.png",
            "https://nas.local/a.png",
            "https://nas.local./a.png",
            "https://192.168.1.5/a.png",
            "https://[::1]/a.png",
            "https://169.254.169.254/latest",
            "https://me:word@example.com/a.png",
            "{{ PICTURE }}",
        ] {
            assert!(!is_public(bad), "{bad}");
        }
    }
}
