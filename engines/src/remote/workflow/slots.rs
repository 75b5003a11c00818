//! Where the agent's words, numbers and pictures go into a workflow: to the nodes that the user
//! marked by their titles, such as `oto:positive`; where none is marked, to those that the usual
//! graphs use. Everything else stays as it is. Class and input names are those of ComfyUI's own
//! nodes.py and comfy_extras.

use serde_json::Value;

use super::graph::Graph;

/// What can be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::remote) enum Slot {
    Positive,
    Negative,
    Seed,
    Width,
    Height,
    Steps,
    Frames,
    Fps,
    Image,
}

/// A node and its input.
pub(super) type Place = (String, String);

/// Inputs that lead on to the words, when a node has no words of its own.
const LEADS: [&str; 6] = [
    "conditioning",
    "conditioning_1",
    "conditioning_to",
    "conditioning_from",
    "cond",
    "base_conditioning",
];

impl Slot {
    fn mark(self) -> &'static str {
        match self {
            Self::Positive => "oto:positive",
            Self::Negative => "oto:negative",
            Self::Seed => "oto:seed",
            Self::Width => "oto:width",
            Self::Height => "oto:height",
            Self::Steps => "oto:steps",
            Self::Frames => "oto:frames",
            Self::Fps => "oto:fps",
            Self::Image => "oto:image",
        }
    }

    /// Names of inputs that take it. Primitive nodes call theirs `value`.
    fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Positive | Self::Negative => &[
                "text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "tags", "string", "value",
            ],
            Self::Seed => &["seed", "noise_seed", "value"],
            Self::Width => &["width", "value"],
            Self::Height => &["height", "value"],
            Self::Steps => &["steps", "value"],
            Self::Frames => {
                &["length", "frames", "num_frames", "video_frames", "batch_size", "value"]
            }
            Self::Fps => &["fps", "frame_rate", "value"],
            Self::Image => &["image", "value"],
        }
    }

    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Positive | Self::Negative | Self::Image => value.is_string(),
            _ => value.is_number(),
        }
    }

    /// The inputs of one node that take it: literals only, links stay. Words may go into several
    /// of one node, everything else into the first.
    fn places_in(self, graph: &Graph, id: &str) -> Vec<Place> {
        let inputs = &graph.node(id)["inputs"];
        let fits = |name: &&&str| inputs.get(**name).is_some_and(|v| self.takes(v));
        let most = if matches!(self, Self::Positive | Self::Negative) { 9 } else { 1 };
        let found = self.inputs().iter().filter(fits).take(most);
        found.map(|name| (id.to_owned(), (*name).to_owned())).collect()
    }

    /// Where it goes, in the order of the nodes.
    pub(super) fn places(self, graph: &Graph) -> Vec<Place> {
        let marked: Vec<Place> = graph
            .ids()
            .into_iter()
            .filter(|id| is_marked(graph, id, self.mark()))
            .flat_map(|id| self.places_in(graph, id))
            .collect();
        if marked.is_empty() { self.usual(graph) } else { marked }
    }

    /// Where it goes in graphs without marks.
    fn usual(self, graph: &Graph) -> Vec<Place> {
        let has = |id: &str, input: &str| graph.node(id)["inputs"].get(input).is_some();
        let class = |id: &str| graph.node(id)["class_type"].as_str().unwrap_or_default().to_owned();
        let ids = graph.ids().into_iter();
        let among = |wanted: &dyn Fn(&str) -> bool| -> Vec<Place> {
            ids.clone().filter(|id| wanted(id)).flat_map(|id| self.places_in(graph, id)).collect()
        };
        match self {
            Self::Positive => words(graph, "positive"),
            Self::Negative => {
                let taken = Self::Positive.places(graph);
                words(graph, "negative").into_iter().filter(|p| !taken.contains(p)).collect()
            }
            Self::Seed => among(&|id| has(id, "seed") || has(id, "noise_seed")),
            Self::Width | Self::Height => {
                among(&|id| has(id, "width") && has(id, "height") && makes_latents(&class(id)))
            }
            Self::Steps => among(&|id| has(id, "steps")),
            Self::Frames => among(&|id| has(id, "length") && makes_latents(&class(id))),
            Self::Fps => among(&|id| has(id, "fps") || has(id, "frame_rate")),
            Self::Image => among(&|id| {
                let class = class(id);
                class.starts_with("LoadImage") && !class.contains("Mask")
            }),
        }
    }
}

/// A title may hold several marks, for nodes such as those that have width and height.
fn is_marked(graph: &Graph, id: &str, mark: &str) -> bool {
    let title = graph.node(id)["_meta"]["title"].as_str().unwrap_or_default();
    let mut parts = title.split(|c: char| c.is_whitespace() || c == ',');
    parts.any(|part| part.eq_ignore_ascii_case(mark))
}

