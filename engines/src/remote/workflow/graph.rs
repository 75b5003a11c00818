//! A workflow in ComfyUI's API format: nodes by id, each `{class_type, inputs, _meta.title}`, where
//! an input is a literal or a link `[node, output]` (`validate_prompt` in ComfyUI's execution.py).

use serde_json::{Map, Value, json};

use crate::EngineError;
use crate::http::invalid;

/// Longest workflow accepted.
const MOST: usize = 8 << 20;
/// What to do with a workflow in the editor's own format.
pub(in crate::remote) const EDITOR_FORMAT: &str = "This workflow is in the format of ComfyUI’s editor, which cannot be run. In ComfyUI choose Workflow > Export (API) and use that file.";
/// Parts of names of checkpoints that were made for small pictures.
const SMALL: [&str; 5] = ["v1-5", "v1-4", "sd15", "sd1.5", "sd_1.5"];

/// A workflow.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::remote) struct Graph(Map<String, Value>);

impl Graph {
    /// Reads what the user exported.
    pub(in crate::remote) fn read(text: &str) -> Result<Self, EngineError> {
        let bad = || {
            invalid(
                "The workflow is not one of ComfyUI. In ComfyUI choose Workflow > Export (API) and put the content of that file into the agent’s workflow.",
            )
        };
        if text.len() > MOST {
            return Err(invalid("The workflow is longer than oTo accepts. Use a smaller one."));
        }
        let value: Value = serde_json::from_str(text).or(Err(bad()))?;
        let Value::Object(mut map) = value else { return Err(bad()) };
        if map.get("nodes").is_some_and(Value::is_array) && map.contains_key("links") {
            return Err(invalid(EDITOR_FORMAT));
        }
        // Some tools keep the whole body of the request.
        if let Some(Value::Object(inner)) = map.get_mut("prompt") {
            map = std::mem::take(inner);
        }
        let is_node = |node: &Value| node["class_type"].is_string() && node["inputs"].is_object();
        if map.is_empty() || !map.values().all(is_node) {
            return Err(bad());
        }
        Ok(Self(map))
    }

    /// A picture from words with one checkpoint; from a picture when there is one to change.
    pub(in crate::remote) fn built_in(checkpoint: &str, from_picture: bool) -> Self {
        let lower = checkpoint.to_lowercase();
        let side = if SMALL.iter().any(|s| lower.contains(s)) { 512 } else { 1024 };
        let node = |class: &str, title: &str, inputs: Value| json!({ "class_type": class, "inputs": inputs, "_meta": { "title": title } });
        let encode =
            |title: &str| node("CLIPTextEncode", title, json!({ "text": "", "clip": ["4", 1] }));
        let mut map = Map::new();
        let mut add = |id: &str, node: Value| map.insert(id.to_owned(), node);
        add("4", node("CheckpointLoaderSimple", "checkpoint", json!({ "ckpt_name": checkpoint })));
        add("6", encode("oto:positive"));
        add("7", encode("oto:negative"));
        if from_picture {
            add("10", node("LoadImage", "oto:image", json!({ "image": "" })));
            add("5", node("VAEEncode", "source", json!({ "pixels": ["10", 0], "vae": ["4", 2] })));
        } else {
            let size = json!({ "width": side, "height": side, "batch_size": 1 });
            add("5", node("EmptyLatentImage", "oto:width oto:height", size));
        }
        let sampler = json!({
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
            "seed": 0, "steps": 25, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
            "denoise": if from_picture { 0.65 } else { 1.0 },
        });
        add("3", node("KSampler", "oto:seed oto:steps", sampler));
        add("8", node("VAEDecode", "picture", json!({ "samples": ["3", 0], "vae": ["4", 2] })));
        let save = json!({ "images": ["8", 0], "filename_prefix": "oTo" });
        add("9", node("SaveImage", "result", save));
        Self(map)
    }

    /// Ids of the nodes, small numbers first: the order does not depend on the file's.
    pub(super) fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.0.keys().map(String::as_str).collect();
        ids.sort_by_key(|id| (id.parse::<u64>().unwrap_or(u64::MAX), *id));
        ids
    }

    /// A node; nothing when there is none of this id.
    pub(super) fn node(&self, id: &str) -> &Value {
        self.0.get(id).unwrap_or(&Value::Null)
    }

    /// The node that an input of a node is linked to.
    pub(super) fn linked(&self, id: &str, input: &str) -> Option<&str> {
        let to = self.node(id)["inputs"][input].get(0)?.as_str()?;
        self.0.get_key_value(to).map(|(id, _)| id.as_str())
    }

    /// Puts a literal in the place of a literal.
    pub(super) fn put(&mut self, place: &(String, String), value: Value) {
        if let Some(node) = self.0.get_mut(&place.0) {
            node["inputs"][&place.1] = value;
        }
    }

    /// How many nodes work in steps, at least one: each is a part of the progress.
    pub(in crate::remote) fn samplers(&self) -> u32 {
        let samples = |node: &&Value| node["inputs"].get("latent_image").is_some();
        (self.0.values().filter(samples).count() as u32).max(1)
    }

    /// The first model that it loads; empty when none can be told.
    pub(in crate::remote) fn model(&self) -> &str {
        let names = ["ckpt_name", "unet_name", "diffusion_model"];
        let inputs = self.ids().into_iter().map(|id| &self.node(id)["inputs"]);
        let mut found = inputs.filter_map(|i| names.iter().find_map(|name| i[*name].as_str()));
        found.next().unwrap_or_default()
    }

    /// True when it has slots such as `{{prompt}}`.
    pub(super) fn has_slots(&self) -> bool {
        self.0.values().any(|node| holds_slot(&node["inputs"]))
    }

    /// What is sent.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

fn holds_slot(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{") && text.contains("}}"),
        Value::Array(list) => list.iter().any(holds_slot),
        Value::Object(map) => map.values().any(holds_slot),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_run_is_read() {
        let editor = Graph::read(r#"{"nodes":[],"links":[],"version":0.4}"#).unwrap_err();
        assert!(editor.message.contains("Workflow > Export (API)"));
        for bad in ["", "[]", "{}", "{\"1\":{}}", "{\"1\":{\"class_type\":\"X\"}}", "words"] {
            assert!(Graph::read(bad).is_err(), "{bad}");
        }
        let wrapped = r#"{"prompt":{"1":{"class_type":"X","inputs":{}}},"client_id":"a"}"#;
        assert_eq!(Graph::read(wrapped).unwrap().ids(), ["1"]);
    }

    #[test]
    fn nodes_are_in_the_order_of_their_numbers() {
        let node = json!({ "class_type": "X", "inputs": {} });
        let text = json!({ "10": node, "2": node, "a": node }).to_string();
        assert_eq!(Graph::read(&text).unwrap().ids(), ["2", "10", "a"]);
    }
}
