//! `local-film`: the assembler. Script or text, then scenes with times, voice, stills that move,
//! captions, and one film file.

mod assemble;
mod plan;

use crate::{
    BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, Kind, Parameter,
    Place, Request, Submitted,
};

pub use plan::{Scene, scenes_of};

/// The engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Film;

impl Engine for Film {
    fn describe(&self) -> Description {
        Description {
            id: "local-film".to_owned(),
            label: "Assembled here".to_owned(),
            kinds: vec![Kind::Video],
            place: Place::Local,
            draft: true,
            needs_key: false,
            free: true,
            params: vec![
                Parameter { name: "aspect", default: "16:9", choices: &["16:9", "9:16", "1:1"] },
                Parameter { name: "quality", default: "720", choices: &["360", "720", "1080"] },
                Parameter { name: "captions", default: "yes", choices: &["yes", "no"] },
                Parameter { name: "titles", default: "yes", choices: &["yes", "no"] },
                Parameter {
                    name: "language",
                    default: "auto",
                    choices: &["auto", "en", "fr", "de", "es"],
                },
            ],
        }
    }

    fn check<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Check> {
        Box::pin(async move {
            match context.blocking(assemble::try_encoder).await {
                Ok(container) => Check::ready(format!("Films are written here as {container}.")),
                Err(error) => Check {
                    state: CheckState::NoModel,
                    sentence: format!(
                        "{error}. Install the GStreamer plugins: sudo apt install gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav"
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
            context.blocking(move |context| assemble::assemble(context, &request)).await
        })
    }
}