/// Nodes that an empty picture or film begins with.
fn makes_latents(class: &str) -> bool {
    (class.starts_with("Empty") && class.contains("Latent")) || class.ends_with("ToVideo")
}

/// The words behind every node that has a link of this name: samplers and guiders.
fn words(graph: &Graph, role: &str) -> Vec<Place> {
    let mut found = Vec::new();
    for id in graph.ids() {
        let is_guider = graph.node(id)["class_type"].as_str().is_some_and(|c| c == "BasicGuider");
        let input = if is_guider && role == "positive" { "conditioning" } else { role };
        let Some(from) = graph.linked(id, input) else { continue };
        for place in behind(graph, from, role) {
            if !found.contains(&place) {
                found.push(place);
            }
        }
    }
    found
}

/// Follows links until there are words. A graph may be a circle: no node is seen twice.
fn behind(graph: &Graph, from: &str, role: &str) -> Vec<Place> {
    let (mut open, mut seen) = (vec![from], Vec::new());
    while let Some(id) = open.pop() {
        if seen.contains(&id) {
            continue;
        }
        seen.push(id);
        let class = graph.node(id)["class_type"].as_str().unwrap_or_default();
        // What is set to nothing has no words, whatever lies behind it.
        if class.contains("ZeroOut") {
            continue;
        }
        let here = Slot::Positive.places_in(graph, id);
        if !here.is_empty() {
            return here;
        }
        // The last one pushed is looked at first.
        let leads = LEADS.iter().rev().chain(&["string", "value", "prompt", "text"]).copied();
        open.extend(leads.chain([role]).filter_map(|input| graph.linked(id, input)));
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(value: &Value) -> Graph {
        Graph::read(&value.to_string()).unwrap()
    }

    #[test]
    fn marks_come_first_in_any_case() {
        let graph = graph(&serde_json::json!({
            "1": { "class_type": "CLIPTextEncode", "inputs": { "text": "mine", "clip": ["9", 0] }, "_meta": { "title": "OTO:Positive" } },
            "2": { "class_type": "EmptyLatentImage", "inputs": { "width": 1, "height": 2 }, "_meta": { "title": "oto:width, oto:height" } },
            "3": { "class_type": "KSampler", "inputs": { "seed": ["5", 0], "positive": ["4", 0] } },
            "4": { "class_type": "CLIPTextEncode", "inputs": { "text": "not this" } },
            "5": { "class_type": "PrimitiveInt", "inputs": { "value": 3 }, "_meta": { "title": "oto:seed" } }
        }));
        let at = |node: &str, input: &str| vec![(node.to_owned(), input.to_owned())];
        assert_eq!(Slot::Positive.places(&graph), at("1", "text"));
        assert_eq!(Slot::Width.places(&graph), at("2", "width"));
        assert_eq!(Slot::Height.places(&graph), at("2", "height"));
        assert_eq!(Slot::Seed.places(&graph), at("5", "value"));
        assert!(Slot::Negative.places(&graph).is_empty() && Slot::Fps.places(&graph).is_empty());
    }

    #[test]
    fn words_are_found_behind_other_nodes_but_not_behind_nothing() {
        let graph = graph(&serde_json::json!({
            "1": { "class_type": "SamplerCustomAdvanced", "inputs": { "guider": ["2", 0], "noise": ["7", 0] } },
            "2": { "class_type": "BasicGuider", "inputs": { "conditioning": ["3", 0] } },
            "3": { "class_type": "FluxGuidance", "inputs": { "guidance": 3.5, "conditioning": ["4", 0] } },
            "4": { "class_type": "CLIPTextEncode", "inputs": { "text": "a tram" } },
            "5": { "class_type": "KSampler", "inputs": { "positive": ["3", 0], "negative": ["6", 0], "seed": 4 } },
            "6": { "class_type": "ConditioningZeroOut", "inputs": { "conditioning": ["4", 0] } },
            "7": { "class_type": "RandomNoise", "inputs": { "noise_seed": 1 } }
        }));
        assert_eq!(Slot::Positive.places(&graph), [("4".to_owned(), "text".to_owned())]);
        assert!(Slot::Negative.places(&graph).is_empty());
        let seeds = Slot::Seed.places(&graph);
        assert_eq!(seeds.len(), 2);
    }

    #[test]
    fn circles_end() {
        let graph = graph(&serde_json::json!({
            "1": { "class_type": "KSampler", "inputs": { "positive": ["2", 0] } },
            "2": { "class_type": "A", "inputs": { "conditioning": ["3", 0] } },
            "3": { "class_type": "B", "inputs": { "conditioning": ["2", 0] } }
        }));
        assert!(Slot::Positive.places(&graph).is_empty());
    }
}
