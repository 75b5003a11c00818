//! A request as stable-diffusion.cpp takes it.

use serde_json::{Map, Value, json};

use super::super::common::typed;
use super::super::media::data_url;
use crate::http::invalid;
use crate::{EngineError, Kind, Request};

/// What is asked, by the server's names. What is not asked is left out, so that the server's own
/// settings hold.
pub(super) fn of(request: &Request) -> Result<Map<String, Value>, EngineError> {
    if request.prompt.contains("<lora:") {
        return Err(invalid(
            "This server overlooks <lora:…> in the prompt. Take it out, and write its file into the parameter “lora”, such as style.safetensors:0.8.",
        ));
    }
    let asked = |name: &str| Some(request.param(name, "")).filter(|v| !v.is_empty()).map(typed);
    let mut body = Map::new();
    body.insert("prompt".to_owned(), json!(request.prompt));
    body.insert("seed".to_owned(), json!(request.seed & 0x7fff_ffff));
    for name in ["negative_prompt", "width", "height", "strength", "clip_skip", "output_format"] {
        body.extend(asked(name).map(|value| (name.to_owned(), value)));
    }
    if let Some((width, height)) = request.param("size", "").split_once(['x', '×']) {
        body.insert("width".to_owned(), typed(width));
        body.insert("height".to_owned(), typed(height));
    }
    let mut sampling = Map::new();
    for (ours, theirs) in
        [("steps", "sample_steps"), ("sampler", "sample_method"), ("scheduler", "scheduler")]
    {
        sampling.extend(asked(ours).map(|value| (theirs.to_owned(), value)));
    }
    if let Some(scale) = asked("cfg_scale") {
        sampling.insert("guidance".to_owned(), json!({ "txt_cfg": scale }));
    }
    if !sampling.is_empty() {
        body.insert("sample_params".to_owned(), Value::Object(sampling));
    }
    let loras = loras(request.param("lora", ""));
    if !loras.is_empty() {
        body.insert("lora".to_owned(), json!(loras));
    }
    let pictures = request.inputs.iter().filter(|i| i.kind == Kind::Image && i.file.is_some());
    let pictures: Vec<String> = pictures.take(8).map(data_url).collect::<Result<_, _>>()?;
    if request.kind == Kind::Video {
        let fps = request.param("fps", "").parse::<u32>().unwrap_or(16).clamp(1, 120);
        body.insert("fps".to_owned(), json!(fps));
        body.insert("video_frames".to_owned(), json!(frames(request, fps)));
        for (name, picture) in ["init_image", "end_image"].into_iter().zip(pictures) {
            body.insert(name.to_owned(), json!(picture));
        }
    } else {
        body.insert("batch_count".to_owned(), json!(1));
        if request.param("sources_are", "") == "references" {
            body.insert("ref_images".to_owned(), json!(pictures));
        } else {
            body.extend(pictures.first().map(|p| ("init_image".to_owned(), json!(p))));
        }
    }
    Ok(body)
}

/// Frames of a film. The server rounds down to 4n+1, so the next such number is asked for.
fn frames(request: &Request, fps: u32) -> u32 {
    let seconds = request.param("seconds", "").parse::<f64>().ok().filter(|s| s.is_finite());
    let by_length = (seconds.unwrap_or(2.0) * f64::from(fps)).round().clamp(1.0, 10_000.0) as u32;
    let frames = request.param("frames", "").parse::<u32>().unwrap_or(by_length);
    (frames.clamp(1, 10_000) + 2) / 4 * 4 + 1
}

/// "a.safetensors:0.8, b.safetensors" as the server takes it.
fn loras(words: &str) -> Vec<Value> {
    let one = |part: &str| {
        let weighted = part.rsplit_once(':').and_then(|(p, w)| Some((p, w.parse::<f64>().ok()?)));
        let (path, weight) = weighted.unwrap_or((part, 1.0));
        json!({ "path": path.trim(), "multiplier": weight })
    };
    words.split(',').map(str::trim).filter(|part| !part.is_empty()).map(one).collect()
}
