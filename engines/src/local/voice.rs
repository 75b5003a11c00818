//! `local-voice`: espeak-ng, a formant synthesiser, in the media worker. Exact word times.

use oto_media::caption::words_to_vtt;

use crate::outcome::title_from;
use crate::{
    Body, BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, ErrorClass,
    Kind, Outcome, Output, OutputRole, Parameter, Place, Request, Submitted,
};

/// The engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Voice;

/// The voice for a language parameter: itself, or one fitting the words when it is "auto".
#[must_use]
pub fn voice_for<'a>(language: &'a str, words: &str) -> &'a str {
    match language {
        "auto" | "" => {
            if super::writer::is_french(words) {
                "fr"
            } else {
                "en-us"
            }
        }
        "en" => "en-us",
        other => other,
    }
}

impl Voice {
    /// What the work is called wherever it is shown.
    pub(crate) const LABEL: &str = "Local draft — synthetic voice (espeak-ng)";
}

impl Engine for Voice {
    fn describe(&self) -> Description {
        Description {
            id: "local-voice".to_owned(),
            label: "Local draft (espeak-ng)".to_owned(),
            kinds: vec![Kind::Voice],
            place: Place::Local,
            draft: true,
            needs_key: false,
            free: true,
            params: vec![
                Parameter {
                    name: "language",
                    default: "auto",
                    choices: &["auto", "en", "fr", "de", "es", "it", "pt"],
                },
                Parameter { name: "speed", default: "155", choices: &["120", "155", "190"] },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(async move {
            let spoken = context.blocking(|c| Ok(c.workers.speak("oTo", "en-us", 160)?)).await;
            match spoken {
                Ok(_) => Check::ready("espeak-ng speaks on this computer."),
                Err(error) => Check {
                    state: CheckState::NoModel,
                    sentence: format!(
                        "{error}. Install it with: sudo apt install espeak-ng (or dnf, pacman, brew)."
                    ),
                    models: Vec::new(),
                },
            }
        })
    }

    fn submit<'a>(
        &'a self,
        context: &'a Context,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Submitted, EngineError>> {
        Box::pin(async move {
            let request = request.clone();
            context.blocking(move |context| speak(context, &request)).await
        })
    }
}

fn speak(context: &Context, request: &Request) -> Result<Submitted, EngineError> {
    let words = request.words();
    if words.is_empty() {
        return Err(EngineError::new(
            ErrorClass::InvalidRequest,
            "nothing_to_say",
            "There is nothing to say: write a text on the agent or join a text to it.",
        ));
    }
    context.report(0.1, "speaking");
    let language = voice_for(request.param("language", "auto"), &words).to_owned();
    let speed = request.param("speed", "155").parse().unwrap_or(155);
    let speech = context.workers.speak(&words, &language, speed)?;
    context.report(0.9, "writing the sound");
    let duration_ms = speech.pcm.duration_ms();
    let file = |role, bytes: Vec<u8>, duration_ms| Output {
        role,
        body: Body::Memory(bytes),
        size_px: [0, 0],
        duration_ms,
        average_rgb: 0xdf_f0_d2,
    };
    Ok(Submitted::Finished(Outcome {
        outputs: vec![
            file(OutputRole::Main, speech.pcm.to_wav(), duration_ms),
            file(OutputRole::Captions, words_to_vtt(&speech.words).into_bytes(), 0),
        ],
        title: title_from(&words),
        text: words,
        model: language,
        label: Voice::LABEL.to_owned(),
        cost_micro: Some(0),
        draft: false,
    }))
}
