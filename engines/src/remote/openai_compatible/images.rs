//! Images: made from words, or from words and pictures.

use oto_media::sniff::sniff;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::super::media::{bytes_of, data_url, from_base64, output_in, output_of};
use super::{Dialect, OpenAiCompatible, cost_micro, tokens};
use crate::http::{MAX_IMAGE, Sends, invalid, nonsense};
use crate::outcome::title_from;
use crate::{Context, EngineError, Input, Kind, Outcome, Request};

/// Sources that one edit takes at most.
const MOST_SOURCES: usize = 16;

impl OpenAiCompatible {
    pub(super) async fn image(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let model = self.named(request).to_owned();
        let pictures: Vec<&Input> = request
            .inputs
            .iter()
            .filter(|i| i.kind == Kind::Image && i.file.is_some())
            .take(MOST_SOURCES)
            .collect();
        context.report(0.05, "asking");
        let value = match (self.dialect, pictures.is_empty()) {
            (Dialect::Standard, false) => self.edit(context, request, &model, &pictures).await?,
            _ => self.generate(context, request, &model, &pictures).await?,
        };
        context.meter.set(tokens(&value["usage"]));
        let first = &value["data"][0];
        context.report(0.8, "fetching the picture");
        let main = if let Some(text) = first["b64_json"].as_str() {
            output_of(context, from_base64(text)?).await?
        } else if let Some(link) = first["url"].as_str() {
            let file = self.provider.fetch_paid(context, link, MAX_IMAGE, "result.bin").await?;
            output_in(context, file).await?
        } else {
            return Err(nonsense());
        };
        if main.size_px == [0, 0] {
            return Err(nonsense());
        }
        let outcome = self.outcome(&model, title_from(&request.prompt), main);
        Ok(Outcome { cost_micro: cost_micro(&value["usage"]), ..outcome })
    }

    async fn generate(
        &self,
        context: &Context,
        request: &Request,
        model: &str,
        pictures: &[&Input],
    ) -> Result<Value, EngineError> {
        let mut body =
            json!({ "prompt": request.prompt, "n": 1, "size": request.param("size", "1024x1024") });
        if !model.is_empty() {
            body["model"] = json!(model);
        }
        for name in ["quality", "background", "output_format", "style"] {
            if let Some(value) = request.params.get(name).filter(|v| !v.is_empty()) {
                body[name] = json!(value);
            }
        }
        let path = match self.dialect {
            Dialect::Standard => "images/generations",
            Dialect::OpenRouter => {
                if !pictures.is_empty() {
                    let links: Result<Vec<_>, _> = pictures.iter().map(|p| data_url(p)).collect();
                    body["input_references"] = json!(links?);
                }
                "images"
            }
        };
        self.provider.post(context, path, Sends::Whole)?.json(&body).value().await
    }

    async fn edit(
        &self,
        context: &Context,
        request: &Request,
        model: &str,
        pictures: &[&Input],
    ) -> Result<Value, EngineError> {
        if request.prompt.trim().is_empty() {
            return Err(invalid("Write on the agent what to change in the picture."));
        }
        let name = if pictures.len() == 1 { "image" } else { "image[]" };
        let mut form = Form::new().text("prompt", request.prompt.clone()).text("n", "1");
        if !model.is_empty() {
            form = form.text("model", model.to_owned());
        }
        if let Some(size) = request.params.get("size").filter(|s| !s.is_empty()) {
            form = form.text("size", size.clone());
        }
        for (i, picture) in pictures.iter().enumerate() {
            let bytes = bytes_of(picture)?;
            let kind = sniff(&bytes).filter(|k| k.is_image()).ok_or_else(|| {
                invalid("A source is not a picture that can be sent. Choose another one.")
            })?;
            let part = Part::bytes(bytes).file_name(format!("image-{i}.{}", kind.extension()));
            let part = part.mime_str(kind.mime()).or(Err(nonsense()))?;
            form = form.part(name, part);
        }
        self.provider.post(context, "images/edits", Sends::Whole)?.multipart(form).value().await
    }
}
