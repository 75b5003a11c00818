//! What a prompt needs before it is sent: a workflow, a checkpoint, the source pictures. Shapes of
//! `/object_info` and `/upload/image` from ComfyUI's server.py.

use oto_media::sniff::sniff;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::super::media::bytes_of;
use super::super::workflow::{self, Graph};
use super::{Comfy, name};
use crate::http::{Sends, invalid, nonsense};
use crate::{Context, EngineError, ErrorClass, Input, Kind, Request};

/// A picture to work from.
pub(super) fn is_picture(input: &Input) -> bool {
    input.kind == Kind::Image && input.file.is_some()
}

impl Comfy {
    /// The checkpoints that the server has.
    pub(super) async fn checkpoints(&self, context: &Context) -> Result<Vec<String>, EngineError> {
        const LOADER: &str = "CheckpointLoaderSimple";
        let answer = self.provider.get(context, &format!("object_info/{LOADER}"))?.value().await?;
        let input = &answer[LOADER]["input"]["required"]["ckpt_name"];
        // Newer nodes name their choices beside the word COMBO.
        let names = input[0].as_array().or_else(|| input[1]["options"].as_array());
        Ok(names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The workflow of the agent, else the one that is built in.
    pub(super) async fn graph(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Graph, EngineError> {
        if let Some(graph) = workflow::of(request)? {
            return Ok(graph);
        }
        if request.kind != Kind::Image {
            return Err(invalid(
                "For this ComfyUI needs a workflow of yours. In ComfyUI choose Workflow > Export (API) and put the content of that file into the agent’s workflow.",
            ));
        }
        let named = [&request.model, &self.model].into_iter().find(|m| !m.is_empty()).cloned();
        let checkpoint = match named {
            Some(named) => named,
            None => self.checkpoints(context).await?.into_iter().next().ok_or_else(|| {
                EngineError::new(
                    ErrorClass::InvalidRequest,
                    "no_model",
                    "ComfyUI has no checkpoint. Put one into its folder models/checkpoints, or give the agent a workflow of yours.",
                )
            })?,
        };
        Ok(Graph::built_in(&checkpoint, request.inputs.iter().any(is_picture)))
    }

    /// Brings a picture to the server. The name that it answers with counts.
    pub(super) async fn upload(
        &self,
        context: &Context,
        picture: &Input,
    ) -> Result<String, EngineError> {
        let bytes = bytes_of(picture)?;
        let kind = sniff(&bytes).filter(|k| k.is_image()).ok_or_else(|| {
            invalid("A source is not a picture that can be sent. Choose another one.")
        })?;
        // The same picture has the same name: the server keeps it once.
        let file = format!("{}.{}", name::short_hash(&bytes, 8), kind.extension());
        let part = Part::bytes(bytes).file_name(file).mime_str(kind.mime()).or(Err(nonsense()))?;
        let form = Form::new().part("image", part).text("type", "input").text("subfolder", "oto");
        let call = self.provider.post(context, "upload/image", Sends::Nothing)?;
        let answer = call.multipart(form).value().await?;
        let name = answer["name"].as_str().filter(|n| !n.is_empty()).ok_or_else(nonsense)?;
        let folder = answer["subfolder"].as_str().unwrap_or_default();
        Ok(if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
    }
}
