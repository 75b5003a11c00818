//! Voices: speech from words.

use serde_json::json;

use super::super::common::typed;
use super::super::media::output_of;
use super::{Dialect, OpenAiCompatible};
use crate::http::{MAX_SOUND, Sends, nonsense};
use crate::outcome::title_from;
use crate::{Context, EngineError, Outcome, Request};

impl OpenAiCompatible {
    pub(super) async fn speech(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let named = self.named(request);
        let model = if named.is_empty() { "tts-1" } else { named };
        let words = request.words();
        let format = if self.dialect == Dialect::OpenRouter { "mp3" } else { "wav" };
        let mut body = json!({
            "model": model,
            "input": words,
            "voice": request.param("voice", "alloy"),
            "response_format": format,
        });
        if let Some(speed) = request.params.get("speed").filter(|s| !s.is_empty()) {
            body["speed"] = typed(speed);
        }
        if let Some(how) = request.params.get("instructions").filter(|s| !s.is_empty()) {
            body["instructions"] = json!(how);
        }
        context.report(0.05, "asking");
        let call = self.provider.post(context, "audio/speech", Sends::Whole)?.json(&body);
        let (_, bytes) = call.bytes(MAX_SOUND).await?;
        let main = output_of(context, bytes).await?;
        if main.duration_ms == 0 || main.size_px != [0, 0] {
            return Err(nonsense());
        }
        let outcome = self.outcome(model, title_from(&words), main);
        Ok(Outcome { text: words, ..outcome })
    }
}
