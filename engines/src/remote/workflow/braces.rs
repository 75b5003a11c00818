//! Workflows with slots: values such as `{{prompt}}` become what they name. Sources without a slot go
//! to the nodes that load files.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::common::{params, text};
use super::words_of;
use crate::http::invalid;
use crate::{EngineError, Kind, Request};

/// Nodes that load a file: their class, the input with its name, and what they load.
const LOADERS: [(&str, &str, Kind); 5] = [
    ("LoadImage", "image", Kind::Image),
    ("LoadAudio", "audio", Kind::Voice),
    ("LoadVideo", "file", Kind::Video),
    ("VHS_LoadAudioUpload", "audio", Kind::Voice),
    ("VHS_LoadVideo", "video", Kind::Video),
];

fn slot_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Image => "image",
        Kind::Voice => "audio",
        Kind::Video => "video",
    }
}

/// "image2" is a slot for an image.
fn without_number(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// Puts in what is asked; `sources` are what the workflow writes where it names a file.
pub(super) fn filled(
    mut graph: Value,
    request: &Request,
    sources: &[(Kind, Value)],
) -> Result<Value, EngineError> {
    let mut slots: BTreeMap<String, Value> =
        params(&request.params, &["workflow"]).into_iter().collect();
    slots.insert("prompt".to_owned(), json!(words_of(request)));
    slots.entry("negative_prompt".to_owned()).or_insert_with(|| json!(""));
    slots.entry("seed".to_owned()).or_insert_with(|| json!(request.seed & 0x7fff_ffff));
    for kind in [Kind::Image, Kind::Voice, Kind::Video] {
        let of_kind = sources.iter().filter(|(k, _)| *k == kind);
        for (i, (_, source)) in of_kind.enumerate() {
            let name = slot_name(kind);
            slots.insert(format!("{name}{}", i + 1), source.clone());
            if i == 0 {
                slots.insert(name.to_owned(), source.clone());
            }
        }
    }
    let mut used = BTreeSet::new();
    for node in graph.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(inputs) = node.get_mut("inputs") {
            fill(inputs, &slots, &mut used)?;
        }
    }
    for kind in [Kind::Image, Kind::Voice, Kind::Video] {
        if !used.iter().any(|name| without_number(name) == slot_name(kind)) {
            load(&mut graph, kind, sources.iter().filter(|(k, _)| *k == kind).map(|(_, s)| s));
        }
    }
    Ok(graph)
}

/// Gives the sources of a kind to the nodes that load them, in the order of their numbers.
pub(super) fn load<'a>(
    graph: &mut Value,
    kind: Kind,
    mut sources: impl Iterator<Item = &'a Value>,
) {
    let Some(nodes) = graph.as_object_mut() else { return };
    let mut names: Vec<String> = nodes.keys().cloned().collect();
    names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
    for name in names {
        let Some(node) = nodes.get_mut(&name) else { continue };
        let class = node["class_type"].as_str().unwrap_or_default();
        let Some((_, input, _)) = LOADERS.iter().find(|(c, _, k)| *c == class && *k == kind) else {
            continue;
        };
        let Some(inputs) = node.get_mut("inputs").and_then(Value::as_object_mut) else { continue };
        let Some(source) = sources.next() else { return };
        inputs.insert((*input).to_owned(), source.clone());
    }
}

fn fill(
    value: &mut Value,
    slots: &BTreeMap<String, Value>,
    used: &mut BTreeSet<String>,
) -> Result<(), EngineError> {
    match value {
        Value::Array(list) => list.iter_mut().try_for_each(|v| fill(v, slots, used)),
        Value::Object(map) => map.values_mut().try_for_each(|v| fill(v, slots, used)),
        Value::String(words) if words.contains("{{") => {
            let whole = words.trim().strip_prefix("{{").and_then(|w| w.strip_suffix("}}"));
            if let Some(found) = whole.and_then(|name| slots.get(name.trim())) {
                used.extend(whole.map(|name| name.trim().to_owned()));
                *value = found.clone();
                return Ok(());
            }
            let wanted = without_number(whole.unwrap_or_default().trim());
            if let Some(name) = ["image", "audio", "video"].iter().find(|n| **n == wanted) {
                return Err(invalid(&format!(
                    "The workflow needs one more source ({name}). Connect one to the agent."
                )));
            }
            *value = Value::from(within(words, slots));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Slots inside a longer text. It is read once, so that a prompt with braces stays as it is;
/// names that mean nothing to oTo stay too.
fn within(words: &str, slots: &BTreeMap<String, Value>) -> String {
    let (mut out, mut rest) = (String::new(), words);
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let slot = after.split_once("}}");
        let known = slot.and_then(|(name, tail)| Some((text(slots.get(name.trim())?)?, tail)));
        rest = match known {
            Some((found, tail)) => {
                out.push_str(&found);
                tail
            }
            None => {
                out.push_str("{{");
                after
            }
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(workflow: &str) -> Request {
        Request {
            kind: Kind::Image,
            model: String::new(),
            prompt: "a {{seed}} tram".to_owned(),
            seed: 5,
            params: [("workflow", workflow), ("width", "640")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .into(),
            inputs: Vec::new(),
            submission_id: String::new(),
        }
    }

    #[test]
    fn slots_are_filled_once_and_with_their_types() {
        let asks = request(
            r#"{"1": {"class_type": "A", "inputs": {"seed": "{{seed}}", "w": "{{ width }}",
                "text": "{{prompt}}", "more": "in ink, {{prompt}}, {{other}}", "from": ["2", 0]}},
                "2": {"class_type": "LoadImage", "inputs": {"image": "old.png"}}}"#,
        );
        let graph = serde_json::from_str(asks.param("workflow", "")).unwrap();
        let graph = filled(graph, &asks, &[(Kind::Image, json!("new.png"))]).unwrap();
        let inputs = &graph["1"]["inputs"];
        assert_eq!((&inputs["seed"], &inputs["w"]), (&json!(5), &json!(640)));
        assert_eq!(inputs["text"], "a {{seed}} tram");
        assert_eq!(inputs["more"], "in ink, a {{seed}} tram, {{other}}");
        assert_eq!(
            (&inputs["from"][0], &graph["2"]["inputs"]["image"]),
            (&json!("2"), &json!("new.png"))
        );
    }
}
