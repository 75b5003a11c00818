//! `local-film`: from a thought to a film. A script, then for each scene a voice and a visual, and
//! music: each a stage of its own at any engine. The last stage, here, puts them together.

mod assemble;
mod cut;
mod from_edit;
pub mod script;
mod script_stage;
mod settings;
mod stages;

use crate::{
    BoxFuture, Check, CheckState, Context, Description, Engine, EngineError, Estimate, Kind,
    Pipeline, Place, Request, Submitted,
};

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
            params: settings::parameters(),
        }
    }

    fn pipeline(&self) -> Option<&dyn Pipeline> {
        Some(self)
    }

    /// What its stages will cost nobody knows before there is a script.
    fn estimate(&self, request: &Request) -> Estimate {
        let elsewhere = |(name, engine): (&String, &String)| {
            name.ends_with(".engine") && !engine.is_empty() && !engine.starts_with("local-")
        };
        let paid = !stages::is_assembly(request) && request.params.iter().any(elsewhere);
        if paid { Estimate::UNKNOWN } else { Estimate::FREE }
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
            if !request.param("edit", "").is_empty() {
                return from_edit::film(context, request).await;
            }
            let request = request.clone();
            context.blocking(move |context| assemble::assemble(context, &request)).await
        })
    }
}
