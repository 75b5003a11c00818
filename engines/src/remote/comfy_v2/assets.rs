//! Sources as assets: named by their BLAKE3 hash first, and sent only when the service does not
//! have them.

use oto_media::sniff::sniff;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::super::common::text;
use super::super::media::bytes_of;
use super::{ComfyV2, reading, told};
use crate::http::{Sends, invalid, nonsense};
use crate::{Context, EngineError, ErrorClass, Input};

/// Most bytes that one upload may have.
const MOST: usize = 100_000_000;

impl ComfyV2 {
    /// A source as the workflow names it.
    pub(super) async fn asset(
        &self,
        context: &Context,
        input: &Input,
    ) -> Result<Value, EngineError> {
        let bytes = bytes_of(input)?;
        if bytes.len() > MOST {
            return Err(invalid(
                "A source is larger than the 100 MB that Comfy takes. Use a smaller one.",
            ));
        }
        let kind = sniff(&bytes).filter(|k| !k.mime().starts_with("text/")).ok_or_else(|| {
            invalid("A source is not a file that can be sent. Choose another one.")
        })?;
        let hex = blake3::hash(&bytes).to_hex();
        let hash = format!("blake3:{hex}");
        let name = format!("oto-{}.{}", &hex.as_str()[..16], kind.extension());
        let id = match self.known(context, &hash, &name).await? {
            Some(id) => id,
            None => self.upload(context, bytes, kind.mime(), &hash, &name).await?,
        };
        let info = json!({ "id": id, "hash": hash, "file_path": name });
        Ok(json!({ "__type": "core/ASSET", "info": info }))
    }

    /// The asset of bytes that the service has already.
    async fn known(
        &self,
        context: &Context,
        hash: &str,
        name: &str,
    ) -> Result<Option<String>, EngineError> {
        let body = json!({ "hash": hash, "file_path": name, "tags": ["input"] });
        let call = self.provider.post(context, "api/v2/assets/from-hash", Sends::Nothing)?;
        match call.json(&body).reading(reading).value().await {
            Ok(answer) => text(&answer["id"]).map(Some).ok_or_else(nonsense),
            // Not there, or a server without this short cut.
            Err(error) if matches!(error.provider_status, Some(404 | 405 | 501)) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    async fn upload(
        &self,
        context: &Context,
        bytes: Vec<u8>,
        mime: &str,
        hash: &str,
        name: &str,
    ) -> Result<String, EngineError> {
        context.report(0.01, "sending a source");
        let part = Part::bytes(bytes).file_name(name.to_owned());
        let part = part.mime_str(mime).or(Err(nonsense()))?;
        let form = Form::new()
            .text("content_type", mime.to_owned())
            .text("file_path", name.to_owned())
            .text("expected_hash", hash.to_owned())
            .text("tags", "input")
            .part("file", part);
        // A large file takes its time, and may be sent again without harm.
        let call = self.provider.post(context, "api/v2/assets", Sends::Whole)?;
        let answer = call.multipart(form).reading(reading).value().await.map_err(|error| {
            if error.class != ErrorClass::UnknownOutcome {
                return told(error);
            }
            EngineError::new(
                ErrorClass::Network,
                "network",
                "A source did not reach the engine. Try again; nothing was charged.",
            )
        })?;
        text(&answer["id"]).ok_or_else(nonsense)
    }
}
