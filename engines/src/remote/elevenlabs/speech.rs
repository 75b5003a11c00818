//! One text becomes one sound, asked for in one request or in several.

use oto_media::caption::{Word, words_to_vtt};
use oto_media::wav::Pcm;
use serde_json::{Map, Value, json};

use super::super::common::{outcome, typed};
use super::super::media::{from_base64, output_of};
use super::parts::{head, most_of, split, tail};
use super::times::words;
use super::{ElevenLabs, reading};
use crate::http::{MAX_SOUND, Sends, invalid, nonsense, too_large};
use crate::outcome::title_from;
use crate::{Body, Context, EngineError, ErrorClass, Outcome, Output, OutputRole, Request};

/// Code of a refusal that a smaller format answers.
pub(super) const FORMAT_NOT_ALLOWED: &str = "format_not_allowed";
const DEFAULT_MODEL: &str = "eleven_multilingual_v2";
/// Letters in one request: more would make an answer larger than is accepted.
const MOST_AT_ONCE: usize = 30_000;
/// The same for sound that is not compressed.
const MOST_A_PART: usize = 5_000;
/// Letters of one work: three quarters of an hour.
const MOST_LETTERS: usize = 40_000;
/// Letters of the neighbours that a part is told.
const AROUND: usize = 300;
/// Sound of parts, joined without a gap; the second for accounts that may not have the first.
const JOINABLE: [(&str, u32); 2] = [("pcm_44100", 44_100), ("pcm_24000", 24_000)];

/// What is the same in all requests for one work.
struct Asking {
    voice: String,
    model: String,
    seed: u64,
    settings: Map<String, Value>,
}

impl Asking {
    fn body(&self, parts: &[String], i: usize) -> Value {
        let mut body = json!({ "text": parts[i], "model_id": self.model, "seed": self.seed });
        if !self.settings.is_empty() {
            body["voice_settings"] = Value::Object(self.settings.clone());
        }
        // The newest model refuses to be told.
        if !self.model.starts_with("eleven_v3") {
            if let Some(before) = i.checked_sub(1).and_then(|i| parts.get(i)) {
                body["previous_text"] = json!(tail(before, AROUND));
            }
            if let Some(after) = parts.get(i + 1) {
                body["next_text"] = json!(head(after, AROUND));
            }
        }
        body
    }
}

