//! Puts what the agent asks for into a workflow. What the agent leaves open stays as the user
//! built it.

use serde_json::{Value, json};

use super::super::common::typed;
use super::graph::Graph;
use super::slots::Slot;
use crate::http::invalid;
use crate::{EngineError, Kind, Request};

/// Parameters that go into a workflow, each into its slot.
pub(in crate::remote) const NUMBERS: [(&str, Slot); 5] = [
    ("width", Slot::Width),
    ("height", Slot::Height),
    ("steps", Slot::Steps),
    ("frames", Slot::Frames),
    ("fps", Slot::Fps),
];

/// The words of the agent; a voice reads its sources.
pub(in crate::remote) fn words_of(request: &Request) -> String {
    let prompt = request.prompt.trim();
    if request.kind == Kind::Voice || prompt.is_empty() {
        request.words()
    } else {
        prompt.to_owned()
    }
}

/// Fills in everything but pictures.
pub(super) fn fill(graph: &mut Graph, request: &Request) -> Result<(), EngineError> {
    let words = words_of(request);
    if !words.is_empty() && put(graph, Slot::Positive, &json!(words)) == 0 {
        return Err(invalid(
            "The workflow has no place for the words of the agent. In ComfyUI give the node that takes them the title oto:positive and export it again.",
        ));
    }
    let negative = request.param("negative", "");
    if !negative.is_empty() && put(graph, Slot::Negative, &json!(negative)) == 0 {
        return Err(no_place("negative"));
    }
    // Nodes take seeds of different lengths; this one fits into all.
    put(graph, Slot::Seed, &json!(request.seed & 0x7fff_ffff));
    for (name, slot) in NUMBERS {
        let text = request.param(name, "");
        if text.is_empty() {
            continue;
        }
        let value = typed(text);
        if !value.as_f64().is_some_and(|number| number > 0.0) {
            return Err(invalid(&format!(
                "“{name}” must be a number above zero. Change it on the agent."
            )));
        }
        if put(graph, slot, &value) == 0 {
            return Err(no_place(name));
        }
    }
    Ok(())
}

/// Fills in pictures, as the server calls them.
pub(super) fn fill_pictures<'a>(graph: &mut Graph, pictures: impl Iterator<Item = &'a Value>) {
    for (place, picture) in Slot::Image.places(graph).iter().zip(pictures) {
        graph.put(place, picture.clone());
    }
}

/// How many pictures a workflow takes.
pub(super) fn picture_places(graph: &Graph) -> usize {
    Slot::Image.places(graph).len()
}

fn put(graph: &mut Graph, slot: Slot, value: &Value) -> usize {
    let places = slot.places(graph);
    places.iter().for_each(|place| graph.put(place, value.clone()));
    places.len()
}

fn no_place(name: &str) -> EngineError {
    invalid(&format!(
        "The workflow has no place for “{name}”. In ComfyUI give the node that takes it the title oto:{name} and export it again, or clear it on the agent."
    ))
}
