//! A request becomes a picture: from words, or from words and a picture.

use serde_json::{Value, json};

use super::super::common::{number, outcome, typed};
use super::super::media::{from_base64, output_of, to_base64};
use super::A1111;
use crate::http::{invalid, nonsense};
use crate::outcome::title_from;
use crate::{Context, EngineError, Input, Kind, Outcome, Request};

/// Steps when none are named: the server’s own default is twice as slow.
pub(super) const STEPS: &str = "25";
/// How far a source may be left behind when nothing is said.
pub(super) const STRENGTH: &str = "0.6";
/// Longest side of a picture that is made from another one of any size.
const LONGEST: f64 = 1_024.0;

const TEXTS: [&str; 3] = ["negative_prompt", "sampler_name", "scheduler"];
const NUMBERS: [(&str, &str); 4] =
    [("width", ""), ("height", ""), ("steps", STEPS), ("cfg_scale", "")];

/// A size with the shape of a source, in steps the models work in.
fn size_like([width, height]: [u32; 2]) -> [u32; 2] {
    let [width, height] = [width, height].map(|v| f64::from(v.max(1)));
    let scale = (LONGEST / width.max(height)).min(1.0);
    [width, height].map(|v| ((v * scale / 8.0).round() as u32 * 8).max(64))
}

fn number_of(request: &Request, name: &str, default: &str) -> Result<Option<Value>, EngineError> {
    let text = request.param(name, default);
    if text.is_empty() {
        return Ok(None);
    }
    let value = typed(text);
    if value.is_number() {
        return Ok(Some(value));
    }
    Err(invalid(&format!("“{name}” is a number. Change it on the agent, or leave it empty.")))
}

impl A1111 {
    pub(super) async fn paint(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let named = [&request.model, &self.model].into_iter().find(|m| !m.is_empty());
        // Newer servers say whose progress it is when they know a name.
        let task = format!("task({})", request.submission_id);
        let mut body = json!({
            "prompt": request.prompt,
            "seed": request.seed & 0xffff_ffff,
            "batch_size": 1,
            "n_iter": 1,
            "save_images": false,
            "send_images": true,
            "force_task_id": task,
        });
        if let Some(model) = named {
            body["override_settings"] = json!({ "sd_model_checkpoint": model });
        }
        for name in TEXTS {
            let text = request.param(name, "");
            if !text.is_empty() {
                body[name] = json!(text);
            }
        }
        for (name, default) in NUMBERS {
            if let Some(value) = number_of(request, name, default)? {
                body[name] = value;
            }
        }
        let source = request.inputs.iter().find(|i| i.kind == Kind::Image && i.file.is_some());
        let path = match source {
            Some(source) => {
                self.add_source(context, request, source, &mut body).await?;
                "sdapi/v1/img2img"
            }
            None => "sdapi/v1/txt2img",
        };
        context.report(0.02, "asking");
        let answer = self.make(context, path, &body, &task).await?;
        let (bytes, model) = read(&answer)?;
        let main = output_of(context, bytes).await?;
        if main.size_px == [0, 0] || main.duration_ms != 0 {
            return Err(nonsense());
        }
        let model = named.cloned().or(model).unwrap_or_default();
        Ok(outcome(&self.id, &model, title_from(&request.prompt), main))
    }

    async fn add_source(
        &self,
        context: &Context,
        request: &Request,
        source: &Input,
        body: &mut Value,
    ) -> Result<(), EngineError> {
        body["init_images"] = json!([to_base64(source)?]);
        body["denoising_strength"] = json!(number_of(request, "denoising_strength", STRENGTH)?);
        // Without a size the server would squeeze the source into its default square.
        if body["width"].is_null() && body["height"].is_null() {
            let path = source.file.clone().unwrap_or_default();
            let looks = context.blocking(move |c| Ok(c.probe.picture(&path)?)).await?;
            let [width, height] = size_like(looks.size_px);
            (body["width"], body["height"]) = (json!(width), json!(height));
        }
        Ok(())
    }
}

/// The first picture that is no overview of the others, and the model that made it.
fn read(answer: &Value) -> Result<(Vec<u8>, Option<String>), EngineError> {
    // Facts about the pictures come as JSON inside a text.
    let info: Value = match &answer["info"] {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let first = number(&info["index_of_first_image"]).map_or(0, |n| n.max(0.0) as usize);
    let images = answer["images"].as_array().ok_or_else(nonsense)?;
    let image = images.get(first).or_else(|| images.last()).ok_or_else(nonsense)?;
    let bytes = from_base64(image.as_str().ok_or_else(nonsense)?)?;
    Ok((bytes, info["sd_model_name"].as_str().map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_the_shape_of_the_source() {
        for (from, to) in [
            ([64, 48], [64, 64]),
            ([1_000, 500], [1_000, 504]),
            ([4_000, 3_000], [1_024, 768]),
            ([0, 0], [64, 64]),
        ] {
            assert_eq!(size_like(from), to, "{from:?}");
        }
    }

    #[test]
    fn an_overview_is_skipped() {
        let answer = json!({
            "images": ["Z3JpZA==", "b25l"],
            "info": "{\"index_of_first_image\": 1, \"sd_model_name\": \"m\"}",
        });
        assert_eq!(read(&answer).unwrap(), (b"one".to_vec(), Some("m".to_owned())));
        let old = json!({ "images": ["b25l"], "info": "no json" });
        assert_eq!(read(&old).unwrap(), (b"one".to_vec(), None));
        assert!(read(&json!({ "images": [] })).is_err());
    }
}