fn settings(request: &Request) -> Result<Map<String, Value>, EngineError> {
    let mut settings = Map::new();
    for name in ["stability", "similarity_boost", "style", "speed"] {
        let text = request.param(name, "");
        if text.is_empty() {
            continue;
        }
        let value = typed(text);
        if !value.is_number() {
            return Err(invalid(&format!(
                "“{name}” is a number such as 0.5. Change it on the agent, or leave it empty."
            )));
        }
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}

/// Parts that were made are paid: what comes after them must not begin again by itself.
fn in_the_middle(error: EngineError, done: usize, all: usize) -> EngineError {
    if done == 0 || !error.class.may_retry() {
        return error;
    }
    let message = format!(
        "The engine stopped after {done} of {all} parts of the text. Try again; the parts made so far are charged twice. It says: {}",
        error.message
    );
    EngineError { class: ErrorClass::UnknownOutcome, code: "in_the_middle", message, ..error }
}

impl ElevenLabs {
    pub(super) async fn speak(
        &self,
        context: &Context,
        request: &Request,
    ) -> Result<Outcome, EngineError> {
        let text = request.words();
        if text.trim().is_empty() {
            return Err(invalid(
                "There is nothing to say: write a text on the agent or join a text to it.",
            ));
        }
        let letters = text.chars().count();
        if letters > MOST_LETTERS {
            return Err(invalid(&format!(
                "This text has {letters} letters, and one voice reads {MOST_LETTERS} at most. Divide it between several agents."
            )));
        }
        let named = [&request.model, &self.model].into_iter().find(|m| !m.is_empty());
        let model = named.map_or(DEFAULT_MODEL, String::as_str).to_owned();
        let most = most_of(&model);
        let parts = if letters <= most.min(MOST_AT_ONCE) {
            vec![text.clone()]
        } else {
            split(&text, most.min(MOST_A_PART))
        };
        let seed = request.param("seed", "").parse().unwrap_or(request.seed) & 0xffff_ffff;
        let settings = settings(request)?;
        context.report(0.05, "asking");
        let voice = self.voice(context, request.param("voice", "")).await?;
        let asking = Asking { voice, model, seed, settings };
        let (bytes, words) = if parts.len() == 1 {
            let answer = self.part(context, &asking, &parts, 0, "mp3_44100_128").await?;
            (sound_of(&answer)?, words(&answer["alignment"], 0))
        } else {
            self.joined(context, &asking, &parts).await?
        };
        let main = output_of(context, bytes).await?;
        if main.duration_ms == 0 || main.size_px != [0, 0] {
            return Err(nonsense());
        }
        let captions = (!words.is_empty()).then(|| Output {
            role: OutputRole::Captions,
            body: Body::Memory(words_to_vtt(&words).into_bytes()),
            duration_ms: 0,
            ..main.clone()
        });
        let mut made = outcome(&self.id, &asking.model, title_from(&text), main);
        made.outputs.extend(captions);
        Ok(Outcome { text, ..made })
    }

    async fn part(
        &self,
        context: &Context,
        asking: &Asking,
        parts: &[String],
        i: usize,
        format: &str,
    ) -> Result<Value, EngineError> {
        let path =
            format!("v1/text-to-speech/{}/with-timestamps?output_format={format}", asking.voice);
        let call = self.provider.post(context, &path, Sends::Whole)?.reading(reading);
        call.json(&asking.body(parts, i)).value().await
    }

    /// All parts one after another in one sound.
    async fn joined(
        &self,
        context: &Context,
        asking: &Asking,
        parts: &[String],
    ) -> Result<(Vec<u8>, Vec<Word>), EngineError> {
        let (mut format, mut rate) = JOINABLE[0];
        let (mut samples, mut spoken) = (Vec::new(), Vec::new());
        for i in 0..parts.len() {
            let mut answer = self.part(context, asking, parts, i, format).await;
            // What was refused was not made and not paid.
            if i == 0 && answer.as_ref().is_err_and(|e| e.code == FORMAT_NOT_ALLOWED) {
                (format, rate) = JOINABLE[1];
                answer = self.part(context, asking, parts, i, format).await;
            }
            let answer = answer.map_err(|e| in_the_middle(e, i, parts.len()))?;
            let from_ms = samples.len() as u64 * 1_000 / u64::from(rate);
            spoken.extend(words(&answer["alignment"], from_ms));
            join(&mut samples, &sound_of(&answer)?, MAX_SOUND)?;
            let done = i + 1;
            let part = done as f32 / parts.len() as f32;
            context.report(0.05 + 0.9 * part, &format!("part {done} of {}", parts.len()));
        }
        Ok((Pcm { rate, channels: 1, samples }.to_wav(), spoken))
    }
}

/// Hangs a part of 16 bits a sample on, unless the whole gets too large.
fn join(samples: &mut Vec<i16>, part: &[u8], cap: u64) -> Result<(), EngineError> {
    if (samples.len() * 2 + part.len()) as u64 > cap {
        return Err(too_large());
    }
    samples.extend(part.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])));
    Ok(())
}

fn sound_of(answer: &Value) -> Result<Vec<u8>, EngineError> {
    let bytes = from_base64(answer["audio_base64"].as_str().ok_or_else(nonsense)?)?;
    if bytes.is_empty() { Err(nonsense()) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn parts_are_joined_up_to_a_cap_for_all_of_them() {
        let mut samples = Vec::new();
        join(&mut samples, &[1, 0, 255, 255], 6).unwrap();
        assert_eq!(join(&mut samples, &[0; 4], 6).unwrap_err().code, "too_large");
        join(&mut samples, &[2, 0], 6).unwrap();
        assert_eq!(samples, [1, -1, 2]);
    }
}
