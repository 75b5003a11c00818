//! What workers are asked: a workflow for the ComfyUI worker, named values for most others.

use serde_json::{Value, json};

use super::super::common::params;
use super::super::media::{data_url, to_base64};
use super::super::workflow::{Filling, Graph, words_of};
use crate::{EngineError, Kind, Request};

/// Parameters for RunPod, not for the worker.
const OURS: [&str; 2] = ["workflow", "execution_timeout_s"];

/// What the ComfyUI worker takes: the workflow, and the sources under the names it uses.
pub(super) fn with_workflow(workflow: Graph, request: &Request) -> Result<Value, EngineError> {
    let filling = Filling::of(workflow, request)?;
    let (mut sources, mut images) = (Vec::new(), Vec::new());
    for (i, input) in filling.sources(request).into_iter().enumerate() {
        let end = match input.kind {
            Kind::Voice => "wav",
            Kind::Video => "mp4",
            Kind::Image | Kind::Text => "png",
        };
        let name = format!("oto-source-{}.{end}", i + 1);
        images.push(json!({ "name": name, "image": data_url(input)? }));
        sources.push((input.kind, json!(name)));
    }
    let mut asked = json!({ "workflow": filling.finish(request, &sources)? });
    if !images.is_empty() {
        asked["images"] = Value::Array(images);
    }
    Ok(asked)
}

/// What most other workers take.
pub(super) fn plain(request: &Request) -> Result<Value, EngineError> {
    let mut asked = params(&request.params, &OURS);
    asked.entry("prompt").or_insert_with(|| json!(words_of(request)));
    asked.entry("seed").or_insert_with(|| json!(request.seed & 0x7fff_ffff));
    let picture = request.inputs.iter().find(|i| i.kind == Kind::Image && i.file.is_some());
    if let Some(picture) = picture
        && !asked.contains_key("image")
    {
        asked.insert("image".to_owned(), json!(to_base64(picture)?));
    }
    Ok(Value::Object(asked))
}
